// SPDX-License-Identifier: Apache-2.0
/**
 * Locks that a scenario's struct points to and that nothing ever points it to: every use would be a null dereference,
 * and what was meant is a lock held by value.
 *
 * Only fields of a scenario's own structs, as all code that can set one is at hand. Not judged: a field that says it may
 * be null, and one of whose name any of the scenario's code sets some field, in whichever struct.
 */
import ts from '#typescript';
import type { Diagnostic } from '../base/diagnostic.js';
import { diagnose } from './diagnostics.js';
import { statementsIn } from './flow.js';
import type { FunctionIR } from './ir.js';
import { declarationOf, isMachineFile } from './names.js';

/**
 * @param own all functions of the scenario
 * @param beside gives all others; of these only a store into that very struct counts, as `done` of a Completion is set anyway
 */
export function unsetLocks(
  file: ts.SourceFile,
  checker: ts.TypeChecker,
  own: Iterable<FunctionIR>,
  beside: () => Iterable<FunctionIR>,
): Diagnostic[] {
  const pointers = file.statements.filter(ts.isInterfaceDeclaration).flatMap((struct) => pointersOf(struct, checker));
  if (pointers.length === 0) return [];
  const setHere = new Set(storesIn(own).map(({ field }) => field));
  const setElsewhere = new Set(storesIn(beside()).map(({ struct, field }) => `${struct}.${field}`));
  const unset = pointers.filter(({ struct, field }) => !setHere.has(field) && !setElsewhere.has(`${struct}.${field}`));
  return unset.map(({ node, field, lock }) => {
    const hint = `\`${field}: struct<${lock}>\` holds one by value; a pointer that may stay null is \`${lock} | null\``;
    return diagnose(node, 'byValue', `${field} points to a ${lock}, and nothing ever sets it`, hint);
  });
}

interface Pointer {
  node: ts.Node;
  struct: string;
  field: string;
  lock: string;
}

/** The fields whose type is a struct of src/machine/lock.ts and nothing else. */
function pointersOf(struct: ts.InterfaceDeclaration, checker: ts.TypeChecker): Pointer[] {
  return struct.members.flatMap((member) => {
    if (!ts.isPropertySignature(member) || !member.type || !ts.isTypeReferenceNode(member.type)) return [];
    const declaration = declarationOf(checker, member.type.typeName);
    if (!declaration || !ts.isInterfaceDeclaration(declaration)) return [];
    const lock = declaration.name.text;
    const file = declaration.getSourceFile();
    const isLock = isMachineFile(file) && file.fileName.endsWith('/lock.ts') && !lock.endsWith('_t');
    return isLock ? [{ node: member.type, struct: struct.name.text, field: member.name.getText(), lock }] : [];
  });
}

function storesIn(functions: Iterable<FunctionIR>): { struct: string; field: string }[] {
  return [...functions].flatMap(({ body }) =>
    statementsIn(body).flatMap((statement) => (statement.op === 'store' ? [statement] : [])),
  );
}
