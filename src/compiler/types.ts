// SPDX-License-Identifier: Apache-2.0
/**
 * Type annotations -> types and struct layouts of the IR. Read from the syntax, since to TypeScript u8 and int are one.
 *
 * Not here: the types of expressions (lowerExpr.ts).
 */
import ts from '#typescript';
import type { Constants } from './consts.js';
import { foldedText, locOf, refuse } from './diagnostics.js';
import { ADDR, BOOL, CLOSURE, INT, TEXT, VOID } from './fold.js';
import type { Field, Struct, Type } from './ir.js';
import { declarationOf, isMachineFile } from './names.js';

const int = (name: string, bits: 8 | 16 | 32, signed: boolean): Type => ({ kind: 'int', name, bits, signed });

const scalars: ReadonlyMap<string, Type> = new Map([
  ['bool', BOOL],
  ['u8', int('u8', 8, false)],
  ['u16', int('u16', 16, false)],
  ['u32', int('u32', 32, false)],
  ['s8', int('s8', 8, true)],
  ['s16', int('s16', 16, true)],
  ['int', INT],
  ['addr', ADDR],
]);

/** A field with what the IR does not need: whether it is written as an array (which may have length 1). */
export interface FieldShape extends Field {
  isArray: boolean;
}

interface Shape {
  type: Type;
  embed: boolean;
  length: number;
  isArray: boolean;
  ghost: boolean;
  cpuState: boolean;
}

/** The types of one program; a struct becomes part of it when it is first mentioned. */
export class Types {
  readonly #checker: ts.TypeChecker;
  readonly #constants: Constants;
  readonly #structs = new Map<string, ts.InterfaceDeclaration>();
  readonly #fields = new Map<string, Map<string, FieldShape>>();

  constructor(checker: ts.TypeChecker, constants: Constants) {
    this.#checker = checker;
    this.#constants = constants;
  }

  /** @returns the type of a local, parameter or result. @throws Refusal */
  ofAnnotation(node: ts.TypeNode): Type {
    if (ts.isParenthesizedTypeNode(node)) return this.ofAnnotation(node.type);
    if (ts.isFunctionTypeNode(node)) return CLOSURE;
    if (ts.isUnionTypeNode(node)) return this.#union(node);
    if (ts.isTypeReferenceNode(node)) return this.#reference(node);
    if (ts.isTypePredicateNode(node)) return BOOL;
    if (ts.isLiteralTypeNode(node)) return this.#literal(node);
    switch (node.kind) {
      case ts.SyntaxKind.BooleanKeyword:
        return BOOL;
      case ts.SyntaxKind.NumberKeyword:
        return INT;
      case ts.SyntaxKind.VoidKeyword:
        return VOID;
      case ts.SyntaxKind.StringKeyword:
        return TEXT;
      case ts.SyntaxKind.UnknownKeyword:
        return ADDR;
      default:
        return refuseType(node);
    }
  }

