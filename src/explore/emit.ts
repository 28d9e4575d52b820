// SPDX-License-Identifier: Apache-2.0
/**
 * Prints steps and predicates as JavaScript functions over a packed state `n`, all constants folded. With `tracing` the same
 * code also says what it reads and writes: paths are replayed with it.
 *
 * A step function returns OK with `n` changed to the state after the step, VIOLATION with the site's number in K.side[0],
 * or BLOCKED and more: the reason, or that the encoding is too narrow. Choices come from K.choice, their counts go to K.counts; how many: K.side[1].
 */
import { InternalError, unreachable } from '../base/assert.js';
import type { Type } from '../compiler/ir.js';
import type { LinkedPredicate, LinkedScenario, LinkedTask } from '../compiler/link.js';
import type { BlockReason, CellAccess, Node, NodeId } from '../compiler/link-graph.js';
import { isNull } from '../compiler/link-memory.js';
import { intersect, isWithin, type Range, rangeOf, rangeOfType } from '../compiler/link-range.js';
import { type Region, regionOf, wholeRegion } from '../compiler/link-steps.js';
import type { CellPrinter } from './emit-cell.js';
import { ExprPrinter } from './emit-expr.js';
import type { Encoding, Kept, LocalSlot, Piece } from './encode.js';
import { printLinear } from './linear.js';
import type { Site } from './site.js';
import { type Flow, structured } from './structure.js';
import type { ViolationKind } from './verdict.js';

export const OK = 1;
export const VIOLATION = 2;
/** BLOCKED + position in REASONS; or MISFIT, after them */
export const BLOCKED = 4;
export const REASONS: readonly BlockReason[] = ['lock', 'sleep', 'ipi', 'grace period', 'store buffer'];

/** a value is not one of those that are expected: K.hits says so, and the step is as if it were not possible */
export const MISFIT = BLOCKED + REASONS.length;

/** Most choices that one step makes. */
export const MAX_CHOICES = 16;
/** Turns of loops within one step, after which it is taken for endless. */
const FUEL = 100_000;

export interface EmitOptions {
  linked: LinkedScenario;
  encoding: Encoding;
  cells: CellPrinter;
  tracing: boolean;
  /** gets the places that can end a search */
  sites: Site[];
}

/** @returns the text of the function for the step that starts at `pc` */
export function emitStep(options: EmitOptions, task: number, pc: number): string {
  const program = options.linked.tasks[task];
  const unit = new Unit(options, program.graph.nodes, program.ranges, regionOf(program, pc), task);
  return unit.step(program, pc);
}

/** @returns the text of a function from a state to whether the predicate holds in it */
export function emitPredicate(options: EmitOptions, predicate: LinkedPredicate): string {
  const { graph } = predicate;
  const unit = new Unit(options, graph.nodes, [], wholeRegion(graph), -1);
  return unit.predicate(`v${graph.result}`);
}

class Unit implements Flow {
  readonly next: readonly (readonly number[])[];
  readonly #chooses: boolean;
  readonly #options: EmitOptions;
  readonly #nodes: readonly Node[];
  readonly #ranges: readonly Range[];
  readonly #region: Region;
  readonly #task: number;
  readonly #cells: CellPrinter;
  readonly #locals = new Set<number>();
  #loops = false;
  #temporaries = 0;
  #leaf: (node: NodeId | undefined) => string[] = () => [];

  constructor(options: EmitOptions, nodes: readonly Node[], ranges: readonly Range[], region: Region, task: number) {
    this.#options = options;
    this.#nodes = nodes;
    this.#ranges = ranges;
    this.#region = region;
    this.#task = task;
    this.#cells = options.cells;
    this.next = region.next;
    this.#chooses = region.parts.some((part) => part.kind === 'node' && nodes[part.node].op.op === 'choose');
  }

  step(program: LinkedTask, pc: number): string {
    const block = this.#options.encoding.tasks[this.#task];
    this.#leaf = (node) => this.#rest(program, node === undefined ? 0 : (program.pcOf.get(node) ?? 0));
    const lines = structured(this);
    const loads = block.slots[pc].map((slot) => `v${slot.local} = ${unpack(slot)};`);
    return this.#function([...loads, ...lines]);
  }

  predicate(result: string): string {
    this.#leaf = () => [`return ${result} !== 0;`];
    return this.#function(structured(this));
  }

