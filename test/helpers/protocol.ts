// SPDX-License-Identifier: Apache-2.0
/** The protocols of bench/protocols as models: compiled against the primitives alone, for a kernel of no commits. */
import { type Protocol, type Sizes, scenarioOf } from '../../bench/protocols/instance.mjs';
import { initialMemory } from '../../src/app/initial.js';
import { readSources } from '../../src/app/sources.js';
import { analyse } from '../../src/compiler/analyse.js';
import { buildModel, type Model } from '../../src/explore/check.js';

const KERNELS = ['v5.14', 'seed', 'v5.18', 'v6.1', 'v7.3'];

/** @throws Error where the protocol has no such size */
export function protocolModel(protocol: Protocol, sizes: Sizes, reductions = false): Model {
  const path = `bench/protocols/${protocol}.ts`;
  const files = new Map([...readSources([], false).files].filter(([file]) => file.startsWith('src/machine/')));
  files.set('src/linux/commits.ts', `export const kernels = ${JSON.stringify(KERNELS)} as const;`);
  files.set(path, scenarioOf(protocol, sizes));
  const compiled = analyse({ files, scenarios: [path] }).compileScenario(protocol, { kernel: 'v7.3' });
  const { layout, columns } = initialMemory(compiled);
  return buildModel(compiled, layout, columns, { reductions });
}
