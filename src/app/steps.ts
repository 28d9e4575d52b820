// SPDX-License-Identifier: Apache-2.0
/**
 * The steps of a scenario on a kernel, as data: where each task can be interrupted, and what it does there.
 *
 * Not here: the search that interleaves them (check-job.ts).
 */
import type { KernelChoice, Workspace } from '../compiler/api.js';
import { type LinkedTask, link } from '../compiler/link.js';
import { type Graph, type Node, successors } from '../compiler/link-graph.js';
import { framesOf, operationOf } from '../explore/site.js';
import type { Frame } from '../explore/verdict.js';
import { initialMemory } from './initial.js';
import { withSourceLines } from './source-line.js';

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
  const linked = withSourceLines(workspace, () => {
    const { layout, columns } = initialMemory(compiled);
    return link(compiled, layout, columns);
  });
  const tasks = linked.tasks.map((task) => ({ task: task.name, steps: stepsOf(workspace, task) }));
  return { scenario, kernel: choice.kernel, ...(variant !== undefined && { variant }), tasks };
}

/** In the order in which the code is read, every call in the place where it stands. */
function stepsOf(workspace: Workspace, { points, graph }: LinkedTask): StepText[] {
  const steps = points.flatMap((point) => {
    if (!point) return [];
    const node = firstAccess(graph.nodes[point.node], graph);
    const stack = framesOf(node.place);
    const kind = kindOf(node, graph);
    return [{ kind, operation: operationOf(node.place), stack, source: workspace.sourceLine(stack[0]) }];
  });
  return steps.sort(byPlace).map((step, index) => ({ number: index + 1, ...step }));
}

/** A task starts with its local work, every other step with what it is called by. */
function firstAccess(start: Node, { nodes }: Graph): Node {
  let node = start;
  while (node.op.op === 'set' || node.op.op === 'jump') node = nodes[node.next];
  return node;
}

function byPlace(a: Pick<StepText, 'stack'>, b: Pick<StepText, 'stack'>): number {
  for (let depth = 1; depth <= Math.min(a.stack.length, b.stack.length); depth++) {
    const [left, right] = [a.stack[a.stack.length - depth], b.stack[b.stack.length - depth]];
    const order = left.line - right.line || left.column - right.column;
    if (order !== 0) return order;
  }
  return a.stack.length - b.stack.length;
}

function kindOf(node: Node, graph: Graph): StepText['kind'] {
  switch (node.op.op) {
    case 'load':
      return 'read';
    case 'store':
      return 'write';
    case 'choose':
      return 'choice';
    default:
      return isGuarded(node, graph) ? 'waits' : 'atomic';
  }
}

/** Whether the atomic block that `enter` begins has a condition: what that reads stands before the guard. */
function isGuarded(enter: Node, { nodes }: Graph): boolean {
  const seen = new Set<Node>();
  const pending = [enter];
  for (let node = pending.pop(); node; node = pending.pop()) {
    if (node.op.op === 'guard') return true;
    if (seen.has(node) || !node.atomic || (node.op.op === 'enter' && node !== enter)) continue;
    seen.add(node);
    pending.push(...successors(node).map((id) => nodes[id]));
  }
  return false;
}
