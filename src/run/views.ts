// SPDX-License-Identifier: Apache-2.0
/**
 * A machine as its users hold it: kernel functions on objects and booleans instead of numbers. An object is a view of
 * one struct instance, always the same one for the same instance: reading a field reads live memory, assigning writes it.
 *
 * Views are for looking in from outside: they check that a value has the right type, not that the instance is alive.
 * Like the kernel's code they are generated (text for `new Function`), so that a call costs little more than on numbers.
 * Not here: the types of the functions (src/app/boot.ts knows the kernel's; nothing here does).
 */
import { assert } from '../base/assert.js';
import type { Field, FunctionIR, ProgramIR, Struct, Type } from '../compiler/ir.js';
import { embeddedStruct } from '../compiler/layout.js';
import { type Cells, columnOf, placeCells } from './cells.js';
import { apiUrl } from './frames.js';
import type { Machine } from './machine.js';
import { describeInstance, instanceName } from './names.js';

/** What callers get: functions and module-level objects by name. */
export type Api = Record<string, unknown>;

/** @returns every exported function that takes no arrow function, module-level object and constant, by name */
export function makeApi(machine: Machine): Api {
  const { program, layout, memory, functions } = machine;
  const cells = placeCells(program, layout);
  const text = new ViewPrinter(program, cells).print();
  const words = new Int32Array(memory);
  const make = new Function('$m', '$raw', '$help', text) as (m: Int32Array, raw: object, help: object) => Api;
  return make(words, Object.fromEntries(functions), helpers(machine, cells, words));
}

function helpers(machine: Machine, cells: Cells, words: Int32Array) {
  const { program, layout } = machine;
  return {
    scalarArray,
    inspect: Symbol.for('nodejs.util.inspect.custom'),
    name: (struct: string, ref: number) => instanceName(program, layout, struct, ref),
    describe: (struct: string, ref: number) => describeInstance(program, cells, words, struct, ref),
    wrong: (what: string, expected: string, value: unknown) => {
      const got = value === null ? 'null' : typeof value === 'object' ? value.constructor?.name : String(value);
      throw new TypeError(`${what} takes ${expected}, not ${got}`);
    },
  };
}

