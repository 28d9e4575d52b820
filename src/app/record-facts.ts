// SPDX-License-Identifier: Apache-2.0
/**
 * What a recording says of its machine beside the events: the kernel, and which page numbers are device memory, from
 * /proc/iomem and sysfs. Kept in the file itself, in the shape of a meta.json (trace-meta.ts reads both).
 *
 * Memory of a device can come and go while a command runs (a module is loaded), hence `learn` more than once.
 */
import { type Host, tryList, tryText } from './record-host.js';

export interface DeviceRange {
  first_pfn: string;
  last_pfn: string;
  /** a kind that src/spec knows */
  type: string;
  /** where that is from */
  source: string;
}

/** One line of /proc/iomem. */
interface Resource {
  depth: number;
  first: number;
  last: number;
  name: string;
}

/** @returns the lines of /proc/iomem; none where the addresses are hidden (all zero for who is not root) */
export function parseIomem(text: string): Resource[] {
  const found: Resource[] = [];
  for (const line of text.split('\n')) {
    const match = /^(\s*)([0-9a-f]+)-([0-9a-f]+) : (.*)$/.exec(line);
    if (!match) continue;
    const [, indent, first, last, name] = match;
    if (Number(`0x${last}`) === 0) continue;
    found.push({ depth: indent.length / 2, first: Number(`0x${first}`), last: Number(`0x${last}`), name });
  }
  return found;
}

/** Memory of devices as the kernel lists it now. */
export function deviceRanges(host: Host): DeviceRange[] {
  const page = Number(/^KernelPageSize:\s+(\d+) kB/m.exec(tryText(host, '/proc/self/smaps'))?.[1] ?? 4) * 1024;
  const resources = parseIomem(tryText(host, '/proc/iomem'));
  const lastRam = Math.max(0, ...resources.filter(({ name }) => name === 'System RAM').map(({ last }) => last));
  const range = (first: number, last: number, type: string, source: string): DeviceRange => ({
    first_pfn: `0x${Math.floor(first / page).toString(16)}`,
    last_pfn: `0x${Math.floor(last / page).toString(16)}`,
    type,
    source,
  });
  const found: DeviceRange[] = [];
  for (const [at, resource] of resources.entries()) {
    const type = typeOf(host, resource, resources[at + 1], lastRam);
    if (type !== undefined) found.push(range(resource.first, resource.last, type, `/proc/iomem ${resource.name}`));
  }
  for (const { first, last, device } of peerMemory(host)) {
    found.push(range(first, last, 'p2pdma', `p2pmem of PCI device ${device}`));
  }
  return found;
}

/** What a resource is, as far as its name tells; undefined for what has no pages of a device. */
function typeOf(host: Host, resource: Resource, next: Resource | undefined, lastRam: number): string | undefined {
  const { name, depth, first } = resource;
  if (/^namespace\d+\.\d+$/.test(name)) {
    const mode = tryText(host, `/sys/bus/nd/devices/${name}/mode`).trim();
    if (mode === 'dax') return next && next.depth > depth && /^dax\d/.test(next.name) ? undefined : 'devdax';
    return mode === 'sector' ? undefined : 'fsdax';
  }
  if (/^dax\d+\.\d+$/.test(name)) {
    // memory given to the page allocator is ordinary
    return next && next.depth > depth && /^System RAM/.test(next.name) ? undefined : 'devdax';
  }
  // request_free_mem_region() takes addresses that nothing has, above all memory, under the name of the device or driver
  const named = /^(hmm_dmirror|hmm-dmirror|nouveau|xe|amdgpu|[0-9a-f]{4}:[0-9a-f]{2}:[0-9a-f]{2}\.\d)\b/i.test(name);
  return depth === 0 && first > lastRam && named ? 'private' : undefined;
}

/** Memory regions of PCI devices that offer peer-to-peer memory and are large enough for it. */
function peerMemory(host: Host): { first: number; last: number; device: string }[] {
  const root = '/sys/bus/pci/devices';
  return tryList(host, root).flatMap((device) => {
    const size = Number(tryText(host, `${root}/${device}/p2pmem/size`).trim() || 0);
    if (size === 0) return [];
    return tryText(host, `${root}/${device}/resource`)
      .split('\n')
      .map((line) => line.trim().split(/\s+/).map(Number))
      .filter(([first, last, flags]) => (flags & 0x200) !== 0 && last - first + 1 >= size)
      .map(([first, last]) => ({ first, last, device }));
  });
}

interface Zone {
  node: number;
  zone: string;
  start_pfn?: number;
  spanned: number;
  present: number;
}

/** The zones of /proc/zoneinfo that have pages. */
export function parseZones(text: string): Zone[] {
  const zones: Zone[] = [];
  for (const line of text.split('\n')) {
    const head = /^Node (\d+), zone\s+(\S+)/.exec(line);
    if (head) zones.push({ node: Number(head[1]), zone: head[2], spanned: 0, present: 0 });
    const field = /^\s+(spanned|present|start_pfn):?\s+(\d+)\s*$/.exec(line);
    const zone = zones.at(-1);
    if (field && zone) zone[field[1] as 'spanned' | 'present' | 'start_pfn'] = Number(field[2]);
  }
  return zones.filter(({ spanned }) => spanned > 0);
}

/** What is known of the machine, collected while the recording goes on. */
export class Facts {
  private readonly ranges = new Map<string, DeviceRange>();
  private iomem = '';

  constructor(private readonly host: Host) {
    this.learn();
  }

  /** Looks for memory that has come since. */
  learn(): void {
    const text = tryText(this.host, '/proc/iomem');
    if (text === this.iomem && text !== '') return;
    this.iomem = text;
    for (const range of deviceRanges(this.host)) {
      this.ranges.set(`${range.first_pfn}-${range.last_pfn}=${range.type}`, range);
    }
  }

  get deviceRanges(): DeviceRange[] {
    return [...this.ranges.values()];
  }

  get release(): string {
    return tryText(this.host, '/proc/sys/kernel/osrelease').trim();
  }

  /** As `uname -a` says it, without the name of the machine. */
  get uname(): string {
    const version = tryText(this.host, '/proc/sys/kernel/version').trim();
    return `Linux localhost ${this.release} ${version} ${this.host.machine}`;
  }

  /** @param more what the recorder adds of its own doing: settings, losses */
  json(more: Record<string, unknown>): string {
    return JSON.stringify({
      kernel: { release: this.release, version: tryText(this.host, '/proc/version').trim() },
      zone_device_ranges: this.deviceRanges,
      zones: parseZones(tryText(this.host, '/proc/zoneinfo')),
      iomem: this.iomem.split('\n').filter((line) => line !== ''),
      ...more,
    });
  }
}
