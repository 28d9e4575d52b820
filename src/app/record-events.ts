// SPDX-License-Identifier: Apache-2.0
/**
 * Which events are recorded, and the filter by page number that the kernel applies (Documentation/trace/events.rst).
 *
 * Not here: probes for kernels without page_ref events (record-substitute.ts).
 */
import { cannot } from './record-host.js';
import type { Instance } from './record-tracefs.js';

/** Events by what they are good for; `system/*` is all of a system. Kernels have them or not. */
export const GROUPS: Record<string, readonly string[]> = {
  refs: ['page_ref/*', 'folio_ref/*'],
  alloc: ['kmem/mm_page_alloc', 'kmem/mm_page_free', 'kmem/mm_page_free_batched'],
  /** who was born and who is gone: a reference of a task that still runs is no leak */
  tasks: ['task/task_newtask', 'sched/sched_process_exit'],
  migrate: ['migrate/*'],
  compaction: [
    'compaction/mm_compaction_begin',
    'compaction/mm_compaction_end',
    'compaction/mm_compaction_isolate_migratepages',
    'compaction/mm_compaction_isolate_freepages',
    'compaction/mm_compaction_migratepages',
    'page_isolation/*',
  ],
  dax: ['fs_dax/*'],
  thp: ['huge_memory/*', 'thp/*'],
};

/** One event of this kernel. */
export interface KernelEvent {
  system: string;
  name: string;
  format: string;
}

/** A range of page numbers, the end not in it, as the kernel's filters are written. */
export interface PfnSpan {
  from: number;
  to: number;
}

/**
 * The events of this kernel that the groups and names stand for.
 * @param wanted group names, `system:event`, `system/event` or `system`; only groups may be absent from a kernel
 */
export function eventsOf(instance: Instance, wanted: readonly string[]): KernelEvent[] {
  const found = new Map<string, KernelEvent>();
  for (const name of wanted) {
    const own = GROUPS[name] ?? [/[:/]/.test(name) ? name.replace(':', '/') : `${name}/*`];
    const events = own.flatMap((pattern) => matching(instance, pattern));
    if (events.length === 0 && !Object.hasOwn(GROUPS, name)) {
      const hint = `groups are ${Object.keys(GROUPS).join(', ')}; else a name from ${instance.root}/available_events`;
      throw cannot('RZ3106', `this kernel has no event ${JSON.stringify(name)}`, hint);
    }
    for (const event of events) found.set(`${event.system}/${event.name}`, event);
  }
  return [...found.values()];
}

function matching(instance: Instance, pattern: string): KernelEvent[] {
  const [system, name] = pattern.split('/');
  const names = name === '*' ? instance.list(`events/${system}`) : [name];
  return names
    .map((event) => ({ system, name: event, format: instance.read(`events/${system}/${event}/format`) }))
    .filter(({ format }) => format !== '');
}

/** ftrace's own formats, of which stacks and marks are needed by every reader. */
export function ftraceFormats(instance: Instance): string[] {
  return matching(instance, 'ftrace/*').map(({ format }) => format);
}

export const hasPfn = ({ format }: KernelEvent): boolean => /^\s*field:[^;]*\bpfn;/m.test(format);

/** @returns `0x40000..0x50000` as a span; the end is not in it. @throws InputError where it is none */
export function parseSpan(text: string): PfnSpan {
  const match = /^(0x[0-9a-f]{1,13}|\d{1,15})(?:\.\.(0x[0-9a-f]{1,13}|\d{1,15}))?$/i.exec(text.trim());
  const from = Number(match?.[1] ?? Number.NaN);
  const to = match?.[2] === undefined ? from + 1 : Number(match[2]);
  if (from < to) return { from, to };
  const hint = 'page numbers such as 0x40000..0x50000, the end not in it, or one page: 0x40603';
  throw cannot('RZ3106', `--pfn ${JSON.stringify(text)} is no range`, hint);
}

/**
 * @param field that is compared, @param written a page as the field has it
 * @returns what the kernel filters by, '' for no filter
 */
export function filterText(spans: readonly PfnSpan[], field = 'pfn', written = hex): string {
  const one = ({ from, to }: PfnSpan) =>
    to === from + 1 ? `${field} == ${written(from)}` : `(${field} >= ${written(from)} && ${field} < ${written(to)})`;
  return spans.map(one).join(' || ');
}

const hex = (pfn: number): string => `0x${pfn.toString(16)}`;

/**
 * Switches the events on; those with a page number only for pages in `spans`, and so those of our probes that have the address
 * of a page, where `addressOf` is known.
 */
export function enableEvents(
  instance: Instance,
  events: readonly KernelEvent[],
  spans: readonly PfnSpan[],
  addressOf?: (pfn: number) => string,
): void {
  for (const event of events) {
    const folder = `events/${event.system}/${event.name}`;
    const probe = event.system.startsWith('refzero_') && /^\s*field:[^;]*\bpage;/m.test(event.format);
    const filter = hasPfn(event)
      ? filterText(spans)
      : probe && addressOf !== undefined
        ? filterText(spans, 'page', addressOf)
        : '';
    if (filter !== '') instance.write(`${folder}/filter`, filter);
    instance.write(`${folder}/enable`, '1');
  }
}
