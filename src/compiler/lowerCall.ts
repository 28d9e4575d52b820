// SPDX-License-Identifier: Apache-2.0
/**
 * Calls: of functions, of parameters that are closures, and of the words that src/machine/core.ts declares.
 */
import ts from '#typescript';
import { callableOf, closureOf, inline } from './arrows.js';
import { foldedText, locOf, refuse } from './diagnostics.js';
import { ADDR, constant, INT } from './fold.js';
import type { ClosureType, Frame, Signature } from './frame.js';
import type { Closure, Expr, Stmt } from './ir.js';
import { declarationOf, wordOf } from './names.js';
import { assignTo, objectOf, placeOf, readPlace } from './place.js';
import { coerce, sequence } from './values.js';

/** @returns the value of the call; undefined where it has none. @throws Refusal */
export function lowerCall(frame: Frame, node: ts.CallExpression): Expr | undefined {
  if (!ts.isIdentifier(node.expression)) {
    return refuse(node.expression, 'callee', `only a function's name can be called: ${foldedText(node.expression)}`);
  }
  const declaration = declarationOf(frame.program.checker, node.expression);
  const word = wordOf(declaration);
  if (word !== undefined) return lowerWord(frame, node, word);
  if (declaration && ts.isFunctionDeclaration(declaration)) {
    return lowerFunctionCall(frame, node, frame.program.callee(declaration, frame.owner));
  }
  const closure = declaration && frame.closures.get(declaration);
  const param = declaration && frame.ids.get(declaration);
  if (closure && param !== undefined) return lowerParameterCall(frame, node, param, closure);
  const broken = declaration && frame.broken.get(declaration);
  if (broken) throw broken;
  return refuse(node.expression, 'callee', `${node.expression.text} is no function of kernel code`);
}

function lowerFunctionCall(frame: Frame, node: ts.CallExpression, signature: Signature): Expr | undefined {
  const args = lowerArguments(frame, node, signature);
  const dst = signature.returns.kind === 'void' ? undefined : frame.temporary(signature.returns);
  const text = foldedText(node);
  frame.emit({ op: 'call', ...(dst && { dst: dst.id }), callee: signature.name, args, text, loc: locOf(node) });
  return dst;
}

/** Values from left to right; closures run later, in the callee. */
function lowerArguments(frame: Frame, node: ts.CallExpression, signature: Signature): (Expr | Closure)[] {
  const plain = node.arguments.filter((_, i) => !signature.closures[i]);
  const values = sequence(frame, plain);
  return node.arguments.map((argument, i) => {
    const closure = signature.closures[i];
    if (closure) return closureOf(frame, callableOf(frame, argument), closure.returns, closure.params, argument);
    const value = values[plain.indexOf(argument)];
    const wanted = signature.params[i];
    if (!value || !wanted) return refuse(argument, 'callee', `${signature.name} takes fewer arguments`);
    if (signature.opaque[i]) return identity(argument, value);
    return coerce(argument, value, wanted);
  });
}

/** What a parameter of type `unknown` gets: the identity of an object. */
function identity(node: ts.Node, value: Expr): Expr {
  if (value.op !== 'text' && value.type.kind === 'addr') return value;
  if (value.op === 'text' || value.type.kind !== 'ref') return refuse(node, 'mismatch', 'an object is wanted here');
  if (value.op === 'const') return constant(ADDR, 0);
  return { op: 'addrOf', type: ADDR, operand: value, struct: value.type.struct };
}

function lowerParameterCall(
  frame: Frame,
  node: ts.CallExpression,
  param: number,
  { params, returns }: ClosureType,
): Expr | undefined {
  const args = sequence(frame, node.arguments).map((value, i) => {
    const wanted = params[i];
    return wanted ? coerce(node, value, wanted) : value;
  });
  const dst = returns.kind === 'void' ? undefined : frame.temporary(returns);
  frame.emit({ op: 'callParam', ...(dst && { dst: dst.id }), param, args, text: foldedText(node), loc: locOf(node) });
  return dst;
}

type WordRule = (frame: Frame, node: ts.CallExpression) => Expr | undefined;

const words: Readonly<Record<string, WordRule>> = {
  one_step: (frame, node) => lowerOneStep(frame, node),
  plain_step: (frame, node) => lowerOneStep(frame, node, true),
  fence: (frame, node) => void frame.emit({ op: 'fence', loc: locOf(node) }),
  buffered_cpus: lowerBuffered,
  when: lowerWhen,
  choose: lowerChoose,
  fail: lowerFail,
  current_task: () => ({ op: 'currentTask', type: INT }),
  addr_of: (frame, node) => addressOf(frame, argument(node, 0)),
  index_of: lowerIndexOf,
  READ_ONCE: (frame, node) => frame.lower.expression(frame, argument(node, 0)),
  WRITE_ONCE: lowerWriteOnce,
  xchg: (frame, node) => lowerExchange(frame, node, undefined, argument(node, 1)),
  cmpxchg: (frame, node) => lowerExchange(frame, node, argument(node, 1), argument(node, 2)),
};

function lowerWord(frame: Frame, node: ts.CallExpression, word: string): Expr | undefined {
  const rule = Object.hasOwn(words, word) ? words[word] : undefined;
  if (rule) return rule(frame, node);
  if (!['commit', 'object', 'objects', 'param'].includes(word)) {
    return refuse(node, 'word', `${word} has no body`, 'src/machine declares only what the compiler knows');
  }
  return refuse(node, 'word', `${word} stands at module level only`, `export const X = ${word}(…)`);
}

