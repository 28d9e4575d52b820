// SPDX-License-Identifier: Apache-2.0
/**
 * What restricted TypeScript leaves out, as far as it shows in the syntax: one walk over each file.
 *
 * Not here: what needs to know types or constants (the lowering refuses that), recursion and waits (flow.ts).
 */
import ts from '#typescript';
import type { Diagnostic } from '../base/diagnostic.js';
import { diagnose, foldedText, type Rule } from './diagnostics.js';
import { isMachineFile, unwrap } from './names.js';

/** A diagnostic with the node it is about: what TypeScript says about the same lines is then left out. */
export interface Offence {
  diagnostic: Diagnostic;
  node: ts.Node;
}

type Verdict = readonly [rule: Rule, message: string, hint: string];

const { SyntaxKind } = ts;

const byKind: ReadonlyMap<ts.SyntaxKind, Verdict> = new Map<ts.SyntaxKind, Verdict>([
  [SyntaxKind.ClassDeclaration, ['declaration', 'no classes', 'an interface for the data, functions beside it']],
  [SyntaxKind.ClassExpression, ['declaration', 'no classes', 'an interface for the data, functions beside it']],
  [SyntaxKind.EnumDeclaration, ['declaration', 'no enums', 'export const MEMORY_DEVICE_PRIVATE = 1']],
  [SyntaxKind.ModuleDeclaration, ['declaration', 'no namespaces', 'a file is a module']],
  [SyntaxKind.Decorator, ['declaration', 'no decorators', 'leave it out']],
  [SyntaxKind.AnyKeyword, ['any', 'no `any`', 'name the type']],
  [SyntaxKind.TryStatement, ['exceptions', 'no exceptions', 'return an error number: -EBUSY']],
  [SyntaxKind.ThrowStatement, ['exceptions', 'no exceptions', 'BUG_ON, or return an error number: -EBUSY']],
  [SyntaxKind.AwaitExpression, ['async', 'no async functions', 'a task waits with when(…), or what is built on it']],
  [SyntaxKind.YieldExpression, ['async', 'no generators', 'a loop']],
  [SyntaxKind.ObjectBindingPattern, ['destructuring', 'no destructuring', 'one variable for each part']],
  [SyntaxKind.ArrayBindingPattern, ['destructuring', 'no destructuring', 'one variable for each part']],
  [SyntaxKind.SpreadElement, ['destructuring', 'no spread', 'write the parts']],
  [SyntaxKind.SpreadAssignment, ['destructuring', 'no spread', 'write the parts']],
  [SyntaxKind.TemplateExpression, ['strings', 'no strings but messages', "a message is a literal: 'page is free'"]],
  [SyntaxKind.TaggedTemplateExpression, ['strings', 'no strings but messages', 'leave it out']],
  [SyntaxKind.RegularExpressionLiteral, ['strings', 'no regular expressions', 'leave it out']],
  [SyntaxKind.BigIntLiteral, ['integers', 'integers are 32 bits wide', 'leave out the n']],
  [SyntaxKind.ForOfStatement, ['forOf', 'no for-of', 'for (let i: int = 0; i < N; i++)']],
  [SyntaxKind.ForInStatement, ['forOf', 'no for-in', 'for (let i: int = 0; i < N; i++)']],
  [
    SyntaxKind.TypeOfExpression,
    ['operator', 'no typeof in code', 'types are known; typeof N gives an array its length'],
  ],
  [SyntaxKind.DeleteExpression, ['operator', 'no delete', 'assign null or 0']],
  [SyntaxKind.VoidExpression, ['operator', 'no void', 'leave it out']],
  [SyntaxKind.NewExpression, ['operator', 'no new', 'objects stand at module level: object<T>(), objects<T>(n)']],
  [SyntaxKind.ThisKeyword, ['operator', 'no this', 'pass the object as a parameter']],
  [SyntaxKind.SuperKeyword, ['operator', 'no super', 'leave it out']],
  [SyntaxKind.FunctionExpression, ['functionForm', 'no function expressions', 'an arrow, as an argument: () => {…}']],
  [SyntaxKind.MethodDeclaration, ['functionForm', 'no methods', 'a function that takes the object']],
  [SyntaxKind.GetAccessor, ['functionForm', 'no accessors', 'a function that takes the object']],
  [SyntaxKind.SetAccessor, ['functionForm', 'no accessors', 'a function that takes the object']],
  [SyntaxKind.DebuggerStatement, ['statement', 'no debugger', 'leave it out']],
  [SyntaxKind.WithStatement, ['statement', 'no with', 'leave it out']],
  [SyntaxKind.SatisfiesExpression, ['cast', 'no satisfies', 'annotate the constant']],
  [SyntaxKind.TypeAssertionExpression, ['cast', 'no <T>x', 'x as T, between integer types']],
]);

