// SPDX-License-Identifier: Apache-2.0
/**
 * x86-TSO (Owens, Sarkar, Sewell: "A Better x86 Memory Model: x86-TSO", TPHOLs 2009): each task's plain stores wait in a
 * store buffer, first in first out, until the buffer's own task lets others see them; the task itself reads them there.
 * Locked instructions (atomic blocks that store) and fences wait until the buffer is empty.
 *
 * Works on linked graphs: a plain store becomes a push, a load looks into the buffer first, and for each buffer there is
 * one more task, which takes the oldest store out. Buffers are columns of their own, beside those of the program.
 * Fewer states, none of them missed: a store that nothing can tell to be late (no load of shared memory before the next
 * barrier) is made at once, and so is one that only its task sees. Any other is made at once or waits, as it chooses; and
 * what waits does so at least until the task has loaded something: else the task could as well have stored later.
 * Left out: the buffer's part in the page walk of a CPU; memory types other than write-back.
 */
import { assert } from '../base/assert.js';
import { BOOL, constant, INT } from './fold.js';
import type { Binary, Expr, LocalId, Type } from './ir.js';
import type { Column, Layout } from './layout.js';
import { type CellAccess, type Graph, type Node, type NodeId, type Op, reachable } from './link-graph.js';
import type { Memory, Segment } from './link-memory.js';
import { type Range, rangeOfType } from './link-range.js';
import { type BufferFacts, isMemory } from './link-tso-facts.js';

/** The struct of the buffers; no name of a program can have a space. */
const STRUCT = 'store buffer';

/** One element of memory that a buffered store can go to. */
interface Target {
  /** what stands for it in a buffer; 0 is nothing */
  number: number;
  column: Column;
  instance: number;
  index: number;
}

/** The buffers of a scenario: which tasks have one, and where they lie. */
export interface StoreBuffers {
  /** position in the list of tasks -> number of its buffer */
  readonly ofTask: ReadonlyMap<number, number>;
  readonly count: Column;
  readonly where: Column;
  readonly value: Column;
  /** 1: the task has not loaded anything since its last store that waits */
  readonly fresh: Column;
  /** column name -> the number of its element 0 */
  readonly base: ReadonlyMap<string, number>;
  readonly targets: readonly Target[];
}

/**
 * @param depth how many stores a buffer holds; one more is a violation of kind 'store buffer'
 * @returns the buffers that the tasks need, their columns added to layout and memory; undefined where no store is buffered
 */
export function layOutBuffers(
  tasks: readonly Graph[],
  facts: readonly BufferFacts[],
  layout: Layout,
  memory: Memory,
  depth: number,
): StoreBuffers | undefined {
  const ofTask = new Map<number, number>();
  const written = new Map<string, Column>();
  tasks.forEach((graph, task) => {
    for (const id of reachable(graph)) {
      const { op } = graph.nodes[id];
      if (op.op !== 'store' || !facts[task].isBuffered(id)) continue;
      if (!ofTask.has(task)) ofTask.set(task, ofTask.size);
      written.set(op.cell.column.name, op.cell.column);
    }
  });
  if (ofTask.size === 0) return undefined;
  const base = new Map<string, number>();
  const targets: Target[] = [];
  let number = 1;
  for (const column of written.values()) {
    base.set(column.name, number);
    targets.push(...targetsIn(column, number, memory));
    number += column.size;
  }
  const add = (field: string, length: number, type: Type): Column =>
    addColumn(layout, memory, ofTask.size, { field, length, type });
  return {
    ofTask,
    base,
    targets,
    count: add('count', 1, unsigned(depth)),
    where: add('where', depth, unsigned(number)),
    value: add('value', depth, covering([...written.values()], layout)),
    fresh: add('fresh', 1, BOOL),
  };
}

function targetsIn(column: Column, base: number, memory: Memory): Target[] {
  return memory.changingSegments(column).flatMap(({ first, count }: Segment) =>
    Array.from({ length: count * column.length }, (_, i): Target => {
      const element = first * column.length + i;
      const instance = Math.trunc(element / column.length);
      return { number: base + element, column, instance, index: element % column.length };
    }),
  );
}