/** A class of fixed arrays of scalars: elements are accessors, so that reading one reads memory. */
function scalarArray(length: number, read: (word: number) => unknown, write: (word: number, value: unknown) => void) {
  class ScalarArray {
    readonly #start: number;
    constructor(start: number) {
      this.#start = start;
    }
    get length(): number {
      return length;
    }
    *[Symbol.iterator]() {
      for (let i = 0; i < length; i++) yield read(this.#start + i);
    }
    static element(i: number): PropertyDescriptor & ThisType<ScalarArray> {
      return {
        enumerable: true,
        get() {
          return read(this.#start + i);
        },
        set(value) {
          write(this.#start + i, value);
        },
      };
    }
  }
  for (let i = 0; i < length; i++) Object.defineProperty(ScalarArray.prototype, i, ScalarArray.element(i));
  return ScalarArray;
}

class ViewPrinter {
  private readonly out: string[] = [
    "'use strict';",
    'function $int(v, what) { return typeof v === "number" && (v | 0) === v ? v : $help.wrong(what, "an integer of 32 bits", v); }',
    'function $u32(v, what) { return typeof v === "number" && v >>> 0 === v ? v | 0 : $help.wrong(what, "an integer of 32 bits without sign", v); }',
    'function $bool(v, what) { return v === true ? 1 : v === false ? 0 : $help.wrong(what, "a boolean", v); }',
  ];

  constructor(
    private readonly program: ProgramIR,
    private readonly cells: Cells,
  ) {}

  print(): string {
    for (const struct of this.program.structs.values()) this.viewClass(struct);
    const members: string[] = [];
    for (const fn of this.program.functions.values()) if (isCallable(fn)) members.push(this.wrapper(fn));
    for (const name of this.program.globals.keys()) if (isIdentifier(name)) members.push(this.global(name));
    for (const [name, { type, value }] of this.program.constants ?? [])
      members.push(`${name}: ${toApi(type, String(value))}`);
    this.out.push(`return { ${members.join(',\n')} };`, `//# sourceURL=${apiUrl}`);
    return this.out.join('\n');
  }

  private viewClass(struct: Struct): void {
    const { name } = struct;
    const members: string[] = [];
    for (const field of struct.fields) this.field(struct, field, members);
    const count = this.cells.layout.instances.get(name) ?? 0;
    this.out.push(
      `const ${name}$all = new Array(${count + 1}).fill(null);`,
      `function ${name}$view(ref) { return ref === 0 ? null : (${name}$all[ref] ?? (${name}$all[ref] = new ${name}$class(ref))); }`,
      `function ${name}$ref(v, what) { return v === null ? 0 : ${name}$class.ref(v, what); }`,
      `const ${name}$class = class ${name} {`,
      '  #ref;',
      '  constructor(ref) { this.#ref = ref; }',
      `  static ref(v, what) { return typeof v === "object" && #ref in v ? v.#ref : $help.wrong(what, "a ${name} of this machine, or null", v); }`,
      `  toString() { return $help.name("${name}", this.#ref); }`,
      `  toJSON() { return $help.describe("${name}", this.#ref); }`,
      `  [$help.inspect](depth, options, inspect) { return "${name} " + this + " " + inspect(this.toJSON(), options); }`,
      ...members,
      '};',
    );
  }

  private field(struct: Struct, field: Field, members: string[]): void {
    const { name, length } = field;
    if (field.embed) this.embedded(struct, field, members);
    else if (length > 1) this.scalars(struct, field, members);
    else {
      const cell = `$m[${this.wordBase(struct, field) - 1} + this.#ref]`;
      members.push(`  get ${name}() { return ${toApi(field.type, cell)}; }`);
      members.push(`  set ${name}(v) { ${cell} = ${fromApi(field.type, 'v', `${struct.name}.${name}`)}; }`);
    }
  }

  private wordBase(struct: Struct, field: Field): number {
    return this.cells.base[columnOf(this.cells.layout, struct.name, field.name).id];
  }

  private embedded(struct: Struct, field: Field, members: string[]): void {
    const { name, length } = field;
    const inner = embeddedStruct(field);
    const first = this.cells.layout.embedBase.get(`${struct.name}.${name}`);
    assert(first !== undefined, `${struct.name}.${name} has no place`);
    if (length === 1) {
      members.push(`  get ${name}() { return ${inner}$view(${first} + this.#ref); }`);
      return;
    }
    const element = `${inner}$view(${first + 1} + (this.#ref - 1) * ${length} + i)`;
    members.push(`  #${name}$array;`);
    members.push(
      `  get ${name}() { return this.#${name}$array ??= Object.freeze(Array.from({ length: ${length} }, (_, i) => ${element})); }`,
    );
  }

  private scalars(struct: Struct, field: Field, members: string[]): void {
    const { name, length, type } = field;
    const made = `${struct.name}$${name}`;
    const write = fromApi(type, 'v', `${struct.name}.${name}[]`);
    this.out.push(
      `const ${made} = $help.scalarArray(${length}, (w) => ${toApi(type, '$m[w]')}, (w, v) => { $m[w] = ${write}; });`,
    );
    const start = `${this.wordBase(struct, field)} + (this.#ref - 1) * ${length}`;
    members.push(`  #${name}$array;`);
    members.push(`  get ${name}() { return this.#${name}$array ??= new ${made}(${start}); }`);
  }

  private wrapper(fn: FunctionIR): string {
    const types = fn.locals.slice(0, fn.params).map(({ type }) => type);
    const params = types.map((_, i) => `a${i}`);
    const args = types.map((type, i) => fromApi(type, `a${i}`, fn.name));
    this.out.push(`const raw$${fn.name} = $raw.${fn.name};`);
    return `${fn.name}(${params.join(', ')}) { return ${toApi(fn.returns, `raw$${fn.name}(${args.join(', ')})`)}; }`;
  }

  private global(name: string): string {
    const global = this.program.globals.get(name);
    const base = this.cells.layout.globalBase.get(name);
    assert(global !== undefined && base !== undefined, `global ${name} has no place`);
    const { struct, count, isArray } = global;
    if (!isArray) return `get ${name}() { return ${struct}$view(${base + 1}); }`;
    this.out.push(`let array$${name};`);
    const views = `Array.from({ length: ${count} }, (_, i) => ${struct}$view(${base + 1} + i))`;
    return `get ${name}() { return array$${name} ??= Object.freeze(${views}); }`;
  }
}

function isIdentifier(name: string): boolean {
  return /^[A-Za-z_]\w*$/.test(name);
}

function isCallable(fn: FunctionIR): boolean {
  const takesClosure = fn.locals.slice(0, fn.params).some(({ type }) => type.kind === 'closure');
  return fn.exported && isIdentifier(fn.name) && !takesClosure;
}

/** Text that turns a kernel value into what callers see. */
function toApi(type: Type, value: string): string {
  switch (type.kind) {
    case 'bool':
      return `${value} !== 0`;
    case 'ref':
      return `${type.struct}$view(${value})`;
    case 'int':
      return type.bits === 32 && !type.signed ? `${value} >>> 0` : value;
    case 'void':
      return `void ${value}`;
    default:
      return value;
  }
}

/** Text that checks what a caller handed in and turns it into a kernel value. */
function fromApi(type: Type, value: string, what: string): string {
  const name = JSON.stringify(what);
  switch (type.kind) {
    case 'bool':
      return `$bool(${value}, ${name})`;
    case 'ref':
      return `${type.struct}$ref(${value}, ${name})`;
    case 'int':
      return type.bits === 32 && !type.signed ? `$u32(${value}, ${name})` : `$int(${value}, ${name})`;
    case 'text':
      return `String(${value})`;
    default:
      return `$int(${value}, ${name})`;
  }
}
