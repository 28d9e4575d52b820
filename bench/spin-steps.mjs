// SPDX-License-Identifier: Apache-2.0
/**
 * A linked scenario as a model for Spin, so that the scenario set can be raced, too: the very steps that refzero takes, printed
 * as C, in a Promela model of one process that takes any step of any task (Spin's embedded C, `c_state`, `c_expr`, `c_code`).
 * Spin then has no step to interpret, and stores the same packed words: its graph is refzero's plain graph.
 *
 * Not here: Promela as a person would write it (bench/promela), and what Spin is not asked: whether every state can still
 * end, and whether tasks get on.
 */
import { createRequire } from 'node:module';
import { tablesOf } from '../dist/explore/code.js';
import { BLOCKED, emitPredicate, emitStep, MAX_CHOICES, OK } from '../dist/explore/emit.js';
import { CellPrinter } from '../dist/explore/emit-cell.js';

const ts = createRequire(import.meta.url)('typescript');
/** Alternatives of one step that are taken; more are refused by the model while it runs. */
const ALTERNATIVES_MAX = 64;

/**
 * @param model a plain one (explore/model.ts): nothing reduced
 * @param alternatives how many a step of each task has at most
 * @returns the texts of model.pml and steps.h
 */
export function spinModelOf(model, alternatives) {
  const { linked, encoding } = model;
  const options = { linked, encoding, cells: new CellPrinter(linked, encoding), tracing: false, sites: [] };
  const steps = linked.tasks.flatMap(({ points }, task) =>
    points.map((_, pc) => (pc === 0 ? '' : cFunction(`step_${task}_${pc}`, emitStep(options, task, pc)))),
  );
  const predicates = ['never', 'finally'].flatMap((kind) =>
    linked[kind].map((predicate, i) => cFunction(`${kind}_${i}`, emitPredicate(options, predicate))),
  );
  const { words } = encoding;
  return {
    'steps.h': [HEAD(words), ...tables(linked), ...steps, ...predicates, driver(linked, model, alternatives)].join(
      '\n',
    ),
    'model.pml': promela(linked, words, alternatives),
  };
}

const HEAD = (words) => `#include <stdio.h>
#include <string.h>
typedef unsigned int u;
enum { WORDS = ${words} };
static int choice[${MAX_CHOICES}], counts[${MAX_CHOICES}], chosen, wrong, scratch[WORDS];
static void refuse(const char *why) { printf("refused: %s\\n", why); exit(3); }`;

function tables(linked) {
  return tablesOf(linked).map((table, id) => `static const int T${id}[] = { ${[...table, 0].join(', ')} };`);
}

function driver({ tasks, never, finally: last }, { encoding, initial }, alternatives) {
  const pc = (task) => {
    const { word, shift, pcBits } = encoding.tasks[task];
    return `((u)n[${word}] >> ${shift} & ${2 ** pcBits - 1})`;
  };
  const list = tasks.map(({ points }, task) => {
    const names = points.map((_, at) => (at === 0 ? '0' : `step_${task}_${at}`));
    return `static int (*const steps_${task}[])(int *) = { ${names.join(', ')} };`;
  });
  const takes = tasks.flatMap((_, task) => [
    `static int take_${task}(const int *n, int i) { return take_from(n, i, ${pc(task)}, steps_${task}); }`,
    ...Array.from({ length: alternatives[task] }, (_, i) => `#define TAKE_${task}_${i} take_${task}(now.n, ${i})`),
  ]);
  const threads = tasks.flatMap((_, task) => (encoding.tasks[task].isBuffer ? [] : [pc(task)]));
  return `${list.join('\n')}
static int another(void) {
  for (int i = chosen; i-- > 0; ) {
    if (++choice[i] < counts[i]) return 1;
    choice[i] = 0;
  }
  return 0;
}
static int ended(const int *n) { return (${threads.join(' | ')}) == 0; }
static int take_from(const int *n, int alternative, int pc, int (*const steps[])(int *)) {
  if (pc == 0) return 0;
  chosen = wrong = 0;
  memset(choice, 0, sizeof choice);
  for (;;) {
    memcpy(scratch, n, sizeof scratch);
    chosen = 0;
    int outcome = steps[pc](scratch);
    if (alternative-- == 0) {
      if (outcome >= ${BLOCKED}) return 0;
      wrong = outcome != ${OK};
      return 1;
    }
    if (!another()) return 0;
  }
}
${takes.join('\n')}
#define ENDED ended(now.n)
static void judge(int *n) {
${never.map((_, i) => `  if (never_${i}(n)) wrong = 1;`).join('\n')}
  if (ended(n)) { ${last.map((_, i) => `if (!finally_${i}(n)) wrong = 1;`).join(' ')} }
}
static void put(int *n) { if (!wrong) { memcpy(n, scratch, sizeof scratch); judge(n); } }
static void begin(int *n) {
  static const int first[] = { ${[...initial].join(', ')} };
  memcpy(n, first, sizeof first);
  wrong = 0;
  judge(n);
}
`;
}

