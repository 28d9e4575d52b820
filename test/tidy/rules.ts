// SPDX-License-Identifier: Apache-2.0
/**
 * What is tidy beside imports: licences and headers, sizes, Linux's own names, and a tool whose engine has no clock.
 *
 * Not here: formatting and common mistakes (Biome).
 */
import ts from 'typescript';
import { isTest, type Problem, problemAt, type Tree, visitAll } from './tree.js';

const FILE_LINES = 500;
const FUNCTION_LINES = 60;
const KERNEL_CODE = /^src\/(linux|scenarios)\//;
const MAY_TOUCH_THE_WORLD = /^(src\/(app|cli|web)|test|bench|scripts)\//;
const NO_UPSTREAM = ['src/linux/commits.ts', 'src/linux/index.ts'];
const WORLD = new Set([
  'console',
  'Date',
  'performance',
  'process',
  'setTimeout',
  'setInterval',
  'setImmediate',
  'fetch',
]);

/** @returns files without their licence's SPDX line first or without a doc comment next */
export function headerProblems(tree: Tree): Problem[] {
  const problems: Problem[] = [];
  for (const [path, { text }] of tree.sources) {
    const body = text.replace(/^#!.*\n/, '');
    const line = text.length > body.length ? 2 : 1;
    const spdx = `// SPDX-License-Identifier: ${licenceOf(path)}\n`;
    if (!body.startsWith(spdx)) problems.push({ path, line, message: `does not begin with ${spdx.trim()}` });
    const next = body.replace(/^\/\/ SPDX.*\n/, '');
    const comment = /^\/\*\*([\s\S]*?)\*\//.exec(next)?.[1];
    if (comment === undefined) {
      problems.push({ path, line: line + 1, message: 'no doc comment says what this file is' });
      continue;
    }
    const needsUpstream = path.startsWith('src/linux/') && !NO_UPSTREAM.includes(path);
    if (needsUpstream && !comment.includes('Upstream:'))
      problems.push({
        path,
        line: line + 1,
        message: 'the header does not name its Upstream: file and the version read',
      });
  }
  return problems;
}

function licenceOf(path: string): string {
  return KERNEL_CODE.test(path) ? 'GPL-2.0-only' : 'Apache-2.0';
}

/** @returns licence texts that no file names, and licences named without a text */
export function licenceProblems(tree: Tree): Problem[] {
  const named = new Set<string>();
  for (const { text } of tree.sources.values()) {
    const licence = /^\/\/ SPDX-License-Identifier: (\S+)/m.exec(text)?.[1];
    if (licence) named.add(`${licence}.txt`);
  }
  const unused = tree.licences.filter((licence) => !named.has(licence));
  const missing = [...named].filter((licence) => !tree.licences.includes(licence));
  return [
    ...unused.map((licence) => ({ path: `LICENSES/${licence}`, line: 1, message: 'is named by no file' })),
    ...missing.map((licence) => ({ path: `LICENSES/${licence}`, line: 1, message: 'is named but not there' })),
  ];
}

/** @returns files and functions that are too long to be read at once */
export function sizeProblems(tree: Tree): Problem[] {
  const problems: Problem[] = [];
  for (const [path, file] of tree.sources) {
    const lines = file.text.trimEnd().split('\n').length;
    if (lines > FILE_LINES) problems.push({ path, line: 1, message: `${lines} lines; ${FILE_LINES} at most` });
    if (isTest(path)) continue;
    visitAll(file, (node) => {
      if (!ts.isFunctionLike(node)) return;
      const length = lineOf(file, node.getEnd()) - lineOf(file, node.getStart(file)) + 1;
      if (length > FUNCTION_LINES)
        problems.push(problemAt(path, file, node, `a function of ${length} lines; ${FUNCTION_LINES} at most`));
    });
  }
  return problems;
}

function lineOf(file: ts.SourceFile, position: number): number {
  return file.getLineAndCharacterOfPosition(position).line;
}

/** @returns functions, fields and objects of kernel code whose names are camelCase, as none of Linux's are */
export function nameProblems(tree: Tree): Problem[] {
  const problems: Problem[] = [];
  for (const [path, file] of tree.sources) {
    if (!KERNEL_CODE.test(path)) continue;
    visitAll(file, (node) => {
      const isNamed =
        ts.isFunctionDeclaration(node) ||
        ts.isPropertySignature(node) ||
        ts.isVariableDeclaration(node) ||
        ts.isParameter(node);
      const name = isNamed && node.name && ts.isIdentifier(node.name) ? node.name.text : '';
      if (/^_*[a-z][a-z0-9]*[A-Z]/.test(name))
        problems.push(problemAt(path, file, node, `${name} is camelCase: kernel code keeps Linux's spelling`));
    });
  }
  return problems;
}

/** @returns uses of the console, a clock, chance or the process outside the layers that talk to the world */
export function worldProblems(tree: Tree): Problem[] {
  const problems: Problem[] = [];
  for (const [path, file] of tree.sources) {
    if (MAY_TOUCH_THE_WORLD.test(path) || isTest(path) || KERNEL_CODE.test(path)) continue;
    visitAll(file, (node) => {
      if (!ts.isIdentifier(node)) return;
      const { parent } = node;
      const isRandom =
        ts.isPropertyAccessExpression(parent) && parent.name === node && parent.getText() === 'Math.random';
      const isMember =
        (ts.isPropertyAccessExpression(parent) && parent.name === node) ||
        ((ts.isPropertyAssignment(parent) || ts.isClassElement(parent) || ts.isTypeElement(parent)) &&
          parent.name === node);
      if (isRandom || (!isMember && WORLD.has(node.text)))
        problems.push(
          problemAt(path, file, node, `${isRandom ? 'Math.random' : node.text} belongs in src/app, cli or web`),
        );
    });
  }
  return problems;
}
