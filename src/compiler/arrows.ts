// SPDX-License-Identifier: Apache-2.0
/**
 * Arrow functions: lowered in place (`one_step`, `when`) or handed to a function as a closure. Either way they live in
 * the frame of the function around them.
 */
import ts from '#typescript';
import { foldedText, locOf, refuse } from './diagnostics.js';
import { describeType, joinTypes, VOID } from './fold.js';
import type { Frame, ReturnTarget } from './frame.js';
import type { Closure, Expr, LocalId, Stmt, Type } from './ir.js';
import { declarationOf, unwrap } from './names.js';
import { coerce } from './values.js';

/** What may be handed to a parameter of function type. */
export type Callable =
  | { kind: 'arrow'; node: ts.ArrowFunction }
  | { kind: 'parameter'; id: LocalId; returns: Type }
  | { kind: 'function'; declaration: ts.FunctionDeclaration };

/** @throws Refusal where the expression is no function */
export function callableOf(frame: Frame, expression: ts.Expression): Callable {
  const node = unwrap(expression);
  if (ts.isArrowFunction(node)) return { kind: 'arrow', node };
  if (ts.isFunctionExpression(node))
    return refuse(node, 'functionForm', 'no function expressions', 'an arrow: () => {…}');
  const declaration = ts.isIdentifier(node) ? declarationOf(frame.program.checker, node) : undefined;
  if (declaration && ts.isFunctionDeclaration(declaration)) return { kind: 'function', declaration };
  const id = declaration && frame.ids.get(declaration);
  if (id !== undefined && frame.locals[id]?.type.kind === 'closure') {
    return { kind: 'parameter', id, returns: (declaration && frame.closures.get(declaration)?.returns) ?? VOID };
  }
  return refuse(
    node,
    'closures',
    `a function is wanted here: ${foldedText(node)}`,
    'an arrow, a function or a parameter',
  );
}

/** Lowers a function of no parameters into the code at hand. @returns its value, if it has one */
export function inline(frame: Frame, callable: Callable, node: ts.Node): Expr | undefined {
  if (callable.kind === 'arrow') return inlineArrow(frame, callable.node);
  const text = foldedText(node);
  const loc = locOf(node);
  if (callable.kind === 'parameter') {
    const dst = callable.returns.kind === 'void' ? undefined : frame.temporary(callable.returns);
    frame.emit({ op: 'callParam', ...(dst && { dst: dst.id }), param: callable.id, args: [], text, loc });
    return dst;
  }
  const { name, returns } = frame.program.callee(callable.declaration, frame.owner);
  const dst = returns.kind === 'void' ? undefined : frame.temporary(returns);
  frame.emit({ op: 'call', ...(dst && { dst: dst.id }), callee: name, args: [], text, loc });
  return dst;
}

function inlineArrow(frame: Frame, arrow: ts.ArrowFunction): Expr | undefined {
  if (!ts.isBlock(arrow.body)) return voidOrValue(frame, arrow.body);
  const { statements } = arrow.body;
  const target: ReturnTarget = { kind: 'inline', label: frame.label('return') };
  const body = frame.collect(() => within(frame, target, () => frame.lower.statements(frame, statements)));
  const last = body.at(-1);
  if (last?.op === 'break' && last.label === target.label) body.pop();
  if (mentions(body, target.label)) {
    frame.emit({ op: 'block', label: target.label, body, loc: locOf(arrow) });
  } else {
    frame.out.push(...body);
  }
  if (target.result === undefined) return undefined;
  const id = target.result;
  return { op: 'local', type: frame.locals[id]?.type ?? VOID, id };
}

/** An expression used as a statement may be a call without a value. */
function voidOrValue(frame: Frame, node: ts.Expression): Expr | undefined {
  const inner = unwrap(node);
  if (!ts.isCallExpression(inner)) return frame.lower.expression(frame, node);
  return frame.lower.call(frame, inner);
}

function mentions(statements: readonly Stmt[], label: string): boolean {
  return JSON.stringify(statements).includes(`"op":"break","label":"${label}"`);
}

/** Inside an arrow `return` leads elsewhere, and break and continue do not reach out. */
function within(frame: Frame, target: ReturnTarget, work: () => void): void {
  const { target: outer, jumps } = frame;
  frame.target = target;
  frame.jumps = [];
  try {
    work();
  } finally {
    frame.target = outer;
    frame.jumps = jumps;
  }
}

