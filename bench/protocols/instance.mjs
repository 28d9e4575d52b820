// SPDX-License-Identifier: Apache-2.0
/**
 * The three protocols at given sizes, for Spin and for refzero: the text of the scenario file with its `sizes` and `tasks`
 * set, and the `-D` flags that make Spin's model the same.
 *
 * Sizes go by Spin's names (`{ NPAGES: 3, NTHREADS: 4 }`); what is left out is what the Promela takes by default.
 */
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

const many = (count, name, text) => Array.from({ length: count }, (_, i) => `${name}_${i}: ${text}`);

const PROTOCOLS = {
  refcount: {
    defaults: { NPAGES: 2, NTHREADS: 2, HOLDS: 1, BUG: 0 },
    sizes: ({ NPAGES, HOLDS, BUG }) => ({ pages: NPAGES, holds: HOLDS, bug: BUG }),
    tasks: ({ NTHREADS }) => many(NTHREADS, 'worker', 'worker'),
  },
  daxtruncate: {
    defaults: { NPAGES: 1, BASE: 0, NGUP: 2, NFAULT: 1, NUNMAP: 1, ROUNDS: 2, TROUNDS: 1, EXIT: 1, BUG: 0 },
    sizes: (d) => ({
      pages: d.NPAGES,
      base: d.BASE,
      idle: d.IDLE ?? d.BASE,
      rounds: d.ROUNDS,
      truncate_rounds: d.TROUNDS,
      others: d.NGUP + d.NFAULT + d.NUNMAP,
      bug: d.BUG,
    }),
    tasks: ({ NGUP, NFAULT, NUNMAP, EXIT }) => [
      ...many(NGUP, 'gup', 'gup'),
      ...many(NFAULT, 'fault', 'fault'),
      ...many(NUNMAP, 'unmap', 'unmap'),
      'truncate',
      ...(EXIT ? ['exit_mm'] : []),
    ],
  },
  migrate: {
    defaults: { NADDR: 1, NPFAULT: 1, NCFAULT: 1, NDRV: 1, ROUNDS: 1, NEXIT: 2, BUG: 0 },
    sizes: (d) => ({
      addresses: d.NADDR,
      rounds: d.ROUNDS,
      others: d.NPFAULT + d.NCFAULT + d.NDRV + 1 + d.NEXIT,
      bug: d.BUG,
    }),
    tasks: ({ NPFAULT, NCFAULT, NDRV, NEXIT }) => [
      ...many(NPFAULT, 'parent', '() => fault(PARENT)'),
      ...many(NCFAULT, 'child', '() => fault(CHILD)'),
      ...many(NDRV, 'driver', 'driver'),
      'fork',
      ...(NEXIT > 0 ? ['exit_child: () => exit_mm(CHILD)'] : []),
      ...(NEXIT > 1 ? ['exit_parent: () => exit_mm(PARENT)'] : []),
      'at_end',
    ],
  },
};

export const protocols = Object.keys(PROTOCOLS);

/** @returns the path of a protocol's Promela */
export function promelaOf(protocol) {
  return fileURLToPath(new URL(`../promela/${protocol}.pml`, import.meta.url));
}

/** @returns the flags that give Spin these sizes */
export function flagsOf(given) {
  return Object.entries(given).map(([name, value]) => `-D${name}=${value}`);
}

/** @returns the text of the protocol's scenario file at these sizes */
export function scenarioOf(protocol, given) {
  const { defaults, sizes, tasks } = PROTOCOLS[protocol];
  const all = { ...defaults, ...given };
  const unknown = Object.keys(given).find((name) => !Object.hasOwn(defaults, name) && name !== 'IDLE');
  if (unknown) throw new Error(`${protocol} has no size ${unknown}`);
  const text = readFileSync(new URL(`${protocol}.ts`, import.meta.url), 'utf8');
  const set = (body, key, value) => {
    const pattern = new RegExp(`^  ${key}: \\{[^}]*\\},$`, 'm');
    if (!pattern.test(body)) throw new Error(`${protocol}.ts states no ${key}`);
    return body.replace(pattern, `  ${key}: { ${value.join(', ')} },`);
  };
  const withSizes = set(
    text,
    'sizes',
    Object.entries(sizes(all)).map(([name, value]) => `${name}: ${value}`),
  );
  return set(withSizes, 'tasks', tasks(all));
}
