// SPDX-License-Identifier: Apache-2.0
/** What a kernel's sources export beside functions and objects: constants, which callers from outside pass in. */
import ts from '#typescript';
import type { Constants } from './consts.js';
import type { Constant } from './fold.js';

/** @returns every exported module-level constant by its name: flags, sizes, switches; for ProgramIR.constants */
export function exportedConstants(files: readonly ts.SourceFile[], constants: Constants): Map<string, Constant> {
  const found = new Map<string, Constant>();
  for (const statement of files.flatMap((file) => [...file.statements])) {
    if (!ts.isVariableStatement(statement)) continue;
    if (!statement.modifiers?.some((modifier) => modifier.kind === ts.SyntaxKind.ExportKeyword)) continue;
    for (const declaration of statement.declarationList.declarations) {
      const value = constants.ofDeclaration(declaration);
      if (value) found.set(declaration.name.getText(), value);
    }
  }
  return found;
}
