// SPDX-License-Identifier: Apache-2.0
/**
 * Inlines a function and all it calls, closures too, into one Graph.
 *
 * It is built from the back: each statement is given the node that follows it and returns the node to begin with. Addresses of
 * structs held by value are not kept in locals but handed down as expressions over their hosts (link-bind.ts), so that
 * every access still says through which object it went.
 * Not here: constants and dead code (link-fold.ts); what is a step (link-steps.ts).
 */
import { assert, unreachable } from '../base/assert.js';
import { InputError } from '../base/diagnostic.js';
import { constant, INT } from './fold.js';
import type { Closure, Expr, FunctionIR, Loc, Local, LocalId, ProgramIR, Stmt } from './ir.js';
import type { Layout } from './layout.js';
import type { LineMarks } from './lines.js';
import { type Binding, Frame, FunctionFacts } from './link-bind.js';
import { Folder, type Surroundings } from './link-expr.js';
import type { CellAccess, Graph, Node, NodeId, Op, Place } from './link-graph.js';

const MAX_NODES = 400_000;
/** Calls inside calls. */
const MAX_DEPTH = 200;

/** Whether statements stand in an atomic block, and in one of plain stores. */
type Around = Pick<Node, 'atomic' | 'plain'>;

const OUTSIDE: Around = { atomic: false, plain: false };

/** Where statements stand: the frame, the jump targets, the calls around. */
interface Context {
  frame: Frame;
  labels: Map<string, { leave: NodeId; again: NodeId }>;
  up: Place | undefined;
  atomic: boolean;
  /** within an atomic block whose stores are plain */
  plain: boolean;
  /** where `return` goes, and what it sets */
  returnTo: NodeId;
  returnDst: LocalId | undefined;
}

