// SPDX-License-Identifier: Apache-2.0
/**
 * What is known of a recording's machine beside its events: the kernel's release and which page numbers are device memory, from
 * a meta.json, or from the recording itself where `refzero record` made it (record-facts.ts).
 */
import { existsSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { InputError } from '../base/diagnostic.js';
import { type PfnRange, rangeOf } from '../conform/ranges.js';
import { type KernelVersion, parseKernelVersion } from '../spec/kernel-version.js';
import { flagOptions } from '../spec/page-flags.js';
import type { Recording } from '../trace/recording.js';

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
  let text: string;
  try {
    text = await readFile(path, 'utf8');
  } catch (error) {
    throw new InputError({ code: 'RZ3017', message: `cannot use ${path}: ${(error as Error).message}` });
  }
  return metaOf(parsed(text, path), path, recording);
}

function parsed(text: string, path: string): Record<string, unknown> {
  try {
    return object(JSON.parse(text));
  } catch (error) {
    throw new InputError({ code: 'RZ3017', message: `cannot use ${path}: ${(error as Error).message}` });
  }
}

/**
 * What a recording of `refzero record` says of itself. Where it is damaged, a diagnostic says so; where tasks were left out,
 * every life may lack what they did, which the recording says from here on as a loss.
 * @returns undefined for recordings of others
 */
export function ownMeta(recording: Recording, file: string): Meta | undefined {
  const { facts, diagnostics } = recording;
  if (facts === '') return undefined;
  try {
    const meta = parsed(facts, `what ${file} says of its machine`);
    limits(object(meta.recorder), recording);
    return metaOf(meta, file, file);
  } catch (error) {
    if (!(error instanceof InputError)) throw error;
    diagnostics.push(...error.diagnostics);
    return undefined;
  }
}

/** What the recorder was told to leave out. */
function limits({ pids, filter, stopped, probes, held }: Record<string, unknown>, recording: Recording): void {
  const note = (message: string, hint: string) => recording.diagnostics.push({ code: 'RZ3019', message, hint });
  if (Array.isArray(pids) && pids.length > 0) {
    const hint = 'what others took and gave back is missing: record without --pid';
    note('it was recorded with --pid: only what some tasks did', hint);
    recording.losses.push({ cpu: 0, after: -1, before: recording.events.length, events: -1 });
    recording.lostUnknown++;
  }
  if (typeof filter === 'string' && filter !== '') {
    note(`it was recorded with a filter: ${filter}`, 'of other pages it has nothing');
    recording.somePages = true;
  }
  if (typeof stopped === 'string') {
    note(`it ends before the command did: ${stopped}`, 'what was given back later is missing');
  }
  if (Array.isArray(probes) && probes.length > 0) {
    const hint =
      'it tells who pinned, unpinned and freed, but not what a page counted meanwhile: nobody can be accused';
    note('it has probes in place of page_ref events (--substitute)', hint);
  }
  const { count, pages } = object(held);
  if (typeof count === 'number' && count > 0 && Array.isArray(pages)) {
    const named = pages.slice(0, 8).map((page) => {
      const { pfn, kind, count: counted, idle, mapped } = object(page);
      return `0x${Number(pfn).toString(16)} (${kind}) counted ${counted}, idle ${idle}${mapped ? `, mapped ${mapped}` : ''}`;
    });
    const hint = 'read from the kernel at the end of the recording: somebody held it, and may hold it still';
    const many = count === 1 ? 'a page' : `${count} pages`;
    note(`at its end ${many} of device memory ${count === 1 ? 'was' : 'were'} held: ${named.join('; ')}`, hint);
  }
}

function metaOf(meta: Record<string, unknown>, path: string, recording: string): Meta {
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

/** What of a kernel's .config decides about page flags. @throws InputError where it cannot be read, or is none */
export async function loadConfig(path: string): Promise<Set<string>> {
  const text = await readFile(path, 'utf8').catch((error: Error) => {
    throw new InputError({ code: 'RZ3032', message: `cannot read ${path}: ${error.message}` });
  });
  if (/^(?:# )?CONFIG_\w+/m.test(text)) return flagOptions(text);
  const hint = "a kernel's .config, such as /boot/config-6.12.0 or zcat /proc/config.gz";
  throw new InputError({ code: 'RZ3032', message: `${path} is no kernel configuration`, hint });
}
