// SPDX-License-Identifier: Apache-2.0
/**
 * One program: starts from the functions wanted and draws in what they call and mention, lowered for one kernel.
 */
import ts from '#typescript';
import { InternalError } from '../base/assert.js';
import type { Diagnostic } from '../base/diagnostic.js';
import { Constants, type Setting } from './consts.js';
import { locOf, Refusal, refuse } from './diagnostics.js';
import type { Signature, Surroundings } from './frame.js';
import type { FunctionIR, GlobalObject, ProgramIR } from './ir.js';
import { lowerArrow, lowerFunction, parametersOf } from './lowerFunction.js';
import { calledWord, isModuleLevel, unwrap } from './names.js';
import { Types } from './types.js';

export interface BuildOptions extends Setting {
  kernel: string;
  /** files whose names come first; another file's function of a name among these is called `file.ts:name` */
  files: readonly ts.SourceFile[];
  pruning: boolean;
  edits: ReadonlyMap<ts.Node, string>;
  /** lowers only functions of these files; others are known by their types */
  only?: ReadonlySet<ts.SourceFile>;
  /** kernel function -> the scenario's that stands in for it */
  standIns: ReadonlyMap<ts.FunctionDeclaration, ts.FunctionDeclaration>;
}

type KernelObject = GlobalObject & { declaration: ts.VariableDeclaration };

/** Collects a program; use `add…` and then `finish`. */
export class Build implements Surroundings {
  readonly checker: ts.TypeChecker;
  readonly constants: Constants;
  readonly types: Types;
  readonly pruning: boolean;
  readonly edits: ReadonlyMap<ts.Node, string>;
  readonly diagnostics: Diagnostic[] = [];
  /** functions that are called, and not lowered because they are not of the files that were to be */
  readonly beside: ts.FunctionDeclaration[] = [];
  readonly #options: BuildOptions;
  readonly #names: Map<ts.Declaration, string>;
  readonly #signatures = new Map<ts.FunctionDeclaration, Signature>();
  readonly #functions = new Map<string, FunctionIR>();
  readonly #objects = new Map<ts.VariableDeclaration, KernelObject | undefined>();
  readonly #waiting: ts.FunctionDeclaration[] = [];

  constructor(options: BuildOptions) {
    this.#options = options;
    this.checker = options.checker;
    this.pruning = options.pruning;
    this.edits = options.edits;
    this.constants = new Constants(options);
    this.types = new Types(options.checker, this.constants);
    this.#names = uniqueNames(options.files);
  }

  report(error: unknown): void {
    if (!(error instanceof Refusal)) throw error;
    const { place, code, message } = error.diagnostic;
    const same = (other: Diagnostic) =>
      other.code === code &&
      other.message === message &&
      other.place?.file === place?.file &&
      other.place?.line === place?.line;
    if (!this.diagnostics.some(same)) this.diagnostics.push(error.diagnostic);
  }

  /** Runs `work`; what it refuses is reported. */
  attempt<T>(work: () => T): T | undefined {
    try {
      return work();
    } catch (error) {
      this.report(error);
      return undefined;
    }
  }

  /** @returns the name in the program of a function that is part of it from now on */
  add(declaration: ts.FunctionDeclaration): string {
    return this.callee(declaration, undefined).name;
  }

  /** A task or predicate that is a function. @throws Refusal where it does not return what that does */
  addNamed(declaration: ts.FunctionDeclaration, isPredicate: boolean): string {
    const { name, returns } = this.callee(declaration, undefined);
    if (isPredicate && returns.kind !== 'bool') {
      refuse(declaration.name ?? declaration, 'truthiness', `the predicate ${name} does not return a bool`);
    }
    return name;
  }

  addArrow(arrow: ts.ArrowFunction, name: string, isPredicate: boolean): string {
    this.#functions.set(name, lowerArrow(this, arrow, name, isPredicate));
    return name;
  }

  addObject(declaration: ts.VariableDeclaration): void {
    this.object(declaration);
  }