/** Lowers `return`. @throws Refusal where the value is of another type than promised or returned before */
export function lowerReturn(frame: Frame, node: ts.Node, expression: ts.Expression | undefined): void {
  const loc = locOf(node);
  const { target } = frame;
  const at = expression ?? node;
  const value = expression && returned(frame, expression, target);
  if (target.kind === 'function') {
    frame.emit({ op: 'return', ...(value && { value: coerce(at, value, target.type) }), loc });
    return;
  }
  if (target.kind === 'closure') {
    if (value && target.result !== undefined) {
      frame.emit({ op: 'set', dst: target.result, value: coerce(at, value, target.type), loc });
    }
    frame.emit({ op: 'return', loc });
    return;
  }
  if (value) frame.emit({ op: 'set', dst: inlineResult(frame, target, value, at), value, loc });
  frame.emit({ op: 'break', label: target.label, loc });
}

function returned(frame: Frame, expression: ts.Expression, target: ReturnTarget): Expr | undefined {
  if (target.kind !== 'inline' && target.type.kind === 'void') return voidOrValue(frame, expression) && undefined;
  return target.kind === 'inline' ? voidOrValue(frame, expression) : frame.lower.expression(frame, expression);
}

function inlineResult(frame: Frame, target: ReturnTarget & { kind: 'inline' }, value: Expr, node: ts.Node): LocalId {
  if (value.op === 'text') return refuse(node, 'strings', 'a text is only a message');
  if (target.result === undefined) target.result = frame.temporary(value.type).id;
  const local = frame.locals[target.result];
  const type = local && joinTypes(local.type, value.type);
  if (!type) return refuse(node, 'mismatch', `another return gives ${local ? describeType(local.type) : 'nothing'}`);
  local.type = type;
  return target.result;
}

/** Makes what is handed to a parameter of function type. `wanted`: what that parameter returns */
export function closureOf(
  frame: Frame,
  callable: Callable,
  wanted: Type,
  params: Type[],
  node: ts.Node,
): Expr | Closure {
  if (callable.kind === 'parameter') return { op: 'local', type: { kind: 'closure' }, id: callable.id };
  const loc = locOf(node);
  const ids: LocalId[] = [];
  const result = wanted.kind === 'void' ? undefined : frame.temporary(wanted).id;
  const target: ReturnTarget = { kind: 'closure', type: wanted, ...(result !== undefined && { result }) };
  const body = frame.collect(() =>
    within(frame, target, () => {
      if (callable.kind === 'arrow') arrowBody(frame, callable.node, params, ids);
      else forward(frame, callable.declaration, target, params, ids, node);
    }),
  );
  return { op: 'closure', params: ids, returns: wanted, body, ...(result !== undefined && { result }), loc };
}

function arrowBody(frame: Frame, arrow: ts.ArrowFunction, params: Type[], ids: LocalId[]): void {
  for (const [i, type] of params.entries()) {
    const parameter = arrow.parameters[i];
    const name = parameter && ts.isIdentifier(parameter.name) ? parameter.name.text : undefined;
    if (parameter && name !== undefined) ids.push(frame.declare(parameter, name, type));
    else ids.push(frame.temporary(type).id);
  }
  if (ts.isBlock(arrow.body)) frame.lower.statements(frame, arrow.body.statements);
  else lowerReturn(frame, arrow.body, arrow.body);
}

/** a function's name handed on: a closure that calls it */
function forward(
  frame: Frame,
  declaration: ts.FunctionDeclaration,
  target: ReturnTarget & { kind: 'closure' },
  params: Type[],
  ids: LocalId[],
  node: ts.Node,
): void {
  const { name } = frame.program.callee(declaration, frame.owner);
  const args = params.map((type): Expr => frame.temporary(type));
  for (const argument of args) if (argument.op === 'local') ids.push(argument.id);
  const { result } = target;
  const loc = locOf(node);
  frame.emit({
    op: 'call',
    ...(result !== undefined && { dst: result }),
    callee: name,
    args,
    text: foldedText(node),
    loc,
  });
  frame.emit({ op: 'return', loc });
}
