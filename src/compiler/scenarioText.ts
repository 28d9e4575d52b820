// SPDX-License-Identifier: Apache-2.0
/**
 * Scenarios: reads the object that a file's `export default scenario({...})` states. Nothing of it is run.
 *
 * Not here: the code of its tasks and predicates (build.ts), kernels and commits (kernels.ts).
 */
import ts from '#typescript';
import type { Diagnostic } from '../base/diagnostic.js';
import type { Edit, Expectation, Scenario, Variant } from './api.js';
import { diagnose, foldedText, locOf, nearest, refuse } from './diagnostics.js';
import { declarationOf, unwrap } from './names.js';

/** A task or predicate as it stands in the source. */
export interface Code {
  name: string;
  node: ts.ArrowFunction | ts.FunctionDeclaration;
  at: ts.Node;
}

/** A scenario with the code that it names. */
export interface ScenarioSource {
  scenario: Scenario;
  file: ts.SourceFile;
  /** the values of its keys, for diagnostics about them */
  entries: ReadonlyMap<string, ts.Node>;
  init: Code | undefined;
  tasks: Code[];
  never: Code[];
  sometimes: Code[];
  finally: Code[];
  variants: Map<string, VariantSource>;
}

export interface VariantSource {
  node: ts.Node;
  /** the value of its `violates` */
  violates: ts.Node;
  edits: { edit: Edit; node: ts.Node }[];
  /** kernel function's name -> the function that stands in */
  standIns: Map<string, { declaration: ts.FunctionDeclaration; node: ts.Node }>;
}

const KEYS =
  'title question about expect violates sizes init tasks never sometimes finally progress endless broken'.split(' ');
const VARIANT_KEYS = 'kernels violates edits functions with without'.split(' ');
/** src/machine/task.ts: the bits of a mask of CPUs. */
const TASKS_MAX = 16;
const EXPECTATIONS: readonly Expectation[] = ['holds', 'violated', 'not applicable'];

/** @returns the scenario of a file. @throws Refusal RZ2007 where it has none, or one that cannot be read */
export function readScenario(
  file: ts.SourceFile,
  checker: ts.TypeChecker,
  report: (d: Diagnostic) => void,
): ScenarioSource {
  const node = scenarioObject(file);
  const reader = new Reader(checker, report);
  const entries = reader.object(node, KEYS);
  for (const key of ['title', 'question', 'about', 'expect', 'tasks', 'sometimes', 'broken']) {
    if (!entries.has(key))
      refuse(node, 'scenarioText', `the scenario has no ${key}`, 'src/machine/scenario.ts says what one has');
  }
  const code = (key: string) => reader.codes(entries.get(key));
  const init = entries.get('init');
  const variants = reader.variants(entries.get('broken'));
  const scenario: Scenario = {
    name: nameOfFile(file.fileName),
    file: file.fileName,
    title: reader.text(entries.get('title')),
    question: reader.text(entries.get('question')),
    about: reader.texts(entries.get('about')),
    expect: reader.map(entries.get('expect'), (value) => reader.expectation(value)),
    violates: reader.map(entries.get('violates'), (value) => reader.text(value)),
    sizes: reader.map(entries.get('sizes'), (value) => reader.integer(value)),
    progress: reader.texts(entries.get('progress')),
    endless: reader.bool(entries.get('endless')),
    variants: variants.map(([variant]) => variant),
    loc: locOf(node),
  };
  const source: ScenarioSource = {
    ...{ scenario, file, entries },
    init: init && reader.code('init', init),
    ...{ tasks: code('tasks'), never: code('never'), sometimes: code('sometimes'), finally: code('finally') },
    variants: new Map(variants.map(([variant, from]) => [variant.name, from])),
  };
  refuseEmpty(source, entries);
  return source;
}

function nameOfFile(path: string): string {
  return path.slice(path.lastIndexOf('/') + 1).replace(/\.ts$/, '');
}

function refuseEmpty({ tasks, sometimes }: ScenarioSource, entries: Map<string, ts.Expression>): void {
  const tasksNode = entries.get('tasks');
  if (tasks.length === 0 && tasksNode) refuse(tasksNode, 'scenarioText', 'a scenario has at least one task');
  if (tasks.length > TASKS_MAX && tasksNode) {
    const hint = 'each task has a CPU, and a mask of CPUs has 16 bits; two to four tasks are usual';
    refuse(tasksNode, 'scenarioText', `${tasks.length} tasks; a scenario has at most ${TASKS_MAX}`, hint);
  }
  const node = entries.get('sometimes');
  if (sometimes.length === 0 && node) {
    refuse(node, 'scenarioText', '`sometimes` is empty', 'state what shows that the interesting situation was reached');
  }
}