  #function(lines: readonly string[]): string {
    const locals = [...this.#locals].map((id) => `v${id} = 0`);
    if (this.#chooses) locals.push('d = 0');
    if (this.#loops) locals.push(`fuel = ${FUEL}`);
    const head = locals.length > 0 ? [`let ${locals.join(', ')};`] : [];
    return ['(n) => {', ...head, ...lines, '}'].join('\n');
  }

  /** Leaves the task at a point: its block of words is written anew. */
  #rest(program: LinkedTask, pc: number): string[] {
    const block = this.#options.encoding.tasks[this.#task];
    const lines: string[] = [];
    const words = new Map<Piece, string[]>(block.pieces.map((piece) => [piece, []]));
    const put = (slot: Pick<LocalSlot, 'word' | 'shift'>, text: string): void => {
      const piece = block.pieces.find((one) => one.word === slot.word && isIn(slot.shift, one));
      words.get(piece as Piece)?.push(slot.shift === 0 ? text : `${text} << ${slot.shift}`);
    };
    if (pc !== 0) put(block, String(pc));
    for (const slot of block.slots[pc]) {
      this.#locals.add(slot.local);
      const name = `v${slot.local}`;
      const { type, name: local } = program.graph.locals[slot.local];
      const what = `${local} (${typeName(type)})`;
      lines.push(...this.#checked(name, program.ranges[slot.local], type, what, program.points[pc]?.node ?? 0, slot));
      put(slot, slot.signed && slot.bits < 32 ? `(${name} & ${2 ** slot.bits - 1})` : name);
    }
    for (const [{ word, shift, bits, isAlone }, parts] of words) {
      const rest = isAlone ? [] : [`n[${word}] & ${~((bits === 32 ? -1 : 2 ** bits - 1) << shift)}`];
      lines.push(`n[${word}] = ${[...rest, ...parts].join(' | ') || '0'};`);
    }
    return [...lines, ...this.#leave(String(OK))];
  }

  /**
   * Checks a value before it is kept.
   * @param possible what it can be
   */
  #checked(name: string, possible: Range, type: Type, what: string, node: NodeId, kept: Kept): string[] {
    const declared = rangeOfType(type, this.#options.linked.layout);
    const misfit = (): string[] => {
      if (isWithin(possible, declared)) return [];
      const site = this.#site(node, 'does not fit', what);
      return [`if (${outside(name, declared)}) K.misfit(${site}, ${name});`];
    };
    if (kept.note === undefined || isWithin(intersect(possible, declared), kept.range)) return misfit();
    const note = `K.hits[${this.#options.encoding.notes - this.#options.encoding.expected.length + kept.note}] = 1;`;
    return [`if (${outside(name, kept.range)}) {`, ...misfit(), note, ...this.#leave(String(MISFIT)), '}'];
  }

  #leave(code: string): string[] {
    return this.#chooses ? ['K.side[1] = d;', `return ${code};`] : [`return ${code};`];
  }

  #site(node: NodeId, kind: Site['kind'], message: string): number {
    this.#options.sites.push({ task: this.#task, place: this.#nodes[node].place, kind, message });
    return this.#options.sites.length - 1;
  }

  #violation(node: NodeId, kind: ViolationKind, message: string): string {
    const site = this.#site(node, kind, message);
    if (this.#task < 0) return `K.wrong(${site});`;
    return `{ K.side[0] = ${site}; ${this.#leave(String(VIOLATION)).join(' ')} }`;
  }

  // ---- Flow: how the parts of a region are printed --------------------------------------------------------------

  body(id: number): string[] {
    const part = this.#region.parts[id];
    if (part.kind === 'exit') return this.#leaf(part.node);
    const trace = this.#options.tracing && part.isMain ? [`K.trace.main(${part.node});`] : [];
    return [...trace, ...this.#operation(part.node)];
  }

  condition(id: number): string {
    const part = this.#region.parts[id];
    const { op } = this.#nodes[part.node];
    if (op.op !== 'branch') return 'true';
    return this.#printer(part.node).condition(op.condition);
  }

  loopHead(id: number): string[] {
    this.#loops = true;
    const site = this.#site(this.#region.parts[id].node, 'endless loop', '');
    return [`if (--fuel < 0) K.endless(${site});`];
  }

  #printer(node: NodeId): ExprPrinter {
    const locals = this.#locals;
    return new ExprPrinter(this.#options.linked, (kind, message) => this.#violation(node, kind, message), locals);
  }

  #operation(id: NodeId): string[] {
    const { op } = this.#nodes[id];
    const printer = this.#printer(id);
    switch (op.op) {
      case 'set': {
        this.#locals.add(op.dst);
        const value = printer.value(op.value);
        return [...printer.checks, `v${op.dst} = ${value};`];
      }
      case 'load':
      case 'store':
        return this.#access(id, printer);
      case 'choose':
        return this.#choose(id, printer);
      case 'guard': {
        const enabled = printer.condition(op.enabled);
        const blocked = this.#leave(String(BLOCKED + REASONS.indexOf(op.reason))).join(' ');
        return [...printer.checks, `if (!${enabled}) { ${blocked} }`];
      }
      case 'branch':
        printer.condition(op.condition);
        return printer.checks;
      case 'fail':
        return [this.#violation(id, op.kind, op.message)];
      case 'end':
        return this.#leaf(undefined);
      case 'mark':
        return [`K.hits[${op.line}] = 1;`];
      case 'fence':
      case 'buffered':
        throw new InternalError(`${op.op} is left in a linked graph`);
      case 'enter':
      case 'jump':
        return [];
      default:
        return unreachable(op);
    }
  }

  #choose(id: NodeId, printer: ExprPrinter): string[] {
    const { op } = this.#nodes[id];
    if (op.op !== 'choose') return [];
    this.#locals.add(op.dst);
    if (op.count.op === 'const' && op.count.value === 1) return [`v${op.dst} = 0;`];
    const count = printer.value(op.count);
    const site = this.#site(id, 'choice', '');
    const isSafe = op.count.op === 'const' && op.count.value > 0;
    const check = isSafe ? `d >= ${MAX_CHOICES}` : `d >= ${MAX_CHOICES} || ${count} < 1`;
    const store = `K.counts[d] = ${count}; v${op.dst} = K.choice[d++];`;
    return [...printer.checks, `if (${check}) K.badChoice(${site}, ${count});`, store];
  }

  #access(id: NodeId, printer: ExprPrinter): string[] {
    const { op } = this.#nodes[id];
    if (op.op !== 'load' && op.op !== 'store') return [];
    if (isNull(op.cell.ref)) return [this.#violation(id, 'null dereference', 'a null pointer is dereferenced')];
    const cell = this.#cells.cell(op.cell, printer);
    if (this.#task >= 0) this.#cells.checkPoison(op.cell, printer);
    const isTraced =
      this.#options.tracing && this.#task >= 0 && this.#options.linked.memory.isWritten(op.cell) && !op.cell.untold;
    const where = `${id}, ${cell.column.id}, ${printLinear(cell.element)}`;
    if (op.op === 'load') {
      this.#locals.add(op.dst);
      const load = `v${op.dst} = ${this.#cells.read(cell)};`;
      const aside = this.#standsFor(op.cell, printer, (at) => `K.trace.read(${id}, ${at}, v${op.dst});`);
      // the element is named before the load: it may depend on the local that is loaded
      if (!isTraced) return [...printer.checks, load, ...aside];
      const at = `t${this.#temporaries++}`;
      const trace = `K.trace.read(${id}, ${cell.column.id}, ${at}, v${op.dst});`;
      return [...printer.checks, `const ${at} = ${printLinear(cell.element)};`, load, trace];
    }
    const range = rangeOf(op.value, this.#ranges, this.#options.linked.layout);
    const value = printer.value(op.value);
    const name = `t${this.#temporaries++}`;
    const lines = [...printer.checks, `const ${name} = ${value};`];
    const { type, name: column } = cell.column;
    const kept = cell.place ?? { range, bits: 32, signed: true, note: undefined };
    lines.push(...this.#checked(name, range, type, `${column} (${typeName(type)})`, id, kept));
    if (isTraced) lines.push(`K.trace.write(${where}, ${this.#cells.read(cell)}, ${name});`);
    const aside = this.#standsFor(op.cell, printer, (at) => `K.trace.buffer(${id}, ${at}, ${name});`);
    return [...lines, this.#cells.write(cell, name), ...aside];
  }

  /** What a path tells of an access to a place in a store buffer. */
  #standsFor({ standsFor }: CellAccess, printer: ExprPrinter, call: (at: string) => string): string[] {
    if (!standsFor || !this.#options.tracing) return [];
    const { column, element } = this.#cells.cell(standsFor, printer);
    return [call(`${column.id}, ${printLinear(element)}`)];
  }
}

/** @returns the text of what a slot of a state holds */
export function unpack({ word, shift, bits, signed }: LocalSlot): string {
  if (bits === 32) return `n[${word}]`;
  if (signed) return `n[${word}] << ${32 - shift - bits} >> ${32 - bits}`;
  if (shift === 32 - bits) return `n[${word}] >>> ${shift}`;
  return shift === 0 ? `n[${word}] & ${2 ** bits - 1}` : `n[${word}] >>> ${shift} & ${2 ** bits - 1}`;
}

function isIn(shift: number, piece: Piece): boolean {
  return shift >= piece.shift && shift < piece.shift + piece.bits;
}

/** Text of a condition: a value lies outside a range. */
function outside(name: string, { low, high }: Range): string {
  return low === 0 ? `${name} >>> 0 > ${high}` : `${name} < ${low} || ${name} > ${high}`;
}

function typeName(type: { kind: string; name?: string }): string {
  return type.name ?? type.kind;
}
