// SPDX-License-Identifier: Apache-2.0
/**
 * Broken variants: where in the source an edit applies, and which function a stand-in replaces.
 */
import ts from '#typescript';
import type { Edit } from './api.js';
import { foldSpace, nearest, placeOf, refuse } from './diagnostics.js';
import type { VariantSource } from './scenarioText.js';

/** @returns node -> what stands there instead. @throws Refusal RZ2005 for an edit that does not match exactly once */
export function editsOf(variant: VariantSource, files: readonly ts.SourceFile[]): Map<ts.Node, string> {
  const edits = new Map<ts.Node, string>();
  for (const { edit, node } of variant.edits) {
    const target = findFunction(edit, node, files);
    const found = matches(target, foldSpace(edit.replace));
    const [only, another] = found;
    if (!only) {
      const statements = target.body?.statements.map((each) => foldSpace(each.getText())) ?? [];
      const near = nearest(edit.replace, statements) ?? statements[0];
      refuse(
        node,
        'edit',
        `${edit.in} has no statement or expression "${edit.replace}"`,
        near && `it has "${near.slice(0, 70)}"`,
      );
    }
    if (another) {
      const lines = found.map((each) => placeOf(each).line).join(', ');
      refuse(
        node,
        'edit',
        `"${edit.replace}" is ${found.length} times in ${edit.in}`,
        `lines ${lines}: quote more of one`,
      );
    }
    edits.set(only, checkedReplacement(edit, only, node));
  }
  return edits;
}

function checkedReplacement(edit: Edit, found: ts.Node, node: ts.Node): string {
  if (edit.by !== '' && edit.by !== 'true' && edit.by !== 'false' && !/^-?\d+$/.test(edit.by)) {
    refuse(node, 'edit', `an edit cannot put "${edit.by}" there`, "by: '', 'true', 'false' or an integer");
  }
  const isStatement = ts.isStatement(found) || ts.isExpressionStatement(found.parent);
  if ((edit.by === '') !== isStatement) {
    const hint = isStatement
      ? "by: '' takes a statement out"
      : "by: 'true', 'false' or an integer stands for an expression";
    refuse(node, 'edit', `"${edit.replace}" is ${isStatement ? 'a statement' : 'an expression'}`, hint);
  }
  return edit.by;
}

function findFunction(edit: Edit, node: ts.Node, files: readonly ts.SourceFile[]): ts.FunctionDeclaration {
  const [file, name] = edit.in.includes(':') ? edit.in.split(':') : [undefined, edit.in];
  const all = files.filter((each) => file === undefined || each.fileName.endsWith(file)).flatMap(functionsOf);
  const [only, another] = all.filter((each) => each.name?.text === name);
  if (!only) {
    const near = nearest(
      name ?? '',
      all.flatMap((each) => each.name?.text ?? []),
    );
    return refuse(node, 'edit', `no function ${edit.in}`, near && `did you mean ${near}?`);
  }
  if (another) refuse(node, 'edit', `several functions are called ${edit.in}`, `say which: ${baseName(only)}:${name}`);
  return only;
}

function baseName(node: ts.Node): string {
  const { fileName } = node.getSourceFile();
  return fileName.slice(fileName.lastIndexOf('/') + 1);
}

export function functionsOf(file: ts.SourceFile): ts.FunctionDeclaration[] {
  return file.statements.filter(ts.isFunctionDeclaration);
}

/** @returns the outermost statements and expressions whose source is `text`, with or without its semicolon */
function matches(within: ts.Node, text: string): ts.Node[] {
  const wanted = text.replace(/;$/, '');
  const found: ts.Node[] = [];
  const visit = (node: ts.Node): void => {
    const candidate = (ts.isStatement(node) && !ts.isBlock(node)) || ts.isExpression(node);
    if (candidate && foldSpace(node.getText()).replace(/;$/, '') === wanted) {
      found.push(node);
      return;
    }
    ts.forEachChild(node, visit);
  };
  ts.forEachChild(within, visit);
  return found;
}

/** @returns kernel function -> stand-in. @throws Refusal RZ2006 where there is no such function or it is typed otherwise */
export function standInsOf(
  variant: VariantSource,
  files: readonly ts.SourceFile[],
  checker: ts.TypeChecker,
): Map<ts.FunctionDeclaration, ts.FunctionDeclaration> {
  const standIns = new Map<ts.FunctionDeclaration, ts.FunctionDeclaration>();
  const known = files.flatMap(functionsOf);
  for (const [name, { declaration, node }] of variant.standIns) {
    const original = known.find((each) => each.name?.text === name);
    if (!original) {
      const near = nearest(
        name,
        known.flatMap((each) => each.name?.text ?? []),
      );
      refuse(node, 'standIn', `no kernel function ${name}`, near && `did you mean ${near}?`);
    }
    const fits = checker.isTypeAssignableTo(
      checker.getTypeAtLocation(declaration),
      checker.getTypeAtLocation(original),
    );
    if (!fits || original.parameters.length !== declaration.parameters.length) {
      const [theirs, ours] = [original, declaration].map((each) =>
        checker.typeToString(checker.getTypeAtLocation(each)),
      );
      refuse(node, 'standIn', `${declaration.name?.text} is not typed as ${name}: ${ours}`, `${name} is ${theirs}`);
    }
    standIns.set(original, declaration);
  }
  return standIns;
}
