// SPDX-License-Identifier: Apache-2.0
/**
 * Inlines a function and all it calls, closures too, into one Graph.
 *
 * It follows the code from its beginning and knows the locals that are constants there, whatever memory holds: what cannot be
 * reached is not inlined, which is most of a kernel's code under the arguments of one call. Addresses of structs held by
 * value are not kept in locals but handed down as expressions over their hosts (link-bind.ts), so that every access still
 * says through which object it went.
 * Not here: what memory holds, and what follows from that (link-fold.ts); what is a step (link-steps.ts).
 */
import { assert, unreachable } from '../base/assert.js';
import { InputError } from '../base/diagnostic.js';
import { constant, INT } from './fold.js';
import type { Closure, Expr, FunctionIR, Loc, Local, LocalId, ProgramIR, Stmt } from './ir.js';
import type { Layout } from './layout.js';
import { KERNEL_CODE, type LineMarks } from './lines.js';
import { type Binding, Frame, FunctionFacts, type Known, type Snapshot } from './link-bind.js';
import { Folder, type Surroundings } from './link-expr.js';
import type { CellAccess, Graph, Node, NodeId, Op, Place } from './link-graph.js';

const MAX_NODES = 400_000;
/** Calls inside calls. */
const MAX_DEPTH = 200;

/** Whether statements stand in an atomic block, and in one of plain stores. */
type Around = Pick<Node, 'atomic' | 'plain'>;

/** Statements that say what comes next, or that make more than one operation. */
type Control = 'set' | 'call' | 'callParam' | 'if' | 'loop' | 'block' | 'break' | 'continue' | 'return' | 'atomic';

const OUTSIDE: Around = { atomic: false, plain: false };

/** A way on that is not yet told where it leads: of node `n`, 2n is `next`, and 2n + 1 is `other`. */
type Hole = number;

/** Where ways meet: those that have come, and what they all know of the locals of the frame. */
interface Meeting {
  holes: Hole[];
  known: Known[] | undefined;
}

/** Where statements stand: the frame, the jump targets, the calls around. */
interface Context {
  frame: Frame;
  labels: Map<string, { leave: Meeting; again: Meeting }>;
  up: Place | undefined;
  atomic: boolean;
  /** within an atomic block whose stores are plain */
  plain: boolean;
  /** where `return` goes, and what it sets */
  returnTo: Meeting;
  returnDst: LocalId | undefined;
  /** what has been returned so far, if that is one constant */
  returned: { value: Known; isFirst: boolean };
}

/**
 * @param name for reports: the task's or predicate's
 * @param surroundings which task this is
 * @param marks if given, every statement of kernel code begins with a mark of its line
 * @returns the graph of `fn`, which takes no parameters; if it returns a value, `result` is the local that has it
 */
export function inlineFunction(
  program: ProgramIR,
  layout: Layout,
  fn: FunctionIR,
  name: string,
  surroundings: Surroundings,
  marks?: LineMarks,
): Graph {
  assert(fn.params === 0, `${fn.name} has parameters`);
  const inliner = new Inliner(program, layout, surroundings, marks);
  return inliner.graph(fn, name);
}

class Inliner {
  readonly nodes: Node[] = [];
  readonly locals: Local[] = [];
  /** per local: assigned once, so that its value stays what it is wherever it is used */
  readonly stable: boolean[] = [];
  readonly #program: ProgramIR;
  readonly #layout: Layout;
  readonly #surroundings: Surroundings;
  readonly #marks: LineMarks | undefined;
  readonly #folder: Folder;
  /** what the next node comes after; none: it cannot be reached */
  #open: Hole[] = [];
  #depth = 0;
  #marked = 0;

  constructor(program: ProgramIR, layout: Layout, surroundings: Surroundings, marks: LineMarks | undefined) {
    this.#program = program;
    this.#layout = layout;
    this.#surroundings = surroundings;
    this.#marks = marks;
    this.#folder = new Folder(() => undefined, layout, program, surroundings);
  }