function scenarioObject(file: ts.SourceFile): ts.ObjectLiteralExpression {
  const statement = file.statements.find(ts.isExportAssignment);
  const call = statement && unwrap(statement.expression);
  const hint = 'export default scenario({ title: …, tasks: … })';
  if (!call || !ts.isCallExpression(call) || call.expression.getText() !== 'scenario') {
    return refuse(statement ?? file, 'scenarioText', 'the file has no scenario as its default export', hint);
  }
  const object = call.arguments[0] && unwrap(call.arguments[0]);
  if (!object || !ts.isObjectLiteralExpression(object))
    return refuse(call, 'scenarioText', 'scenario takes {...}', hint);
  return object;
}

class Reader {
  readonly #checker: ts.TypeChecker;
  readonly #report: (d: Diagnostic) => void;

  constructor(checker: ts.TypeChecker, report: (d: Diagnostic) => void) {
    this.#checker = checker;
    this.#report = report;
  }

  /** @returns the properties by name; one that is not among `known` is reported. @throws Refusal for `...x` and the like */
  object(expression: ts.Expression, known?: readonly string[]): Map<string, ts.Expression> {
    const node = this.#constant(expression);
    if (!ts.isObjectLiteralExpression(node))
      return refuse(node, 'scenarioText', `{...} is wanted here: ${foldedText(node)}`);
    const entries = new Map<string, ts.Expression>();
    for (const property of node.properties) {
      const [name, value] = this.#property(property);
      if (known && !known.includes(name)) {
        const near = nearest(name, known);
        const hint = near === undefined ? `known: ${known.join(', ')}` : `did you mean ${near}?`;
        this.#report(diagnose(property.name ?? property, 'scenarioText', `unknown: ${name}`, hint));
      }
      if (entries.has(name)) refuse(property, 'scenarioText', `${name} is stated twice`);
      entries.set(name, value);
    }
    return entries;
  }

