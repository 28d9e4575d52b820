// SPDX-License-Identifier: Apache-2.0
/**
 * The generated half of a search, as WebAssembly: the steps of a model, the loop that takes them, fingerprints, the table of
 * states, and properties; all over one memory (places.ts). Most steps of a large task are never taken: each is generated when it
 * first is.
 *
 * Not here: who drives it (expand.ts, store.ts, judge.ts).
 */
import { InternalError } from '../base/assert.js';
import { moduleOf, PAGES_MAX, type WasmFunction } from '../base/wasm.js';
import { type SharedMemory, WebAssembly } from '../base/webassembly.js';
import type { Addresses } from './addresses.js';
import { assemble, IMPORTED } from './assemble.js';
import { claimTexts } from './claim.js';
import { refusals, tablesOf } from './code.js';
import { ANOTHER_TEXT, judgeText, nextText, recordText } from './drive.js';
import { type EmitOptions, emitPredicate, emitStep } from './emit.js';
import { CellPrinter } from './emit-cell.js';
import { fingerprintCode } from './fingerprint.js';
import type { Model } from './model.js';
import {
  type Common,
  commonOf,
  type Places,
  placesOf,
  type Reduced,
  recentSize,
  type Storage,
  slotsBefore,
} from './places.js';
import { recentTexts } from './recent.js';

/** Steps that are generated at once: a task goes on with those that come after. */
const AT_ONCE = 8;

/** Functions of memory, for the texts of which see drive.ts, claim.ts and recent.ts. */
export interface Functions {
  next(): number;
  /** leaves the fingerprints of the first so many successors; at least one */
  fingerprint(count: number): number;
  judge(count: number): number;
  recall(count: number): number;
  claim(pending: number): number;
  find(k: number): number;
  keepOne(i: number, index: number): number;
  publish(index: number, pending: number): number;
  remember(count: number, pending: number): number;
  /** leaves the records of so many edges; see edges.ts */
  record(block: number, count: number): number;
  grow(slots: number, end: number): number;
  move(from: number, to: number): number;
  /** takes the steps of successors that are taken alone (collapse.ts); absent in a plain model */
  settle?(): number;
  /** sorts the tasks of the first so many successors (canonical.ts); absent where no two may be exchanged */
  sort?(count: number): number;
}

/** States that the memory has no room for; each function gets a position in the batch and an index. */
export interface Far {
  keepFar(k: number, index: number): number;
  /** @returns 1 where the two are the same, else 0 */
  sameFar(k: number, index: number): number;
}

export interface Generated extends Functions {
  memory: Int32Array;
  places: Places;
  common: Common;
  far: Far;
  /** generates the step of a slot and those after it */
  generate(slot: number): void;
  /** generates the steps of these slots at once, as far as that has not been done */
  generateAll(slots: readonly number[]): void;
  /** the slots of the steps that a member has generated */
  slotsOf(member: number): number[];
}

/** What a search shares between its members. */
export interface Ground {
  memory: SharedMemory;
  storage: Storage;
  common: Common;
}

/**
 * @param bytes that the search may take
 * @param before of a search of the same model that is over: its memory is used again
 */
export function makeGround(model: Model, storage: Storage, bytes: number, before?: Ground): Ground {
  const common = commonOf(model.linked, model.encoding, storage, bytes, reducedOf(model));
  if (before) return { memory: before.memory, storage, common };
  const memory = new WebAssembly.Memory({ initial: common.pages, maximum: PAGES_MAX, shared: true });
  return { memory, storage, common };
}

/** @param member for which; the owner is 0 */
export function generate(model: Model, { memory: shared, storage, common }: Ground, member: number): Generated {
  const { linked, encoding } = model;
  const places = placesOf(linked, encoding, member, reducedOf(model));
  const memory = new Int32Array(shared.buffer);
  const tables = tablesOf(linked);
  const options: EmitOptions = {
    linked,
    encoding,
    cells: new CellPrinter(linked, encoding),
    tracing: false,
    sites: [],
  };
  const firsts = slotsBefore(linked.tasks);
  const slots = 1 + firsts.pop()!;
  const { entry, entries } = recentSize(encoding.words);
  // another search may have left something there
  memory.fill(0, places.recent, places.recent + entry * entries);
  const table = new WebAssembly.Table({ initial: slots, element: 'anyfunc' });
  const far: Far = {
    keepFar: () => assertNear(),
    sameFar: () => assertNear(),
  };
  const given = {
    ...{ memory: shared, table, ...refusals(options.sites) },
    keepFar: (k: number, index: number) => far.keepFar(k, index),
    sameFar: (k: number, index: number) => far.sameFar(k, index),
  };
  const addresses = addressesOf(places, encoding.words, tables);
  let next = places.tables;
  for (const one of tables) {
    memory.set(one, next);
    next += one.length;
  }
  memory.set(model.collapse?.table ?? [], places.alone);
  memory[places.settled + 1] = 0;
  memory.fill(0, places.slots, places.slots + slots);
  const parts = { model, options, addresses, given, memory, places, firsts, slots };
  const driver = driverOf(options, { model, places, common, storage, member, firsts }, addresses);
  const functions = instantiate(driver, given) as Functions;
  return { ...functions, memory, places, common, far, ...stepsOf(parts) };
}

