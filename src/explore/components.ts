// SPDX-License-Identifier: Apache-2.0
/** Strongly connected components: the parts of a graph in which a run can go round for ever. */

export interface Arrows {
  count: number;
  /** per node the position of its first arrow, and after its last */
  first(node: number): number;
  end(node: number): number;
  target(arrow: number): number;
}

/**
 * Tarjan's algorithm without recursion, over some of the nodes.
 * @param nodes which; arrows to others do not count
 * @returns the components in which there is a cycle, each as its nodes, the smallest first
 */
export function cyclicComponents(arrows: Arrows, nodes: Iterable<number>): Int32Array[] {
  return new Tarjan(arrows, nodes).run();
}

const ABSENT = -2;
const UNSEEN = -1;

class Tarjan {
  readonly #arrows: Arrows;
  readonly #nodes: number[];
  /** order in which a node was met; ABSENT, UNSEEN, or once its component is known DONE */
  readonly #order: Int32Array;
  readonly #low: Int32Array;
  readonly #next: Float64Array;
  readonly #open: number[] = [];
  readonly #isOpen: Uint8Array;
  readonly #way: number[] = [];
  readonly #found: Int32Array[] = [];
  #met = 0;

  constructor(arrows: Arrows, nodes: Iterable<number>) {
    this.#arrows = arrows;
    this.#nodes = [...nodes];
    this.#order = new Int32Array(arrows.count).fill(ABSENT);
    for (const node of this.#nodes) this.#order[node] = UNSEEN;
    this.#low = new Int32Array(arrows.count);
    this.#next = new Float64Array(arrows.count);
    this.#isOpen = new Uint8Array(arrows.count);
  }

  run(): Int32Array[] {
    for (const root of this.#nodes) {
      if (this.#order[root] !== UNSEEN) continue;
      this.#meet(root);
      while (this.#way.length > 0) this.#goOn(this.#way[this.#way.length - 1]);
    }
    return this.#found;
  }

  #meet(node: number): void {
    this.#order[node] = this.#met;
    this.#low[node] = this.#met++;
    this.#next[node] = this.#arrows.first(node);
    this.#open.push(node);
    this.#isOpen[node] = 1;
    this.#way.push(node);
  }

  #goOn(node: number): void {
    const end = this.#arrows.end(node);
    while (this.#next[node] < end) {
      const to = this.#arrows.target(this.#next[node]++);
      if (this.#order[to] === UNSEEN) {
        this.#meet(to);
        return;
      }
      if (this.#isOpen[to]) this.#low[node] = Math.min(this.#low[node], this.#order[to]);
    }
    this.#way.pop();
    const up = this.#way[this.#way.length - 1];
    if (up !== undefined) this.#low[up] = Math.min(this.#low[up], this.#low[node]);
    if (this.#low[node] === this.#order[node]) this.#close(node);
  }

  #close(root: number): void {
    const at = this.#open.lastIndexOf(root);
    const component = Int32Array.from(this.#open.splice(at)).sort();
    for (const node of component) this.#isOpen[node] = 0;
    if (component.length > 1 || this.#hasLoop(root)) this.#found.push(component);
  }

  #hasLoop(node: number): boolean {
    for (let a = this.#arrows.first(node); a < this.#arrows.end(node); a++) {
      if (this.#arrows.target(a) === node) return true;
    }
    return false;
  }
}
