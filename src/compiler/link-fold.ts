// SPDX-License-Identifier: Apache-2.0
/**
 * Constant propagation over a graph: locals whose value is known at a place are replaced by it, branches that are decided
 * become jumps, loads of memory that never changes become values.
 *
 * The classical conditional propagation: a branch not yet known to be taken contributes nothing. Ranges: link-range.ts.
 */
import type { Expr, LocalId, ProgramIR } from './ir.js';
import { Folder, type Surroundings } from './link-expr.js';
import { type CellAccess, type Graph, type Node, type NodeId, type Op, reachable, successors } from './link-graph.js';
import { liveLocals } from './link-live.js';
import { isNull, isOneElement, type Memory, type ReachedAccess } from './link-memory.js';

/** A value; null: more than one; undefined: none yet. */
type Known = number | null | undefined;

/** A run of nodes that is entered at its first only and branches at its last only. */
interface Block {
  nodes: NodeId[];
  /** the locals that matter at its beginning, and what is known of each */
  live: LocalId[];
  at: Known[];
  isReached: boolean;
  isDirty: boolean;
  /** whether it reads memory */
  loads: boolean;
}

/** The propagation in one graph: solved as often as memory is found to change, then written down. */
export class Propagation {
  readonly #graph: Graph;
  readonly #memory: Memory;
  readonly #folder: Folder;
  /** in reverse postorder */
  readonly #blocks: Block[];
  readonly #blockAt = new Map<NodeId, Block>();
  /** per local what is known at the place looked at */
  readonly #known: Known[] = [];

  constructor(graph: Graph, program: ProgramIR, memory: Memory, around: Surroundings) {
    this.#graph = graph;
    this.#memory = memory;
    this.#folder = new Folder((id) => this.#known[id] ?? undefined, memory.layout, program, around);
    this.#blocks = blocksOf(graph);
    for (const block of this.#blocks) this.#blockAt.set(block.nodes[0], block);
    const live = liveLocals(graph, this.#blockAt.keys());
    for (const block of this.#blocks) block.live = live.get(block.nodes[0]) ?? [];
  }

  /**
   * Finds what is known everywhere, given what is known of memory now. That only becomes less from one time to the next: so it
   * goes on from what it found before, at the loads.
   */
  solve(): void {
    const [entry] = this.#blocks;
    if (!entry.isReached) {
      entry.isReached = true;
      entry.isDirty = true;
    }
    for (const block of this.#blocks) {
      if (block.isReached && block.loads) block.isDirty = true;
    }
    for (let changed = true; changed; ) {
      changed = false;
      for (const block of this.#blocks) {
        if (!block.isDirty) continue;
        block.isDirty = false;
        changed = true;
        this.#walk(block);
      }
    }
  }

  /** @returns the loads and stores that can be reached */
  accesses(): ReachedAccess[] {
    const found: ReachedAccess[] = [];
    this.#visit(({ op }) => {
      if (op.op !== 'load' && op.op !== 'store') return;
      const cell = this.#cell(op.cell);
      if (!isNull(cell.ref)) found.push({ cell, value: op.op === 'store' ? this.#fold(op.value) : undefined });
    });
    return found;
  }

  /** Rewrites the graph in place. */
  rewrite(): void {
    this.#visit((node) => this.#rewriteNode(node));
    shortenJumps(this.#graph);
  }

  #visit(visit: (node: Node) => void): void {
    for (const block of this.#blocks) {
      if (!block.isReached) continue;
      this.#enter(block);
      for (const id of block.nodes) {
        const node = this.#graph.nodes[id];
        visit(node);
        this.#transfer(node);
      }
    }
  }

  #enter(block: Block): void {
    block.live.forEach((local, i) => {
      this.#known[local] = block.at[i];
    });
  }

  /** Follows a block, and tells those after it what is known at its end. */
  #walk(block: Block): void {
    this.#enter(block);
    for (const id of block.nodes) this.#transfer(this.#graph.nodes[id]);
    const last = this.#graph.nodes[block.nodes[block.nodes.length - 1]];
    for (const next of this.#taken(last)) {
      const learned = new Map<LocalId, number>();
      if (last.op.op === 'branch') learn(last.op.condition, next === last.next, learned);
      const after = this.#blockAt.get(next);
      if (after) this.#merge(after, learned);
    }
  }

  #merge(block: Block, learned: ReadonlyMap<LocalId, number>): void {
    if (!block.isReached) block.isDirty = true;
    block.isReached = true;
    block.live.forEach((local, i) => {
      const value = learned.get(local) ?? this.#known[local];
      const old = block.at[i];
      if (value === undefined || old === null || old === value) return;
      block.at[i] = old === undefined ? value : null;
      block.isDirty = true;
    });
  }