function promela({ tasks }, words, alternatives) {
  const options = tasks.flatMap((_, task) => {
    if (alternatives[task] > ALTERNATIVES_MAX) throw new Error(`a step has ${alternatives[task]} alternatives`);
    return Array.from(
      { length: alternatives[task] },
      (_, i) => `  :: d_step { c_expr { TAKE_${task}_${i} } -> c_code { put(now.n); } ; assert(!c_expr { wrong }) }`,
    );
  });
  // Spin takes no call in a condition, so it gets macros; an end costs a state and a step more; 'invalid end state' is then a deadlock
  return `c_decl { \\#include "steps.h" }
c_state "int n[${words}]" "Global"
active proctype all() {
  d_step { c_code { begin(now.n); } ; assert(!c_expr { wrong }) }
  do
${options.join('\n')}
  :: d_step { c_expr { ENDED } -> skip } ; goto endall
  od;
endall: false
}
`;
}

// ---- JavaScript of emit.ts as C ---------------------------------------------------------------------------------------

function cFunction(name, text) {
  const { statements } = ts.createSourceFile('f.js', `(${text})`, ts.ScriptTarget.ES2022, true);
  let arrow = statements[0].expression;
  while (ts.isParenthesizedExpression(arrow)) arrow = arrow.expression;
  return `static int ${name}(int *n) ${statement(arrow.body)}`;
}

function statement(node) {
  switch (node.kind) {
    case ts.SyntaxKind.Block:
      return `{\n${node.statements.map(statement).join('\n')}\n}`;
    case ts.SyntaxKind.VariableStatement:
      return declaration(node.declarationList);
    case ts.SyntaxKind.ExpressionStatement:
      return `${expression(node.expression)};`;
    case ts.SyntaxKind.IfStatement: {
      const otherwise = node.elseStatement ? ` else ${statement(node.elseStatement)}` : '';
      return `if (${expression(node.expression)}) ${statement(node.thenStatement)}${otherwise}`;
    }
    case ts.SyntaxKind.ForStatement: {
      const first = node.initializer ? declaration(node.initializer) : '';
      return `{ ${first} for (;;) ${statement(node.statement)} }`;
    }
    case ts.SyntaxKind.LabeledStatement: {
      const label = node.label.text;
      const body = node.statement;
      if (!ts.isForStatement(body)) return `{ ${statement(body)} ${label}_break: ; }`;
      return `{ for (;;) { ${statement(body.statement)} ${label}_continue: ; } }`;
    }
    case ts.SyntaxKind.BreakStatement:
      return `goto ${node.label.text}_break;`;
    case ts.SyntaxKind.ContinueStatement:
      return node.label ? `goto ${node.label.text}_continue;` : 'continue;';
    case ts.SyntaxKind.ReturnStatement:
      return `return ${expression(node.expression)};`;
    case ts.SyntaxKind.SwitchStatement: {
      const clauses = node.caseBlock.clauses.map(
        (clause) => `case ${expression(clause.expression)}: ${clause.statements.map(statement).join('\n')}`,
      );
      return `switch (${expression(node.expression)}) { ${clauses.join('\n')} }`;
    }
    default:
      throw new Error(`no C for ${ts.SyntaxKind[node.kind]}: ${node.getText()}`);
  }
}

