// SPDX-License-Identifier: Apache-2.0
/**
 * Source texts -> a type-checked TypeScript program. Nothing is read from disk: modules are found among the texts
 * given, and a prelude of a dozen lines stands in for TypeScript's library, so that JavaScript's built-ins are unknown.
 *
 * Not here: what the language forbids beyond TypeScript (subset.ts).
 */
import ts from '#typescript';
import type { Diagnostic } from '../base/diagnostic.js';
import type { Sources } from './api.js';
import { CODES, placeAt } from './diagnostics.js';

export interface Checked {
  program: ts.Program;
  checker: ts.TypeChecker;
  /** every file given, in the order given */
  files: ts.SourceFile[];
  /** those of them that are to be judged: all but the proven */
  doubtful: ts.SourceFile[];
  /** what TypeScript itself has to say */
  errors: TypeError[];
}

/** A diagnostic of TypeScript's with the range it covers, so that a more telling one about the same place can win. */
export interface TypeError {
  diagnostic: Diagnostic;
  file?: ts.SourceFile;
  start: number;
  end: number;
}

const PRELUDE = '/refzero/prelude.d.ts';
const PRELUDE_TEXT = `
interface Array<T> { readonly length: number; [n: number]: T }
interface ReadonlyArray<T> { readonly length: number; readonly [n: number]: T }
interface Boolean {}
interface CallableFunction {}
interface Function {}
interface IArguments {}
interface NewableFunction {}
interface Number {}
interface Object {}
interface RegExp {}
interface String {}
type Record<K extends keyof any, T> = { [P in K]: T };
`;

const OPTIONS: ts.CompilerOptions = {
  target: ts.ScriptTarget.ES2022,
  module: ts.ModuleKind.ESNext,
  moduleResolution: ts.ModuleResolutionKind.Bundler,
  noLib: true,
  types: [],
  strict: true,
  noEmit: true,
  noImplicitReturns: true,
  noFallthroughCasesInSwitch: true,
  allowUnreachableCode: true,
  allowUnusedLabels: true,
  exactOptionalPropertyTypes: true,
  noResolve: false,
};

/** Names a JavaScript programmer expects; TypeScript calls them unknown here, and the hint says why. */
const BUILTINS = new Set(
  (
    'Math Object Array Map Set WeakMap WeakSet String Number Boolean Symbol BigInt Date JSON Promise Error RegExp Atomics ' +
    'Int32Array Uint8Array SharedArrayBuffer ArrayBuffer console process globalThis window setTimeout parseInt NaN ' +
    'Infinity Reflect Proxy Function eval require Buffer queueMicrotask structuredClone Intl isNaN'
  ).split(' '),
);

/**
 * "No overlap" of a comparison or case: TypeScript believes what it saw in shared memory a moment ago, and other tasks
 * write there. What cannot be compared is refused by the lowering.
 */
const MISLED = new Set([2367, 2678]);
/** "Cannot find global type": the prelude has none of the rest on purpose. */
const NO_LIBRARY = 2318;

/** @returns the program; `errors` holds all that TypeScript found in what is not proven. Throws nothing. */
export function checkSources({ files: texts, proven = new Set() }: Sources): Checked {
  const parsed = new Map<string, ts.SourceFile>();
  const source = (name: string, text: string) =>
    ts.createSourceFile(name, text, { languageVersion: ts.ScriptTarget.ES2022 }, true, ts.ScriptKind.TS);
  parsed.set(PRELUDE, source(PRELUDE, PRELUDE_TEXT));
  for (const [name, text] of texts) parsed.set(name, source(name, text));
  const program = ts.createProgram({ rootNames: [...parsed.keys()], options: OPTIONS, host: hostOf(parsed) });
  const files = [...texts.keys()].map((name) => parsed.get(name)).filter((file) => file !== undefined);
  const others = files.filter(({ fileName }) => !proven.has(fileName));
  const doubtful = others.every(keepsToItself) ? others : files;
  const found = [
    ...program.getOptionsDiagnostics(),
    ...program.getGlobalDiagnostics(),
    ...doubtful.flatMap((file) => program.getSyntacticDiagnostics(file)),
    ...doubtful.flatMap((file) => program.getSemanticDiagnostics(file)),
  ];
  const errors = found
    .filter(({ code }) => !MISLED.has(code) && code !== NO_LIBRARY)
    .map((error) => typeError(error, files));
  return { program, checker: program.getTypeChecker(), files, doubtful, errors };
}

/** @returns whether a file says nothing about names of others': it is a module, and declares none of theirs anew */
function keepsToItself(file: ts.SourceFile): boolean {
  return ts.isExternalModule(file) && !file.statements.some(ts.isModuleDeclaration);
}

function hostOf(parsed: ReadonlyMap<string, ts.SourceFile>): ts.CompilerHost {
  return {
    fileExists: (name) => parsed.has(name),
    readFile: (name) => parsed.get(name)?.text,
    getSourceFile: (name) => parsed.get(name),
    getDefaultLibFileName: () => PRELUDE,
    getCurrentDirectory: () => '',
    getCanonicalFileName: (name) => name,
    useCaseSensitiveFileNames: () => true,
    getNewLine: () => '\n',
    writeFile: () => {},
    resolveModuleNameLiterals: (literals, from) =>
      literals.map((literal) => {
        const name = resolveModule(literal.text, from, parsed);
        return { resolvedModule: name === undefined ? undefined : { resolvedFileName: name, extension: '.ts' } };
      }),
  };
}

