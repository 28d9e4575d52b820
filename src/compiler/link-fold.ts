// SPDX-License-Identifier: Apache-2.0
/**
 * Constant propagation over a graph: locals whose value is known at a place are replaced by it, branches that are decided
 * become jumps, loads of memory that never changes become values.
 *
 * The classical conditional propagation: a branch not yet known to be taken contributes nothing. Ranges: link-range.ts.
 */
import type { Expr, LocalId, ProgramIR } from './ir.js';
import { foldExpr, type Surroundings } from './link-expr.js';
import { type CellAccess, type Graph, type Node, type NodeId, reachable, successors } from './link-graph.js';
import type { Memory } from './link-memory.js';

/** Per local: a value; null: more than one; undefined: none yet. */
type Known = (number | null | undefined)[];

/** Rewrites `graph` in place. */
export function propagateConstants(graph: Graph, program: ProgramIR, memory: Memory, around: Surroundings): void {
  const pass = new Propagation(graph, program, memory, around);
  pass.solve();
  pass.rewrite();
  shortenJumps(graph);
}

class Propagation {
  readonly #graph: Graph;
  readonly #program: ProgramIR;
  readonly #memory: Memory;
  readonly #around: Surroundings;
  /** what is known where paths meet, and at the entry */
  readonly #at = new Map<NodeId, Known>();
  readonly #meets: Uint8Array;

  constructor(graph: Graph, program: ProgramIR, memory: Memory, around: Surroundings) {
    this.#graph = graph;
    this.#program = program;
    this.#memory = memory;
    this.#around = around;
    this.#meets = new Uint8Array(graph.nodes.length);
    for (const id of reachable(graph)) for (const next of successors(graph.nodes[id])) this.#meets[next]++;
    this.#meets[graph.entry] = 2;
  }

  solve(): void {
    const work = [this.#graph.entry];
    this.#at.set(this.#graph.entry, []);
    for (let from = work.pop(); from !== undefined; from = work.pop()) {
      this.#walk(from, [...(this.#at.get(from) ?? [])], (to, known) => {
        if (this.#merge(to, known)) work.push(to);
      });
    }
  }

  /** Follows the graph from `from` up to the next meetings of paths, which `meet` is told of. */
  #walk(from: NodeId, start: Known, meet: (to: NodeId, known: Known) => void, visit?: (n: Node, k: Known) => void) {
    const pending: { id: NodeId; known: Known; isFirst: boolean }[] = [{ id: from, known: start, isFirst: true }];
    for (let item = pending.pop(); item; item = pending.pop()) {
      const { id, known, isFirst } = item;
      if (!isFirst && this.#meets[id] > 1) {
        meet(id, known);
        continue;
      }
      const node = this.#graph.nodes[id];
      const taken = this.#taken(node, known);
      visit?.(node, known);
      this.#transfer(node, known);
      for (const next of taken) {
        const copy = taken.length > 1 ? [...known] : known;
        if (node.op.op === 'branch') refine(node.op.condition, next === node.next, copy);
        pending.push({ id: next, known: copy, isFirst: false });
      }
    }
  }

  #merge(to: NodeId, known: Known): boolean {
    const old = this.#at.get(to);
    if (!old) {
      this.#at.set(to, [...known]);
      return true;
    }
    let changed = false;
    for (let i = 0; i < known.length; i++) {
      const value = known[i];
      if (value === undefined || old[i] === null || old[i] === value) continue;
      old[i] = old[i] === undefined ? value : null;
      changed = true;
    }
    return changed;
  }

  #fold(expr: Expr, known: Known): Expr {
    const value = (id: LocalId) => known[id] ?? undefined;
    return foldExpr(expr, value, this.#memory.layout, this.#program, this.#around);
  }

  #cell(cell: CellAccess, known: Known): CellAccess {
    return { ...cell, ref: this.#fold(cell.ref, known), index: cell.index && this.#fold(cell.index, known) };
  }

  #taken(node: Node, known: Known): NodeId[] {
    if (node.op.op !== 'branch') return successors(node);
    const condition = this.#fold(node.op.condition, known);
    return condition.op === 'const' ? [condition.value ? node.next : node.other] : successors(node);
  }

  #transfer({ op }: Node, known: Known): void {
    if (op.op === 'set') {
      const value = this.#fold(op.value, known);
      known[op.dst] = value.op === 'const' ? value.value : null;
    } else if (op.op === 'load') {
      known[op.dst] = this.#memory.constant(this.#cell(op.cell, known)) ?? null;
    } else if (op.op === 'choose') {
      const count = this.#fold(op.count, known);
      known[op.dst] = count.op === 'const' && count.value === 1 ? 0 : null;
    }
  }

  rewrite(): void {
    for (const [id, known] of this.#at) {
      this.#walk(
        id,
        [...known],
        () => {},
        (node, here) => this.#rewriteNode(node, here),
      );
    }
  }

  #rewriteNode(node: Node, known: Known): void {
    const { op } = node;
    switch (op.op) {
      case 'set':
        node.op = { ...op, value: this.#fold(op.value, known) };
        break;
      case 'load': {
        const cell = this.#cell(op.cell, known);
        const value = this.#memory.constant(cell);
        const type = cell.column.type;
        node.op =
          value === undefined ? { ...op, cell } : { op: 'set', dst: op.dst, value: { op: 'const', type, value } };
        break;
      }
      case 'store':
        node.op = { ...op, cell: this.#cell(op.cell, known), value: this.#fold(op.value, known) };
        break;
      case 'choose':
        node.op = { ...op, count: this.#fold(op.count, known) };
        break;
      case 'guard':
        node.op = { ...op, enabled: this.#fold(op.enabled, known) };
        break;
      case 'branch': {
        const condition = this.#fold(op.condition, known);
        if (condition.op !== 'const') node.op = { ...op, condition };
        else {
          node.next = condition.value ? node.next : node.other;
          node.other = -1;
          node.op = { op: 'jump' };
        }
        break;
      }
    }
  }
}

/** Learns from a condition that held or did not. */
function refine(condition: Expr, held: boolean, known: Known): void {
  if (condition.op === 'local') known[condition.id] ??= null;
  if (condition.op === 'local' && condition.type.kind === 'bool') known[condition.id] = held ? 1 : 0;
  else if (condition.op === 'unary' && condition.operator === '!') refine(condition.operand, !held, known);
  else if (condition.op === 'binary') {
    const { operator, left, right } = condition;
    const equal = operator === '===' ? held : operator === '!==' ? !held : undefined;
    if (equal && left.op === 'local' && right.op === 'const') known[left.id] = right.value;
    else if (equal && right.op === 'local' && left.op === 'const') known[right.id] = left.value;
    else if ((operator === '&&' && held) || (operator === '||' && !held)) {
      refine(left, held, known);
      refine(right, held, known);
    }
  }
}

/** Leaves out the nodes that only lead on. */
function shortenJumps(graph: Graph): void {
  const target = (id: NodeId): NodeId => {
    let at = id;
    for (let hops = 0; at >= 0 && graph.nodes[at].op.op === 'jump' && hops < graph.nodes.length; hops++) {
      if (graph.nodes[at].next === at) break;
      at = graph.nodes[at].next;
    }
    return at;
  };
  graph.entry = target(graph.entry);
  for (const node of graph.nodes) {
    if (node.next >= 0) node.next = target(node.next);
    if (node.other >= 0) node.other = target(node.other);
    if (node.op.op === 'branch' && node.next === node.other) {
      node.op = { op: 'jump' };
      node.other = -1;
    }
  }
}
