// SPDX-License-Identifier: Apache-2.0
/**
 * A control-flow graph as structured JavaScript, with no jump table where none is needed: the dominator tree says what is
 * nested in what (Ramsey, "Beyond Relooper", ICFP 2022). What is irreducible gets a loop around a switch.
 */

export interface Flow {
  /** per node its successors; with two, the first is taken where the condition holds. Node 0 is the entry. */
  next: readonly (readonly number[])[];
  /** the statements of a node; a node without successors leaves the function */
  body(node: number): string[];
  condition(node: number): string;
  /** what stands at the head of every loop, to bound it */
  loopHead(node: number): string[];
}

/** @returns statements; every way through them ends in what a node without successors says */
export function structured(flow: Flow): string[] {
  const order = reversePostorder(flow.next);
  const rank = new Map(order.map((node, i) => [node, i]));
  const before = predecessors(flow.next, order);
  const dominator = dominators(order, rank, before);
  const isBack = (from: number, to: number): boolean => (rank.get(to) ?? 0) <= (rank.get(from) ?? 0);
  for (const from of order) {
    for (const to of flow.next[from]) {
      if (isBack(from, to) && !dominates(to, from, dominator)) return dispatched(flow, order);
    }
  }
  return new Printer(flow, order, rank, before, dominator, isBack).tree(0);
}

class Printer {
  readonly #flow: Flow;
  readonly #isBack: (from: number, to: number) => boolean;
  readonly #merges = new Set<number>();
  readonly #heads = new Set<number>();
  /** node -> the nodes where paths meet that it dominates directly, last first */
  readonly #children = new Map<number, number[]>();

  constructor(
    flow: Flow,
    order: readonly number[],
    rank: ReadonlyMap<number, number>,
    before: ReadonlyMap<number, number[]>,
    dominator: ReadonlyMap<number, number>,
    isBack: (from: number, to: number) => boolean,
  ) {
    this.#flow = flow;
    this.#isBack = isBack;
    for (const node of order) {
      const from = before.get(node) ?? [];
      if (from.some((p) => isBack(p, node))) this.#heads.add(node);
      if (from.filter((p) => !isBack(p, node)).length > 1) this.#merges.add(node);
    }
    const merges = [...this.#merges].sort((a, b) => (rank.get(b) ?? 0) - (rank.get(a) ?? 0));
    for (const node of merges) {
      const parent = dominator.get(node) ?? 0;
      this.#children.set(parent, [...(this.#children.get(parent) ?? []), node]);
    }
  }

  tree(node: number): string[] {
    const inner = this.#within(node, this.#children.get(node) ?? []);
    if (!this.#heads.has(node)) return inner;
    return [`L${node}: for (;;) {`, ...this.#flow.loopHead(node), ...inner, '}'];
  }

  #within(node: number, meetings: readonly number[]): string[] {
    if (meetings.length === 0) return this.#leaf(node);
    const [outermost, ...rest] = meetings;
    return [`B${outermost}: {`, ...this.#within(node, rest), '}', ...this.tree(outermost)];
  }

  #leaf(node: number): string[] {
    const body = this.#flow.body(node);
    const next = this.#flow.next[node];
    if (next.length === 0) return body;
    if (next.length === 1) return [...body, ...this.#jump(node, next[0])];
    const yes = this.#jump(node, next[0]);
    const no = this.#jump(node, next[1]);
    return [...body, `if (${this.#flow.condition(node)}) {`, ...yes, '} else {', ...no, '}'];
  }

  #jump(from: number, to: number): string[] {
    if (this.#isBack(from, to)) return [`continue L${to};`];
    return this.#merges.has(to) ? [`break B${to};`] : this.tree(to);
  }
}

function dispatched(flow: Flow, order: readonly number[]): string[] {
  const cases = order.flatMap((node) => {
    const next = flow.next[node];
    const jump =
      next.length === 0
        ? []
        : next.length === 1
          ? [`at = ${next[0]}; continue;`]
          : [`at = ${flow.condition(node)} ? ${next[0]} : ${next[1]}; continue;`];
    return [`case ${node}: {`, ...flow.body(node), ...jump, '}'];
  });
  return ['for (let at = 0; ; ) {', ...flow.loopHead(0), 'switch (at) {', ...cases, '}', '}'];
}

function reversePostorder(next: Flow['next']): number[] {
  const order: number[] = [];
  const seen = new Set([0]);
  const stack = [{ node: 0, left: [...next[0]] }];
  for (let top = stack.at(-1); top; top = stack.at(-1)) {
    const to = top.left.pop();
    if (to === undefined) {
      order.push(top.node);
      stack.pop();
    } else if (!seen.has(to)) {
      seen.add(to);
      stack.push({ node: to, left: [...next[to]] });
    }
  }
  return order.reverse();
}

function predecessors(next: Flow['next'], order: readonly number[]): Map<number, number[]> {
  const before = new Map<number, number[]>(order.map((node) => [node, []]));
  for (const node of order) for (const to of next[node]) before.get(to)?.push(node);
  return before;
}

/** Cooper, Harvey and Kennedy's iteration. */
function dominators(
  order: readonly number[],
  rank: ReadonlyMap<number, number>,
  before: ReadonlyMap<number, number[]>,
) {
  const found = new Map<number, number>([[0, 0]]);
  const rankOf = (node: number): number => rank.get(node) ?? 0;
  const meet = (a: number, b: number): number => {
    let [x, y] = [a, b];
    while (x !== y) {
      if (rankOf(x) > rankOf(y)) x = found.get(x) ?? 0;
      else y = found.get(y) ?? 0;
    }
    return x;
  };
  for (let changed = true; changed; ) {
    changed = false;
    for (const node of order) {
      if (node === 0) continue;
      const known = (before.get(node) ?? []).filter((p) => found.has(p));
      const next = known.reduce(meet);
      if (found.get(node) !== next) {
        found.set(node, next);
        changed = true;
      }
    }
  }
  return found;
}

function dominates(node: number, of: number, dominator: ReadonlyMap<number, number>): boolean {
  for (let at = of; ; at = dominator.get(at) ?? 0) {
    if (at === node) return true;
    if (at === 0) return false;
  }
}
