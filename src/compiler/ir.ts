// SPDX-License-Identifier: Apache-2.0
/**
 * The one intermediate representation: what a kernel's functions do, with every access to shared memory spelled out.
 *
 * It is structured (ifs and loops, no jumps), typed and per kernel: switches are already decided. src/run prints it as
 * JavaScript; link.ts inlines it into one graph of steps per task for src/explore. Expressions are pure: they
 * read locals and constants only, so a statement makes at most one shared access.
 *
 * Memory is columns: for each field of each struct one array with an element per instance. A reference to a struct is
 * 1 + the instance's index, 0 is null. A struct held by value in another (`struct<T>`, `..._t`, array) is an instance of
 * its own struct, whose index follows from the index of the one around it (see EmbedExpr).
 */

export interface Loc {
  /** path as the user knows it: `src/linux/mm/gup.ts`, or the scenario's path */
  file: string;
  line: number;
  column: number;
}

export type Type =
  | { kind: 'void' }
  | { kind: 'bool' }
  /** bits and sign of what a state stores; every computation is on 32-bit signed integers */
  | { kind: 'int'; name: string; bits: 8 | 16 | 32; signed: boolean }
  | { kind: 'addr' }
  /** nullable pointer */
  | { kind: 'ref'; struct: string }
  /** an arrow function handed down; only ever a parameter */
  | { kind: 'closure' }
  /** a string literal handed down to `fail` */
  | { kind: 'text' };

export interface Field {
  name: string;
  /** a scalar or a pointer: the field is a column. A struct held by value: `embed` names it instead. */
  type: Type;
  /** the struct held by value here; then `type` is `ref` to it and there is no column */
  embed: boolean;
  /** how many: 1, or the length of a fixed array */
  length: number;
  /** exists only for the checker; accesses are no steps */
  ghost: boolean;
  /** state of a CPU, not memory: no store to it waits in a store buffer */
  cpuState: boolean;
  loc: Loc;
}

export interface Struct {
  /** unique: the interface's name */
  name: string;
  fields: Field[];
  loc: Loc;
  /**
   * Name of the field `poisoned: ghost<bool>` if the struct has one: any access to another field of an instance (or to
   * what that instance holds by value) while it is true is a use after free.
   */
  poison: boolean;
}

/** A module-level `object<T>()` or `objects<T>(n)`. */
export interface GlobalObject {
  /** unique in the program: `mem_map`; file-qualified where two files use one name */
  name: string;
  struct: string;
  count: number;
  /** declared with `objects`: shown with an index, and index_of works on it */
  isArray: boolean;
  loc: Loc;
}

// ---- pure expressions -------------------------------------------------------------------------------------------

/** Index into FunctionIR.locals. */
export type LocalId = number;

export type Unary = '-' | '~' | '!';
/** on 32-bit signed integers, C's meaning; `/` and `%` truncate; comparisons give bool; `===` also on refs and addrs */
export type Binary =
  | '+'
  | '-'
  | '*'
  | '/'
  | '%'
  | '&'
  | '|'
  | '^'
  | '<<'
  | '>>'
  | '>>>'
  | '<'
  | '<='
  | '>'
  | '>='
  | '==='
  | '!=='
  | '&&'
  | '||';

export type Expr =
  | { op: 'const'; type: Type; value: number }
  | { op: 'text'; value: string }
  | { op: 'local'; type: Type; id: LocalId }
  | { op: 'unary'; type: Type; operator: Unary; operand: Expr }
  | { op: 'binary'; type: Type; operator: Binary; left: Expr; right: Expr }
  | { op: 'select'; type: Type; condition: Expr; then: Expr; else: Expr }
  /** a module-level object, or element `index` of one declared with `objects` (index from 0, checked) */
  | { op: 'global'; type: Type; name: string; index?: Expr }
  /**
   * The address of what field `field` of `*base` holds by value; `index` in a by-value array (checked). Null base is a
   * null dereference. The instance's index is
   * `firstInstance(struct of base, field) + (base - 1) * length + index` (layout.ts).
   */
  | { op: 'embed'; type: Type; base: Expr; struct: string; field: string; index?: Expr }
  /** position of a reference in a global array, -1 if it lies elsewhere */
  | { op: 'indexOf'; type: Type; global: string; operand: Expr }
  /** the identity of an object (never 0 unless null), or of a scalar field if `field` is given */
  | { op: 'addrOf'; type: Type; operand: Expr; struct: string; field?: string; index?: Expr }
  | { op: 'currentTask'; type: Type }
  | { op: 'taskCount'; type: Type };