function addColumn(
  layout: Layout,
  memory: Memory,
  buffers: number,
  shape: Pick<Column, 'field' | 'length' | 'type'>,
): Column {
  const column: Column = {
    ...shape,
    id: layout.columns.length,
    struct: STRUCT,
    name: `${STRUCT}.${shape.field}`,
    ghost: false,
    cpuState: true,
    size: buffers * shape.length,
  };
  layout.columns.push(column);
  layout.column.set(column.name, column);
  layout.instances.set(STRUCT, buffers);
  memory.addColumn(column, buffers);
  return column;
}

function unsigned(high: number): Type {
  const bits = high < 1 << 8 ? 8 : high < 1 << 16 ? 16 : 32;
  return { kind: 'int', name: `u${bits}`, bits, signed: false };
}

/** The narrowest integer that holds what any of the columns does. */
function covering(columns: readonly Column[], layout: Layout): Type {
  const ranges = columns.map(({ type }): Range => rangeOfType(type, layout));
  const low = Math.min(...ranges.map((range) => range.low));
  const high = Math.max(...ranges.map((range) => range.high));
  if (low >= 0 && high < 1 << 16) return unsigned(high);
  const bits = low >= -(1 << 7) && high < 1 << 7 ? 8 : low >= -(1 << 15) && high < 1 << 15 ? 16 : 32;
  return { kind: 'int', name: `s${bits}`, bits, signed: true };
}

/** Rewrites the graph of task `task` in place: its stores, loads and fences as x86-TSO has them. */
export function bufferStores(
  graph: Graph,
  task: number,
  buffers: StoreBuffers | undefined,
  facts: BufferFacts,
  memory: Memory,
): void {
  const nodes = reachable(graph);
  const buffer = buffers?.ofTask.get(task);
  const rewriter =
    buffers && buffer !== undefined ? new TaskRewriter(graph, buffers, buffer, facts, memory) : undefined;
  for (const id of nodes) {
    const node = graph.nodes[id];
    if (node.op.op === 'buffered') countBuffered(graph, id, buffers);
    else rewriter?.rewrite(id);
    if (graph.nodes[id].op.op === 'fence') graph.nodes[id].op = { op: 'jump' };
  }
}

/** The mask of the CPUs whose buffers hold something, by one load after the other. */
function countBuffered(graph: Graph, id: NodeId, buffers: StoreBuffers | undefined): void {
  const node = graph.nodes[id];
  assert(node.op.op === 'buffered', 'not what it was taken for');
  const { dst } = node.op;
  const chain = new Chain(graph, node);
  let mask: Expr = constant(INT, 0);
  for (const [task, buffer] of buffers?.ofTask ?? []) {
    const count = chain.load((buffers as StoreBuffers).count, buffer, constant(INT, 0));
    const bit: Expr = {
      op: 'select',
      type: INT,
      condition: compare('===', count, 0),
      then: constant(INT, 0),
      else: constant(INT, 1 << task),
    };
    mask = { op: 'binary', type: INT, operator: '|', left: mask, right: bit };
  }
  chain.op({ op: 'set', dst, value: mask });
  chain.replace(id);
}

/** Makes nodes that follow one another, in the place of one that is there. */
class Chain {
  readonly #graph: Graph;
  readonly #like: Node;
  readonly #made: Node[] = [];
  /** nodes that lead out of the chain: [position of a branch, where it goes] */
  #first: NodeId;

  constructor(graph: Graph, like: Node) {
    this.#graph = graph;
    this.#like = { ...like, atomic: true };
    this.#first = -1;
  }

