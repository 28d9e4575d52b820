// SPDX-License-Identifier: Apache-2.0
/**
 * What the rewriting to x86-TSO has to know of a task's graph: which memory others can see, where its store buffer may
 * hold something, and which stores can be told to be late. Not here: the rewriting (link-tso.ts).
 */
import { type CellAccess, type Graph, type Node, type NodeId, reachable, successors } from './link-graph.js';
import type { Memory, Segment } from './link-memory.js';

/** @returns whether an access goes to memory, and not to what only the checker or one CPU has */
export function isMemory({ ghost, column }: CellAccess): boolean {
  return !ghost && !column.cpuState;
}

/** Who reads and who writes each piece of memory: tasks by their position, predicates as -1. */
export class Sharing {
  readonly #memory: Memory;
  readonly #readers = new Map<string, Set<number>>();
  readonly #writers = new Map<string, Set<number>>();

  constructor(tasks: readonly Graph[], predicates: readonly Graph[], memory: Memory) {
    this.#memory = memory;
    tasks.forEach((graph, task) => {
      this.#note(graph, task);
    });
    for (const graph of predicates) this.#note(graph, -1);
  }

  #note(graph: Graph, who: number): void {
    for (const id of reachable(graph)) {
      const { op } = graph.nodes[id];
      if (op.op !== 'load' && op.op !== 'store') continue;
      const notes = op.op === 'load' ? this.#readers : this.#writers;
      for (const key of this.#keys(op.cell)) notes.set(key, (notes.get(key) ?? new Set()).add(who));
    }
  }

  #keys({ column, ref }: CellAccess): string[] {
    const segment = this.#memory.segmentOf(column.struct, ref);
    const all: readonly Segment[] = segment ? [segment] : (this.#memory.segments.get(column.struct) ?? []);
    return all.map(({ id }) => `${column.name} ${id}`);
  }

  #hasOther(notes: ReadonlyMap<string, Set<number>>, cell: CellAccess, task: number): boolean {
    return this.#keys(cell).some((key) => [...(notes.get(key) ?? [])].some((who) => who !== task));
  }

  /** @returns whether anyone else reads or writes what a store of `task` writes */
  isSeen(cell: CellAccess, task: number): boolean {
    return this.#hasOther(this.#readers, cell, task) || this.#hasOther(this.#writers, cell, task);
  }

  /** @returns whether another task writes what a load of `task` reads */
  isWrittenByOthers(cell: CellAccess, task: number): boolean {
    return this.#hasOther(this.#writers, cell, task);
  }
}

/** What is true of the nodes of one task. */
export interface BufferFacts {
  /** the store waits in the buffer, or may */
  isBuffered(id: NodeId): boolean;
  /** the operation (a fence, a store of a locked instruction, the beginning of one, the end) waits for an empty buffer */
  waits(id: NodeId): boolean;
  /** something may be in the buffer just before */
  mayHold(id: NodeId): boolean;
  /** of a buffered store: a load may come before the next barrier, and tell that the store is late */
  isLate(id: NodeId): boolean;
  /** one of several stores of one step, which others may see one without the other */
  isApart(id: NodeId): boolean;
  /** a load of what others write */
  isLateLoad(id: NodeId): boolean;
  /** of the beginning of an atomic block: it may have to wait, for others or for an empty buffer */
  mayBlock(id: NodeId): boolean;
}

