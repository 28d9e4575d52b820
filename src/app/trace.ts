// SPDX-License-Identifier: Apache-2.0
/**
 * `refzero trace`: a recording, what is known about its kernel and its memory, and the lives of its pages, as data. Loading
 * is in trace-load.ts, printing in src/cli.
 */
import { InternalError } from '../base/assert.js';
import { type Diagnostic, InputError } from '../base/diagnostic.js';
import { inferKernel } from '../conform/infer-kernel.js';
import { inferRanges } from '../conform/infer-ranges.js';
import { indexPages } from '../conform/page-index.js';
import { type PageLife, pageLife } from '../conform/page-life.js';
import { type PathUse, pathUses } from '../conform/path-use.js';
import { type PfnRange, parseRange, RangeMap } from '../conform/ranges.js';
import type { Narrow, Selection } from '../conform/select.js';
import { Sites } from '../conform/sites.js';
import { Stories, type Story } from '../conform/stories.js';
import { type KindSummary, type LivesOf, summarize } from '../conform/summary.js';
import type { Trust } from '../conform/trust.js';
import { judge, type Verdict } from '../conform/verdict.js';
import { type KernelVersion, parseKernelVersion } from '../spec/kernel-version.js';
import { kindExists } from '../spec/rest.js';
import { withoutTracer } from '../spec/tracer-frames.js';
import { describe } from '../trace/describe.js';
import type { Container } from '../trace/read.js';
import type { BufferSummary, CpuSummary, Recording } from '../trace/recording.js';
import { type LoadOptions, loadRecording } from './trace-load.js';
import { loadConfig, loadMeta, type Meta, ownMeta } from './trace-meta.js';
import { pfnOf, selectionOf } from './trace-narrow.js';
import type { TeamLives } from './trace-team.js';

export interface TraceOptions extends LoadOptions {
  /** a meta.json with kernel and ranges */
  meta?: string;
  /** texts such as `0x40000-0x4ffff=fsdax` */
  zoneDevice?: readonly string[];
  /** overrides what the recording says */
  kernel?: string;
  /** the .config of the recorded kernel: where page flags lie depends on it */
  kernelConfig?: string;
}

/** A recording with what is needed to speak about its pages. */
export interface OpenTrace {
  file: string;
  recording: Recording & { container?: Container };
  kernel: KernelVersion | undefined;
  /** where the kernel's release is from */
  kernelFrom: 'option' | 'recording' | 'meta' | 'events' | 'nowhere';
  /** what the events show of it, where nobody named it */
  kernelSigns: string[];
  ranges: RangeMap;
}

/** Opens a recording. @throws InputError for wrong options, or where nothing of the file can be read */
export async function openTrace(file: string, options: TraceOptions = {}): Promise<OpenTrace> {
  const named = options.kernel === undefined ? undefined : parseKernelVersion(options.kernel);
  if (options.kernel !== undefined && !named) {
    const message = `${JSON.stringify(options.kernel)} is no kernel release`;
    throw new InputError({ code: 'RZ3011', message, hint: 'for example 6.12, v7.3 or seed' });
  }
  const asked = (options.zoneDevice ?? []).map(rangeOption);
  const besides = options.meta === undefined ? undefined : await loadMeta(options.meta, file);
  const recording = await loadRecording(file, options);
  const { events, diagnostics, kinds } = recording;
  if (events.length === 0 && diagnostics.length > 0 && kinds.length === 0) throw new InputError(...diagnostics);
  checkBuffer(recording, options.buffer);
  const own = ownMeta(recording, file);
  const meta = besides ?? own;
  recording.kernel ??= own?.kernel?.name;
  const { kernel: release, kernelFrom, kernelSigns = [] } = kernelOf(named, recording, meta);
  const config = options.kernelConfig === undefined ? undefined : await loadConfig(options.kernelConfig);
  const kernel = release && config ? { ...release, config } : release;
  checkKernel(recording, { given: named, meta: meta?.kernel });
  const given = [...asked, ...(meta?.ranges ?? [])];
  const signs = await options.team?.signs(recording, kernel);
  const inferred = inferRanges(recording, new RangeMap(given), kernel, signs);
  const ranges = new RangeMap([...given, ...inferred]);
  if (kernel) checkRanges(ranges, kernel, diagnostics);
  return { file, recording, kernel, kernelFrom, kernelSigns, ranges };
}

function rangeOption(text: string): PfnRange {
  const range = parseRange(text);
  if (range) return range;
  const hint = 'for example 0x40000-0x4ffff=fsdax; kinds: private, coherent, fsdax, devdax, p2pdma';
  throw new InputError({ code: 'RZ3012', message: `${JSON.stringify(text)} is no range of pages`, hint });
}

