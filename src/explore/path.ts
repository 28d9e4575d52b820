// SPDX-License-Identifier: Apache-2.0
/**
 * A path, walked again with traced code: what each step read and wrote, where in the code, and how it ended. The traced
 * functions come from the same emitter as those of the search.
 *
 * Not here: finding the path (search.ts), printing it (src/cli).
 */
import { assert } from '../base/assert.js';
import type { Column } from '../compiler/layout.js';
import type { NodeId, Place } from '../compiler/link-graph.js';
import type { Move } from './batch.js';
import { type Code, generateCode, nextAlternative, type Trace } from './code.js';
import { BLOCKED, OK, REASONS, VIOLATION } from './emit.js';
import { elementsOf } from './encode.js';
import type { Model } from './model.js';
import { Names } from './names.js';
import { framesOf, operationOf, type Site } from './site.js';
import { pcOf, readElement } from './state.js';
import type { Access, BlockedTask, PathStep } from './verdict.js';

/** One step to take: a task, and what its choices come out as. */
export interface Scheduled {
  task: number;
  choices: readonly number[];
}

export interface Walk {
  path: PathStep[];
  initialWatched: Record<string, string>;
  /** why the last step was a violation */
  site?: Site;
  /** the last state */
  state: Int32Array;
  blocked: BlockedTask[];
  schedule: Scheduled[];
}

interface Watched {
  column: Column;
  element: number;
  name: string;
}

/** Records what one step does. */
class Recorder implements Trace {
  mainNode: NodeId | undefined;
  first: NodeId | undefined;
  accesses: (Access & { column: Column; element: number })[] = [];
  readonly #model: Model;
  readonly #names: Names;

  constructor(model: Model, names: Names) {
    this.#model = model;
    this.#names = names;
  }

  begin(): void {
    this.mainNode = undefined;
    this.first = undefined;
    this.accesses = [];
  }

  main(node: NodeId): void {
    this.mainNode ??= node;
  }

  read(node: NodeId, column: number, element: number, value: number): void {
    this.#add(node, column, element, { kind: 'read', value });
  }

  buffer(node: NodeId, column: number, element: number, value: number): void {
    this.#add(node, column, element, { kind: 'buffered', value });
  }

  write(node: NodeId, column: number, element: number, before: number, value: number): void {
    this.#add(node, column, element, { kind: 'write', value, before });
  }

  #add(
    node: NodeId,
    id: number,
    element: number,
    told: { kind: Access['kind']; value: number; before?: number },
  ): void {
    this.first ??= node;
    const isSame = (a: Recorder['accesses'][number]): boolean => a.column.id === id && a.element === element;
    // what a step reads before it writes the same is said by the write; of two reads the task goes on with the second
    if (told.kind === 'read' && this.accesses.some((a) => a.kind !== 'read' && isSame(a))) return;
    this.accesses = this.accesses.filter((a) => a.kind !== 'read' || !isSame(a));
    const column = this.#model.linked.layout.columns[id];
    const text = (v: number): string => this.#names.value(column.type, v);
    this.accesses.push({
      cell: this.#names.cell(column, element),
      kind: told.kind,
      value: text(told.value),
      ...(told.before !== undefined && { before: text(told.before) }),
      ghost: column.ghost,
      column,
      element,
    });
  }
}

/** Walks a path that the search found. */
export function walkMoves(model: Model, moves: readonly Move[]): Walk {
  return new Walker(model).walk(moves.map(({ task, alternative }) => ({ task, alternative })));
}

/**
 * Walks a schedule: the same tasks and choices give the same path, and the same failure at its end.
 * @returns undefined where a step cannot be taken so
 */
export function walkSchedule(model: Model, schedule: readonly Scheduled[]): Walk | undefined {
  const walker = new Walker(model);
  return walker.canWalk(schedule) ? walker.walk(schedule) : undefined;
}

class Walker {
  readonly #model: Model;
  readonly #names: Names;
  readonly #recorder: Recorder;
  readonly #code: Code;
  #state: Int32Array;

  constructor(model: Model) {
    this.#model = model;
    this.#names = new Names(model.linked);
    this.#recorder = new Recorder(model, this.#names);
    this.#code = generateCode(model.linked, model.encoding, this.#recorder);
    this.#state = Int32Array.from(model.initial);
  }