  /** Adds an operation; a branch goes to the next of the chain where it holds and to `other` where not. */
  op(op: Op, other: NodeId = -1): NodeId {
    const id = this.#graph.nodes.length;
    const node: Node = { ...this.#like, op, next: -1, other };
    this.#graph.nodes.push(node);
    const last = this.#made.at(-1);
    if (last) last.next = id;
    else this.#first = id;
    this.#made.push(node);
    return id;
  }

  load(column: Column, buffer: number, index: Expr): Expr {
    const dst = local(this.#graph, INT);
    this.op({ op: 'load', dst, cell: bufferCell(column, buffer, index) });
    return { op: 'local', type: INT, id: dst };
  }

  /** Puts the chain where node `id` is; it goes on to where that went. */
  replace(id: NodeId, next = this.#graph.nodes[id].next): void {
    const old = this.#graph.nodes[id];
    const last = this.#made.at(-1);
    assert(last !== undefined, 'an empty chain');
    if (last.op.op !== 'fail') last.next = next;
    const begins = !old.atomic || old.op.op === 'enter';
    this.#graph.nodes[id] = { ...old, atomic: true, op: begins ? { op: 'enter' } : { op: 'jump' }, other: -1 };
    this.#graph.nodes[id].next = this.#first;
  }
}

function local(graph: Graph, type: Type): LocalId {
  graph.locals.push({ name: '$buffer', type });
  return graph.locals.length - 1;
}

function bufferCell(column: Column, buffer: number, index: Expr): CellAccess {
  const ref = constant({ kind: 'ref', struct: STRUCT }, buffer + 1);
  return { column, ref, index: column.length > 1 ? index : undefined, ghost: false };
}

function compare(operator: Binary, left: Expr, right: number): Expr {
  return { op: 'binary', type: BOOL, operator, left, right: constant(INT, right) };
}

function plus(left: Expr, right: number): Expr {
  return right === 0 ? left : { op: 'binary', type: INT, operator: '+', left, right: constant(INT, right) };
}

class TaskRewriter {
  readonly #graph: Graph;
  readonly #buffers: StoreBuffers;
  readonly #buffer: number;
  readonly #facts: BufferFacts;
  readonly #memory: Memory;
  readonly #depth: number;
  /** what the task's own buffer can hold: column name -> segments, undefined for anywhere in the column */
  readonly #pushed = new Map<string, Set<Segment | undefined>>();

  constructor(graph: Graph, buffers: StoreBuffers, buffer: number, facts: BufferFacts, memory: Memory) {
    this.#graph = graph;
    this.#buffers = buffers;
    this.#buffer = buffer;
    this.#facts = facts;
    this.#memory = memory;
    this.#depth = buffers.where.length;
    for (const id of reachable(graph)) {
      const { op } = graph.nodes[id];
      if (op.op !== 'store' || !facts.isBuffered(id)) continue;
      const { column, ref } = op.cell;
      const segments = this.#pushed.get(column.name) ?? new Set();
      this.#pushed.set(column.name, segments.add(memory.segmentOf(column.struct, ref)));
    }
  }

  rewrite(id: NodeId): void {
    const node = this.#graph.nodes[id];
    const { op } = node;
    if (op.op === 'store' && this.#facts.isBuffered(id)) this.#store(id, node, op);
    else if (!this.#facts.mayHold(id)) return;
    else if (this.#facts.waits(id)) this.#waitFirst(id, node);
    else if (op.op === 'enter' && this.#facts.mayBlock(id)) this.#ripen(id, node);
    else if (op.op === 'load' && isMemory(op.cell)) this.#load(id, node, op.dst, op.cell);
  }

  #load(id: NodeId, node: Node, dst: LocalId, cell: CellAccess): void {
    const isLate = this.#facts.isLateLoad(id);
    if (this.#mayBeBuffered(cell)) this.#forward(id, node, dst, cell, isLate);
    else if (isLate) {
      const chain = new Chain(this.#graph, node);
      chain.op({ op: 'load', dst, cell });
      chain.op(this.#setFresh(0));
      chain.replace(id);
    }
  }

  #mayBeBuffered({ column, ref }: CellAccess): boolean {
    const segments = this.#pushed.get(column.name);
    if (!segments) return false;
    const segment = this.#memory.segmentOf(column.struct, ref);
    return segment === undefined || segments.has(undefined) || segments.has(segment);
  }

  #setFresh(value: 0 | 1): Op {
    const cell = { ...bufferCell(this.#buffers.fresh, this.#buffer, constant(INT, 0)), ghost: true };
    return { op: 'store', cell, value: constant(BOOL, value) };
  }

  /** Where the task may have to wait for others, the stores before it can be seen: done by the step that leads here. */
  #ripen(id: NodeId, node: Node): void {
    const moved = this.#graph.nodes.push({ ...node }) - 1;
    this.#graph.nodes[id] = { ...node, op: this.#setFresh(0), next: moved, other: -1, atomic: false };
  }

  /** The operation happens once the buffer is empty. */
  #waitFirst(id: NodeId, node: Node): void {
    const isInside = node.atomic && node.op.op !== 'enter';
    const at = isInside ? id : this.#graph.nodes.push({ ...node }) - 1;
    if (!isInside) this.#graph.nodes[id] = { ...node, op: this.#setFresh(0), next: at, other: -1, atomic: false };
    const chain = new Chain(this.#graph, { ...node, atomic: isInside });
    const count = chain.load(this.#buffers.count, this.#buffer, constant(INT, 0));
    chain.op({ op: 'guard', enabled: compare('===', count, 0), reason: 'store buffer' });
    if (node.op.op !== 'fence' && node.op.op !== 'enter') chain.op(node.op);
    chain.replace(at);
  }

  /** What the cell is called in a buffer. */
  #number({ column, ref, index }: CellAccess): Expr {
    const base = this.#buffers.base.get(column.name);
    assert(base !== undefined, `${column.name} is in no buffer`);
    const instance = plus(ref, -1);
    const first: Expr =
      column.length === 1
        ? instance
        : { op: 'binary', type: INT, operator: '*', left: instance, right: constant(INT, column.length) };
    const element: Expr = index ? { op: 'binary', type: INT, operator: '+', left: first, right: index } : first;
    return plus(element, base);
  }

  #numberIn(chain: Chain, cell: CellAccess): Expr {
    const dst = local(this.#graph, INT);
    chain.op({ op: 'set', dst, value: this.#number(cell) });
    return { op: 'local', type: INT, id: dst };
  }

  /** The store is made at once, if nothing waits, or goes to the end of the buffer. */
  #store(id: NodeId, node: Node, store: Op & { op: 'store' }): void {
    const { next } = node;
    const chain = new Chain(this.#graph, node);
    // its object and index are tested now, as the instruction does
    chain.op({ op: 'load', dst: local(this.#graph, store.cell.column.type), cell: { ...store.cell, untold: true } });
    const held = chain.load(this.#buffers.count, this.#buffer, constant(INT, 0));
    const atOnce = this.#graph.nodes.push({ ...node, op: store, next, other: -1, atomic: true }) - 1;
    const push = this.#push(node, store, held, this.#facts.isApart(id) ? 0 : 1);
    if (this.#facts.mayHold(id)) {
      const choice = this.#graph.nodes.push({ ...node, op: { op: 'jump' }, other: -1, atomic: true }) - 1;
      chain.op({ op: 'branch', condition: compare('===', held, 0) }, push);
      chain.op({ op: 'jump' });
      chain.replace(id, choice);
      this.#graph.nodes[choice].next = this.#facts.isLate(id) ? this.#choice(node, atOnce, push) : atOnce;
    } else {
      chain.replace(id, this.#choice(node, atOnce, push));
    }
  }

  #choice(node: Node, atOnce: NodeId, push: NodeId): NodeId {
    const { nodes } = this.#graph;
    const dst = local(this.#graph, INT);
    const condition = compare('===', { op: 'local', type: INT, id: dst }, 0);
    const branch =
      nodes.push({ ...node, op: { op: 'branch', condition }, next: atOnce, other: push, atomic: true }) - 1;
    return (
      nodes.push({
        ...node,
        op: { op: 'choose', dst, count: constant(INT, 2) },
        next: branch,
        other: -1,
        atomic: true,
      }) - 1
    );
  }

  /** @returns the first node of what puts a store into the buffer */
  #push(node: Node, { cell, value }: Op & { op: 'store' }, held: Expr, fresh: 0 | 1): NodeId {
    const { count, where, value: values } = this.#buffers;
    const message = `more than ${this.#depth} stores wait`;
    const fail: Op = { op: 'fail', kind: 'store buffer', message };
    const full = this.#graph.nodes.push({ ...node, op: fail, next: -1, other: -1, atomic: true }) - 1;
    const chain = new Chain(this.#graph, node);
    const first = chain.op({ op: 'branch', condition: compare('<', held, this.#depth) }, full);
    const number = this.#numberIn(chain, cell);
    chain.op({ op: 'store', cell: bufferCell(where, this.#buffer, held), value: number });
    const waiting = { ...bufferCell(values, this.#buffer, held), standsFor: cell };
    chain.op({ op: 'store', cell: waiting, value });
    chain.op({ op: 'store', cell: bufferCell(count, this.#buffer, constant(INT, 0)), value: plus(held, 1) });
    const last = chain.op(this.#setFresh(fresh));
    this.#graph.nodes[last].next = node.next;
    return first;
  }

  /** The value of the newest store to the cell that still waits, or else of memory. */
  #forward(id: NodeId, node: Node, dst: LocalId, cell: CellAccess, isLate: boolean): void {
    const { count, where, value } = this.#buffers;
    const chain = new Chain(this.#graph, node);
    chain.op({ op: 'load', dst, cell });
    if (isLate) chain.op(this.#setFresh(0));
    const held = chain.load(count, this.#buffer, constant(INT, 0));
    chain.op({ op: 'branch', condition: compare('>', held, 0) }, node.next);
    const number = this.#numberIn(chain, cell);
    for (let entry = this.#depth - 1; entry >= 0; entry--) {
      const at = chain.load(where, this.#buffer, constant(INT, entry));
      const isIt: Expr = { op: 'binary', type: BOOL, operator: '===', left: at, right: number };
      const found: Op = {
        op: 'load',
        dst,
        cell: { ...bufferCell(value, this.#buffer, constant(INT, entry)), standsFor: cell },
      };
      const hit = this.#graph.nodes.push({ ...node, op: found, other: -1, atomic: true }) - 1;
      // a place that is free holds 0, which is no cell's number
      chain.op({ op: 'branch', condition: { op: 'unary', type: BOOL, operator: '!', operand: isIt } }, hit);
    }
    chain.op({ op: 'jump' });
    chain.replace(id);
  }
}

/**
 * The task of a buffer: takes the oldest store out, for ever.
 * @param emptied graph of what happens once the buffer is empty; rewritten in place to be that of the task
 */
export function drainBuffer(emptied: Graph, buffer: number, buffers: StoreBuffers): void {
  const { count, where, value, targets } = buffers;
  const depth = where.length;
  const like: Node = { ...emptied.nodes[emptied.entry], op: { op: 'jump' }, atomic: true, plain: false, other: -1 };
  // all in the step that takes the last store out
  for (const node of emptied.nodes) node.atomic = true;
  const start = emptied.nodes.length;
  emptied.nodes.push({ ...like, op: { op: 'enter' } });
  const chain = new Chain(emptied, like);
  const held = chain.load(count, buffer, constant(INT, 0));
  const isFresh = chain.load(buffers.fresh, buffer, constant(INT, 0));
  const enabled: Expr = {
    op: 'binary',
    type: BOOL,
    operator: '&&',
    left: compare('>', held, 0),
    right: compare('===', isFresh, 0),
  };
  chain.op({ op: 'guard', enabled, reason: 'store buffer' });
  const number = chain.load(where, buffer, constant(INT, 0));
  const stored = chain.load(value, buffer, constant(INT, 0));
  const split = chain.op({ op: 'jump' });
  const shift = new Chain(emptied, like);
  const entry = shift.op({ op: 'jump' });
  for (let i = 0; i < depth; i++) {
    for (const column of [where, value]) {
      const next = i + 1 < depth ? shift.load(column, buffer, constant(INT, i + 1)) : constant(INT, 0);
      shift.op({ op: 'store', cell: bufferCell(column, buffer, constant(INT, i)), value: next });
    }
  }
  shift.op({ op: 'store', cell: bufferCell(count, buffer, constant(INT, 0)), value: plus(held, -1) });
  shift.op({ op: 'branch', condition: compare('===', held, 1) }, start);
  const end = shift.op({ op: 'jump' });
  emptied.nodes[end].next = emptied.entry;
  for (const node of emptied.nodes) if (node.op.op === 'end') Object.assign(node, { op: { op: 'jump' }, next: start });
  emptied.nodes[split].next = dispatch(emptied, like, number, stored, targets, entry);
  emptied.nodes[start].next = start + 1;
  emptied.entry = start;
}

/** @returns the first node of a tree of branches that ends in the store to each target */
function dispatch(
  graph: Graph,
  like: Node,
  number: Expr,
  value: Expr,
  targets: readonly Target[],
  next: NodeId,
): NodeId {
  const node = (op: Op, to: NodeId, other: NodeId = -1): NodeId => {
    graph.nodes.push({ ...like, op, next: to, other });
    return graph.nodes.length - 1;
  };
  if (targets.length > 1) {
    const half = targets.length >> 1;
    const low = dispatch(graph, like, number, value, targets.slice(0, half), next);
    const high = dispatch(graph, like, number, value, targets.slice(half), next);
    return node({ op: 'branch', condition: compare('<', number, targets[half].number) }, low, high);
  }
  const [{ column, instance, index }] = targets;
  const ref = constant({ kind: 'ref', struct: column.struct }, instance + 1);
  // whether the object may be touched was asked when the store was made
  const cell: CellAccess = { column, ref, index: column.length > 1 ? constant(INT, index) : undefined, ghost: true };
  return node({ op: 'store', cell, value }, next);
}
