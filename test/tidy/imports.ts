// SPDX-License-Identifier: Apache-2.0
/**
 * Who may import whom: one folder below src is one layer, imports go down only, and no file reaches itself again.
 *
 * Type-only imports count like others, but for what the table says of them. Not here: everything else that is tidy (rules.ts).
 */
import { posix } from 'node:path';
import ts from 'typescript';
import { isTest, type Problem, problemAt, type Tree, visitAll } from './tree.js';

interface Layer {
  /** layers that may be imported beside its own */
  layers: string[];
  /** layers of which only types may be imported */
  types: string[];
  /** packages; `node:` stands for all of Node's own */
  packages: string[];
}

const KERNEL = ['machine', 'linux', 'scenarios'];
const TOOL = ['base', 'spec', 'compiler', 'explore', 'run', 'trace', 'conform'];

/** DESIGN.md "Layout". Kernel code is never executed as JavaScript, so that nobody outside it may import more than its types. */
export const LAYERS: Record<string, Layer> = {
  base: { layers: [], types: [], packages: [] },
  machine: { layers: [], types: [], packages: [] },
  linux: { layers: ['machine'], types: [], packages: [] },
  scenarios: { layers: ['machine', 'linux'], types: [], packages: [] },
  spec: { layers: [], types: [], packages: [] },
  compiler: { layers: ['base'], types: [], packages: ['#typescript'] },
  explore: { layers: ['base', 'compiler'], types: [], packages: [] },
  run: { layers: ['base', 'compiler'], types: [], packages: [] },
  trace: { layers: ['base'], types: [], packages: [] },
  conform: { layers: ['base', 'spec', 'trace'], types: [], packages: [] },
  app: { layers: TOOL, types: KERNEL, packages: ['node:', 'xz-decompress', 'zstddec'] },
  cli: { layers: ['app', 'base'], types: [...TOOL, ...KERNEL], packages: ['node:', 'commander'] },
  web: { layers: ['app', 'base'], types: [...TOOL, ...KERNEL], packages: ['node:'] },
};

interface Import {
  node: ts.Node;
  specifier: string;
  typeOnly: boolean;
}

/** @returns every import of a layer or package that the table does not allow */
export function importProblems(tree: Tree): Problem[] {
  const problems: Problem[] = [];
  for (const [path, file] of tree.sources) {
    if (isTest(path) || !path.startsWith('src/')) continue;
    const name = layerOf(path);
    const layer = Object.hasOwn(LAYERS, name) ? LAYERS[name] : undefined;
    if (!layer) {
      problems.push({ path, line: 1, message: `src/${name} is no layer: add it to the table of test/tidy/imports.ts` });
      continue;
    }
    for (const found of importsOf(file)) {
      const message = refusal(path, name, layer, found);
      if (message) problems.push(problemAt(path, file, found.node, message));
    }
  }
  return problems;
}

function refusal(path: string, name: string, layer: Layer, { specifier, typeOnly }: Import): string | undefined {
  if (!specifier.startsWith('.')) {
    const allowed = layer.packages.some((item) => (item === 'node:' ? specifier.startsWith(item) : specifier === item));
    return allowed ? undefined : `${name} may not import ${specifier}`;
  }
  const target = resolveImport(path, specifier);
  if (!target.startsWith('src/')) return `${name} imports ${target}, which is not in src`;
  const other = layerOf(target);
  if (other === name || layer.layers.includes(other)) return undefined;
  if (!layer.types.includes(other)) return `${name} may not import ${other}`;
  return typeOnly ? undefined : `${name} may import only types of ${other}`;
}

/** @returns one problem for each cycle of files, as a walk along it */
export function cycleProblems(tree: Tree): Problem[] {
  const problems: Problem[] = [];
  const done = new Set<string>();
  const walk: string[] = [];
  const visit = (path: string): void => {
    const at = walk.indexOf(path);
    if (at >= 0) problems.push({ path, line: 1, message: `imports itself: ${[...walk.slice(at), path].join(' -> ')}` });
    if (at >= 0 || done.has(path)) return;
    walk.push(path);
    const file = tree.sources.get(path);
    const targets = file ? importsOf(file).filter(({ specifier }) => specifier.startsWith('.')) : [];
    for (const target of new Set(targets.map(({ specifier }) => resolveImport(path, specifier)))) visit(target);
    walk.pop();
    done.add(path);
  };
  for (const path of tree.sources.keys()) visit(path);
  return problems;
}

function layerOf(path: string): string {
  return path.split('/')[1];
}

function resolveImport(from: string, specifier: string): string {
  return posix.join(posix.dirname(from), specifier).replace(/\.js$/, '.ts');
}

/** Static and dynamic imports, re-exports and `import('…')` types. */
function importsOf(file: ts.SourceFile): Import[] {
  const found: Import[] = [];
  visitAll(file, (node) => {
    const add = (specifier: ts.Node | undefined, typeOnly: boolean) => {
      if (specifier && ts.isStringLiteralLike(specifier)) found.push({ node, specifier: specifier.text, typeOnly });
    };
    if (ts.isImportDeclaration(node)) add(node.moduleSpecifier, isTypeOnlyClause(node.importClause));
    else if (ts.isExportDeclaration(node)) add(node.moduleSpecifier, node.isTypeOnly);
    else if (ts.isImportTypeNode(node) && ts.isLiteralTypeNode(node.argument)) add(node.argument.literal, true);
    else if (ts.isCallExpression(node) && node.expression.kind === ts.SyntaxKind.ImportKeyword)
      add(node.arguments[0], false);
  });
  return found;
}

function isTypeOnlyClause(clause: ts.ImportClause | undefined): boolean {
  if (!clause) return false;
  if (clause.phaseModifier === ts.SyntaxKind.TypeKeyword) return true;
  const { name, namedBindings } = clause;
  if (name || !namedBindings || !ts.isNamedImports(namedBindings)) return false;
  return namedBindings.elements.length > 0 && namedBindings.elements.every((element) => element.isTypeOnly);
}