const byOperator: ReadonlyMap<ts.SyntaxKind, Verdict> = new Map<ts.SyntaxKind, Verdict>([
  [SyntaxKind.EqualsEqualsToken, ['looseEquality', 'no ==', 'write ===']],
  [SyntaxKind.ExclamationEqualsToken, ['looseEquality', 'no !=', 'write !==']],
  [SyntaxKind.QuestionQuestionToken, ['optionalChaining', 'no ??', 'compare with null: x !== null ? x : y']],
  [SyntaxKind.QuestionQuestionEqualsToken, ['optionalChaining', 'no ??=', 'if (x === null) x = …']],
  [SyntaxKind.AmpersandAmpersandEqualsToken, ['operator', 'no &&=', 'if (x) x = …']],
  [SyntaxKind.BarBarEqualsToken, ['operator', 'no ||=', 'if (!x) x = …']],
  [SyntaxKind.AsteriskAsteriskToken, ['operator', 'no **', 'a shift: 1 << n']],
  [SyntaxKind.AsteriskAsteriskEqualsToken, ['operator', 'no **=', 'a shift: x <<= n']],
  [SyntaxKind.InKeyword, ['operator', 'no in', 'fields are always there']],
  [SyntaxKind.InstanceOfKeyword, ['operator', 'no instanceof', 'types are known']],
]);

const moduleStatements: ReadonlySet<ts.SyntaxKind> = new Set([
  SyntaxKind.ImportDeclaration,
  SyntaxKind.ExportDeclaration,
  SyntaxKind.ExportAssignment,
  SyntaxKind.InterfaceDeclaration,
  SyntaxKind.TypeAliasDeclaration,
  SyntaxKind.FunctionDeclaration,
  SyntaxKind.VariableStatement,
  SyntaxKind.EmptyStatement,
]);

/** @returns everything in the file that the language leaves out */
export function offencesIn(file: ts.SourceFile): Offence[] {
  const offences: Offence[] = [];
  const visit = (node: ts.Node): void => {
    const verdict = judge(node);
    if (verdict) {
      const [rule, message, hint] = verdict;
      offences.push({ diagnostic: diagnose(pointAt(node), rule, message, hint), node });
      return;
    }
    ts.forEachChild(node, visit);
  };
  ts.forEachChild(file, visit);
  return offences;
}

/** the part of a long construct that the caret underlines */
function pointAt(node: ts.Node): ts.Node {
  if (ts.isBinaryExpression(node)) return node.operatorToken;
  if (ts.isFunctionDeclaration(node) || ts.isClassDeclaration(node) || ts.isEnumDeclaration(node))
    return node.name ?? node;
  return node;
}

function judge(node: ts.Node): Verdict | undefined {
  const known = byKind.get(node.kind);
  if (known) return known;
  if (ts.isBinaryExpression(node)) return binary(node);
  if (ts.isFunctionDeclaration(node) || ts.isArrowFunction(node)) return functionForm(node);
  if (ts.isVariableDeclarationList(node)) return variables(node);
  if (ts.isImportDeclaration(node)) return imported(node);
  if (ts.isObjectLiteralExpression(node) || ts.isArrayLiteralExpression(node)) return literal(node);
  if (node.kind === SyntaxKind.QuestionDotToken) {
    return ['optionalChaining', 'no ?.', 'compare with null first: if (x !== null) x.f'];
  }
  if (ts.isCallExpression(node) && node.expression.kind === SyntaxKind.ImportKeyword) {
    return ['imports', 'no import()', 'import at the top of the file'];
  }
  if (ts.isSourceFile(node.parent) && !moduleStatements.has(node.kind) && node.kind !== SyntaxKind.EndOfFileToken) {
    return ['moduleState', `code stands in functions: ${foldedText(node)}`, "a scenario's `init` runs first"];
  }
  return undefined;
}

