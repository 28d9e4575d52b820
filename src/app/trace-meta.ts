// SPDX-License-Identifier: Apache-2.0
/** The meta.json beside a recording: the kernel's release and which page numbers are device memory. */
import { existsSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { InputError } from '../base/diagnostic.js';
import { type PfnRange, rangeOf } from '../conform/ranges.js';
import { type KernelVersion, parseKernelVersion } from '../spec/kernel-version.js';

export interface Meta {
  kernel: KernelVersion | undefined;
  ranges: PfnRange[];
}

const object = (value: unknown): Record<string, unknown> =>
  typeof value === 'object' && value !== null && !Array.isArray(value) ? (value as Record<string, unknown>) : {};

/** The meta.json that lies beside a recording under its name: `fsdax.meta.json` for `fsdax-stacks.dat.xz`; undefined for none. */
export function metaBeside(recording: string): string | undefined {
  const name = basename(recording).replace(/\.(?:dat|trace\.txt|txt|trace)(?:\.(?:xz|gz|zst))?$/, '');
  const names = [name, name.replace(/-stacks$/, '')];
  return names.map((each) => join(dirname(recording), `${each}.meta.json`)).find((path) => existsSync(path));
}

/** Reads a meta.json; of its runs the one whose files include `recording`. @throws InputError where it is not one */
export async function loadMeta(path: string, recording: string): Promise<Meta> {
  let meta: Record<string, unknown>;
  try {
    meta = object(JSON.parse(await readFile(path, 'utf8')));
  } catch (error) {
    throw new InputError({ code: 'RZ3017', message: `cannot use ${path}: ${(error as Error).message}` });
  }
  const release = object(meta.kernel).release ?? object(meta.kernel).version;
  const kernel = typeof release === 'string' ? parseKernelVersion(release) : undefined;
  const list = runOf(meta, recording).zone_device_ranges ?? meta.zone_device_ranges;
  if (!Array.isArray(list)) {
    throw new InputError({ code: 'RZ3017', message: `${path} has no zone_device_ranges for this recording` });
  }
  const ranges = list.map((entry) => {
    const { first_pfn, last_pfn, type } = object(entry);
    const range = rangeOf(String(first_pfn), String(last_pfn), String(type));
    if (range) return range;
    throw new InputError({ code: 'RZ3017', message: `${path}: ${JSON.stringify(entry)} is no range of pages` });
  });
  return { kernel, ranges };
}

/** The run that names the file; else the one that fits its name; else the only one. */
function runOf(meta: Record<string, unknown>, recording: string): Record<string, unknown> {
  const runs = Object.entries(object(meta.runs));
  const name = basename(recording);
  const bare = (file: string) => file.replace(/\.(xz|gz|zst)$/, '');
  for (const [, run] of runs) {
    const files = Object.values(object(object(run).files)).map((file) => String(object(file).file));
    if (files.some((file) => bare(file) === bare(name))) return object(run);
  }
  const stacks = /-stacks\b/.test(name) ? 'stacks' : 'plain';
  return object((runs.find(([key]) => key === stacks) ?? runs[0])?.[1]);
}