/**
 * @param name for reports: the task's or predicate's
 * @param surroundings which task this is
 * @param marks if given, every statement begins with a mark of its line
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
  readonly #facts = new Map<string, FunctionFacts>();
  readonly #program: ProgramIR;
  readonly #layout: Layout;
  readonly #surroundings: Surroundings;
  readonly #marks: LineMarks | undefined;
  readonly #folder: Folder;
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
    const end = this.#node({ op: 'end' }, -1, { loc: fn.loc, function: fn.name, text: '', up: undefined }, OUTSIDE);
    const context: Context = {
      frame: new Frame(fn, this.#factsOf(fn), this),
      labels: new Map(),
      up: undefined,
      ...OUTSIDE,
      returnTo: end,
      returnDst: result,
    };
    const entry = this.#list(fn.body, end, context);
    return { name, nodes: this.nodes, entry, locals: this.locals, result };
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

  #node(op: Op, next: NodeId, place: Place, { atomic, plain }: Around, other: NodeId = -1): NodeId {
    if (this.nodes.length - this.#marked >= MAX_NODES)
      throw tooLarge(place, `more than ${MAX_NODES} operations once its calls are inlined`);
    this.nodes.push({ op, next, other, place, atomic, plain });
    return this.nodes.length - 1;
  }

  #factsOf(fn: FunctionIR): FunctionFacts {
    let facts = this.#facts.get(fn.name);
    if (!facts) {
      facts = new FunctionFacts(fn);
      this.#facts.set(fn.name, facts);
    }
    return facts;
  }

  #list(statements: readonly Stmt[], next: NodeId, context: Context): NodeId {
    let entry = next;
    for (let i = statements.length - 1; i >= 0; i--) entry = this.#statement(statements[i], entry, context);
    return entry;
  }

  #place(stmt: { loc: Loc; text?: string }, context: Context): Place {
    return { loc: stmt.loc, function: context.frame.fn.name, text: stmt.text ?? '', up: context.up };
  }

  #expr(expr: Expr, context: Context): Expr {
    return this.fold(context.frame.rename(expr));
  }

  #statement(stmt: Stmt, next: NodeId, context: Context): NodeId {
    const place = this.#place(stmt, context);
    const entry = this.#unmarked(stmt, next, place, context);
    if (!this.#marks || stmt.op === 'block') return entry;
    this.#marked++;
    return this.#node({ op: 'mark', line: this.#marks.number(stmt.loc) }, entry, place, context);
  }

  #unmarked(stmt: Stmt, next: NodeId, place: Place, context: Context): NodeId {
    switch (stmt.op) {
      case 'set':
        return this.#set(stmt, next, place, context);
      case 'load': {
        const dst = context.frame.local(stmt.dst);
        return this.#node({ op: 'load', dst, cell: this.#cell(stmt, context) }, next, place, context);
      }
      case 'store': {
        const value = this.#expr(stmt.value, context);
        return this.#node({ op: 'store', cell: this.#cell(stmt, context), value }, next, place, context);
      }
      case 'call':
        return this.#call(stmt, next, place, context);
      case 'callParam':
        return this.#callParam(stmt, next, place, context);
      case 'if':
        return this.#if(stmt, next, place, context);
      case 'loop':
        return this.#loop(stmt, next, place, context);
      case 'block': {
        const labels = new Map(context.labels).set(stmt.label, { leave: next, again: next });
        return this.#list(stmt.body, next, { ...context, labels });
      }
      case 'break':
        return this.#label(stmt.label, context).leave;
      case 'continue':
        return this.#label(stmt.label, context).again;
      case 'return':
        if (!stmt.value || context.returnDst === undefined) return context.returnTo;
        return this.#node(
          { op: 'set', dst: context.returnDst, value: this.#expr(stmt.value, context) },
          context.returnTo,
          place,
          context,
        );
      case 'atomic':
        return this.#atomic(stmt, next, place, context);
      case 'choose': {
        const dst = context.frame.local(stmt.dst);
        return this.#node({ op: 'choose', dst, count: this.#expr(stmt.count, context) }, next, place, context);
      }
      case 'fence':
        return this.#surroundings.buffered ? this.#node({ op: 'fence' }, next, place, context) : next;
      case 'buffered': {
        const dst = context.frame.local(stmt.dst);
        if (this.#surroundings.buffered) return this.#node({ op: 'buffered', dst }, next, place, context);
        return this.#node({ op: 'set', dst, value: constant(INT, 0) }, next, place, context);
      }
      case 'fail': {
        const message = this.#expr(stmt.message, context);
        assert(message.op === 'text', `the message of fail is not a literal at ${stmt.loc.file}:${stmt.loc.line}`);
        return this.#node({ op: 'fail', kind: stmt.kind, message: message.value }, -1, place, context);
      }
      default:
        return unreachable(stmt);
    }
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

  #sets(sets: readonly { dst: LocalId; value: Expr }[], next: NodeId, place: Place, around: Around): NodeId {
    let entry = next;
    for (let i = sets.length - 1; i >= 0; i--) {
      const { dst, value } = sets[i];
      entry = this.#node({ op: 'set', dst, value: this.fold(value) }, entry, place, around);
    }
    return entry;
  }

  #set(stmt: Stmt & { op: 'set' }, next: NodeId, place: Place, context: Context): NodeId {
    const address = context.frame.address(stmt.dst);
    if (address) return this.#sets(address.snapshots, next, place, context);
    const dst = context.frame.local(stmt.dst);
    return this.#node({ op: 'set', dst, value: this.#expr(stmt.value, context) }, next, place, context);
  }

  #if(stmt: Stmt & { op: 'if' }, next: NodeId, place: Place, context: Context): NodeId {
    const condition = this.#expr(stmt.condition, context);
    if (condition.op === 'const') return this.#list(condition.value ? stmt.then : stmt.else, next, context);
    const yes = this.#list(stmt.then, next, context);
    const no = this.#list(stmt.else, next, context);
    return this.#node({ op: 'branch', condition }, yes, place, context, no);
  }

  #loop(stmt: Stmt & { op: 'loop' }, next: NodeId, place: Place, context: Context): NodeId {
    const head = this.#node({ op: 'jump' }, -1, place, context);
    const after = this.#list(stmt.after, head, context);
    const labels = new Map(context.labels).set(stmt.label, { leave: next, again: after });
    this.nodes[head].next = this.#list(stmt.body, after, { ...context, labels });
    return head;
  }

  #atomic(stmt: Stmt & { op: 'atomic' }, next: NodeId, place: Place, context: Context): NodeId {
    const inside = { ...context, atomic: true, plain: context.atomic ? context.plain : stmt.plain === true };
    let entry = this.#list(stmt.body, next, inside);
    if (stmt.guard) {
      const { enabled, reason } = stmt.guard;
      entry = this.#node({ op: 'guard', enabled: this.#expr(enabled, inside), reason }, entry, place, inside);
      entry = this.#list(stmt.guard.body, entry, inside);
    }
    return context.atomic ? entry : this.#node({ op: 'enter' }, entry, place, inside);
  }

  #call(stmt: Stmt & { op: 'call' }, next: NodeId, place: Place, context: Context): NodeId {
    const callee = this.#program.functions.get(stmt.callee);
    assert(callee !== undefined, `no function ${stmt.callee}`);
    if (++this.#depth > MAX_DEPTH) throw tooLarge(place, `calls nested more than ${MAX_DEPTH} deep`);
    const frame = new Frame(callee, this.#factsOf(callee), this);
    const hasClosure = stmt.args.some((arg) => arg.op === 'closure');
    const sets: { dst: LocalId; value: Expr }[] = [];
    stmt.args.forEach((arg, param) => {
      sets.push(...frame.bindParameter(param, this.#argument(arg, context), hasClosure));
    });
    const entry = this.#list(callee.body, next, {
      frame,
      labels: new Map(),
      up: place,
      atomic: context.atomic,
      plain: context.plain,
      returnTo: next,
      returnDst: stmt.dst === undefined ? undefined : context.frame.local(stmt.dst),
    });
    this.#depth--;
    return this.#sets(sets, entry, place, context);
  }

  #argument(arg: Expr | Closure, context: Context): Binding {
    if (arg.op === 'closure') return { kind: 'closure', closure: arg, frame: context.frame };
    if (arg.op === 'local' && arg.type.kind === 'closure') return context.frame.closure(arg.id);
    return { kind: 'expr', value: this.#expr(arg, context) };
  }

  #callParam(stmt: Stmt & { op: 'callParam' }, next: NodeId, place: Place, context: Context): NodeId {
    const { closure, frame } = context.frame.closure(stmt.param);
    let returnTo = next;
    if (stmt.dst !== undefined) {
      assert(closure.result !== undefined, `a closure without value is used as one in ${context.frame.fn.name}`);
      const value: Expr = { op: 'local', type: closure.returns, id: frame.local(closure.result) };
      returnTo = this.#node({ op: 'set', dst: context.frame.local(stmt.dst), value }, next, place, context);
    }
    const entry = this.#list(closure.body, returnTo, {
      frame,
      labels: new Map(),
      up: place,
      atomic: context.atomic,
      plain: context.plain,
      returnTo,
      returnDst: undefined,
    });
    const sets = closure.params.map((param, i) => ({
      dst: frame.local(param),
      value: this.#expr(stmt.args[i], context),
    }));
    return this.#sets(sets, entry, place, context);
  }
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