  walk(steps: readonly (Move | Scheduled)[]): Walk {
    const raw: { step: Omit<PathStep, 'watched'>; state: Int32Array; accesses: Recorder['accesses'] }[] = [];
    let site: Site | undefined;
    for (const step of steps) {
      const before = this.#state;
      const outcome = this.#take(step);
      assert(outcome === OK || outcome === VIOLATION, 'a path cannot be walked again');
      if (outcome === VIOLATION) site = this.#code.sites[this.#code.side[0]];
      raw.push({
        step: this.#describe(step.task, before, raw.length + 1, site),
        state: this.#state,
        accesses: this.#recorder.accesses,
      });
    }
    const watched = this.#watched(raw.flatMap(({ accesses }) => accesses));
    return {
      path: raw.map(({ step, state }) => ({ ...step, watched: this.#values(watched, state) })),
      initialWatched: this.#values(watched, this.#model.initial),
      ...(site && { site }),
      state: this.#state,
      blocked: this.#blocked(),
      schedule: raw.map(({ step }, i) => ({ task: steps[i].task, choices: step.choices })),
    };
  }

  canWalk(schedule: readonly Scheduled[]): boolean {
    const start = this.#state;
    const canAll = schedule.every((step, i) => {
      const outcome = step.task >= 0 && step.task < this.#code.steps.length ? this.#take(step) : BLOCKED;
      return outcome === OK || (outcome === VIOLATION && i === schedule.length - 1);
    });
    this.#state = start;
    return canAll;
  }

  /** Takes a step; the state before is left as it was. */
  #take(step: Move | Scheduled): number {
    const pc = pcOf(this.#state, this.#model.encoding, step.task);
    if (pc === 0) return BLOCKED;
    const run = this.#code.steps[step.task][pc];
    this.#code.choice.fill(0);
    this.#code.side[1] = 0;
    if ('choices' in step) this.#code.choice.set(step.choices.slice(0, this.#code.choice.length));
    const before = this.#state;
    const alternative = 'alternative' in step ? step.alternative : 0;
    for (let i = 0; ; i++) {
      this.#recorder.begin();
      this.#state = Int32Array.from(before);
      const outcome = run(this.#state);
      if (i === alternative) return this.#isPossible(step) ? outcome : BLOCKED;
      if (!nextAlternative(this.#code)) return BLOCKED;
    }
  }

  #isPossible(step: Move | Scheduled): boolean {
    if (!('choices' in step)) return true;
    const made = this.#code.side[1];
    return made === step.choices.length && step.choices.every((c, i) => c >= 0 && c < this.#code.counts[i]);
  }

  #describe(task: number, before: Int32Array, number: number, site: Site | undefined): Omit<PathStep, 'watched'> {
    const { linked, encoding } = this.#model;
    const program = linked.tasks[task];
    const point = program.points[pcOf(before, encoding, task)];
    const { mainNode, first, accesses } = this.#recorder;
    const node = mainNode ?? first ?? point?.node ?? 0;
    const place: Place = program.graph.nodes[node].place;
    return {
      number,
      task: program.name,
      operation: operationOf(place),
      stack: framesOf(mainNode === undefined && site ? site.place : place),
      accesses: accesses.map(({ column, element, ...access }) => access),
      choices: Array.from(this.#code.choice.slice(0, this.#chooses(task, before) ? this.#code.side[1] : 0)),
    };
  }

  #chooses(task: number, before: Int32Array): boolean {
    return this.#code.chooses[task][pcOf(before, this.#model.encoding, task)];
  }

  /** Counts that the path changes; where it changes none, all counts of references. */
  #watched(accesses: Recorder['accesses']): Watched[] {
    const changed = new Set(
      accesses.filter((a) => a.kind === 'write' && a.value !== a.before).map((a) => `${a.column.id} ${a.element}`),
    );
    const all: (Watched & { isRefcount: boolean })[] = [];
    for (const place of this.#model.encoding.columns.values()) {
      for (const element of elementsOf(place)) {
        const field = this.#names.hostField(place.column, element)?.field;
        if (field !== '_refcount' && field !== '_mapcount') continue;
        const name = this.#names.cell(place.column, element);
        all.push({ column: place.column, element, name, isRefcount: field === '_refcount' });
      }
    }
    const moving = all.filter(({ column, element }) => changed.has(`${column.id} ${element}`));
    return moving.length > 0 ? moving : all.filter(({ isRefcount }) => isRefcount);
  }

  #values(watched: readonly Watched[], state: Int32Array): Record<string, string> {
    return Object.fromEntries(
      watched.map(({ column, element, name }) => {
        const place = this.#model.encoding.columns.get(column.name);
        assert(place !== undefined, `${column.name} is not in the state`);
        return [name, this.#names.value(column.type, readElement(state, place, element))];
      }),
    );
  }

  /** The tasks that have not ended in the last state, and why not. */
  #blocked(): BlockedTask[] {
    const { linked, encoding } = this.#model;
    const last = this.#state;
    return linked.tasks.flatMap((program, task) => {
      const point = program.points[pcOf(last, encoding, task)];
      if (!point || program.isBuffer) return [];
      const outcome = this.#take({ task, alternative: 0 });
      this.#state = last;
      const reason = outcome >= BLOCKED ? REASONS[outcome - BLOCKED] : 'can go on';
      const node = this.#recorder.mainNode ?? point.node;
      return [{ task: program.name, reason, stack: framesOf(program.graph.nodes[node].place) }];
    });
  }
}
