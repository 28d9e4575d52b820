// SPDX-License-Identifier: Apache-2.0
/**
 * What the tidy check looks at: the project's own files, read from disk or, to show that a rule catches something, made up.
 */
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import ts from 'typescript';

export interface Tree {
  /** path from the project's root -> parsed TypeScript or JavaScript */
  sources: Map<string, ts.SourceFile>;
  /** names of the files in LICENSES */
  licences: string[];
}

export interface Problem {
  path: string;
  line: number;
  message: string;
}

const ROOT = fileURLToPath(new URL('../../', import.meta.url));
const FOLDERS = ['src', 'test', 'bench', 'scripts'];
/** programs made to be refused, and others that tests feed to the compiler */
const NOT_OURS = /^test\/(rejected|fixtures|golden)\//;

/** @returns the project's files */
export function readTree(): Tree {
  const files: Record<string, string> = {};
  for (const folder of FOLDERS) {
    for (const name of readdirSync(join(ROOT, folder), { recursive: true, encoding: 'utf8' }).sort()) {
      const path = `${folder}/${name}`;
      if (!/\.(ts|mjs|js)$/.test(path) || path.endsWith('.d.ts') || NOT_OURS.test(path)) continue;
      files[path] = readFileSync(join(ROOT, path), 'utf8');
    }
  }
  return treeOf(files, readdirSync(join(ROOT, 'LICENSES')));
}

/** @returns the tree of made-up files */
export function treeOf(files: Record<string, string>, licences: string[] = []): Tree {
  const sources = new Map<string, ts.SourceFile>();
  for (const [path, text] of Object.entries(files))
    sources.set(path, ts.createSourceFile(path, text, ts.ScriptTarget.ES2022, true));
  return { sources, licences };
}

export function isTest(path: string): boolean {
  return path.startsWith('test/') || path.endsWith('.test.ts');
}

export function problemAt(path: string, file: ts.SourceFile, node: ts.Node, message: string): Problem {
  return { path, line: file.getLineAndCharacterOfPosition(node.getStart(file)).line + 1, message };
}

/** Calls `visit` for `node` and all that it holds. */
export function visitAll(node: ts.Node, visit: (node: ts.Node) => void): void {
  visit(node);
  ts.forEachChild(node, (child) => visitAll(child, visit));
}