  graph(fn: FunctionIR, name: string): Graph {
    const result = fn.returns.kind === 'void' ? undefined : this.fresh({ name: '$result', type: fn.returns }, false);
    const context: Context = {
      frame: new Frame(fn, factsOf(fn), this),
      labels: new Map(),
      up: undefined,
      ...OUTSIDE,
      returnTo: nobody(),
      returnDst: result,
      returned: { value: undefined, isFirst: true },
    };
    this.#list(fn.body, context);
    this.#come(context.returnTo, context.frame);
    this.#open = context.returnTo.holes;
    this.#node({ op: 'end' }, { loc: fn.loc, function: fn.name, text: '', up: undefined }, OUTSIDE);
    this.#open = [];
    return { name, nodes: this.nodes, entry: 0, locals: this.locals, result };
  }

  fresh(local: Local, stable: boolean): LocalId {
    this.locals.push(local);
    this.stable.push(stable);
    return this.locals.length - 1;
  }

  /** Shortens an expression by what this task knows already, so that dead branches are not even inlined. */
  fold(expr: Expr): Expr {
    return this.#folder.fold(expr);
  }

  /** Adds a node after those that are open. @returns it; it is what is open then */
  #node(op: Op, place: Place, { atomic, plain }: Around): NodeId {
    if (this.nodes.length - this.#marked >= MAX_NODES)
      throw tooLarge(place, `more than ${MAX_NODES} operations once its calls are inlined`);
    const id = this.nodes.push({ op, next: -1, other: -1, place, atomic, plain }) - 1;
    this.#lead(id);
    this.#open = [id * 2];
    return id;
  }