  #literal(node: ts.LiteralTypeNode): Type {
    if (ts.isStringLiteral(node.literal)) return TEXT;
    if (ts.isNumericLiteral(node.literal) || ts.isPrefixUnaryExpression(node.literal)) return INT;
    return isBooleanLiteral(node) ? BOOL : refuseType(node);
  }

  #union(node: ts.UnionTypeNode): Type {
    const members = node.types.filter((member) => !isNullType(member));
    const [first, ...others] = members.map((member) => this.ofAnnotation(member));
    if (!first) return refuseType(node);
    if (members.length < node.types.length && first.kind !== 'ref') {
      return refuse(node, 'type', `only a reference may be null: ${foldedText(node)}`, 'use 0 or -1 for none');
    }
    if (others.some((other) => other.kind !== first.kind) || (others.length > 0 && first.kind === 'ref')) {
      return refuseType(node);
    }
    return first;
  }

  #reference(node: ts.TypeReferenceNode): Type {
    const declaration = declarationOf(this.#checker, node.typeName);
    if (declaration && ts.isTypeAliasDeclaration(declaration)) return this.#alias(node, declaration);
    if (!declaration || !ts.isInterfaceDeclaration(declaration)) return refuseType(node);
    if (isMachineFile(declaration.getSourceFile()) && declaration.name.text === 'array') {
      return refuse(
        node,
        'arrays',
        'an array is a field or a module-level object',
        'hand over the object that holds it, and an index',
      );
    }
    return { kind: 'ref', struct: this.struct(declaration) };
  }

  #alias(node: ts.TypeReferenceNode, declaration: ts.TypeAliasDeclaration): Type {
    const name = declaration.name.text;
    if (isMachineFile(declaration.getSourceFile())) {
      const scalar = scalars.get(name);
      if (scalar) return scalar;
      const argument = node.typeArguments?.[0];
      if (['struct', 'ghost', 'cpu_state'].includes(name) && argument) return this.ofAnnotation(argument);
    }
    return this.ofAnnotation(declaration.type);
  }

  /** @returns the struct's name; the struct is part of the program from now on */
  struct(declaration: ts.InterfaceDeclaration): string {
    const name = declaration.name.text;
    const known = this.#structs.get(name);
    if (known && known !== declaration) {
      const other = locOf(known);
      refuse(
        declaration.name,
        'duplicate',
        `there is another ${name} at ${other.file}:${other.line}`,
        'struct names are unique',
      );
    }
    this.#structs.set(name, declaration);
    return name;
  }

  /** @returns the fields of a struct that `struct` returned. @throws Refusal */
  fields(struct: string): ReadonlyMap<string, FieldShape> {
    const known = this.#fields.get(struct);
    if (known) return known;
    const fields = new Map<string, FieldShape>();
    this.#fields.set(struct, fields);
    const declaration = this.#structs.get(struct);
    if (declaration) this.#collect(declaration, fields);
    return fields;
  }

  #collect(declaration: ts.InterfaceDeclaration, fields: Map<string, FieldShape>): void {
    if (declaration.typeParameters) refuse(declaration.name, 'fieldType', 'a struct has no type parameters');
    const bases = declaration.heritageClauses?.flatMap((clause) => [...clause.types]) ?? [];
    for (const base of bases) {
      const inherited = declarationOf(this.#checker, base.expression);
      if (!inherited || !ts.isInterfaceDeclaration(inherited))
        refuse(base, 'fieldType', 'a struct extends another struct');
      this.#collect(inherited, fields);
    }
    for (const member of declaration.members) {
      const field = this.#field(member);
      fields.set(field.name, field);
    }
  }

  #field(member: ts.TypeElement): FieldShape {
    if (!ts.isPropertySignature(member) || !member.type || !ts.isIdentifier(member.name)) {
      return refuse(member, 'fieldType', `a struct has plain fields only: ${foldedText(member)}`, 'name: type');
    }
    if (member.questionToken)
      refuse(member.name, 'fieldType', `a field is always there: ${member.name.text}`, 'take out the ?');
    const shape = this.#shape(member.type);
    const { kind } = shape.type;
    if (kind === 'closure' || kind === 'text' || kind === 'void') {
      refuse(member.type, 'fieldType', `a field holds a scalar, a reference or a struct: ${foldedText(member.type)}`);
    }
    if (shape.ghost && shape.embed) {
      refuse(
        member.type,
        'fieldType',
        'a ghost field is a scalar or a reference',
        "mark the inner struct's fields instead",
      );
    }
    return { name: member.name.text, ...shape, loc: locOf(member) };
  }

  /** what a field's type says beyond a local's: by value, ghost, array */
  #shape(node: ts.TypeNode): Shape {
    if (ts.isTypeReferenceNode(node)) {
      const declaration = declarationOf(this.#checker, node.typeName);
      const ours = declaration && isMachineFile(declaration.getSourceFile());
      const name = node.typeName.getText();
      const [argument, length] = node.typeArguments ?? [];
      if (ours && argument && name === 'array') return this.#arrayShape(node, argument, length);
      if (ours && argument && name === 'ghost') return { ...this.#shape(argument), ghost: true };
      if (ours && argument && name === 'cpu_state') return { ...this.#shape(argument), cpuState: true };
      if (ours && argument && name === 'struct') return { ...this.#plain(this.ofAnnotation(argument)), embed: true };
      const type = this.ofAnnotation(node);
      return { ...this.#plain(type), embed: type.kind === 'ref' && name.endsWith('_t') };
    }
    return this.#plain(this.ofAnnotation(node));
  }

  #plain(type: Type): Shape {
    return { type, embed: false, length: 1, isArray: false, ghost: false, cpuState: false };
  }

  #arrayShape(node: ts.TypeNode, element: ts.TypeNode, length: ts.TypeNode | undefined): Shape {
    const inner = this.#shape(element);
    if (inner.isArray) refuse(node, 'arrays', 'no arrays of arrays', 'one array, and an index computed of two');
    const count = length === undefined ? undefined : this.#length(length);
    if (count === undefined)
      refuse(node, 'arrays', 'the length of an array is a constant', 'a literal or `typeof CONSTANT`');
    if (count < 1) refuse(node, 'arrays', `an array has at least one element, not ${count}`);
    return { ...inner, length: count, isArray: true };
  }

  #length(node: ts.TypeNode): number | undefined {
    if (ts.isLiteralTypeNode(node) && ts.isNumericLiteral(node.literal)) return Number(node.literal.text);
    if (!ts.isTypeQueryNode(node)) return undefined;
    const declaration = declarationOf(this.#checker, node.exprName);
    return declaration && this.#constants.ofDeclaration(declaration)?.value;
  }

  /** @returns every struct mentioned so far and all that these lead to, by declaration order of mention */
  all(): Map<string, Struct> {
    const structs = new Map<string, Struct>();
    for (let before = -1; before !== this.#structs.size; ) {
      before = this.#structs.size;
      for (const name of [...this.#structs.keys()]) this.fields(name);
    }
    for (const [name, declaration] of this.#structs) {
      this.#refuseSelfByValue(name, []);
      const shapes = [...this.fields(name).values()];
      const fields = shapes.map(({ isArray: _, ...field }): Field => field);
      const poison = fields.some((field) => field.name === 'poisoned' && field.ghost && field.type.kind === 'bool');
      structs.set(name, { name, fields, loc: locOf(declaration), poison });
    }
    return structs;
  }

  #refuseSelfByValue(name: string, around: string[]): void {
    const declaration = this.#structs.get(name);
    if (around.includes(name) && declaration) {
      const chain = [...around, name].join(' holds ');
      refuse(
        declaration.name,
        'selfByValue',
        `a struct cannot hold itself by value: ${chain}`,
        'hold a reference: take out `struct<>`',
      );
    }
    for (const field of this.fields(name).values()) {
      if (field.embed && field.type.kind === 'ref') this.#refuseSelfByValue(field.type.struct, [...around, name]);
    }
  }
}

function isNullType(node: ts.TypeNode): boolean {
  return ts.isLiteralTypeNode(node) && node.literal.kind === ts.SyntaxKind.NullKeyword;
}

function isBooleanLiteral(node: ts.LiteralTypeNode): boolean {
  return node.literal.kind === ts.SyntaxKind.TrueKeyword || node.literal.kind === ts.SyntaxKind.FalseKeyword;
}

function refuseType(node: ts.TypeNode): never {
  if (node.kind === ts.SyntaxKind.AnyKeyword) refuse(node, 'any', 'no `any`', 'name the type');
  const hint = 'bool, int, u8, u16, u32, s8, s16, addr, a struct, `Struct | null`, or a function type for a parameter';
  return refuse(node, 'type', `not a type of the language: ${foldedText(node)}`, hint);
}
