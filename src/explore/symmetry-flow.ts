// SPDX-License-Identifier: Apache-2.0
/**
 * Which arrays are indexed with the same numbers, and which columns and locals hold these: where an integer goes, it means the
 * same. A guess that the proof (symmetry-proof.ts) confirms or not: what is missed here is refused there.
 */
import type { Expr, LocalId } from '../compiler/ir.js';
import type { LinkedScenario } from '../compiler/link.js';
import { type Graph, operands, partsOf, reachable } from '../compiler/link-graph.js';
import { lengthOf, type Meaning, type Uses } from './symmetry-map.js';

/** Arrays that are indexed with the same numbers, and what holds these. */
export interface Indexed extends Uses {
  /** the length of the longest array */
  count: number;
}

/** An integer is that of a node, plus an offset. */
interface Term {
  node: string;
  offset: number;
}

/** @returns the arrays of more than one element that are indexed at all, or whose elements are pointed to */
export function indexedArrays(linked: LinkedScenario): Indexed[] {
  return new Flow(linked).arrays();
}

class Flow {
  readonly #linked: LinkedScenario;
  /** node -> another of the same numbers, and its own less that one's */
  readonly #parents = new Map<string, Term>();
  /** array -> how many elements */
  readonly #arrays = new Map<string, number>();
  readonly #locals = new Map<string, { graph: Graph; local: LocalId }>();
  /** node of a set -> a number whose bit it may have */
  readonly #sets: { set: Term; of: Term }[] = [];
  readonly #graphs = new Map<Graph, number>();
  #anonymous = 0;

  constructor(linked: LinkedScenario) {
    this.#linked = linked;
    for (const { name, count, isArray } of linked.compiled.program.globals.values()) {
      if (isArray && count > 1) this.#arrays.set(name, count);
    }
    for (const { name: struct, fields } of linked.compiled.program.structs.values()) {
      for (const { name } of fields.filter(({ length }) => length > 1)) {
        this.#arrays.set(`${struct}.${name}`, lengthOf(linked, `${struct}.${name}`));
      }
    }
    const { tasks, never, sometimes, finally: last } = linked;
    for (const { graph } of [...tasks, ...never, ...sometimes, ...last]) this.#enter(graph);
  }

  arrays(): Indexed[] {
    const groups = new Map<string, string[]>();
    for (const name of this.#arrays.keys()) {
      const { node } = this.#root(`index ${name}`);
      groups.set(node, [...(groups.get(node) ?? []), name]);
    }
    return [...groups].map(([root, names]) => this.#indexed(root, names));
  }

  #indexed(root: string, names: readonly string[]): Indexed {
    const { offset } = this.#root(`index ${names[0]}`);
    // an array that is indexed with numbers which are shifted is left to be refused
    const alike = names.filter((name) => this.#root(`index ${name}`).offset === offset);
    const { globals } = this.#linked.compiled.program;
    const columns = new Map<string, Meaning>();
    const locals = new Map<Graph, Map<LocalId, Meaning>>();
    const put = (node: string, meaning: Meaning): void => {
      const local = this.#locals.get(node);
      if (!local) columns.set(node.slice('column '.length), meaning);
      else locals.set(local.graph, (locals.get(local.graph) ?? new Map()).set(local.local, meaning));
    };
    const setsOf = new Set(
      this.#sets.flatMap(({ set, of }) => {
        const number = this.#term(of);
        return number.node === root && number.offset === offset ? [this.#term(set).node] : [];
      }),
    );
    for (const node of this.#parents.keys()) {
      if (!this.#locals.has(node) && !node.startsWith('column ')) continue;
      const found = this.#root(node);
      if (found.node === root) put(node, { kind: 'number', offset: found.offset - offset });
      else if (setsOf.has(found.node)) put(node, { kind: 'set' });
    }
    return {
      rows: new Set(alike.filter((name) => globals.has(name))),
      arrays: new Set(alike.filter((name) => !globals.has(name))),
      columns,
      locals,
      count: Math.max(...alike.map((name) => this.#arrays.get(name) ?? 0)),
    };
  }

  // ---- numbers that are the same ------------------------------------------------------------------------------------

  #root(node: string): Term {
    const parent = this.#parents.get(node);
    if (!parent) {
      this.#parents.set(node, { node, offset: 0 });
      return { node, offset: 0 };
    }
    if (parent.node === node) return parent;
    const above = this.#root(parent.node);
    const found = { node: above.node, offset: parent.offset + above.offset };
    this.#parents.set(node, found);
    return found;
  }

  #term({ node, offset }: Term): Term {
    const root = this.#root(node);
    return { node: root.node, offset: root.offset + offset };
  }

  /** Where the two are the same already, with another offset, one of them is refused later. */
  #join(x: Term | undefined, y: Term | undefined): void {
    if (!x || !y) return;
    const [one, other] = [this.#term(x), this.#term(y)];
    if (one.node !== other.node) this.#parents.set(one.node, { node: other.node, offset: other.offset - one.offset });
  }

  // ---- the code -------------------------------------------------------------------------------------------------------

  #enter(graph: Graph): void {
    if (this.#graphs.has(graph)) return;
    this.#graphs.set(graph, this.#graphs.size);
    for (const id of reachable(graph)) {
      const { op } = graph.nodes[id];
      for (const expr of operands(op)) this.#visit(graph, expr);
      if (op.op === 'load' || op.op === 'store') {
        const { column, index } = op.cell;
        if (index) this.#index(graph, column.name, index);
        if (column.type.kind !== 'int') continue;
        const value = op.op === 'load' ? this.#local(graph, op.dst) : this.#value(graph, op.value);
        this.#join({ node: `column ${column.name}`, offset: 0 }, value);
      } else if (op.op === 'set' && graph.locals[op.dst].type.kind === 'int') {
        this.#join(this.#local(graph, op.dst), this.#value(graph, op.value));
      }
    }
  }

  #local(graph: Graph, local: LocalId): Term {
    const node = `local ${this.#graphs.get(graph)} ${local}`;
    this.#locals.set(node, { graph, local });
    this.#root(node);
    return { node, offset: 0 };
  }