/** An argument that is an arrow function: its parameters and body live in the caller's frame of locals. */
export interface Closure {
  op: 'closure';
  params: LocalId[];
  returns: Type;
  body: Stmt[];
  /** where `return` inside `body` puts its value; absent if void */
  result?: LocalId;
  loc: Loc;
}

/** The source of a call or access, white space folded, at most 80 characters: `put_page_testzero(page)`. */
export type Text = string;

// ---- statements -------------------------------------------------------------------------------------------------

/** Labels are unique in a function. */
export type Label = string;

export type Stmt =
  | { op: 'set'; dst: LocalId; value: Expr; loc: Loc }
  /** one shared read of a column; no step of its own if `ghost` or inside `atomic` */
  | {
      op: 'load';
      dst: LocalId;
      struct: string;
      field: string;
      ref: Expr;
      index?: Expr;
      ghost: boolean;
      text: Text;
      loc: Loc;
    }
  | {
      op: 'store';
      struct: string;
      field: string;
      ref: Expr;
      index?: Expr;
      value: Expr;
      ghost: boolean;
      text: Text;
      loc: Loc;
    }
  | { op: 'call'; dst?: LocalId; callee: string; args: (Expr | Closure)[]; text: Text; loc: Loc }
  /** calls a parameter that is a closure */
  | { op: 'callParam'; dst?: LocalId; param: LocalId; args: Expr[]; text: Text; loc: Loc }
  | { op: 'if'; condition: Expr; then: Stmt[]; else: Stmt[]; loc: Loc }
  /** forever; `continue` goes to `after`, which then goes back to `body` */
  | { op: 'loop'; label: Label; body: Stmt[]; after: Stmt[]; loc: Loc }
  /** leaves the loop or block `label` */
  | { op: 'break'; label: Label; loc: Loc }
  | { op: 'continue'; label: Label; loc: Loc }
  /** a plain block that `break label` leaves (from labelled statements and inlined returns) */
  | { op: 'block'; label: Label; body: Stmt[]; loc: Loc }
  /** returns from the function; inside a closure body: from the closure, value in Closure.result beforehand */
  | { op: 'return'; value?: Expr; loc: Loc }
  /**
   * One step. Without `guard` always enabled. With it: `guard` computes `enabled` from the state (loads, no stores);
   * the step is possible only while that is true, and then `body` runs in it.
   */
  | {
      op: 'atomic';
      guard?: { body: Stmt[]; enabled: Expr; reason: 'lock' | 'sleep' | 'ipi' | 'grace period' };
      body: Stmt[];
      /** what it writes is plain stores, which may wait in a store buffer */
      plain?: true;
      loc: Loc;
    }
  /** waits until the task's store buffer is empty */
  | { op: 'fence'; loc: Loc }
  /** the CPUs whose store buffers are not empty, a bit each */
  | { op: 'buffered'; dst: LocalId; loc: Loc }
  | { op: 'choose'; dst: LocalId; count: Expr; loc: Loc }
  | { op: 'fail'; kind: 'BUG' | 'WARN' | 'assert' | 'spec'; message: Expr; loc: Loc };

export interface Local {
  /** the source's name, or `$n` for a temporary */
  name: string;
  type: Type;
}

export interface FunctionIR {
  /** unique in the program: the function's own name, file-qualified where two modules use one name */
  name: string;
  /** how many of `locals`, from 0, are parameters */
  params: number;
  returns: Type;
  locals: Local[];
  body: Stmt[];
  loc: Loc;
  exported: boolean;
}

/** A whole program for one kernel. */
export interface ProgramIR {
  kernel: string;
  structs: Map<string, Struct>;
  globals: Map<string, GlobalObject>;
  functions: Map<string, FunctionIR>;
  /** the values that `param` took */
  params: Map<string, number>;
  /** exported constants by name (`FOLL_PIN`, a switch), in a program made for `boot` */
  constants?: Map<string, { type: Type; value: number }>;
}