  callee(declaration: ts.FunctionDeclaration, from: ts.FunctionDeclaration | undefined): Signature {
    const standIn = this.#options.standIns.get(declaration);
    const called = standIn && standIn !== from ? standIn : declaration;
    const known = this.#signatures.get(called);
    if (known) return known;
    const name = this.#names.get(called);
    if (name === undefined) return refuse(called, 'functionForm', 'functions stand at module level', 'move it out');
    const signature = { name, ...parametersOf(this.types, called, this.checker) };
    this.#signatures.set(called, signature);
    this.#waiting.push(called);
    return signature;
  }

  object(declaration: ts.VariableDeclaration): KernelObject | undefined {
    if (this.#objects.has(declaration)) return this.#objects.get(declaration);
    const object = this.#makeObject(declaration);
    this.#objects.set(declaration, object);
    return object;
  }

  #makeObject(declaration: ts.VariableDeclaration): KernelObject | undefined {
    const call = declaration.initializer && unwrap(declaration.initializer);
    const word = calledWord(this.checker, call);
    if (!call || !ts.isCallExpression(call) || (word !== 'object' && word !== 'objects')) return undefined;
    if (!isModuleLevel(declaration)) return undefined;
    const [argument] = call.typeArguments ?? [];
    if (!argument) return refuse(call, 'word', `${word} is told its struct`, `${word}<Page>(…)`);
    const type = this.types.ofAnnotation(argument);
    if (type.kind !== 'ref')
      return refuse(argument, 'word', `${word} makes structs only`, 'an interface with one field');
    const isArray = word === 'objects';
    const count = isArray && call.arguments[0] ? this.constants.integer(call.arguments[0], 'the number of objects') : 1;
    if (count < 1) refuse(call, 'arrays', `an array has at least one element, not ${count}`);
    const name = this.#names.get(declaration) ?? declaration.name.getText();
    return { name, struct: type.struct, count, isArray, loc: locOf(declaration), declaration };
  }

  /** Lowers all that was added and what that draws in. @returns the program; `diagnostics` says what was left out of it */
  finish(): ProgramIR {
    for (let next = this.#waiting.pop(); next; next = this.#waiting.pop()) {
      const declaration = next;
      if (this.#options.only && !this.#options.only.has(declaration.getSourceFile())) {
        this.beside.push(declaration);
        continue;
      }
      const name = this.#names.get(declaration);
      if (name === undefined) throw new InternalError('a function without a name');
      const lowered = this.attempt(() => lowerFunction(this, declaration, name));
      if (lowered) this.#functions.set(name, lowered);
    }
    const structs = this.attempt(() => this.types.all()) ?? new Map();
    return {
      kernel: this.#options.kernel,
      structs: sorted(structs),
      globals: sorted(this.#globals()),
      functions: sorted(this.#functions),
      params: sorted(this.constants.params),
    };
  }

  #globals(): Map<string, GlobalObject> {
    const globals = new Map<string, GlobalObject>();
    for (const object of this.#objects.values()) {
      if (!object) continue;
      const { declaration: _, ...global } = object;
      globals.set(global.name, global);
    }
    return globals;
  }
}

/** The order in which things were met depends on the kernel; a fixed one makes programs comparable. */
function sorted<T>(map: ReadonlyMap<string, T>): Map<string, T> {
  return new Map([...map].sort(([a], [b]) => (a < b ? -1 : a > b ? 1 : 0)));
}

/** Gives each function and object a name; the first file to use one keeps it plain. */
function uniqueNames(files: readonly ts.SourceFile[]): Map<ts.Declaration, string> {
  const names = new Map<ts.Declaration, string>();
  const taken = new Set<string>();
  const give = (declaration: ts.Declaration, own: string, file: ts.SourceFile): void => {
    const short = `${file.fileName.slice(file.fileName.lastIndexOf('/') + 1)}:${own}`;
    const name = [own, short].find((candidate) => !taken.has(candidate)) ?? `${file.fileName}:${own}`;
    taken.add(name);
    names.set(declaration, name);
  };
  for (const file of files) {
    for (const statement of file.statements) {
      if (ts.isFunctionDeclaration(statement) && statement.name) give(statement, statement.name.text, file);
      if (!ts.isVariableStatement(statement)) continue;
      for (const declaration of statement.declarationList.declarations)
        give(declaration, declaration.name.getText(), file);
    }
  }
  return names;
}