/** @param memory after all tasks are linked */
export function bufferFacts(graph: Graph, task: number, memory: Memory, sharing: Sharing): BufferFacts {
  const order = reachable(graph);
  const drains = lockedFrom(graph, order);
  const isPlainStore = ({ op, atomic, plain }: Node): boolean =>
    op.op === 'store' &&
    (!atomic || plain) &&
    isMemory(op.cell) &&
    memory.changes(op.cell) &&
    sharing.isSeen(op.cell, task);
  const waits = (id: NodeId): boolean => {
    const { op, atomic, plain, next } = graph.nodes[id];
    if (op.op === 'fence' || op.op === 'end') return true;
    if (op.op === 'enter') return drains.has(next);
    return op.op === 'store' && atomic && !plain && isMemory(op.cell);
  };
  // what a block of plain stores reads is the checker's own test, such as who holds a lock that is given back
  const isLateLoad = ({ op, plain }: Node): boolean =>
    op.op === 'load' && !plain && isMemory(op.cell) && sharing.isWrittenByOthers(op.cell, task);
  const loadFollows = backward(graph, order, (id) => isLateLoad(graph.nodes[id]), waits);
  const apart = severalInOne(graph, order, isPlainStore);
  const isLate = (id: NodeId): boolean =>
    apart.has(id) || successors(graph.nodes[id]).some((to) => loadFollows.has(to));
  const late = new Set(order.filter((id) => isPlainStore(graph.nodes[id]) && isLate(id)));
  const buffered = new Set(late);
  const holds = forward(graph, order, (id) => buffered.has(id), waits);
  // a store that nothing can tell to be late still comes after those that wait
  for (const id of order) if (holds.has(id) && isPlainStore(graph.nodes[id])) buffered.add(id);
  const blocks = new Set(
    order.filter((id) => {
      const { op, atomic } = graph.nodes[id];
      return atomic && op.op !== 'enter' && (op.op === 'guard' || waits(id));
    }),
  );
  const mayBlock = (id: NodeId): boolean => [...insideOf(graph, id)].some((at) => blocks.has(at));
  return {
    isBuffered: (id) => buffered.has(id),
    waits,
    mayHold: (id) => holds.has(id),
    isLate: (id) => late.has(id),
    isApart: (id) => apart.has(id),
    isLateLoad: (id) => isLateLoad(graph.nodes[id]),
    mayBlock,
  };
}

/** The nodes of atomic blocks from which every way out of the block makes a locked store or a fence. */
function lockedFrom(graph: Graph, order: readonly NodeId[]): Set<NodeId> {
  const found = new Set<NodeId>();
  const isLocked = (id: NodeId): boolean => {
    const { op, atomic, plain } = graph.nodes[id];
    if (!atomic || op.op === 'enter') return false;
    if (op.op === 'fence' || op.op === 'fail') return true;
    if (op.op === 'store' && !plain && isMemory(op.cell)) return true;
    const next = successors(graph.nodes[id]);
    return next.length > 0 && next.every((to) => found.has(to));
  };
  for (let size = -1; size !== found.size; ) {
    size = found.size;
    for (let i = order.length - 1; i >= 0; i--) if (isLocked(order[i])) found.add(order[i]);
  }
  return found;
}

/** @returns the nodes from which one that `starts` is reached (itself included) before one that `ends` */
function backward(
  graph: Graph,
  order: readonly NodeId[],
  starts: (id: NodeId) => boolean,
  ends: (id: NodeId) => boolean,
): Set<NodeId> {
  const found = new Set<NodeId>();
  for (let size = -1; size !== found.size; ) {
    size = found.size;
    for (let i = order.length - 1; i >= 0; i--) {
      const id = order[i];
      if (ends(id)) continue;
      if (starts(id) || successors(graph.nodes[id]).some((to) => found.has(to))) found.add(id);
    }
  }
  return found;
}

/** @returns the nodes before which one that `starts` has been passed, and none that `ends` since */
function forward(
  graph: Graph,
  order: readonly NodeId[],
  starts: (id: NodeId) => boolean,
  ends: (id: NodeId) => boolean,
): Set<NodeId> {
  const found = new Set<NodeId>();
  for (let size = -1; size !== found.size; ) {
    size = found.size;
    for (const id of order) {
      const after = !ends(id) && (found.has(id) || starts(id));
      if (after) for (const to of successors(graph.nodes[id])) found.add(to);
    }
  }
  return found;
}

/** The stores of blocks that have more than one. */
function severalInOne(graph: Graph, order: readonly NodeId[], isStore: (node: Node) => boolean): Set<NodeId> {
  const blocks = order.filter((id) => graph.nodes[id].op.op === 'enter' && graph.nodes[id].plain);
  return new Set(
    blocks.flatMap((id) => {
      const stores = [...insideOf(graph, id)].filter((at) => isStore(graph.nodes[at]));
      return stores.length > 1 ? stores : [];
    }),
  );
}

/** @returns the nodes of the atomic block that begins at `enter` */
function insideOf(graph: Graph, enter: NodeId): Set<NodeId> {
  const found = new Set<NodeId>();
  const pending = [graph.nodes[enter].next];
  for (let at = pending.pop(); at !== undefined; at = pending.pop()) {
    const { atomic, op } = graph.nodes[at];
    if (found.has(at) || !atomic || op.op === 'enter') continue;
    found.add(at);
    pending.push(...successors(graph.nodes[at]));
  }
  return found;
}
