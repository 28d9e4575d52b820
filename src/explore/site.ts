// SPDX-License-Identifier: Apache-2.0
/** Places in generated code that can end a search: each has a number, which the code leaves behind. */
import { InputError } from '../base/diagnostic.js';
import { isMachine, type Place } from '../compiler/link-graph.js';
import type { Frame, ViolationKind } from './verdict.js';

export interface Site {
  /** the task, or -1 in a predicate */
  task: number;
  place: Place;
  /** a finding, or a limit of the model that the user has to lift */
  kind: ViolationKind | 'does not fit' | 'endless loop' | 'choice';
  message: string;
}

/** @returns the frames outside the primitives, innermost first; all of them if there is nothing else */
export function framesOf(place: Place): Frame[] {
  const all: Place[] = [];
  for (let at: Place | undefined = place; at; at = at.up) all.push(at);
  const kernel = all.filter((at) => !isMachine(at));
  return (kernel.length > 0 ? kernel : all).map(frameOf);
}

function frameOf({ function: name, loc }: Place): Frame {
  return { function: name, ...loc };
}

/** @returns what people call the operation: the primitive as the kernel calls it, or the access itself */
export function operationOf(place: Place): string {
  let at: Place = place;
  while (isMachine(at) && at.up) at = at.up;
  // a block of the kernel's own is called by the call that it is in
  const texts = [at.text, place.text, at.up?.text ?? '', at.function];
  return texts.find((text) => text !== '') ?? '';
}

/** @throws InputError always: the program asks for what the model cannot do */
export function refuseAt(site: Site, code: string, message: string, hint: string): never {
  const [{ file, line, column }] = framesOf(site.place);
  throw new InputError({ code, message, place: { file, line, column }, hint });
}