interface StepParts {
  model: Model;
  options: EmitOptions;
  addresses: Addresses;
  given: Record<string, unknown>;
  memory: Int32Array;
  places: Places;
  /** task -> the slot before its first step */
  firsts: readonly number[];
  /** how many there are */
  slots: number;
}

/** Generates steps when they are asked for. */
function stepsOf(parts: StepParts): Pick<Generated, 'generate' | 'generateAll' | 'slotsOf'> {
  const { model, options, addresses, given, memory, places, firsts, slots } = parts;
  const { tasks } = model.linked;
  const isLacking = (slot: number): boolean => memory[places.slots + slot] === 0;
  const taskOf = (slot: number): number => firsts.findLastIndex((before) => before < slot);
  const stepIn = (slot: number): WasmFunction => {
    const task = taskOf(slot);
    const pc = slot - firsts[task];
    memory[places.slots + slot] = tasks[task].points[pc]?.chooses ? 2 : 1;
    return { ...assemble(emitStep(options, task, pc), addresses), slot };
  };
  const generate = (slot: number): void => {
    const task = taskOf(slot);
    const rest = Array.from({ length: firsts[task] + tasks[task].points.length - slot }, (_, i) => slot + i);
    instantiate(rest.filter(isLacking).slice(0, AT_ONCE).map(stepIn), given);
  };
  const generateAll = (slots: readonly number[]): void => {
    const lacking = slots.filter(isLacking);
    if (lacking.length > 0) instantiate(lacking.map(stepIn), given);
  };
  const slotsOf = (member: number): number[] => {
    const at = placesOf(model.linked, model.encoding, member, reducedOf(model)).slots;
    return Array.from({ length: slots }, (_, slot) => slot).filter((slot) => memory[at + slot] !== 0);
  };
  return { generate, generateAll, slotsOf };
}

function reducedOf({ collapse, canonical }: Model): Reduced {
  return { alone: collapse?.table.length ?? 0, exchanges: canonical?.exchangesMax ?? 0 };
}

function assertNear(): never {
  throw new InternalError('a state is too far away');
}

function addressesOf(places: Places, words: number, tables: readonly Int32Array[]): Addresses {
  const { side, choice, counts, hits, tables: at, stride } = places;
  let next = at;
  const tablesAt = tables.map(({ length }) => {
    next += length;
    return (next - length) * 4;
  });
  return {
    ...{ side: side * 4, choice: choice * 4, counts: counts * 4, hits: hits * 4 },
    tables: tablesAt,
    state: stride * 4,
    row: words * 4,
    functions: new Map(),
  };
}

const OUTSIDE = { functions: IMPORTED, hasTable: true };

function instantiate(functions: readonly WasmFunction[], given: Record<string, unknown>): object {
  try {
    const module = new WebAssembly.Module(moduleOf(functions, OUTSIDE));
    return new WebAssembly.Instance(module, { K: given }).exports;
  } catch (error) {
    if (error instanceof WebAssembly.CompileError) throw new InternalError(`generated code: ${error.message}`);
    throw error;
  }
}

interface DriverOptions {
  model: Model;
  places: Places;
  common: Common;
  storage: Storage;
  member: number;
  /** task -> the slot before its first step */
  firsts: readonly number[];
}

/** The functions that are there from the beginning. */
function driverOf(options: EmitOptions, driver: DriverOptions, addresses: Addresses): WasmFunction[] {
  const { linked, encoding } = options;
  const { model, places, common, storage, member, firsts } = driver;
  const texts = new Map<string, string>();
  for (const kind of ['never', 'sometimes', 'finally'] as const) {
    linked[kind].forEach((predicate, i) => {
      texts.set(`${kind}${i}`, emitPredicate(options, predicate));
    });
  }
  texts.set('another', ANOTHER_TEXT);
  texts.set('next', nextText(places, encoding, firsts));
  texts.set('record', recordText(places));
  texts.set('judge', judgeText(places, linked, encoding));
  const ofTable = claimTexts(places, common, storage, encoding.words, member);
  for (const [name, text] of Object.entries({ ...ofTable, ...recentTexts(places, encoding.words) }))
    texts.set(name, text);
  for (const reduction of [model.collapse, model.canonical]) {
    for (const [name, text] of reduction?.texts(places) ?? []) texts.set(name, text);
  }
  const named = { ...addresses, functions: new Map([...texts.keys()].map((name, i) => [name, IMPORTED.length + i])) };
  const functions = [...texts].map(([name, text]): WasmFunction => ({ ...assemble(text, named), name }));
  return [...functions, { ...fingerprintCode(places, encoding.words), name: 'fingerprint' }];
}
