// SPDX-License-Identifier: Apache-2.0
/**
 * Statements. The IR is structured like the source: what is added are blocks, where a `break` leads.
 *
 * Not here: expressions (lowerExpr.ts), functions (lowerFunction.ts).
 */
import ts from '#typescript';
import { lowerReturn } from './arrows.js';
import { foldedText, locOf, Refusal, refuse } from './diagnostics.js';
import { BOOL, INT } from './fold.js';
import { type Frame, type Jump, localsOf } from './frame.js';
import type { Expr, Stmt, Type } from './ir.js';
import { lowerCall } from './lowerCall.js';
import { lowerCondition, lowerExpression } from './lowerExpr.js';
import { unwrap } from './names.js';
import { coerce } from './values.js';

/** Lowers statements one by one; one that is refused is reported and left out, so that the rest is judged as well. */
export function lowerStatements(frame: Frame, nodes: readonly ts.Statement[]): void {
  for (const node of nodes) {
    try {
      lowerStatement(frame, node);
    } catch (error) {
      if (!(error instanceof Refusal)) throw error;
      frame.program.report(error);
    }
  }
}

function lowerStatement(frame: Frame, node: ts.Statement, label?: string): void {
  const edit = frame.program.edits.get(node);
  if (edit !== undefined) {
    if (edit !== '') refuse(node, 'edit', `a statement can only be taken out, not replaced by "${edit}"`, "by: ''");
    return;
  }
  if (ts.isExpressionStatement(node)) lowerEffect(frame, node.expression);
  else if (ts.isVariableStatement(node)) lowerVariables(frame, node.declarationList);
  else if (ts.isReturnStatement(node)) lowerReturn(frame, node, node.expression);
  else if (ts.isIfStatement(node)) lowerIf(frame, node);
  else if (ts.isBlock(node)) lowerBlock(frame, node, label);
  else if (ts.isWhileStatement(node)) lowerWhile(frame, node, label);
  else if (ts.isDoStatement(node)) lowerDo(frame, node, label);
  else if (ts.isForStatement(node)) lowerFor(frame, node, label);
  else if (ts.isSwitchStatement(node)) lowerSwitch(frame, node, label);
  else if (ts.isBreakOrContinueStatement(node)) lowerJump(frame, node);
  else if (ts.isLabeledStatement(node)) lowerStatement(frame, node.statement, node.label.text);
  else if (!ts.isEmptyStatement(node)) {
    refuse(node, 'statement', `not a statement of the language: ${foldedText(node)}`);
  }
}

/** An expression for what it does: calls may return nothing, assignments stand here, and the comma in `for`. */
function lowerEffect(frame: Frame, expression: ts.Expression): void {
  const node = unwrap(expression);
  if (frame.program.edits.has(node)) return;
  if (ts.isBinaryExpression(node) && node.operatorToken.kind === ts.SyntaxKind.CommaToken) {
    lowerEffect(frame, node.left);
    lowerEffect(frame, node.right);
  } else if (ts.isCallExpression(node)) {
    lowerCall(frame, node);
  } else if (ts.isBinaryExpression(node) && isLogical(node)) {
    lowerExpression(frame, node);
  } else if (ts.isPostfixUnaryExpression(node)) {
    // nobody wants the old value: `x++` is `++x`, without the temporary
    const before = frame.out.length;
    lowerExpression(frame, node);
    dropCopy(frame, before);
  } else {
    lowerExpression(frame, node);
  }
}

function isLogical(node: ts.BinaryExpression): boolean {
  const { kind } = node.operatorToken;
  return kind === ts.SyntaxKind.AmpersandAmpersandToken || kind === ts.SyntaxKind.BarBarToken;
}

function dropCopy(frame: Frame, from: number): void {
  const copy = frame.out[from];
  const next = frame.out[from + 1];
  if (copy?.op === 'set' && next?.op === 'set' && copy.dst === frame.locals.length - 1) {
    frame.out.splice(from, 1);
    frame.locals.pop();
  }
}

function lowerVariables(frame: Frame, list: ts.VariableDeclarationList): void {
  for (const declaration of list.declarations) {
    if (!ts.isIdentifier(declaration.name)) {
      refuse(declaration.name, 'destructuring', 'no destructuring', 'one variable for each part');
    }
    lowerVariable(frame, declaration, declaration.name.text);
  }
}

/** Where a declaration is refused, each use of the variable is too, by the same diagnostic, which is shown once. */
function lowerVariable(frame: Frame, declaration: ts.VariableDeclaration, name: string): void {
  try {
    declareVariable(frame, declaration, name);
  } catch (error) {
    if (error instanceof Refusal) frame.broken.set(declaration, error);
    throw error;
  }
}

