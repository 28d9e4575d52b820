// SPDX-License-Identifier: Apache-2.0
/**
 * What a name in source refers to: its declaration, through imports, and whether the compiler itself knows the word.
 */
import ts from '#typescript';

/** Asked of every name for every program; a node belongs to one type-checked program and means one thing. */
const found = new WeakMap<ts.Node, ts.Declaration | 'unknown'>();

/** @returns the declaration behind a name, imports followed; undefined for an unknown name */
export function declarationOf(checker: ts.TypeChecker, name: ts.Node): ts.Declaration | undefined {
  const known = found.get(name);
  if (known !== undefined) return known === 'unknown' ? undefined : known;
  const declaration = lookUp(checker, name);
  found.set(name, declaration ?? 'unknown');
  return declaration;
}

function lookUp(checker: ts.TypeChecker, name: ts.Node): ts.Declaration | undefined {
  let symbol = checker.getSymbolAtLocation(name);
  if (symbol && symbol.flags & ts.SymbolFlags.Alias) symbol = checker.getAliasedSymbol(symbol);
  return symbol && (symbol.valueDeclaration ?? symbol.declarations?.[0]);
}

/** src/machine, wherever it lies */
export function isMachineFile(file: ts.SourceFile): boolean {
  return /(^|\/)machine\/[^/]+\.ts$/.test(file.fileName);
}

/** @returns the word, for something that src/machine declares without a body or value: the compiler gives it meaning */
export function wordOf(declaration: ts.Declaration | undefined): string | undefined {
  const isFunction = declaration && ts.isFunctionDeclaration(declaration) && !declaration.body;
  const isConstant = declaration && ts.isVariableDeclaration(declaration) && !declaration.initializer;
  if (!isFunction && !isConstant) return undefined;
  const { name } = declaration;
  return name && ts.isIdentifier(name) && isMachineFile(declaration.getSourceFile()) ? name.text : undefined;
}

/** @returns the word that a call calls, or undefined */
export function calledWord(checker: ts.TypeChecker, node: ts.Node | undefined): string | undefined {
  if (!node || !ts.isCallExpression(node) || !ts.isIdentifier(node.expression)) return undefined;
  return wordOf(declarationOf(checker, node.expression));
}

export function isModuleLevel(declaration: ts.VariableDeclaration): boolean {
  return ts.isVariableStatement(declaration.parent.parent) && ts.isSourceFile(declaration.parent.parent.parent);
}

export function unwrap(node: ts.Expression): ts.Expression {
  let inner = node;
  while (ts.isParenthesizedExpression(inner)) inner = inner.expression;
  return inner;
}
