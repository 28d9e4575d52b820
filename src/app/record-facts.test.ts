// SPDX-License-Identifier: Apache-2.0
/** Device memory by /proc/iomem and sysfs, as kernels print them. */
import { expect, it } from 'vitest';
import { deviceRanges, Facts, parseIomem, parseZones } from './record-facts.js';
import { type Host, liveHost } from './record-host.js';

/** A machine of a few files; a folder is what lies below it. */
function machine(files: Record<string, string>): Host {
  const readBytes = (path: string) => {
    if (Object.hasOwn(files, path)) return new TextEncoder().encode(files[path]);
    throw Object.assign(new Error(path), { code: 'ENOENT' });
  };
  const list = (folder: string) => {
    const below = Object.keys(files).filter((path) => path.startsWith(`${folder}/`));
    return [...new Set(below.map((path) => path.slice(folder.length + 1).split('/')[0]))];
  };
  return { ...liveHost(), readBytes, list };
}

const PCI = '/sys/bus/pci/devices/0000:00:05.0';
const IOMEM = `00001000-3fffffff : System RAM
40000000-4fffffff : Persistent Memory (legacy)
  40000000-4fffffff : namespace0.0
60000000-63ffffff : Persistent Memory
  60000000-601fffff : namespace1.0
  60200000-63ffffff : dax1.0
70000000-73ffffff : Persistent Memory
  70000000-73ffffff : namespace2.0
80000000-83ffffff : Soft Reserved
  80000000-83ffffff : dax3.0
    80000000-83ffffff : System RAM (kmem)
fd000000-fdffffff : 0000:00:05.0
100000000-1bfffffff : System RAM
fcf0000000-fcffffffff : hmm_dmirror
fd00000000-fdffffffff : 0000:03:00.0
  fd00000000-fdffffffff : not-top
fe00000000-feffffffff : Reserved
`;

const told = (host: Host) =>
  deviceRanges(host).map(({ first_pfn, last_pfn, type }) => `${first_pfn}-${last_pfn} ${type}`);

it('names what has pages of a device', () => {
  const host = machine({
    '/proc/iomem': IOMEM,
    '/sys/bus/nd/devices/namespace0.0/mode': 'raw\n',
    '/sys/bus/nd/devices/namespace1.0/mode': 'dax\n',
    '/sys/bus/nd/devices/namespace2.0/mode': 'sector\n',
    [`${PCI}/p2pmem/size`]: '16777216\n',
    [`${PCI}/resource`]:
      '0x00000000febf0000 0x00000000febf3fff 0x0000000000140204\n0x00000000fd000000 0x00000000fdffffff 0x000000000014220c\n0x0 0x0 0x0\n',
  });
  expect(told(host)).toEqual([
    '0x40000-0x4ffff fsdax',
    '0x60000-0x601ff devdax',
    '0x60200-0x63fff devdax',
    '0xfcf0000-0xfcfffff private',
    '0xfd00000-0xfdfffff private',
    '0xfd000-0xfdfff p2pdma',
  ]);
});

it('counts in the pages of the machine', () => {
  const files = { '/proc/iomem': '40000000-4fffffff : namespace0.0\n' };
  expect(told(machine({ ...files, '/proc/self/smaps': 'KernelPageSize:       64 kB\n' }))).toEqual([
    '0x4000-0x4fff fsdax',
  ]);
});

it('makes nothing of addresses that are hidden', () => {
  expect(parseIomem('00000000-00000000 : System RAM\n  00000000-00000000 : namespace0.0\n')).toEqual([]);
});

it('keeps what was there, and learns what has come', () => {
  const files: Record<string, string> = { '/proc/iomem': '40000000-4fffffff : namespace0.0\n' };
  const facts = new Facts(machine(files));
  files['/proc/iomem'] = '00000000-0fffffff : System RAM\nfcf0000000-fcffffffff : hmm_dmirror\n';
  facts.learn();
  expect(facts.deviceRanges.map(({ type }) => type)).toEqual(['fsdax', 'private']);
  expect(JSON.parse(facts.json({ recorder: 1 }))).toMatchObject({
    recorder: 1,
    zone_device_ranges: [{ type: 'fsdax' }, {}],
  });
});

it('reads the zones', () => {
  const text = `Node 0, zone      DMA
  per-node stats
  pages free     3840
        spanned  4095
        present  3998
  start_pfn:           1
Node 0, zone   Device
  pages free     0
        spanned  0
        present  0
`;
  expect(parseZones(text)).toEqual([{ node: 0, zone: 'DMA', spanned: 4095, present: 3998, start_pfn: 1 }]);
});
