// SPDX-License-Identifier: Apache-2.0
/**
 * Constant expressions: numbers, switches, sizes and what is computed of them; known when a program is built.
 *
 * Not here: objects of the kernel at module level (build.ts), constants inside code (lowerExpr.ts folds those).
 */
import ts from '#typescript';
import { diagnose, Refusal, refuse } from './diagnostics.js';
import { BOOL, type Constant, foldBinary, foldUnary, INT, isInt32 } from './fold.js';
import type { Binary, Unary } from './ir.js';
import { calledWord, declarationOf, isModuleLevel, unwrap, wordOf } from './names.js';

/** What differs from program to program. */
export interface Setting {
  checker: ts.TypeChecker;
  /** whether the switch declared here is on */
  isOn(declaration: ts.VariableDeclaration): boolean;
  /** sizes set by name */
  sizes: ReadonlyMap<string, number>;
  tasks: number;
}

const unaries: ReadonlyMap<ts.SyntaxKind, Unary> = new Map([
  [ts.SyntaxKind.MinusToken, '-'],
  [ts.SyntaxKind.TildeToken, '~'],
  [ts.SyntaxKind.ExclamationToken, '!'],
] as const);

const binaries: ReadonlySet<string> = new Set([
  ...['+', '-', '*', '/', '%', '&', '|', '^', '<<', '>>', '>>>', '<', '<=', '>', '>=', '===', '!==', '&&', '||'],
]);

export function unaryOperator(kind: ts.SyntaxKind): Unary | undefined {
  return unaries.get(kind);
}

export function binaryOperator(token: ts.BinaryOperatorToken): Binary | undefined {
  const text = ts.tokenToString(token.kind);
  return text !== undefined && binaries.has(text) ? (text as Binary) : undefined;
}

/** Constants of one program, each computed once. */
export class Constants {
  readonly #setting: Setting;
  readonly #known = new Map<ts.Declaration, Constant | undefined>();
  /** the values that `param` took */
  readonly params = new Map<string, number>();

  constructor(setting: Setting) {
    this.#setting = setting;
  }

