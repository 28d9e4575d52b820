// SPDX-License-Identifier: Apache-2.0
/** Small programs of a few lines, compiled against the primitives alone and explored. */
import { initialMemory } from '../../src/app/initial.js';
import { readSources } from '../../src/app/sources.js';
import { analyse } from '../../src/compiler/analyse.js';
import { buildModel, type Model, replay, type SearchOptions, scheduleOf } from '../../src/explore/check.js';
import { checkInOrder, type MemoryOrder } from '../../src/explore/memory-order.js';
import type { CheckResult } from '../../src/explore/verdict.js';

const COMMITS = `
import { commit } from '../machine/core.js';
export const kernels = ['v1.0'] as const;
export const SWITCH = commit('0123456789ab', 'a switch', 'v2.0');
`;

/** What a program consists of; predicates are expressions. */
export interface Program {
  /** declarations: structs, objects, functions */
  code: string;
  init?: string;
  /** task -> its statements */
  tasks: Record<string, string>;
  never?: Record<string, string>;
  sometimes?: Record<string, string>;
  finally?: Record<string, string>;
  /** names of tasks */
  progress?: string[];
  endless?: boolean;
}

const MACHINE = [
  ['core', 'addr_of choose current_task fail index_of NR_TASKS object objects one_step when'],
  ['core', 'addr array bool ghost int s16 s8 struct u16 u32 u8', 'type'],
  [
    'atomic',
    'atomic_add_unless atomic_cmpxchg atomic_dec_and_test atomic_inc atomic_read atomic_set READ_ONCE smp_mb xchg',
  ],
  ['atomic', 'atomic_t', 'type'],
  ['lock', 'mutex_lock mutex_unlock spin_lock spin_unlock'],
  ['lock', 'Mutex spinlock_t', 'type'],
  ['wait', 'finish_wait_on prepare_to_wait_on schedule wake_up_key'],
  ['bug', 'assert BUG_ON WARN_ON'],
  ['scenario', 'scenario'],
];

/** Imports the words that the text uses. */
function importsOf(text: string): string {
  return MACHINE.map(([file, words, kind]) => {
    const used = words.split(' ').filter((word) => new RegExp(`\\b${word}\\b`).test(text));
    return used.length > 0 ? `import ${kind ?? ''} { ${used.join(', ')} } from '../machine/${file}.js';\n` : '';
  }).join('');
}

function scenarioText({ code, init, tasks, never, sometimes, finally: last, progress, endless }: Program): string {
  const functions = (list: Record<string, string>) =>
    Object.entries(list).map(([name, body]) => `'${name}': () => { ${body} },`);
  const predicates = (list: Record<string, string> | undefined) =>
    Object.entries(list ?? {}).map(([name, expression]) => `'${name}': () => ${expression},`);
  const text = `
${code}
export default scenario({
  title: 'a test', question: 'a test', about: [], expect: { 'v1.0': 'holds' },
  ${init === undefined ? '' : `init: () => { ${init} },`}
  tasks: { ${functions(tasks).join('\n')} },
  never: { ${predicates(never).join('\n')} },
  sometimes: { ${predicates(sometimes ?? { 'there is a state': 'true' }).join('\n')} },
  finally: { ${predicates(last).join('\n')} },
  progress: ${JSON.stringify(progress ?? [])}, endless: ${endless ?? false},
  broken: {},
});
`;
  return importsOf(text) + text;
}

/** @throws InputError where the program is outside the language or the model's limits */
export function modelOf(program: Program, depth?: number, reductions = false): Model {
  const files = new Map([...readSources([], false).files].filter(([path]) => path.startsWith('src/machine/')));
  files.set('src/linux/commits.ts', COMMITS);
  files.set('src/scenarios/test.ts', scenarioText(program));
  const workspace = analyse({ files, scenarios: ['src/scenarios/test.ts'] });
  const compiled = workspace.compileScenario('test', { kernel: 'v1.0' });
  const { layout, columns } = initialMemory(compiled);
  return buildModel(compiled, layout, columns, { depth, reductions });
}

/** Checks a program; a path that it finds is walked again and has to end alike. */
export function explore(program: Program, options: SearchOptions = {}, memory: MemoryOrder = 'sc'): CheckResult {
  const { model, result } = checkInOrder(
    memory,
    (depth) => modelOf(program, depth),
    () => options,
  );
  if (result.path && !['cannot end', 'livelock'].includes(result.violation?.kind ?? '')) {
    const again = replay(model, scheduleOf(model, result));
    const { path, initialWatched, blocked, violation } = result;
    const same = JSON.stringify(again) === JSON.stringify({ path, initialWatched, blocked, violation });
    if (!same) throw new Error(`replay differs: ${JSON.stringify(again?.violation)} ${JSON.stringify(violation)}`);
  }
  return result;
}

/** The part of a result that most tests are about. */
export function summary({ verdict, violation, states, transitions, path, inconclusive }: CheckResult) {
  return {
    verdict,
    ...(violation && { kind: violation.kind, name: violation.name }),
    ...(inconclusive !== undefined && { inconclusive }),
    ...(path && { steps: path.map(({ task }) => task).join(' ') }),
    states,
    transitions,
  };
}
