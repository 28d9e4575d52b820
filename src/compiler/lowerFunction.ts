// SPDX-License-Identifier: Apache-2.0
/**
 * Functions: their parameters and results, and their bodies, or those of a scenario's arrows, in a frame of their own.
 */
import ts from '#typescript';
import { lowerReturn } from './arrows.js';
import { foldedText, locOf, Refusal, refuse } from './diagnostics.js';
import { BOOL, CLOSURE, VOID } from './fold.js';
import { type ClosureType, Frame, type Lowerers, type Surroundings } from './frame.js';
import type { FunctionIR, Type } from './ir.js';
import { lowerCall } from './lowerCall.js';
import { lowerExpression } from './lowerExpr.js';
import { lowerStatements } from './lowerStmt.js';
import { declarationOf } from './names.js';
import type { Types } from './types.js';

const lowerers: Lowerers = { expression: lowerExpression, call: lowerCall, statements: lowerStatements };

export interface Parameters {
  params: Type[];
  returns: Type;
  closures: (ClosureType | undefined)[];
  opaque: boolean[];
}

/** @returns the types of what a function takes and returns. @throws Refusal */
export function parametersOf(types: Types, node: ts.FunctionDeclaration, checker: ts.TypeChecker): Parameters {
  if (node.typeParameters) {
    refuse(node.typeParameters[0] ?? node, 'functionForm', 'no type parameters', 'one function for each type');
  }
  if (!node.type)
    refuse(
      node.name ?? node,
      'functionForm',
      `${node.name?.text ?? 'a function'} does not say what it returns`,
      ': void, : int, …',
    );
  const closures = node.parameters.map((parameter) => closureType(types, parameter.type, checker));
  const params = node.parameters.map((parameter) => parameterType(types, parameter));
  const opaque = node.parameters.map((parameter) => parameter.type?.kind === ts.SyntaxKind.UnknownKeyword);
  const returns = types.ofAnnotation(node.type);
  if (returns.kind === 'closure') refuse(node.type, 'closures', 'a function does not return functions');
  if (returns.kind === 'text') refuse(node.type, 'strings', 'a function does not return texts');
  return { params, returns, closures, opaque };
}

function parameterType(types: Types, parameter: ts.ParameterDeclaration): Type {
  const name = foldedText(parameter.name);
  if (!ts.isIdentifier(parameter.name))
    refuse(parameter, 'destructuring', 'no destructuring', 'one parameter for each part');
  if (parameter.dotDotDotToken)
    refuse(parameter, 'destructuring', 'no rest parameters', 'a fixed number of parameters');
  if (parameter.questionToken || parameter.initializer) {
    refuse(parameter, 'functionForm', `every argument is given: ${name}`, 'take out the ? or the default');
  }
  if (!parameter.type) return refuse(parameter, 'functionForm', `the parameter ${name} has no type`, `${name}: int`);
  return types.ofAnnotation(parameter.type);
}

/** @returns what a parameter of function type takes and returns; undefined for another type */
function closureType(types: Types, node: ts.TypeNode | undefined, checker: ts.TypeChecker): ClosureType | undefined {
  if (!node) return undefined;
  if (ts.isParenthesizedTypeNode(node)) return closureType(types, node.type, checker);
  if (ts.isTypeReferenceNode(node)) {
    const alias = declarationOf(checker, node.typeName);
    return alias && ts.isTypeAliasDeclaration(alias) ? closureType(types, alias.type, checker) : undefined;
  }
  if (!ts.isFunctionTypeNode(node)) return undefined;
  const params = node.parameters.map((parameter) => parameterType(types, parameter));
  if (params.some((type) => type.kind === 'closure')) refuse(node, 'closures', 'a closure does not take closures');
  return { params, returns: types.ofAnnotation(node.type) };
}

/** @returns the function's code; what is refused in it was reported and is left out */
export function lowerFunction(program: Surroundings, node: ts.FunctionDeclaration, name: string): FunctionIR {
  const { params, returns, closures } = parametersOf(program.types, node, program.checker);
  const frame = new Frame(program, lowerers, node, returns);
  for (const [i, parameter] of node.parameters.entries()) {
    frame.declare(parameter, parameter.name.getText(), params[i] ?? CLOSURE);
    const closure = closures[i];
    if (closure) frame.closures.set(parameter, closure);
  }
  frame.assigned = assignedIn(program.checker, node);
  lowerStatements(frame, node.body?.statements ?? []);
  const exported = node.modifiers?.some((modifier) => modifier.kind === ts.SyntaxKind.ExportKeyword) ?? false;
  const { locals, out: body } = frame;
  return { name, params: params.length, returns, locals, body, loc: locOf(node), exported };
}

/** A task or a predicate that a scenario states as an arrow. */
export function lowerArrow(
  program: Surroundings,
  node: ts.ArrowFunction,
  name: string,
  isPredicate: boolean,
): FunctionIR {
  const returns = isPredicate ? BOOL : VOID;
  const frame = new Frame(program, lowerers, undefined, returns);
  frame.assigned = assignedIn(program.checker, node);
  try {
    if (node.parameters.length > 0) refuse(node, 'functionForm', 'a task or predicate takes no parameters');
    if (ts.isBlock(node.body)) lowerStatements(frame, node.body.statements);
    else lowerReturn(frame, node.body, node.body);
  } catch (error) {
    if (!(error instanceof Refusal)) throw error;
    program.report(error);
  }
  return { name, params: 0, returns, locals: frame.locals, body: frame.out, loc: locOf(node), exported: false };
}

/** @returns the variables and parameters that are assigned anywhere but where they are declared */
function assignedIn(checker: ts.TypeChecker, node: ts.Node): Set<ts.Declaration> {
  const assigned = new Set<ts.Declaration>();
  const note = (target: ts.Expression): void => {
    const declaration = ts.isIdentifier(target) ? declarationOf(checker, target) : undefined;
    if (declaration) assigned.add(declaration);
  };
  const visit = (inner: ts.Node): void => {
    if (ts.isBinaryExpression(inner) && isAssignment(inner.operatorToken.kind)) note(inner.left);
    if (ts.isPrefixUnaryExpression(inner) || ts.isPostfixUnaryExpression(inner)) {
      const { operator, operand } = inner;
      if (operator === ts.SyntaxKind.PlusPlusToken || operator === ts.SyntaxKind.MinusMinusToken) note(operand);
    }
    ts.forEachChild(inner, visit);
  };
  visit(node);
  return assigned;
}

function isAssignment(kind: ts.SyntaxKind): boolean {
  return kind >= ts.SyntaxKind.FirstAssignment && kind <= ts.SyntaxKind.LastAssignment;
}
