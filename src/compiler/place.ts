// SPDX-License-Identifier: Apache-2.0
/**
 * Places: what a name, `x.f` or `x.a[i]` denotes; reading one (a `load` where it is shared) and writing one.
 */
import ts from '#typescript';
import { foldedText, locOf, refuse } from './diagnostics.js';
import { INT } from './fold.js';
import type { Frame } from './frame.js';
import type { Expr, GlobalObject, LocalId, Type } from './ir.js';
import { declarationOf } from './names.js';
import type { FieldShape } from './types.js';
import { coerce, sequence } from './values.js';

export type Place =
  | { kind: 'local'; id: LocalId; type: Type }
  | { kind: 'object'; value: Expr }
  | { kind: 'field'; struct: string; field: FieldShape; ref: Expr; index?: Expr };

/** @returns the place that an expression denotes; its object and index are evaluated by what was emitted. @throws Refusal */
export function placeOf(frame: Frame, node: ts.Expression): Place {
  if (ts.isParenthesizedExpression(node) || ts.isNonNullExpression(node)) return placeOf(frame, node.expression);
  if (ts.isIdentifier(node)) return namedPlace(frame, node);
  if (ts.isPropertyAccessExpression(node)) {
    const field = fieldPlace(frame, node, sequence(frame, [node.expression])[0] as Expr);
    if (field.field.isArray) refuse(node, 'arrays', `${node.name.text} is an array`, 'use an element of it: `[i]`');
    return field;
  }
  if (ts.isElementAccessExpression(node)) return elementPlace(frame, node);
  return refuse(node, 'operator', `nothing can be stored in ${foldedText(node)}`);
}

function namedPlace(frame: Frame, node: ts.Identifier): Place {
  const declaration = declarationOf(frame.program.checker, node);
  const id = declaration && frame.ids.get(declaration);
  if (id !== undefined) return { kind: 'local', id, type: frame.locals[id]?.type ?? INT };
  const broken = declaration && frame.broken.get(declaration);
  if (broken) throw broken;
  const alias = declaration && frame.aliases.get(declaration);
  if (alias) return { kind: 'object', value: alias };
  const object = objectOf(frame, node);
  if (object) {
    if (object.isArray) refuse(node, 'arrays', `${node.text} is an array of objects`, 'use an element of it: `[i]`');
    return { kind: 'object', value: { op: 'global', type: { kind: 'ref', struct: object.struct }, name: object.name } };
  }
  if (declaration && (ts.isFunctionDeclaration(declaration) || ts.isParameter(declaration))) {
    return refuse(node, 'closures', `${node.text} is a function, not a value`, 'call it, or hand it on as an argument');
  }
  const hint = 'a number, a switch, a param or an object may be used here';
  return refuse(node, 'constant', `${node.text} is no value of kernel code`, hint);
}

/** @returns the kernel object of that name, or undefined */
export function objectOf(frame: Frame, node: ts.Expression): GlobalObject | undefined {
  const declaration = ts.isIdentifier(node) ? declarationOf(frame.program.checker, node) : undefined;
  return declaration && ts.isVariableDeclaration(declaration) ? frame.program.object(declaration) : undefined;
}

function fieldPlace(frame: Frame, node: ts.PropertyAccessExpression, ref: Expr): Place & { kind: 'field' } {
  if (!('type' in ref) || ref.type.kind !== 'ref') {
    return refuse(node, 'mismatch', `${foldedText(node.expression)} has no fields`);
  }
  const { struct } = ref.type;
  const field = frame.program.types.fields(struct).get(node.name.text);
  if (!field) return refuse(node.name, 'fieldType', `struct ${struct} has no field ${node.name.text}`);
  return { kind: 'field', struct, field, ref };
}

function elementPlace(frame: Frame, node: ts.ElementAccessExpression): Place {
  const base = node.expression;
  if (ts.isPropertyAccessExpression(base)) {
    const [ref, index] = sequence(frame, [base.expression, node.argumentExpression]);
    const place = fieldPlace(frame, base, ref as Expr);
    if (!place.field.isArray) refuse(node, 'arrays', `${base.name.text} is no array`);
    return { ...place, index: indexOf(node, index as Expr) };
  }
  const object = objectOf(frame, base);
  if (!object?.isArray) return refuse(base, 'arrays', `${foldedText(base)} is no array of objects`);
  const index = indexOf(node, sequence(frame, [node.argumentExpression])[0] as Expr);
  return {
    kind: 'object',
    value: { op: 'global', type: { kind: 'ref', struct: object.struct }, name: object.name, index },
  };
}

function indexOf(node: ts.ElementAccessExpression, index: Expr): Expr {
  if ('type' in index && index.type.kind === 'int') return index;
  return refuse(node.argumentExpression, 'arrays', 'an index is an integer');
}

/** Reads a place: a shared scalar becomes a `load`, a struct held by value its address. `node`: the access, for paths */
export function readPlace(frame: Frame, place: Place, node: ts.Node): Expr {
  if (place.kind === 'local') return { op: 'local', type: place.type, id: place.id };
  if (place.kind === 'object') return place.value;
  const { struct, field, ref, index } = place;
  const at = index === undefined ? {} : { index };
  if (field.embed) return { op: 'embed', type: field.type, base: ref, struct, field: field.name, ...at };
  const result = frame.temporary(field.type);
  const text = foldedText(node);
  const { ghost, name } = field;
  frame.emit({ op: 'load', dst: result.id, struct, field: name, ref, ...at, ghost, text, loc: locOf(node) });
  return result;
}

/** Writes a place. @returns the value written. @throws Refusal where it cannot be written */
export function assignTo(frame: Frame, place: Place, value: Expr, node: ts.Node): Expr {
  if (place.kind === 'object') return refuse(node, 'byValue', 'an object is not assigned to', 'assign to its fields');
  if (place.kind === 'local') {
    const fitting = coerce(node, value, place.type);
    frame.emit({ op: 'set', dst: place.id, value: fitting, loc: locOf(node) });
    return { op: 'local', type: place.type, id: place.id };
  }
  const { struct, field, ref, index } = place;
  if (field.embed) {
    refuse(node, 'byValue', `${field.name} is held by value and not assigned to`, 'assign to its fields');
  }
  const fitting = coerce(node, value, field.type);
  const at = index === undefined ? {} : { index };
  const { ghost, name } = field;
  frame.emit({
    op: 'store',
    struct,
    field: name,
    ref,
    ...at,
    value: fitting,
    ghost,
    text: foldedText(node),
    loc: locOf(node),
  });
  return fitting;
}