function declaration({ declarations }) {
  return `int ${declarations.map(({ name, initializer }) => `${name.text} = ${expression(initializer)}`).join(', ')};`;
}

const isShiftRight = (node) =>
  ts.isBinaryExpression(node) && node.operatorToken.kind === ts.SyntaxKind.GreaterThanGreaterThanGreaterThanToken;
const isUnsigned = (node) => (ts.isParenthesizedExpression(node) ? isUnsigned(node.expression) : isShiftRight(node));
const COMPARED = { '===': '==', '!==': '!=', '<': '<', '<=': '<=', '>': '>', '>=': '>=' };

/** All values are 32 bits; `>>>` makes one unsigned, which shows where it is compared. */
function expression(node) {
  if (ts.isParenthesizedExpression(node)) return `(${expression(node.expression)})`;
  if (ts.isNumericLiteral(node)) return Number(node.text) > 2147483647 ? `(int)${node.text}u` : node.text;
  if (ts.isIdentifier(node)) return node.text;
  if (node.kind === ts.SyntaxKind.TrueKeyword) return '1';
  if (node.kind === ts.SyntaxKind.FalseKeyword) return '0';
  if (ts.isPrefixUnaryExpression(node)) return `${ts.tokenToString(node.operator)}${expression(node.operand)}`;
  if (ts.isPostfixUnaryExpression(node)) return `${expression(node.operand)}${ts.tokenToString(node.operator)}`;
  if (ts.isConditionalExpression(node)) {
    const [condition, yes, no] = [node.condition, node.whenTrue, node.whenFalse].map(expression);
    return `(${condition} ? ${yes} : ${no})`;
  }
  if (ts.isBinaryExpression(node)) return binary(node);
  if (ts.isElementAccessExpression(node)) return element(node);
  if (ts.isCallExpression(node)) return call(node);
  throw new Error(`no C for ${ts.SyntaxKind[node.kind]}: ${node.getText()}`);
}

function binary(node) {
  const [left, right] = [expression(node.left), expression(node.right)];
  const operator = node.operatorToken.getText();
  if (operator === '>>>') return `(int)((u)${left} >> (${right} & 31))`;
  if (operator === '>>') return `(${left} >> (${right} & 31))`;
  if (operator === '<<') return `(int)((u)${left} << (${right} & 31))`;
  if (operator === '=') return `${left} = ${right}`;
  const sign = isUnsigned(node.left) || isUnsigned(node.right) ? '(u)' : '';
  if (COMPARED[operator]) return `(${sign}${left} ${COMPARED[operator]} ${sign}${right})`;
  return `(${left} ${operator} ${right})`;
}

/** Words of a state, tables, and what K shares. */
function element({ expression: array, argumentExpression }) {
  const at = expression(argumentExpression);
  const name = array.getText();
  if (name === 'n') return `n[${at}]`;
  if (name === 'K.side') return at === '1' ? 'chosen' : 'wrong';
  if (name === 'K.choice') return `choice[${at}]`;
  if (name === 'K.counts') return `counts[${at}]`;
  const table = /^K\.tables\[(\d+)\]$/.exec(name);
  if (table) return `T${table[1]}[${at}]`;
  throw new Error(`no C for ${name}`);
}

function call(node) {
  const name = node.expression.getText();
  if (name === 'Math.imul') return `(int)((u)${expression(node.arguments[0])} * (u)${expression(node.arguments[1])})`;
  if (/^K\.(misfit|endless|badChoice|wrong)$/.test(name)) return `refuse("${name}")`;
  throw new Error(`no C for ${name}`);
}