function declareVariable(frame: Frame, declaration: ts.VariableDeclaration, name: string): void {
  const annotated = declaration.type && frame.program.types.ofAnnotation(declaration.type);
  if (!declaration.initializer) {
    if (!annotated) refuse(declaration, 'uninitialised', `${name} has neither type nor value`, `let ${name}: int = 0`);
    frame.declare(declaration, name, annotated);
    return;
  }
  const from = frame.out.length;
  const value = lowerExpression(frame, declaration.initializer);
  const type = annotated ?? typeOfVariable(frame, declaration, value);
  if (type.kind === 'void' || type.kind === 'closure' || type.kind === 'text') {
    const rule = type.kind === 'text' ? 'strings' : 'closures';
    refuse(declaration, rule, `a variable cannot hold this: ${foldedText(declaration)}`);
  }
  const fitting = coerce(declaration.initializer, value, type);
  const constant = !frame.assigned.has(declaration);
  if (constant && (fitting.op === 'embed' || fitting.op === 'global') && isImmutable(frame, fitting)) {
    frame.aliases.set(declaration, fitting);
    return;
  }
  define(frame, declaration, name, type, fitting, from);
}

/** A variable that is assigned later may get any value of its kind; a constant has what it was given. */
function typeOfVariable(frame: Frame, declaration: ts.VariableDeclaration, value: Expr): Type {
  if (value.op === 'text') return { kind: 'text' };
  if (value.type.kind === 'ref' && value.type.struct === '') {
    return refuse(declaration, 'uninitialised', 'the type of this null is not known', 'write it: `Page | null`');
  }
  return value.type.kind === 'int' && frame.assigned.has(declaration) ? INT : value.type;
}

function isImmutable(frame: Frame, value: Expr): boolean {
  const assigned = new Set([...frame.assigned].map((declaration) => frame.ids.get(declaration)));
  return [...localsOf(value)].every((id) => !assigned.has(id) && !frame.locals[id]?.name.startsWith('$'));
}

/** Lets the statement that made the value put it into the variable itself, where that is a temporary's only use. */
function define(frame: Frame, node: ts.VariableDeclaration, name: string, type: Type, value: Expr, from: number): void {
  const last = frame.out.length > from ? frame.out.at(-1) : undefined;
  const made = last && (last.op === 'load' || last.op === 'call' || last.op === 'callParam' || last.op === 'choose');
  const isLast = value.op === 'local' && value.id === frame.locals.length - 1;
  const local = value.op === 'local' ? frame.locals[value.id] : undefined;
  if (made && isLast && local?.name.startsWith('$') && last.dst === value.id && wide(type, value.type)) {
    local.name = name;
    local.type = type;
    frame.ids.set(node, value.id);
    return;
  }
  const dst = frame.declare(node, name, type);
  frame.emit({ op: 'set', dst, value, loc: locOf(node) });
}

function wide(type: Type, value: Type): boolean {
  if (type.kind !== 'int' || value.kind !== 'int') return type.kind === value.kind;
  return type.bits === 32 || (type.bits === value.bits && type.signed === value.signed);
}

function lowerIf(frame: Frame, node: ts.IfStatement): void {
  const condition = lowerCondition(frame, node.expression);
  const side = (statement: ts.Statement | undefined) => () => {
    if (statement) lowerStatements(frame, [statement]);
  };
  if (condition.op === 'const' && frame.program.pruning) {
    side(condition.value !== 0 ? node.thenStatement : node.elseStatement)();
    return;
  }
  const then = frame.collect(side(node.thenStatement));
  const otherwise = frame.collect(side(node.elseStatement));
  frame.emit({ op: 'if', condition, then, else: otherwise, loc: locOf(node) });
}

/** Code in which break and continue lead somewhere. */
function jumping(frame: Frame, jump: Jump, work: () => void): Stmt[] {
  frame.jumps.push(jump);
  try {
    return frame.collect(work);
  } finally {
    frame.jumps.pop();
  }
}

function lowerBlock(frame: Frame, node: ts.Block, named: string | undefined): void {
  if (named === undefined) {
    lowerStatements(frame, node.statements);
    return;
  }
  const label = frame.label('block');
  const body = jumping(frame, { named, namedOnly: true, breakTo: label }, () =>
    lowerStatements(frame, node.statements),
  );
  frame.emit({ op: 'block', label, body, loc: locOf(node) });
}

function exitUnless(frame: Frame, condition: ts.Expression | undefined, label: string): void {
  if (!condition) return;
  const value = lowerCondition(frame, condition);
  if (value.op === 'const' && value.value !== 0) return;
  const loc = locOf(condition);
  const stop: Expr = { op: 'unary', type: BOOL, operator: '!', operand: value };
  frame.emit({ op: 'if', condition: stop, then: [{ op: 'break', label, loc }], else: [], loc });
}

function lowerWhile(frame: Frame, node: ts.WhileStatement, named?: string): void {
  const label = frame.label('loop');
  const jump = { ...(named !== undefined && { named }), breakTo: label, continueTo: label };
  const body = jumping(frame, jump, () => {
    exitUnless(frame, node.expression, label);
    lowerStatements(frame, [node.statement]);
  });
  frame.emit({ op: 'loop', label, body, after: [], loc: locOf(node) });
}