function kernelOf(given: KernelVersion | undefined, recording: Recording, meta: Meta | undefined) {
  if (given) return { kernel: given, kernelFrom: 'option' as const };
  const recorded = recording.kernel === undefined ? undefined : parseKernelVersion(recording.kernel);
  if (recorded) return { kernel: recorded, kernelFrom: 'recording' as const };
  if (meta?.kernel) return { kernel: meta.kernel, kernelFrom: 'meta' as const };
  const inferred = inferKernel(recording);
  if (inferred) return { kernel: inferred.kernel, kernelFrom: 'events' as const, kernelSigns: inferred.because };
  return { kernel: undefined, kernelFrom: 'nowhere' as const };
}

/** Rules of a page's life depend on the kernel: who contradicts the recording may have taken another one's file. */
function checkKernel(
  { kernel: text, diagnostics }: Recording,
  said: Record<'given' | 'meta', KernelVersion | undefined>,
) {
  const recorded = text === undefined ? undefined : parseKernelVersion(text);
  const contradicts = (kernel: KernelVersion | undefined): kernel is KernelVersion =>
    recorded !== undefined &&
    kernel !== undefined &&
    (kernel.major !== recorded.major || kernel.minor !== recorded.minor);
  if (contradicts(said.given)) {
    const message = `the recording is of Linux ${recorded?.name}, and is read by the rules of ${said.given.name}, as --kernel says`;
    diagnostics.push({ code: 'RZ3018', message, hint: 'without --kernel the recording itself is believed' });
  }
  if (contradicts(said.meta)) {
    const message = `the recording is of Linux ${recorded?.name}, the meta.json of Linux ${said.meta.name}`;
    diagnostics.push({
      code: 'RZ3018',
      message,
      hint: 'its ranges of device memory are hardly those of this recording',
    });
  }
}

/** @throws InputError for a ring buffer that was asked for and is not there */
function checkBuffer({ buffers }: Recording, wanted: string | undefined): void {
  if (wanted === undefined || buffers.some(({ name }) => name === wanted)) return;
  const named = buffers.filter(({ name }) => name !== '').map(({ name }) => name);
  const hint = named.length > 0 ? `it has ${named.join(', ')}` : 'it has no named one: leave --buffer out';
  throw new InputError({ code: 'RZ3007', message: `the recording has no ring buffer ${JSON.stringify(wanted)}`, hint });
}

function checkRanges(map: RangeMap, kernel: KernelVersion, diagnostics: Diagnostic[]): void {
  for (const kind of new Set(map.ranges.map((range) => range.kind))) {
    if (kindExists(kind, kernel)) continue;
    diagnostics.push({ code: 'RZ3013', message: `Linux ${kernel.name} has no ${kind} pages` });
  }
}

/** What `refzero trace FILE` tells; `--json` prints it as it is. */
export interface TraceReport {
  file: string;
  format: string;
  compression: string;
  container: Container | null;
  kernel: string | null;
  kernelFrom: OpenTrace['kernelFrom'];
  kernelSigns: string[];
  clock: string;
  unit: 'ns' | 'ticks';
  /** from the first to the last event, in that unit */
  duration: number;
  events: number;
  stacks: { distinct: number; attached: number; orphans: number };
  cpus: CpuSummary[];
  buffers: BufferSummary[];
  lost: { gaps: number; events: number; gapsOfUnknownSize: number; overrun: number; dropped: number };
  kinds: { name: string; system: string; count: number }[];
  ranges: readonly PfnRange[];
  /** signs that events are missing without a word */
  trust: Trust;
  pages: KindSummary[];
  verdict: Verdict;
  /** pages of equal lives, most pages first; of the chosen pages, where it was narrowed */
  stories: Story[];
  /** where it was narrowed: how much is left; then verdict, stories and paths are about that alone */
  narrowed: Narrowed | null;
  diagnostics: Diagnostic[];
}

export interface Narrowed {
  events: number;
  pages: number;
  /** references by call path, as far as the events are among those asked for */
  paths: PathUse[];
}

/**
 * Counts everything; speaks of all pages, or of those that fit `narrow`. @throws InputError where nothing fits
 * @param found what several threads found, if they did (`Team.lives`)
 */