  /** What is open goes on at a node. */
  #lead(to: NodeId): void {
    for (const hole of this.#open) {
      const node = this.nodes[hole >> 1];
      if ((hole & 1) === 0) node.next = to;
      else node.other = to;
    }
  }

  /** What is open comes to a meeting. */
  #come(meeting: Meeting, frame: Frame): void {
    if (this.#open.length === 0) return;
    meeting.holes.push(...this.#open);
    meeting.known = frame.knownBeside(meeting.known);
    this.#open = [];
  }

  /** Goes on from a meeting. */
  #leave({ holes, known }: Meeting, frame: Frame): void {
    this.#open = holes;
    if (known) frame.known = known;
  }

  #list(statements: readonly Stmt[], context: Context): void {
    for (const stmt of statements) {
      if (this.#open.length === 0 && this.nodes.length > 0) return;
      this.#statement(stmt, context);
    }
  }

  #place(stmt: { loc: Loc; text?: string }, context: Context): Place {
    return { loc: stmt.loc, function: context.frame.fn.name, text: stmt.text ?? '', up: context.up };
  }

  #expr(expr: Expr, context: Context): Expr {
    return this.fold(context.frame.rename(expr));
  }

  #statement(stmt: Stmt, context: Context): void {
    const place = this.#place(stmt, context);
    if (this.#marks && stmt.op !== 'block' && stmt.loc.file.startsWith(KERNEL_CODE)) {
      this.#marked++;
      this.#node({ op: 'mark', line: this.#marks.number(stmt.loc) }, place, context);
    }
    this.#unmarked(stmt, place, context);
  }

  #unmarked(stmt: Stmt, place: Place, context: Context): void {
    const { frame } = context;
    switch (stmt.op) {
      case 'set':
        this.#set(stmt, place, context);
        break;
      case 'call':
        this.#call(stmt, place, context);
        break;
      case 'callParam':
        this.#callParam(stmt, place, context);
        break;
      case 'if':
        this.#if(stmt, place, context);
        break;
      case 'loop':
        this.#loop(stmt, place, context);
        break;
      case 'block':
        this.#block(stmt, context);
        break;
      case 'break':
        this.#come(this.#label(stmt.label, context).leave, frame);
        break;
      case 'continue':
        this.#come(this.#label(stmt.label, context).again, frame);
        break;
      case 'return':
        this.#return(stmt, place, context);
        break;
      case 'atomic':
        this.#atomic(stmt, place, context);
        break;
      default: {
        const op = this.#operation(stmt, context);
        if (op) this.#node(op, place, context);
        if (op?.op === 'fail') this.#open = [];
      }
    }
  }

  #operation(stmt: Exclude<Stmt, { op: Control }>, context: Context): Op | undefined {
    const { frame } = context;
    switch (stmt.op) {
      case 'load': {
        const cell = this.#cell(stmt, context);
        return { op: 'load', dst: frame.assigned(stmt.dst), cell };
      }
      case 'store':
        return { op: 'store', cell: this.#cell(stmt, context), value: this.#expr(stmt.value, context) };
      case 'choose': {
        const count = this.#expr(stmt.count, context);
        return { op: 'choose', dst: frame.assigned(stmt.dst), count };
      }
      case 'fence':
        return this.#surroundings.buffered ? { op: 'fence' } : undefined;
      case 'buffered': {
        const value = this.#surroundings.buffered ? undefined : constant(INT, 0);
        const dst = frame.assigned(stmt.dst, value);
        return value ? { op: 'set', dst, value } : { op: 'buffered', dst };
      }
      case 'fail': {
        const message = this.#expr(stmt.message, context);
        assert(message.op === 'text', `the message of fail is not a literal at ${stmt.loc.file}:${stmt.loc.line}`);
        return { op: 'fail', kind: stmt.kind, message: message.value };
      }
      default:
        return unreachable(stmt);
    }
  }

  #block(stmt: Stmt & { op: 'block' }, context: Context): void {
    const leave = nobody();
    const labels = new Map(context.labels).set(stmt.label, { leave, again: leave });
    this.#list(stmt.body, { ...context, labels });
    this.#come(leave, context.frame);
    this.#leave(leave, context.frame);
  }

  #label(label: string, context: Context) {
    const target = context.labels.get(label);
    assert(target !== undefined, `no label ${label} in ${context.frame.fn.name}`);
    return target;
  }

  #cell(stmt: Stmt & { op: 'load' | 'store' }, context: Context): CellAccess {
    const column = this.#layout.column.get(`${stmt.struct}.${stmt.field}`);
    assert(column !== undefined, `no column ${stmt.struct}.${stmt.field}`);
    const index = stmt.index && this.#expr(stmt.index, context);
    return { column, ref: this.#expr(stmt.ref, context), index, ghost: stmt.ghost };
  }

  #sets(sets: readonly Snapshot[], place: Place, around: Around): void {
    for (const { dst, value } of sets) this.#node({ op: 'set', dst, value: this.fold(value) }, place, around);
  }

  #set(stmt: Stmt & { op: 'set' }, place: Place, context: Context): void {
    const address = context.frame.address(stmt.dst);
    if (address) {
      this.#sets(address.snapshots, place, context);
    } else {
      const value = this.#expr(stmt.value, context);
      this.#node({ op: 'set', dst: context.frame.assigned(stmt.dst, value), value }, place, context);
    }
  }

  #return({ value }: Stmt & { op: 'return' }, place: Place, context: Context): void {
    const { returnDst: dst, returned } = context;
    if (value && dst !== undefined) {
      const result = this.#expr(value, context);
      const known = result.op === 'const' ? result.value : undefined;
      returned.value = returned.isFirst || returned.value === known ? known : undefined;
      returned.isFirst = false;
      this.#node({ op: 'set', dst, value: result }, place, context);
    }
    this.#come(context.returnTo, context.frame);
  }

  #if(stmt: Stmt & { op: 'if' }, place: Place, context: Context): void {
    const condition = this.#expr(stmt.condition, context);
    if (condition.op === 'const') {
      this.#list(condition.value ? stmt.then : stmt.else, context);
      return;
    }
    const { frame } = context;
    const branch = this.#node({ op: 'branch', condition }, place, context);
    const before = frame.knownBeside(undefined);
    const after = nobody();
    this.#list(stmt.then, context);
    this.#come(after, frame);
    this.#leave({ holes: [branch * 2 + 1], known: before }, frame);
    this.#list(stmt.else, context);
    this.#come(after, frame);
    this.#leave(after, frame);
  }

  #loop(stmt: Stmt & { op: 'loop' }, place: Place, context: Context): void {
    const { frame } = context;
    const head = this.#node({ op: 'jump' }, place, context);
    frame.forget(stmt);
    const [leave, again] = [nobody(), nobody()];
    const labels = new Map(context.labels).set(stmt.label, { leave, again });
    this.#list(stmt.body, { ...context, labels });
    this.#come(again, frame);
    this.#leave(again, frame);
    this.#list(stmt.after, context);
    this.#lead(head);
    this.#leave(leave, frame);
  }

  #atomic(stmt: Stmt & { op: 'atomic' }, place: Place, context: Context): void {
    const inside = { ...context, atomic: true, plain: context.atomic ? context.plain : stmt.plain === true };
    if (!context.atomic) this.#node({ op: 'enter' }, place, inside);
    if (stmt.guard) {
      const { body, enabled, reason } = stmt.guard;
      this.#list(body, inside);
      this.#node({ op: 'guard', enabled: this.#expr(enabled, inside), reason }, place, inside);
    }
    this.#list(stmt.body, inside);
  }

  #call(stmt: Stmt & { op: 'call' }, place: Place, context: Context): void {
    const callee = this.#program.functions.get(stmt.callee);
    assert(callee !== undefined, `no function ${stmt.callee}`);
    if (++this.#depth > MAX_DEPTH) throw tooLarge(place, `calls nested more than ${MAX_DEPTH} deep`);
    const frame = new Frame(callee, factsOf(callee), this);
    const hasClosure = stmt.args.some((arg) => arg.op === 'closure');
    stmt.args.forEach((arg, param) => {
      this.#sets(frame.bindParameter(param, this.#argument(arg, context), hasClosure), place, context);
    });
    const { atomic, plain } = context;
    const returned: Context['returned'] = { value: undefined, isFirst: true };
    const returnDst = stmt.dst === undefined ? undefined : context.frame.local(stmt.dst);
    const returnTo = nobody();
    this.#list(callee.body, {
      ...{ frame, labels: new Map(), up: place, atomic, plain, returnTo, returnDst, returned },
    });
    const isAlwaysReturned = this.#open.length === 0;
    this.#come(returnTo, frame);
    this.#open = returnTo.holes;
    if (stmt.dst !== undefined) context.frame.learn(stmt.dst, isAlwaysReturned ? returned.value : undefined);
    this.#depth--;
  }

  #argument(arg: Expr | Closure, context: Context): Binding {
    if (arg.op === 'closure') return { kind: 'closure', closure: arg, frame: context.frame };
    if (arg.op === 'local' && arg.type.kind === 'closure') return context.frame.closure(arg.id);
    return { kind: 'expr', value: this.#expr(arg, context) };
  }

  #callParam(stmt: Stmt & { op: 'callParam' }, place: Place, context: Context): void {
    const { closure, frame } = context.frame.closure(stmt.param);
    const { atomic, plain } = context;
    const values = stmt.args.map((arg) => this.#expr(arg, context));
    const sets = closure.params.map((param, i) => ({ dst: frame.assigned(param), value: values[i] }));
    this.#sets(sets, place, context);
    const returnTo = nobody();
    const returned = { value: undefined, isFirst: true };
    this.#list(closure.body, {
      ...{ frame, labels: new Map(), up: place, atomic, plain, returnTo, returnDst: undefined, returned },
    });
    this.#come(returnTo, frame);
    this.#leave(returnTo, frame);
    if (stmt.dst === undefined || this.#open.length === 0) return;
    assert(closure.result !== undefined, `a closure without value is used as one in ${context.frame.fn.name}`);
    const value: Expr = { op: 'local', type: closure.returns, id: frame.local(closure.result) };
    this.#node({ op: 'set', dst: context.frame.assigned(stmt.dst), value }, place, context);
  }
}

function nobody(): Meeting {
  return { holes: [], known: undefined };
}

/** What is true of functions: of the same ones in every task, and in every program that has them. */
const facts = new WeakMap<FunctionIR, FunctionFacts>();

function factsOf(fn: FunctionIR): FunctionFacts {
  const known = facts.get(fn) ?? new FunctionFacts(fn);
  facts.set(fn, known);
  return known;
}

function tooLarge(place: Place, what: string): InputError {
  const { file, line, column } = place.loc;
  return new InputError({
    code: 'RZ2101',
    message: `this task has ${what}`,
    place: { file, line, column },
    hint: 'check a smaller part of it',
  });
}
