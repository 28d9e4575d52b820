// SPDX-License-Identifier: Apache-2.0
/**
 * Cuts a recording by time into slices that can be read apart: one thread each. A slice begins, on every CPU, in the last page (or
 * compressed chunk) that begins before its time, passes over what is earlier, and ends before the first record that is not earlier
 * than the next slice's time. That two slices meet at the same records is checked when they are joined (join.ts).
 */
import { ByteReader, Damaged } from './bytes.js';
import { MAX_CHUNK, type Origin, type Place } from './cpu-stream.js';
import { type CpuArea, type DatBuffer, type DatFile, unpack } from './dat-parts.js';
import { scaleOf } from './decode.js';

/** What one thread reads. Times as in the columns. */
export interface Slice {
  from: number;
  until: number;
  /** time zero of the recording, in two halves */
  high: number;
  low: number;
  /** where each CPU's reading begins, in the order of the file; nowhere for one without data */
  places: (Place | undefined)[];
}

/** steps of the search for a time: it need not be exact */
const STEPS = 24;

/**
 * Cuts the data of `areas` into slices.
 * @param shares how much of the data each slice is to have; they sum up to 1
 * @returns undefined where it cannot be cut, as a damaged file cannot
 */
export function slicesOf(
  file: DatFile,
  buffer: DatBuffer,
  areas: readonly CpuArea[],
  shares: readonly number[],
  budget: number,
): Slice[] | undefined {
  try {
    const cpus = areas.map((area) => new Places(file, buffer, area));
    if (cpus.reduce((sum, { bytes }) => sum + bytes, 0) > budget) return undefined;
    return cut(file, cpus, shares);
  } catch (error) {
    if (!(error instanceof Damaged)) throw error;
    return undefined;
  }
}

function cut(file: DatFile, cpus: readonly Places[], shares: readonly number[]): Slice[] | undefined {
  const first = cpus.find(({ count }) => count > 0);
  if (!first) return undefined;
  const [high, low] = first.stamp(0);
  const origin = { high, low };
  const scale = scaleOf(file);
  for (const places of cpus) places.clock(origin, scale);
  const whole = cpus.reduce((sum, { count }) => sum + count, 0);
  const times: number[] = [];
  let sum = 0;
  for (const share of shares.slice(0, -1)) times.push(timeOf(cpus, (sum += share) * whole));
  const cuts = [Number.NEGATIVE_INFINITY, ...times, Number.POSITIVE_INFINITY];
  if (cuts.some((time, at) => at > 0 && !(time > cuts[at - 1]))) return undefined;
  return shares.map((_, at) => ({
    ...origin,
    from: cuts[at],
    until: cuts[at + 1],
    places: cpus.map((places) => places.before(cuts[at])),
  }));
}

/** The time before which about `wanted` places begin. */
function timeOf(cpus: readonly Places[], wanted: number): number {
  const used = cpus.filter(({ count }) => count > 0);
  let low = Math.min(...used.map((places) => places.time(0)));
  let high = Math.max(...used.map((places) => places.time(places.count - 1)));
  for (let step = 0; step < STEPS && high - low > 1; step++) {
    const middle = Math.floor((low + high) / 2);
    if (used.reduce((sum, places) => sum + places.beginsBefore(middle), 0) < wanted) low = middle;
    else high = middle;
  }
  return high;
}

/** One CPU's places: pages of a plain file, chunks of a compressed one. */
class Places {
  readonly count: number;
  /** of its data, unpacked */
  readonly bytes: number;
  /** of chunks */
  private readonly offsets: number[] = [];
  private readonly known = new Map<number, number>();
  private origin: Pick<Origin, 'high' | 'low'> = { high: 0, low: 0 };
  private scale = 1;

  constructor(
    private readonly file: DatFile,
    private readonly buffer: DatBuffer,
    private readonly area: CpuArea,
  ) {
    const end = Math.min(area.offset + area.size + (buffer.compressed ? 4 : 0), file.source.size);
    if (!buffer.compressed) {
      this.count = Math.floor((end - area.offset) / buffer.pageSize);
      this.bytes = end - area.offset;
      return;
    }
    this.bytes = 0;
    const reader = new ByteReader(file.source, file.little, area.offset, end);
    for (let chunks = reader.u32(); chunks > 0 && reader.left >= 8; chunks--) {
      this.offsets.push(reader.pos);
      const packed = reader.u32();
      this.bytes += reader.u32();
      reader.skip(packed);
    }
    this.count = this.offsets.length;
  }

  clock(origin: Pick<Origin, 'high' | 'low'>, scale: number): void {
    this.origin = origin;
    this.scale = scale;
  }

  /** When a place begins, as in the columns. */
  time(at: number): number {
    let time = this.known.get(at);
    if (time === undefined) {
      const [high, low] = this.stamp(at);
      const raw = (high - this.origin.high) * 4294967296 + (low - this.origin.low);
      time = this.scale === 1 ? raw : Math.round(raw * this.scale);
      this.known.set(at, time);
    }
    return time;
  }

  /** The time stamp of a place, in two halves. */
  stamp(at: number): [high: number, low: number] {
    const { file, buffer, area } = this;
    const offset = this.offsets[at] ?? area.offset + at * buffer.pageSize;
    const head = new Uint8Array(8);
    file.source.read(offset, head);
    let page = new ByteReader(head, file.little);
    if (buffer.compressed) {
      const [packed, size] = [page.u32(), page.u32()];
      const chunk = new ByteReader(file.source, file.little, offset + 8).take(packed);
      page = new ByteReader(unpack(file, chunk, size, MAX_CHUNK), file.little);
    }
    const [first, second] = [page.u32(), page.u32()];
    return file.little ? [second, first] : [first, second];
  }

  /** How many places begin before a time. */
  beginsBefore(time: number): number {
    let low = 0;
    let high = this.count;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if (this.time(middle) < time) low = middle + 1;
      else high = middle;
    }
    return low;
  }

  /** The last place that begins before a time, the first where none does. */
  before(time: number): Place | undefined {
    if (this.count === 0) return undefined;
    const at = Math.max(0, this.beginsBefore(time) - 1);
    const { area, buffer, offsets } = this;
    if (!buffer.compressed) return { offset: area.offset + at * buffer.pageSize, chunks: 0 };
    return { offset: offsets[at], chunks: this.count - at };
  }
}
