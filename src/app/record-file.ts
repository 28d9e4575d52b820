// SPDX-License-Identifier: Apache-2.0
/**
 * What a recording's file has beside the events, read from tracefs while the instance is still there, and the file put together
 * from that and the parts: a trace.dat version 6, or text with our facts as its last line.
 */
import { FACTS_MARK } from '../trace/read-text.js';
import { type DatSystem, datHead } from '../trace/write-dat.js';
import { ftraceFormats, type KernelEvent } from './record-events.js';
import { tryText } from './record-host.js';
import type { Out } from './record-out.js';
import { type CpuStats, statsOf } from './record-pump.js';
import { headerPage, type TaskNames } from './record-setup.js';
import type { Instance } from './record-tracefs.js';

/** Everything that would be gone with the instance. */
export interface Gathered {
  stats: CpuStats[];
  headerPage: string;
  headerEvent: string;
  ftrace: string[];
  systems: DatSystem[];
  kallsyms: Uint8Array;
  printk: Uint8Array;
  cmdlines: string;
  clock: string;
}

const encoder = new TextEncoder();

/** Call paths lead through functions only; the names of data are half of the text. */
const functions = (symbols: string): string =>
  symbols
    .split('\n')
    .filter((line) => /^[0-9a-f]+ [tTwW] /.test(line))
    .map((line) => `${line}\n`)
    .join('');

/** Reads it all. Call it when the ring buffers are empty, so that the counters are the last ones. */
export function gather(instance: Instance, events: readonly KernelEvent[], names: TaskNames): Gathered {
  const { host, root } = instance;
  const systems = [...new Set(events.map(({ system }) => system))];
  return {
    stats: instance.cpus().map((cpu) => statsOf(instance, cpu)),
    headerPage: headerPage(instance),
    headerEvent: tryText(host, `${root}/events/header_event`),
    ftrace: ftraceFormats(instance),
    systems: systems.map((name) => ({
      name,
      formats: events.filter(({ system }) => system === name).map(({ format }) => format),
    })),
    kallsyms: encoder.encode(functions(tryText(host, '/proc/kallsyms'))),
    printk: encoder.encode(tryText(host, `${root}/printk_formats`)),
    cmdlines: names.lines(),
    clock: instance.read('trace_clock').trim(),
  };
}

/** Writes head and parts. @param json what is known of the machine. @throws Node's error, or what `stop` throws */
export async function assemble(
  out: Out,
  gathered: Gathered,
  facts: { json: string; uname: string; little: boolean },
  pageSize: number,
  parts: readonly { cpu: number; path: string; size: number }[],
  stop: () => void,
): Promise<void> {
  if (parts.length === 1 && parts[0].cpu < 0) {
    await out.take(parts[0].path, parts[0].size, stop);
    out.write(encoder.encode(`${FACTS_MARK}${facts.json}\n`));
    return;
  }
  const sizes = new Array<number>(Math.max(0, ...parts.map(({ cpu }) => cpu + 1))).fill(0);
  for (const { cpu, size } of parts) sizes[cpu] = size;
  const longSize = /field:\s*local_t commit;\s*offset:\d+;\s*size:4;/.test(gathered.headerPage) ? 4 : 8;
  const { little, uname, json } = facts;
  const cpuStats = gathered.stats.filter(({ text }) => text !== '');
  const head = { ...gathered, cpuStats, facts: json, uname, little, sizes, longSize, pageSize } as const;
  out.write(datHead(head));
  for (const { path, size } of parts) await out.take(path, size, stop);
}