  #index(graph: Graph, array: string, index: Expr): void {
    if (this.#arrays.has(array)) this.#join({ node: `index ${array}`, offset: 0 }, this.#value(graph, index));
  }

  /** Finds what is indexed and compared anywhere in an expression. */
  #visit(graph: Graph, expr: Expr): void {
    if (expr.op === 'global' && expr.index) this.#index(graph, expr.name, expr.index);
    else if ((expr.op === 'embed' || expr.op === 'addrOf') && expr.index) {
      this.#index(graph, `${expr.struct}.${expr.field}`, expr.index);
    } else if (expr.op === 'binary') {
      const isEqual = expr.operator === '===' || expr.operator === '!==';
      if (isEqual) this.#join(this.#value(graph, expr.left), this.#value(graph, expr.right));
      else this.#value(graph, expr);
    }
    for (const part of partsOf(expr)) this.#visit(graph, part);
  }

  /** @returns what integer an expression is, as far as it is one that was there before */
  #value(graph: Graph, expr: Expr): Term | undefined {
    switch (expr.op) {
      case 'local':
        return expr.type.kind === 'int' ? this.#local(graph, expr.id) : undefined;
      case 'indexOf':
        return this.#arrays.has(expr.global) ? { node: `index ${expr.global}`, offset: 0 } : undefined;
      case 'unary':
        return expr.operator === '~' ? this.#value(graph, expr.operand) : undefined;
      case 'select':
        return this.#either(this.#value(graph, expr.then), this.#value(graph, expr.else));
      case 'binary':
        return this.#binary(graph, expr);
      default:
        return undefined;
    }
  }

  #binary(graph: Graph, { operator, left, right }: Expr & { op: 'binary' }): Term | undefined {
    const isOne = left.op === 'const' && left.value === 1;
    if (operator === '<<' && isOne) return this.#set(undefined, this.#value(graph, right));
    if (operator === '>>' || operator === '>>>') {
      if (right.op !== 'const') this.#set(this.#value(graph, left), this.#value(graph, right));
      return undefined;
    }
    if (operator === '|' || operator === '&' || operator === '^') {
      return this.#either(this.#value(graph, left), this.#value(graph, right));
    }
    const base = (operator === '+' || operator === '-') && right.op === 'const' ? this.#value(graph, left) : undefined;
    if (!base || right.op !== 'const') return undefined;
    return { node: base.node, offset: base.offset + (operator === '+' ? right.value : -right.value) };
  }

  #either(x: Term | undefined, y: Term | undefined): Term | undefined {
    this.#join(x, y);
    return x ?? y;
  }

  #set(set: Term | undefined, of: Term | undefined): Term | undefined {
    if (!of) return undefined;
    const made = set ?? { node: `set ${this.#anonymous++}`, offset: 0 };
    this.#sets.push({ set: made, of });
    return made;
  }
}
