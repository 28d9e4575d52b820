// SPDX-License-Identifier: Apache-2.0
/**
 * A path in short: the few of its steps that change a page's count, go to sleep or wake somebody.
 *
 * Not here: the path itself, step by step (render-path.ts).
 */
import type { Access, PathStep } from '../explore/verdict.js';
import { changeText, functionsOf, isChange } from './render-path.js';
import { hang, type Screen } from './terminal.js';

/** A path that fits a screen needs no summary. */
const LONG = 20;
const WAIT = /^cpus\[(\d+)\]\.wait_on$/;

/** @returns a line for each telling step, or none where the path is short or tells nothing in fewer lines */
export function renderStory(path: PathStep[], screen: Screen): string[] {
  if (path.length < LONG) return [];
  const told = path.flatMap((step) => {
    const events = eventsOf(step);
    return events.length > 0 ? [{ step, text: `${whoOf(step)}  ${events.join(', ')}` }] : [];
  });
  if (told.length === 0 || told.length > path.length / 2) return [];
  const task = Math.max(...told.map(({ step }) => step.task.length));
  const lines = told.flatMap(({ step, text }) => {
    const lead = `${String(step.number).padStart(3)} ${step.task.padEnd(task)}  `;
    return hang(text, screen.width - lead.length, 2).map(
      (line, index) => (index === 0 ? lead : ' '.repeat(lead.length)) + line,
    );
  });
  return ['', screen.style.bold('In short:'), ...lines];
}

/** What a person would call it: the helper of a header that a function outside headers calls, and that function. */
function whoOf({ stack }: PathStep): string {
  const caller = stack.findIndex(({ file }) => !file.includes('/include/'));
  const [by] = functionsOf(stack.slice(Math.max(0, caller)));
  const helper = caller > 0 ? functionsOf(stack.slice(caller - 1))[0] : undefined;
  return helper === undefined ? (by ?? '') : `${helper} in ${by}`;
}

function eventsOf(step: PathStep): string[] {
  return step.accesses
    .filter((access) => access.kind === 'write' && isChange(access))
    .flatMap((access) => eventOf(access, step));
}

function eventOf(access: Access, { watched }: PathStep): string[] {
  const { cell, before, value } = access;
  if (cell in watched) return [changeText(access)];
  const cpu = WAIT.exec(cell)?.[1];
  if (cpu === undefined) return [];
  return value === '0' ? [`wakes CPU ${cpu} from ${before}`] : [`waits for ${value.replace('&', '')}`];
}