  #fold(expr: Expr): Expr {
    return this.#folder.fold(expr);
  }

  #cell(cell: CellAccess): CellAccess {
    const ref = this.#fold(cell.ref);
    const index = cell.index && this.#fold(cell.index);
    return ref === cell.ref && index === cell.index ? cell : { ...cell, ref, index };
  }

  #taken(node: Node): NodeId[] {
    if (node.op.op === 'branch') {
      const condition = this.#fold(node.op.condition);
      return condition.op === 'const' ? [condition.value ? node.next : node.other] : successors(node);
    }
    const { op } = node;
    const isEnd = (op.op === 'load' || op.op === 'store') && isNull(this.#fold(op.cell.ref));
    return isEnd ? [] : successors(node);
  }

  #transfer({ op }: Node): void {
    const known = this.#known;
    if (op.op === 'set') {
      const value = this.#fold(op.value);
      known[op.dst] = value.op === 'const' ? value.value : null;
    } else if (op.op === 'load') {
      known[op.dst] = this.#memory.constant(this.#cell(op.cell)) ?? null;
    } else if (op.op === 'buffered') {
      known[op.dst] = null;
    } else if (op.op === 'choose') {
      const count = this.#fold(op.count);
      known[op.dst] = count.op === 'const' && count.value === 1 ? 0 : null;
    }
  }

  #rewriteNode(node: Node): void {
    const { op } = node;
    switch (op.op) {
      case 'set':
        node.op = { ...op, value: this.#fold(op.value) };
        break;
      case 'load':
      case 'store':
        this.#rewriteAccess(node, op);
        break;
      case 'choose':
        node.op = { ...op, count: this.#fold(op.count) };
        break;
      case 'guard':
        node.op = { ...op, enabled: this.#fold(op.enabled) };
        break;
      case 'branch':
        this.#rewriteBranch(node, this.#fold(op.condition));
        break;
    }
  }

  /** What comes after a null dereference is never reached. */
  #rewriteAccess(node: Node, op: Op & { op: 'load' | 'store' }): void {
    const cell = this.#cell(op.cell);
    if (isNull(cell.ref)) {
      node.op = { op: 'fail', kind: 'null dereference', message: 'a null pointer is dereferenced' };
      node.next = -1;
    } else if (op.op === 'store') {
      node.op = { ...op, cell, value: this.#fold(op.value) };
    } else {
      // a step stays one, though what it reads be known; and so does a test that the object and index are good
      const isFree = isOneElement(cell) && !this.#memory.isWritten(cell);
      const value = isFree ? this.#memory.constant(cell) : undefined;
      const { type } = cell.column;
      node.op = value === undefined ? { ...op, cell } : { op: 'set', dst: op.dst, value: { op: 'const', type, value } };
    }
  }

  #rewriteBranch(node: Node, condition: Expr): void {
    if (condition.op !== 'const') {
      node.op = { op: 'branch', condition };
    } else {
      node.next = condition.value ? node.next : node.other;
      node.other = -1;
      node.op = { op: 'jump' };
    }
  }
}

/** The nodes cut where paths meet or part, and before and after what may end a path. */
function blocksOf(graph: Graph): Block[] {
  const order = reachable(graph);
  const entries = new Map<NodeId, number>([[graph.entry, 2]]);
  for (const id of order) {
    const next = successors(graph.nodes[id]);
    const isCut = next.length > 1 || graph.nodes[id].op.op === 'load' || graph.nodes[id].op.op === 'store';
    for (const to of next) entries.set(to, (entries.get(to) ?? 0) + (isCut ? 2 : 1));
  }
  const starts = order.filter((id) => (entries.get(id) ?? 0) > 1);
  return starts.map((start) => {
    const nodes = [start];
    for (;;) {
      const next = successors(graph.nodes[nodes[nodes.length - 1]]);
      if (next.length !== 1 || (entries.get(next[0]) ?? 0) > 1) break;
      nodes.push(next[0]);
    }
    const loads = nodes.some((id) => graph.nodes[id].op.op === 'load');
    return { nodes, live: [], at: [], isReached: false, isDirty: false, loads };
  });
}

/** Learns from a condition that held or did not. */
function learn(condition: Expr, held: boolean, learned: Map<LocalId, number>): void {
  if (condition.op === 'local' && condition.type.kind === 'bool') learned.set(condition.id, held ? 1 : 0);
  else if (condition.op === 'unary' && condition.operator === '!') learn(condition.operand, !held, learned);
  else if (condition.op === 'binary') {
    const { operator, left, right } = condition;
    const equal = operator === '===' ? held : operator === '!==' ? !held : undefined;
    if (equal && left.op === 'local' && right.op === 'const') learned.set(left.id, right.value);
    else if (equal && right.op === 'local' && left.op === 'const') learned.set(right.id, left.value);
    else if ((operator === '&&' && held) || (operator === '||' && !held)) {
      learn(left, held, learned);
      learn(right, held, learned);
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