export function reportOf(trace: OpenTrace, narrow?: Narrow, found?: TeamLives): TraceReport {
  const { file, recording, kernel, kernelFrom, kernelSigns, ranges } = trace;
  const { events, kinds, cpus } = recording;
  const lives = found?.lives ?? summarize(recording, ranges, kernel);
  const sites = new Sites(recording);
  const selection = narrow && selectionOf(trace, narrow, lives.index, sites);
  const diagnostics = recording.diagnostics.slice();
  diagnostics.push(...skippedNotes(lives, kernel));
  const { stacked, first, last } = events.tally;
  const sum = (pick: (cpu: CpuSummary) => number) => cpus.reduce((total, cpu) => total + Math.max(0, pick(cpu)), 0);
  return {
    file,
    format: recording.format,
    compression: recording.compression,
    container: recording.container ?? null,
    kernel: kernel?.name ?? null,
    kernelFrom,
    kernelSigns,
    clock: recording.clock,
    unit: recording.unit,
    duration: events.length > 0 ? last - first : 0,
    events: events.length,
    stacks: { distinct: recording.stacks.size, attached: stacked, orphans: recording.orphanStacks },
    cpus,
    buffers: recording.buffers,
    lost: {
      gaps: recording.losses.length,
      events: recording.lost,
      gapsOfUnknownSize: recording.lostUnknown,
      overrun: sum((cpu) => cpu.overrun),
      dropped: sum((cpu) => cpu.dropped),
    },
    kinds: kinds
      .filter(({ count }) => count > 0)
      .map(({ name, system, count }) => ({ name, system, count }))
      .sort((a, b) => b.count - a.count || (a.name < b.name ? -1 : 1)),
    ranges: ranges.ranges,
    trust: lives.trust,
    pages: lives.kinds,
    verdict: judge(recording, lives, ranges, kernel, selection?.chosen),
    stories: new Stories(recording, lives, ranges, sites).group(
      selection?.chosen,
      selection ? undefined : found?.stories,
    ),
    narrowed: selection ? narrowedOf(trace, lives, sites, selection) : null,
    diagnostics,
  };
}

/** Device memory that is not judged, since nobody knows by which rule. */
function skippedNotes({ skipped }: LivesOf, kernel: KernelVersion | undefined): Diagnostic[] {
  if (skipped.size === 0) return [];
  if (!kernel || kernel.span) {
    const message = `the kernel is not known${kernel ? ' so well' : ''}, so neither are the idle counts of ${[...skipped.keys()].join(', ')} pages`;
    return [{ code: 'RZ3010', message, hint: 'name it with --kernel, for example --kernel 6.12' }];
  }
  const message = `pages of device memory of which nothing tells the type: ${skipped.get('device')}; they are not judged`;
  return [{ code: 'RZ3010', message, hint: 'name it with --zone-device, for example 0x40000-0x4ffff=fsdax' }];
}

function narrowedOf(
  { recording, ranges, kernel }: OpenTrace,
  lives: LivesOf,
  sites: Sites,
  selection: Selection,
): Narrowed {
  const fits = (page: number, row: number) => selection.chosen[page] !== 0 && selection.fits(row);
  const paths = pathUses(recording, lives, ranges, kernel, sites, fits);
  return { events: selection.events, pages: selection.pages, paths };
}

/**
 * One page: its number, or a pointer to its struct page; of its events those that fit `narrow`, where that is given.
 * @throws InputError where the text names no page, the recording has no event of the page, or none of them fits
 */
export function pageOf(trace: OpenTrace, pfnText: string, narrow?: Narrow): PageLife {
  const { recording, ranges, kernel } = trace;
  const pfn = pfnOf(trace, pfnText);
  const life = pageLife(recording, pfn, ranges, kernel);
  if (!life) throw new InternalError(`page ${pfn} has events and no life`);
  if (!narrow) return life;
  const selection = selectionOf(
    trace,
    { ...narrow, pfns: new Set([pfn]) },
    indexPages(recording),
    new Sites(recording),
  );
  const events = life.events.filter(({ row }) => selection.fits(row));
  return { ...life, events, hidden: life.events.length - events.length };
}

/** The events of one kind by their format file, at most `limit`. @throws InputError for a name that does not occur */
export function eventsNamed({ recording, file }: OpenTrace, name: string, limit: number): EventLine[] {
  const { events, kinds, comms, stacks, timeBase } = recording;
  if (!kinds.some((kind) => kind.name === name)) {
    const hint = `it has ${kinds.map((kind) => kind.name).join(', ')}`;
    throw new InputError({ code: 'RZ3016', message: `${file} has no event ${JSON.stringify(name)}`, hint });
  }
  const lines: EventLine[] = [];
  for (let row = 0; row < events.length && lines.length < limit; row++) {
    if (kinds[events.kind(row)].name !== name) continue;
    const time = timeBase + BigInt(Math.round(events.time[row]));
    const [cpu, pid] = [events.cpu(row), events.pid(row)];
    const stack = events.stack(row) < 0 ? undefined : withoutTracer(stacks.frames(events.stack(row)));
    lines.push({ time, cpu, pid, comm: comms.text(events.comm(row)), fields: describe(recording, row), stack });
  }
  return lines;
}

export interface EventLine {
  time: bigint;
  cpu: number;
  pid: number;
  comm: string;
  fields: string;
  /** its call path, innermost first, where it has one */
  stack: string[] | undefined;
}