/** `continue` leads to the condition: the body is a block that it leaves. */
function lowerDo(frame: Frame, node: ts.DoStatement, named?: string): void {
  const label = frame.label('loop');
  const round = frame.label('round');
  const jump = { ...(named !== undefined && { named }), breakTo: label, continueTo: round, continueIsBreak: true };
  const body = jumping(frame, jump, () => lowerStatements(frame, [node.statement]));
  const whole = frame.collect(() => {
    frame.emit({ op: 'block', label: round, body, loc: locOf(node.statement) });
    exitUnless(frame, node.expression, label);
  });
  frame.emit({ op: 'loop', label, body: whole, after: [], loc: locOf(node) });
}

function lowerFor(frame: Frame, node: ts.ForStatement, named?: string): void {
  const label = frame.label('loop');
  if (node.initializer) {
    if (ts.isVariableDeclarationList(node.initializer)) lowerVariables(frame, node.initializer);
    else lowerEffect(frame, node.initializer);
  }
  const jump = { ...(named !== undefined && { named }), breakTo: label, continueTo: label };
  const body = jumping(frame, jump, () => {
    exitUnless(frame, node.condition, label);
    lowerStatements(frame, [node.statement]);
  });
  const after = frame.collect(() => {
    if (node.incrementor) lowerEffect(frame, node.incrementor);
  });
  frame.emit({ op: 'loop', label, body, after, loc: locOf(node) });
}

function lowerJump(frame: Frame, node: ts.BreakOrContinueStatement): void {
  const isBreak = ts.isBreakStatement(node);
  const named = node.label?.text;
  const jump = frame.jumps.findLast((each) => {
    if (named !== undefined) return each.named === named;
    return isBreak ? !each.namedOnly : each.continueTo !== undefined;
  });
  const label = isBreak ? jump?.breakTo : jump?.continueTo;
  if (label === undefined)
    refuse(node, 'statement', `${foldedText(node)} leads nowhere`, 'it stays inside one function');
  const loc = locOf(node);
  frame.emit(isBreak || jump?.continueIsBreak ? { op: 'break', label, loc } : { op: 'continue', label, loc });
}

interface Group {
  cases: ts.Expression[];
  isDefault: boolean;
  statements: readonly ts.Statement[];
  loc: ts.Node;
}

function lowerSwitch(frame: Frame, node: ts.SwitchStatement, named?: string): void {
  const subject = subjectOf(frame, node.expression);
  const label = frame.label('switch');
  const groups = groupsOf(node);
  const ordered = [...groups.filter((group) => !group.isDefault), ...groups.filter((group) => group.isDefault)];
  const body = jumping(frame, { ...(named !== undefined && { named }), breakTo: label }, () =>
    lowerGroups(frame, subject, ordered, label),
  );
  frame.emit({ op: 'block', label, body, loc: locOf(node) });
}

function subjectOf(frame: Frame, node: ts.Expression): Expr {
  const value = lowerExpression(frame, node);
  if (value.op === 'text' || value.type.kind !== 'int')
    return refuse(node, 'mismatch', 'switch works on integers', 'use if');
  if (value.op === 'const') return value;
  const kept = frame.temporary(value.type);
  frame.emit({ op: 'set', dst: kept.id, value, loc: locOf(node) });
  return kept;
}

function groupsOf(node: ts.SwitchStatement): Group[] {
  const groups: Group[] = [];
  let cases: ts.Expression[] = [];
  let isDefault = false;
  const { clauses } = node.caseBlock;
  for (const [i, clause] of clauses.entries()) {
    if (ts.isCaseClause(clause)) cases.push(clause.expression);
    else isDefault = true;
    if (clause.statements.length === 0 && i < clauses.length - 1) continue;
    groups.push({ cases, isDefault, statements: clause.statements, loc: clause });
    [cases, isDefault] = [[], false];
  }
  return groups;
}

function lowerGroups(frame: Frame, subject: Expr, groups: Group[], label: string): void {
  const [group, ...rest] = groups;
  if (!group) return;
  const then = () => {
    lowerStatements(frame, group.statements);
    const last = frame.out.at(-1);
    if (last?.op === 'break' && last.label === label) frame.out.pop();
  };
  if (group.isDefault) {
    then();
    return;
  }
  const tests = group.cases.map((each) => caseTest(frame, subject, each));
  const known = tests.every((test) => test.op === 'const');
  if (known && frame.program.pruning) {
    if (tests.some((test) => test.op === 'const' && test.value !== 0)) then();
    else lowerGroups(frame, subject, rest, label);
    return;
  }
  const condition = tests.reduce((left, right): Expr => ({ op: 'binary', type: BOOL, operator: '||', left, right }));
  const otherwise = () => lowerGroups(frame, subject, rest, label);
  frame.emit({ op: 'if', condition, then: frame.collect(then), else: frame.collect(otherwise), loc: locOf(group.loc) });
}

function caseTest(frame: Frame, subject: Expr, node: ts.Expression): Expr {
  const known = frame.program.constants.ofExpression(node);
  if (known?.type.kind !== 'int') return refuse(node, 'constant', 'a case is a constant integer');
  const right: Expr = { op: 'const', type: INT, value: known.value };
  if (subject.op === 'const') return { op: 'const', type: BOOL, value: subject.value === known.value ? 1 : 0 };
  return { op: 'binary', type: BOOL, operator: '===', left: subject, right };
}