/** @returns the names of the files that a text imports by relative path, as `checkSources` will look for them */
export function relativeImports(name: string, text: string): string[] {
  const specifiers = ts.preProcessFile(text, true, false).importedFiles.map(({ fileName }) => fileName);
  return specifiers.filter((specifier) => specifier.startsWith('.')).map((specifier) => besides(name, specifier));
}

/** `./x.js` beside the importing file, or `refzero/linux/…` for the package's own; both mean the `.ts` text given. */
function resolveModule(specifier: string, from: string, known: ReadonlyMap<string, unknown>): string | undefined {
  const asSource = specifier.replace(/\.js$/, '.ts');
  if (asSource.startsWith('refzero/')) {
    const suffix = `src/${asSource.slice('refzero/'.length)}`;
    return known.has(suffix) ? suffix : [...known.keys()].find((name) => name.endsWith(`/${suffix}`));
  }
  if (!asSource.startsWith('.')) return undefined;
  const path = besides(from, specifier);
  return known.has(path) ? path : undefined;
}

/** @returns the name of the file that `from` means by `specifier` */
function besides(from: string, specifier: string): string {
  return joinPath(from.slice(0, from.lastIndexOf('/') + 1), specifier.replace(/\.js$/, '.ts'));
}

function joinPath(folder: string, relative: string): string {
  const parts: string[] = [];
  for (const part of (folder + relative).split('/')) {
    if (part === '.' || (part === '' && parts.length > 0)) continue;
    const last = parts.at(-1);
    if (part === '..' && last !== undefined && last !== '..' && last !== '') parts.pop();
    else parts.push(part);
  }
  return parts.join('/');
}

/** @returns where a name that nobody imported could come from: src/machine and src/linux export it */
function importHint(name: string | undefined, files: readonly ts.SourceFile[]): { hint?: string } {
  const owner = files.find(({ fileName, statements }) => {
    return /^src\/(machine|linux)\//.test(fileName) && statements.some((statement) => exportsName(statement, name));
  });
  if (!owner) return {};
  return { hint: `import { ${name} } from 'refzero/${owner.fileName.slice('src/'.length).replace(/\.ts$/, '.js')}'` };
}

function exportsName(statement: ts.Statement, name: string | undefined): boolean {
  const isExported =
    ts.canHaveModifiers(statement) && statement.modifiers?.some(({ kind }) => kind === ts.SyntaxKind.ExportKeyword);
  if (!isExported) return false;
  if (ts.isVariableStatement(statement)) {
    return statement.declarationList.declarations.some((declaration) => declaration.name.getText() === name);
  }
  const declares = ts.isFunctionDeclaration(statement) || ts.isInterfaceDeclaration(statement);
  return (declares || ts.isTypeAliasDeclaration(statement)) && statement.name?.text === name;
}

function typeError(error: ts.Diagnostic, files: readonly ts.SourceFile[]): TypeError {
  const message = ts.flattenDiagnosticMessageText(error.messageText, '\n');
  const { file, start = 0, length = 1 } = error;
  const place = file && { place: placeAt(file, start, start + length) };
  const range = { start, end: start + length, ...(file && { file }) };
  const name = /^Cannot find name '([^']+)'/.exec(message)?.[1];
  if (name !== undefined && BUILTINS.has(name)) {
    const hint = 'kernel code runs on src/machine alone; there is no JavaScript library';
    return {
      diagnostic: { code: CODES.builtin, message: `no JavaScript built-ins: ${name}`, ...place, hint },
      ...range,
    };
  }
  if (error.code === 7029) {
    const hint = 'end the case with break, return or continue';
    return { diagnostic: { code: CODES.fallthrough, message: 'a case falls through', ...place, hint }, ...range };
  }
  if ([2307, 2591, 2792, 2882].includes(error.code) && file && /^['"]/.test(file.text.slice(start))) {
    const hint = "kernel code imports by relative path or as 'refzero/linux/…', 'refzero/machine/…'";
    const wanted = file.text.slice(start, start + length);
    return { diagnostic: { code: CODES.imports, message: `no module ${wanted}`, ...place, hint }, ...range };
  }
  if (/'(scenario_text|broken_variant)'/.test(message)) {
    const hint = 'src/machine/scenario.ts says what a scenario has';
    const short = message.split('\n').at(-1)?.trim() ?? message;
    return { diagnostic: { code: CODES.scenarioText, message: short, ...place, hint }, ...range };
  }
  const isStale = error.code === 2339 && message.includes("type 'never'");
  const hint = isStale
    ? { hint: 'TypeScript believes an earlier test of this field: read it again into a const' }
    : importHint(name, files);
  return {
    diagnostic: { code: CODES.typescript, message: `${message} (TS${error.code})`, ...place, ...hint },
    ...range,
  };
}