  /** @returns the value of a module-level constant; undefined if it is something else (an object, a text) */
  ofDeclaration(declaration: ts.Declaration): Constant | undefined {
    if (this.#known.has(declaration)) return this.#known.get(declaration);
    this.#known.set(declaration, undefined);
    const value = this.#compute(declaration);
    this.#known.set(declaration, value);
    return value;
  }

  #compute(declaration: ts.Declaration): Constant | undefined {
    if (wordOf(declaration) === 'NR_TASKS') return { type: INT, value: this.#setting.tasks };
    if (!ts.isVariableDeclaration(declaration) || !declaration.initializer || !isModuleLevel(declaration)) {
      return undefined;
    }
    if (calledWord(this.#setting.checker, unwrap(declaration.initializer)) === 'commit') {
      return { type: BOOL, value: this.#setting.isOn(declaration) ? 1 : 0 };
    }
    return this.ofExpression(declaration.initializer);
  }

  /** @returns the value of a constant expression; undefined if it is none. @throws Refusal where it does not fit `int` */
  ofExpression(node: ts.Expression): Constant | undefined {
    if (ts.isParenthesizedExpression(node) || ts.isAsExpression(node)) return this.ofExpression(node.expression);
    if (node.kind === ts.SyntaxKind.TrueKeyword) return { type: BOOL, value: 1 };
    if (node.kind === ts.SyntaxKind.FalseKeyword) return { type: BOOL, value: 0 };
    if (ts.isNumericLiteral(node)) return { type: INT, value: numericLiteral(node) };
    if (ts.isIdentifier(node)) {
      const declaration = declarationOf(this.#setting.checker, node);
      return declaration && this.ofDeclaration(declaration);
    }
    if (ts.isPropertyAccessExpression(node)) return this.#member(node);
    if (ts.isPrefixUnaryExpression(node)) return this.#unary(node);
    if (ts.isBinaryExpression(node)) return this.#binary(node);
    if (ts.isConditionalExpression(node)) {
      const condition = this.ofExpression(node.condition);
      return condition && this.ofExpression(condition.value !== 0 ? node.whenTrue : node.whenFalse);
    }
    return calledWord(this.#setting.checker, node) === 'param' ? this.#param(node as ts.CallExpression) : undefined;
  }

  #unary(node: ts.PrefixUnaryExpression): Constant | undefined {
    const operator = unaryOperator(node.operator);
    const operand = operator && this.ofExpression(node.operand);
    return operand && operator && fitting(node, foldUnary(operator, operand));
  }

  #binary(node: ts.BinaryExpression): Constant | undefined {
    const operator = binaryOperator(node.operatorToken);
    const left = operator && this.ofExpression(node.left);
    const right = left && this.ofExpression(node.right);
    if (!operator || !left || !right) return undefined;
    const folded = foldBinary(operator, left, right);
    return folded ? fitting(node, folded) : refuse(node, 'integers', 'division by zero in a constant');
  }

  /** `memory_type.MEMORY_DEVICE_PRIVATE` of a module-level `{...} as const` */
  #member(node: ts.PropertyAccessExpression): Constant | undefined {
    const literal = this.constObject(node.expression);
    if (!literal) return undefined;
    for (const property of literal.properties) {
      if (!ts.isPropertyAssignment(property) || property.name.getText() !== node.name.text) continue;
      return this.ofExpression(property.initializer);
    }
    return undefined;
  }

  constObject(node: ts.Expression): ts.ObjectLiteralExpression | undefined {
    if (!ts.isIdentifier(node)) return undefined;
    const declaration = declarationOf(this.#setting.checker, node);
    if (!declaration || !ts.isVariableDeclaration(declaration) || !isModuleLevel(declaration)) return undefined;
    const { initializer } = declaration;
    const literal = initializer && ts.isAsExpression(initializer) ? initializer.expression : undefined;
    return literal && ts.isObjectLiteralExpression(literal) ? literal : undefined;
  }

  #param(call: ts.CallExpression): Constant {
    const [name, fallback] = call.arguments;
    if (!name || !ts.isStringLiteralLike(name) || !fallback) {
      return refuse(call, 'word', 'param takes a name in quotes and a constant');
    }
    const value = this.#setting.sizes.get(name.text) ?? this.ofExpression(fallback)?.value;
    if (value === undefined) return refuse(fallback, 'constant', 'the fallback of param is a constant');
    this.params.set(name.text, value);
    return { type: INT, value };
  }

  /** @throws Refusal if it is no constant integer */
  integer(node: ts.Expression, what: string): number {
    const value = this.ofExpression(node);
    if (value?.type.kind === 'int') return value.value;
    return refuse(node, 'constant', `${what} is a constant integer`, 'a literal, a param, or computed from such');
  }
}

/** @throws Refusal for a fraction or what does not fit `int` */
export function numericLiteral(node: ts.NumericLiteral): number {
  const value = Number(node.text);
  const fraction = /^[\d_]*\.|^\d[\d_]*[eE]/.test(node.getText());
  if (fraction || !Number.isInteger(value))
    refuse(node, 'integers', 'integers only', 'write it without point or exponent');
  const isLowest =
    value === 2 ** 31 && ts.isPrefixUnaryExpression(node.parent) && node.parent.getText().startsWith('-');
  if (!isInt32(value) && !isLowest)
    refuse(node, 'integers', `${node.getText()} does not fit int`, 'from -2147483648 to 2147483647');
  return value;
}

export function fitting(node: ts.Node, folded: Constant): Constant {
  if (folded.type.kind !== 'int' || isInt32(folded.value)) return folded;
  throw new Refusal(diagnose(node, 'integers', `${folded.value} does not fit int`, 'from -2147483648 to 2147483647'));
}
