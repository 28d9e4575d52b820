// SPDX-License-Identifier: Apache-2.0
/**
 * The steps of a scenario on a kernel, as data: where each task can be interrupted, and what it does there.
 *
 * Not here: the search that interleaves them (check-job.ts).
 */
import type { KernelChoice, Workspace } from '../compiler/api.js';
import { type LinkedTask, link } from '../compiler/link.js';
import type { Node } from '../compiler/link-graph.js';
import { framesOf, operationOf } from '../explore/site.js';
import type { Frame } from '../explore/verdict.js';
import { initialMemory } from './initial.js';

export interface StepText {
  number: number;
  /** `waits`: the step is possible only in some states */
  kind: 'read' | 'write' | 'atomic' | 'waits' | 'choice';
  /** the call or access, as the source has it */
  operation: string;
  /** innermost first; primitives are left out, the calls to them are the operations */
  stack: Frame[];
  /** the whole source line */
  source: string;
}

export interface StepListing {
  scenario: string;
  kernel: string;
  variant?: string;
  tasks: { task: string; steps: StepText[] }[];
}

/** @throws InputError as Workspace.compileScenario does, and where a task is too large or `init` fails */
export function listSteps(workspace: Workspace, scenario: string, choice: KernelChoice, variant?: string): StepListing {
  const compiled = workspace.compileScenario(scenario, choice, variant);
  const { layout, columns } = initialMemory(compiled);
  const linked = link(compiled, layout, columns);
  const tasks = linked.tasks.map((task) => ({ task: task.name, steps: stepsOf(workspace, task) }));
  return { scenario, kernel: choice.kernel, ...(variant !== undefined && { variant }), tasks };
}

function stepsOf(workspace: Workspace, { points, graph }: LinkedTask): StepText[] {
  return points.flatMap((point) => {
    if (!point) return [];
    const node = graph.nodes[point.node];
    const stack = framesOf(node.place);
    const kind = kindOf(node, graph.nodes[node.next]);
    const source = workspace.sourceLine(stack[0]);
    return [{ number: point.pc, kind, operation: operationOf(node.place), stack, source }];
  });
}

function kindOf({ op }: Node, next: Node | undefined): StepText['kind'] {
  switch (op.op) {
    case 'load':
      return 'read';
    case 'store':
      return 'write';
    case 'choose':
      return 'choice';
    default:
      return next?.op.op === 'guard' ? 'waits' : 'atomic';
  }
}