function argument(node: ts.CallExpression, index: number): ts.Expression {
  return node.arguments[index] ?? refuse(node, 'word', `${foldedText(node.expression)} lacks an argument`);
}

function lowerOneStep(frame: Frame, node: ts.CallExpression, plain = false): Expr | undefined {
  const callable = callableOf(frame, argument(node, 0));
  let value: Expr | undefined;
  const body = frame.collect(() => {
    value = inline(frame, callable, node);
  });
  frame.emit({ op: 'atomic', body, ...(plain && { plain }), loc: locOf(node) });
  return value;
}

const reasons = ['lock', 'sleep', 'ipi', 'grace period'] as const;

function lowerWhen(frame: Frame, node: ts.CallExpression): undefined {
  const given = argument(node, 2);
  const reason = reasons.find((each) => ts.isStringLiteralLike(given) && given.text === each);
  if (!reason)
    refuse(given, 'word', 'the reason of a wait is a text in quotes', reasons.map((each) => `'${each}'`).join(', '));
  const condition = callableOf(frame, argument(node, 0));
  let enabled: Expr | undefined;
  const guard = frame.collect(() => {
    enabled = inline(frame, condition, argument(node, 0));
  });
  if (!enabled || !('type' in enabled) || enabled.type.kind !== 'bool') {
    return refuse(argument(node, 0), 'truthiness', 'the condition of a wait is a bool');
  }
  const callable = callableOf(frame, argument(node, 1));
  const body = frame.collect(() => {
    inline(frame, callable, argument(node, 1));
  });
  frame.emit({ op: 'atomic', guard: { body: guard, enabled, reason }, body, loc: locOf(node) });
}

function lowerBuffered(frame: Frame, node: ts.CallExpression): Expr {
  const dst = frame.temporary(INT);
  frame.emit({ op: 'buffered', dst: dst.id, loc: locOf(node) });
  return dst;
}

function lowerChoose(frame: Frame, node: ts.CallExpression): Expr {
  const count = coerce(node, frame.lower.expression(frame, argument(node, 0)), INT);
  const dst = frame.temporary(INT);
  frame.emit({ op: 'choose', dst: dst.id, count, loc: locOf(node) });
  return dst;
}

const kinds = ['BUG', 'WARN', 'assert', 'spec'] as const;

function lowerFail(frame: Frame, node: ts.CallExpression): undefined {
  const given = argument(node, 0);
  const kind = kinds.find((each) => ts.isStringLiteralLike(given) && given.text === each);
  if (!kind)
    refuse(given, 'word', 'the kind of a failure is a text in quotes', kinds.map((each) => `'${each}'`).join(', '));
  const message = frame.lower.expression(frame, argument(node, 1));
  const isText = message.op === 'text' || message.type.kind === 'text';
  if (!isText) refuse(argument(node, 1), 'word', 'the message of a failure is a text in quotes');
  frame.emit({ op: 'fail', kind, message, loc: locOf(node) });
}

/** The identity of an object, or of a scalar field. */
function addressOf(frame: Frame, node: ts.Expression): Expr {
  if (ts.isPropertyAccessExpression(node) || ts.isElementAccessExpression(node)) {
    const place = placeOf(frame, node);
    if (place.kind === 'field' && !place.field.embed) {
      const { struct, field, ref, index } = place;
      return { op: 'addrOf', type: ADDR, operand: ref, struct, field: field.name, ...(index && { index }) };
    }
    return identity(node, readPlace(frame, place, node));
  }
  return identity(node, frame.lower.expression(frame, node));
}

function lowerIndexOf(frame: Frame, node: ts.CallExpression): Expr {
  const array = argument(node, 0);
  const object = objectOf(frame, array);
  if (!object?.isArray) return refuse(array, 'word', 'index_of takes an array declared with objects');
  const operand = frame.lower.expression(frame, argument(node, 1));
  const fitting = coerce(argument(node, 1), operand, { kind: 'ref', struct: object.struct });
  return { op: 'indexOf', type: INT, global: object.name, operand: fitting };
}

function fieldOf(frame: Frame, node: ts.CallExpression) {
  const place = placeOf(frame, argument(node, 0));
  if (place.kind === 'field' && !place.field.embed) return place;
  return refuse(argument(node, 0), 'word', `${foldedText(node.expression)} takes a scalar field`, 'x.f');
}

function lowerWriteOnce(frame: Frame, node: ts.CallExpression): undefined {
  const place = fieldOf(frame, node);
  const value = frame.lower.expression(frame, argument(node, 1));
  assignTo(frame, place, value, node);
}

/** `cmpxchg(x.f, old, next)`, `xchg(x.f, next)`: one step. @returns the value before */
function lowerExchange(
  frame: Frame,
  node: ts.CallExpression,
  old: ts.Expression | undefined,
  next: ts.Expression,
): Expr {
  const place = fieldOf(frame, node);
  const values = sequence(frame, old ? [old, next] : [next]);
  const loc = locOf(node);
  let seen: Expr = constant(INT, 0);
  const body = frame.collect(() => {
    // a locked instruction, whether it exchanges or not
    frame.emit({ op: 'fence', loc });
    seen = readPlace(frame, place, node);
    const write: Stmt[] = frame.collect(() => assignTo(frame, place, values.at(-1) as Expr, node));
    if (!old) return void frame.out.push(...write);
    const expected = coerce(old, values[0] as Expr, place.field.type);
    const condition: Expr = { op: 'binary', type: { kind: 'bool' }, operator: '===', left: seen, right: expected };
    frame.emit({ op: 'if', condition, then: write, else: [], loc });
  });
  frame.emit({ op: 'atomic', body, loc });
  return seen;
}