  #property(property: ts.ObjectLiteralElementLike): [string, ts.Expression] {
    const { name } = property;
    const isName = name && (ts.isIdentifier(name) || ts.isStringLiteralLike(name) || ts.isNumericLiteral(name));
    if (isName && ts.isPropertyAssignment(property)) return [name.text, property.initializer];
    if (isName && ts.isShorthandPropertyAssignment(property)) return [name.text, property.name];
    return refuse(
      property,
      'scenarioText',
      `name: value is wanted here: ${foldedText(property)}`,
      'a scenario is read, not run',
    );
  }

  /** follows the name of a module-level constant to what it stands for */
  #constant(expression: ts.Expression): ts.Expression {
    let node = unwrap(expression);
    for (let depth = 0; depth < 8; depth++) {
      if (ts.isAsExpression(node)) node = unwrap(node.expression);
      if (!ts.isIdentifier(node)) return node;
      const declaration = declarationOf(this.#checker, node);
      if (!declaration || !ts.isVariableDeclaration(declaration) || !declaration.initializer) return node;
      node = unwrap(declaration.initializer);
    }
    return node;
  }

  /** @throws Refusal where it is no literal text; two joined by + are one */
  text(expression: ts.Expression | undefined): string {
    if (!expression) return '';
    const node = this.#constant(expression);
    if (ts.isStringLiteralLike(node)) return node.text;
    if (ts.isBinaryExpression(node) && node.operatorToken.kind === ts.SyntaxKind.PlusToken) {
      return this.text(node.left) + this.text(node.right);
    }
    return refuse(expression, 'scenarioText', `a text in quotes is wanted here: ${foldedText(expression)}`);
  }

  integer(expression: ts.Expression): number {
    const node = this.#constant(expression);
    if (ts.isNumericLiteral(node) && /^(0x[\da-f]+|\d+)$/i.test(node.getText())) return Number(node.text);
    return refuse(expression, 'scenarioText', `an integer is wanted here: ${foldedText(expression)}`);
  }

  bool(expression: ts.Expression | undefined): boolean {
    const node = expression && this.#constant(expression);
    if (!node || node.kind === ts.SyntaxKind.FalseKeyword) return false;
    return node.kind === ts.SyntaxKind.TrueKeyword || refuse(node, 'scenarioText', 'true or false is wanted here');
  }

  expectation(expression: ts.Expression): Expectation {
    const text = this.text(expression);
    const found = EXPECTATIONS.find((each) => each === text);
    return found ?? refuse(expression, 'scenarioText', `no verdict: ${text}`, EXPECTATIONS.join(', '));
  }

  list(expression: ts.Expression | undefined): readonly ts.Expression[] {
    if (!expression) return [];
    const node = this.#constant(expression);
    if (ts.isArrayLiteralExpression(node)) return node.elements;
    return refuse(expression, 'scenarioText', `[...] is wanted here: ${foldedText(expression)}`);
  }

  texts(expression: ts.Expression | undefined): string[] {
    return this.list(expression).map((element) => this.text(element));
  }

  map<T>(expression: ts.Expression | undefined, read: (value: ts.Expression) => T): Map<string, T> {
    if (!expression) return new Map();
    return new Map([...this.object(expression)].map(([name, value]) => [name, read(value)]));
  }

  codes(expression: ts.Expression | undefined): Code[] {
    if (!expression) return [];
    return [...this.object(expression)].map(([name, value]) => this.code(name, value));
  }

  /** @throws Refusal where it is neither an arrow nor a function's name */
  code(name: string, expression: ts.Expression): Code {
    const node = unwrap(expression);
    if (ts.isArrowFunction(node)) return { name, node, at: node };
    const declaration = ts.isIdentifier(node) ? this.#function(node) : undefined;
    if (declaration && declaration.parameters.length === 0) return { name, node: declaration, at: node };
    const hint = 'an arrow or the name of a function without parameters';
    return refuse(node, 'scenarioText', `code is wanted here: ${foldedText(node)}`, hint);
  }

  #function(node: ts.Identifier): ts.FunctionDeclaration | undefined {
    const symbol = this.#checker.getSymbolAtLocation(node);
    const shorthand = ts.isShorthandPropertyAssignment(node.parent)
      ? this.#checker.getShorthandAssignmentValueSymbol(node.parent)
      : symbol;
    const target =
      shorthand && shorthand.flags & ts.SymbolFlags.Alias ? this.#checker.getAliasedSymbol(shorthand) : shorthand;
    const declaration = target?.valueDeclaration;
    return declaration && ts.isFunctionDeclaration(declaration) ? declaration : undefined;
  }

  variants(expression: ts.Expression | undefined): [Variant, VariantSource][] {
    if (!expression) return [];
    return [...this.object(expression)].map(([name, value]) => this.#variant(name, value));
  }

  #variant(name: string, expression: ts.Expression): [Variant, VariantSource] {
    const entries = this.object(expression, VARIANT_KEYS);
    for (const key of ['kernels', 'violates']) {
      if (!entries.has(key)) refuse(expression, 'scenarioText', `the broken variant ${name} has no ${key}`);
    }
    const edits = this.list(entries.get('edits')).map((node) => ({ edit: this.#edit(node), node }));
    const standIns = new Map<string, { declaration: ts.FunctionDeclaration; node: ts.Node }>();
    for (const node of this.list(entries.get('functions'))) {
      const declaration = ts.isIdentifier(node) ? this.#function(node) : undefined;
      const replaced = declaration?.name && /^(.+)__[^_].*$/.exec(declaration.name.text)?.[1];
      if (!declaration || !replaced) {
        refuse(node, 'standIn', `not a stand-in: ${foldedText(node)}`, 'a function of this file called name__variant');
      }
      standIns.set(replaced, { declaration, node });
    }
    const variant: Variant = {
      name,
      kernels: this.texts(entries.get('kernels')),
      violates: this.text(entries.get('violates')),
      edits: edits.map(({ edit }) => edit),
      functions: new Map([...standIns].map(([kernel, { declaration }]) => [kernel, declaration.name?.text ?? kernel])),
      with: this.texts(entries.get('with')),
      without: this.texts(entries.get('without')),
    };
    if (variant.kernels.length === 0)
      refuse(
        expression,
        'scenarioText',
        `the broken variant ${name} names no kernel`,
        "kernels: ['v7.3']: where it must be violated",
      );
    if (['edits', 'functions', 'with', 'without'].every((key) => this.list(entries.get(key)).length === 0))
      refuse(
        expression,
        'scenarioText',
        `the broken variant ${name} changes nothing`,
        'edits, functions, with or without',
      );
    return [variant, { node: expression, violates: entries.get('violates') ?? expression, edits, standIns }];
  }

  #edit(expression: ts.Expression): Edit {
    const entries = this.object(expression, ['in', 'replace', 'by']);
    for (const key of ['in', 'replace', 'by'])
      if (!entries.has(key)) refuse(expression, 'scenarioText', `an edit has ${key}`);
    const [inside, replace, by] = ['in', 'replace', 'by'].map((key) => this.text(entries.get(key)));
    return { in: inside ?? '', replace: replace ?? '', by: by ?? '' };
  }
}
