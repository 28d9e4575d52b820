// SPDX-License-Identifier: Apache-2.0
/** Texts of other tools: stacks as trace-cmd report and perf script print them, and what a mail has quoted. */
import { expect, test } from 'vitest';
import { readText } from './read-text.js';
import { Notes, type Recording } from './recording.js';

function read(text: string): { recording: Recording; notes: Notes } {
  const notes = new Notes();
  return { recording: readText(new TextEncoder().encode(text), notes, {}), notes };
}

const stacksOf = ({ events, stacks }: Recording) =>
  Array.from({ length: events.length }, (_, row) => (events.stack(row) < 0 ? [] : stacks.frames(events.stack(row))));

const FIELDS = 'pfn=0x41005 flags=0x1000 count=2 mapcount=0 mapping=0xffff88810a1b2c3d mt=1 val=1';

test('trace-cmd report: the address behind a name is none of it', () => {
  const { recording } = read(`cpus=2
              wl-302   [000]    17.800309: page_ref_mod:         ${FIELDS}
              wl-302   [000]    17.800312: kernel_stack:         <stack trace >
=> try_grab_page (ffffffff811a0d20)
=> refleak_ioctl [refleak] (ffffffffa0000740)
`);
  expect(stacksOf(recording)).toEqual([['try_grab_page', 'refleak_ioctl [refleak]']]);
});

test('perf script: the event, its stack without user space, the next event', () => {
  const { recording, notes } = read(`# captured on: Sun Nov 22
my task-2   302 [000]    17.800309:    page_ref:page_ref_mod: ${FIELDS}
\tffffffff811a0d20 try_grab_page+0x48 ([kernel.kallsyms])
\tffffffffa0000740 refleak_ioctl+0x10 ([refleak])
\t    7f2a1c0d20 ioctl+0xb (/usr/lib/x86_64-linux-gnu/libc.so.6)

wl 301/302 [001]    17.800333:    page_ref:page_ref_mod: ${FIELDS}
wl 301/302 [001]    17.800345:    kmem:mm_page_free: page=0xffffea0001040140 pfn=0x41005 order=0
`);
  expect(notes.list).toEqual([]);
  expect(stacksOf(recording)).toEqual([['try_grab_page', 'refleak_ioctl [refleak]'], [], []]);
  const { events, comms, kinds } = recording;
  const told = Array.from({ length: 3 }, (_, row) => {
    return [
      comms.text(events.comm(row)),
      events.pid(row),
      events.cpu(row),
      kinds[events.kind(row)].name,
      events.pfn(row),
    ];
  });
  expect(told).toEqual([
    ['my task-2', 302, 0, 'page_ref_mod', 0x41005],
    ['wl', 302, 1, 'page_ref_mod', 0x41005],
    ['wl', 302, 1, 'mm_page_free', 0x41005],
  ]);
  expect(Array.from(events.time.subarray(0, 3))).toEqual([800309000, 800333000, 800345000]);
});

test('perf script: what it cannot name in user space is left out too, down to address 0', () => {
  const { recording, notes } = read(`wl   302 [000]    17.800309:    page_ref:page_ref_mod: ${FIELDS}
\tffffffff811a0d20 try_grab_page+0x48 ([kernel.kallsyms])
\tffffffffa0000740 [unknown] ([unknown])
\t  7375746174732f [unknown] ([unknown])
\t               0 [unknown] ([unknown])

  a page, in the words of a mail
`);
  expect(stacksOf(recording)).toEqual([['try_grab_page', '[unknown]']]);
  expect(notes.list.map(({ message }) => message)).toEqual([expect.stringContaining('a page, in the words')]);
});

test('quoted in a mail, twice, with words of the quoting before it', () => {
  const lines = [
    '              wl-302     [000] d..1.    17.800309: page_ref_mod: ',
    ' => try_grab_page',
    ' => do_syscall_64',
  ];
  lines[0] += FIELDS;
  lines.splice(1, 0, '              wl-302     [000] d..1.    17.800312: <stack trace>');
  const quoted = lines.map((line) => `> >${line === '' ? '' : ' '}${line}`).join('\n');
  const { recording } = read(`On Sunday somebody wrote:\n> Hello,\n${quoted}\n>\n`);
  expect(stacksOf(recording)).toEqual([['try_grab_page', 'do_syscall_64']]);
});