function binary(node: ts.BinaryExpression): Verdict | undefined {
  if (node.operatorToken.kind !== SyntaxKind.CommaToken) return byOperator.get(node.operatorToken.kind);
  let outer: ts.Node = node;
  while (ts.isBinaryExpression(outer.parent) || ts.isParenthesizedExpression(outer.parent)) outer = outer.parent;
  const inFor = ts.isForStatement(outer.parent) && outer !== outer.parent.condition && outer !== outer.parent.statement;
  return inFor ? undefined : ['operator', 'no comma operator', 'two statements'];
}

function functionForm(node: ts.FunctionDeclaration | ts.ArrowFunction): Verdict | undefined {
  const isAsync = node.modifiers?.some((modifier) => modifier.kind === SyntaxKind.AsyncKeyword) ?? false;
  if (isAsync) return ['async', 'no async functions', 'a task waits with when(…), or what is built on it'];
  if (node.asteriskToken) return ['async', 'no generators', 'a loop'];
  if (ts.isArrowFunction(node)) {
    const inPlace = isArgument(node) || insideScenario(node);
    return inPlace
      ? undefined
      : ['closures', 'an arrow function is only ever an argument', 'function name(): void {…}'];
  }
  if (!ts.isSourceFile(node.parent))
    return ['functionForm', 'no functions inside functions', 'move it out, or pass an arrow'];
  if (!node.name) return ['functionForm', 'a function has a name', 'function name(): void {…}'];
  if (!node.body && !isMachineFile(node.getSourceFile())) {
    return ['functionForm', `${node.name.text} has no body`, 'no overloads, no declare: write what it does'];
  }
  return undefined;
}

function isArgument(node: ts.Node): boolean {
  let outer = node;
  while (ts.isParenthesizedExpression(outer.parent)) outer = outer.parent;
  return ts.isCallExpression(outer.parent) && outer.parent.expression !== outer;
}

/** whether the node is part of the text that `scenario` takes, rather than of code in it */
function insideScenario(node: ts.Node): boolean {
  for (let outer = node.parent; outer; outer = outer.parent) {
    if (ts.isArrowFunction(outer) || ts.isFunctionDeclaration(outer)) return false;
    if (ts.isCallExpression(outer) && outer.expression.getText() === 'scenario') return true;
  }
  return false;
}

function variables(node: ts.VariableDeclarationList): Verdict | undefined {
  if (!(node.flags & ts.NodeFlags.BlockScoped)) return ['var', 'no var', 'const or let'];
  if ((node.flags & ts.NodeFlags.BlockScoped) === ts.NodeFlags.Using) return ['statement', 'no using', 'const or let'];
  const atModuleLevel = ts.isVariableStatement(node.parent) && ts.isSourceFile(node.parent.parent);
  if (atModuleLevel && !(node.flags & ts.NodeFlags.Const)) {
    return ['moduleState', 'no variables at module level', 'a field of an object<T>() at module level'];
  }
  return undefined;
}

function imported(node: ts.ImportDeclaration): Verdict | undefined {
  const clause = node.importClause;
  if (clause && !clause.name && clause.namedBindings && ts.isNamedImports(clause.namedBindings)) return undefined;
  return ['imports', 'names are imported one by one', "import { put_page } from './mm.js'"];
}

/** `{...}` and `[...]` state scenarios and constants; code has none */
function literal(node: ts.ObjectLiteralExpression | ts.ArrayLiteralExpression): Verdict | undefined {
  if (insideScenario(node)) return undefined;
  let outer: ts.Node = node;
  let isConst = false;
  while (!ts.isVariableDeclaration(outer)) {
    const inLiteral = ts.isPropertyAssignment(outer.parent) || ts.isObjectLiteralExpression(outer.parent);
    const isPart = inLiteral || ts.isArrayLiteralExpression(outer.parent) || ts.isAsExpression(outer.parent);
    if (!isPart && !ts.isVariableDeclaration(outer.parent)) break;
    if (ts.isAsExpression(outer.parent)) isConst = true;
    outer = outer.parent;
  }
  const atModuleLevel = ts.isVariableDeclaration(outer) && ts.isSourceFile(outer.parent.parent.parent);
  if (atModuleLevel && (isConst || ts.isArrayLiteralExpression(unwrap(node)))) return undefined;
  return [
    'literals',
    'no objects or arrays made in code',
    'object<T>() and objects<T>(n) at module level; {…} as const for numbers',
  ];
}
