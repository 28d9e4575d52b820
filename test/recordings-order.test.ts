// SPDX-License-Identifier: Apache-2.0
/**
 * Several CPUs work on one page, each traces its operation some time after it happened and by a clock of its own: an order that is
 * possible is found for every such history, and none for one that cannot have happened.
 */
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { LifeFinder } from '../src/conform/life-finder.js';
import { indexPages } from '../src/conform/page-index.js';
import { isUnderflow } from '../src/spec/invariants.js';
import { parseKernelVersion } from '../src/spec/kernel-version.js';
import { OP, type Op, possible, UNKNOWN } from '../src/spec/ops.js';
import { readText } from '../src/trace/read-text.js';
import { Notes } from '../src/trace/recording.js';

/** What a CPU does next: which operation, how long it waits before it and before it traces it (us). */
const step = fc.record({
  cpu: fc.integer({ min: 0, max: 3 }),
  op: fc.integer({ min: 0, max: 7 }),
  wait: fc.integer({ min: 0, max: 6 }),
  delay: fc.integer({ min: 0, max: 25 }),
  /** when its `count=` is read, as a part of the delay */
  read: fc.integer({ min: 0, max: 3 }),
});
const steps = fc.array(step, { minLength: 2, maxLength: 48 });
/** how far the clocks of the CPUs are ahead (us) */
const clocks = fc.tuple(...[0, 1, 2, 3].map(() => fc.integer({ min: 0, max: 9 })));

type Step = { cpu: number; op: number; wait: number; delay: number; read: number };
interface Event {
  cpu: number;
  time: number;
  name: string;
  val: number;
  ret: number | undefined;
  /** when it really happened and when its count was read */
  at: number;
  read: number;
  order: number;
}

/** One operation on a page that counts `count`, or nothing where no correct kernel would do it. */
function operate(op: number, count: number): { name: string; val: number; ret?: number; after: number } | undefined {
  if (op === 0 && count > 0) return { name: 'page_ref_mod', val: 1, after: count + 1 };
  if (op === 1 && count > 1) return { name: 'page_ref_mod', val: -1, after: count - 1 };
  if ((op === 2 || op === 7) && count > 0)
    return { name: 'page_ref_mod_and_test', val: -1, ret: count === 1 ? 1 : 0, after: count - 1 };
  if (op === 3 && count > 0) return { name: 'page_ref_mod_and_return', val: -1, ret: count - 1, after: count - 1 };
  if (op === 4)
    return { name: 'page_ref_mod_unless', val: 1, ret: count > 0 ? 1 : 0, after: count > 0 ? count + 1 : 0 };
  if (op === 5) return { name: 'page_ref_freeze', val: 2, ret: count === 2 ? 1 : 0, after: count === 2 ? 0 : count };
  if (op === 6 && count === 0) return { name: 'page_ref_set', val: 2, after: 2 };
  return undefined;
}

/** Plays the steps: CPUs run side by side, each does one thing after the other. The events come back in recorded order. */
function play(program: readonly Step[], ahead: readonly number[], start: number) {
  const ready = [0, 0, 0, 0];
  const doings = program
    .map(({ cpu, op, wait, delay, read }) => {
      const at = (ready[cpu] += wait);
      ready[cpu] += delay + 1;
      return { cpu, op, at, traced: at + delay, read: at + Math.floor((delay * read) / 3) };
    })
    .sort((a, b) => a.at - b.at);
  const events: Event[] = [];
  const counts: [number, number][] = [];
  let count = start;
  for (const { cpu, op, at, traced, read } of doings) {
    const done = operate(op, count);
    if (!done) continue;
    count = done.after;
    counts.push([at, count]);
    const { name, val, ret } = done;
    events.push({ cpu, time: traced + ahead[cpu], name, val, ret, at, read, order: events.length });
  }
  const shown = ({ read, order }: Event) => counts.findLast(([at], place) => at <= read || place <= order)![1];
  events.sort((a, b) => a.time - b.time || a.cpu - b.cpu);
  return { events, end: count, shown };
}

function record(events: readonly Event[], shown: (event: Event) => number | undefined) {
  const lines = events.map((event) => {
    const { cpu, time, name, val, ret } = event;
    const seen = shown(event);
    const fields = `${seen === undefined ? '' : ` count=${seen}`} val=${val}${ret === undefined ? '' : ` ret=${ret}`}`;
    return `  task-7${cpu} [00${cpu}] d..1. 1.${String(time).padStart(6, '0')}: ${name}: pfn=0x100${fields}`;
  });
  return readText(new TextEncoder().encode(`${lines.join('\n')}\n`), new Notes(), {});
}

/** The counts that were worked out, in the order that was found. */
function rebuild(recording: ReturnType<typeof record>) {
  const index = indexPages(recording);
  const finder = new LifeFinder(recording, index);
  const facts = finder.page(0, 'ordinary', 5, parseKernelVersion('6.12')!);
  const { events } = recording;
  const impossible = Array.from(index.rows).filter((row, at) => {
    const before = finder.counts.before[at];
    const op = index.effects.op[index.shapes[at]] as Op;
    return before !== UNKNOWN && !possible(op, events.val(row), events.ret(row), before);
  });
  const perCpu = [0, 1, 2, 3].every((cpu) => {
    const rows = Array.from(index.rows).filter((row) => events.cpu(row) === cpu);
    return rows.every((row, at) => at === 0 || rows[at - 1] < row);
  });
  return { facts, impossible, perCpu, end: finder.counts.after[index.rows.length - 1] };
}

describe('events of several CPUs', () => {
  test.each([
    ['with count= read late', true],
    ['without count=', false],
  ])('%s: an order is found', (_, showing) => {
    fc.assert(
      fc.property(steps, clocks, fc.integer({ min: 0, max: 4 }), (program, ahead, start) => {
        const { events, shown } = play(program, ahead, start);
        // without an operation that returns a count nothing can be wrong
        fc.pre(events.some(({ name, ret }) => /and_return|_set/.test(name) || (/test|freeze/.test(name) && ret === 1)));
        const { facts, impossible, perCpu } = rebuild(record(events, (event) => (showing ? shown(event) : undefined)));
        expect(facts).toMatchObject({ jumps: 0, underflows: 0 });
        expect(impossible).toEqual([]);
        expect(perCpu).toBe(true);
      }),
      { numRuns: 1500, seed: 11 },
    );
  });

  test('one operation that came out otherwise than it can have: found', () => {
    fc.assert(
      fc.property(steps, clocks, fc.nat(), fc.integer({ min: 30, max: 90 }), (program, ahead, which, off) => {
        const storeless = program.filter(({ op }) => op < 5);
        const { events, shown } = play(storeless, ahead, 3);
        const returning = events.filter(({ name }) => name === 'page_ref_mod_and_return');
        // all the references that are taken and given here do not make up for what it claims
        fc.pre(returning.length > 0);
        returning[which % returning.length].ret! += off + events.length * 2;
        // each CPU is seen after the page was set: what it does later cannot have been before that
        const first = [0, 0, 1, 2, 3].map((cpu, at) => {
          const name = at === 0 ? 'page_ref_set' : 'page_ref_mod_unless';
          return {
            cpu,
            time: at * 100,
            name,
            val: at === 0 ? 3 : 0,
            ret: at === 0 ? undefined : 1,
            at: 0,
            read: 0,
            order: 0,
          };
        });
        for (const event of events) event.time += 1000;
        const seen = (event: Event) => (first.includes(event as never) ? 3 : shown(event));
        expect(rebuild(record([...first, ...events], seen)).facts.jumps).toBeGreaterThan(0);
      }),
      { numRuns: 400, seed: 12 },
    );
  });

  test('one put too many, when all else is quiet: found', () => {
    fc.assert(
      fc.property(steps, clocks, (program, ahead) => {
        const { events, shown, end } = play(program, ahead, 2);
        fc.pre(events.length > 0);
        const time = Math.max(...events.map((event) => event.time)) + 1000;
        const puts = Array.from({ length: end + 1 }, (_, at) => {
          const put = { cpu: 1, name: 'page_ref_mod_and_return', val: -1, at: 0, read: 0, order: 0 };
          return { ...put, time: time + at, ret: end - 1 - at };
        });
        const seen = (event: Event) => (event.time >= time ? event.ret : shown(event));
        const { facts, end: last } = rebuild(record([...events, ...puts], seen));
        expect(facts.underflows).toBe(1);
        expect(isUnderflow(last)).toBe(true);
      }),
      { numRuns: 400, seed: 13 },
    );
  });

  test('what one task did one after the other is not exchanged', () => {
    const event = (cpu: number, time: number, ret: number, name = 'page_ref_mod_and_return') => {
      return { cpu, time, name, val: -1, ret, at: 0, read: 0, order: 0 };
    };
    const late = [event(0, 0, 3), event(0, 100, 1), event(1, 200, 2)];
    expect(rebuild(record(late, () => undefined)).facts).toMatchObject({ swapped: 1, jumps: 0 });
    // CPU 1 recorded something in between: it did not yet do what it recorded last
    const busy = [event(0, 0, 4), event(0, 100, 1), event(1, 150, 3), event(1, 200, 2)];
    expect(rebuild(record(busy, () => undefined)).facts.jumps).toBeGreaterThan(0);
  });

  test('a get that was frozen, a get that found nothing, a put that was the last: each is a constraint', () => {
    const before: [Op, number, number, number, boolean][] = [
      [OP.freeze, 2, 1, 2, true],
      [OP.freeze, 2, 1, 3, false],
      [OP.freeze, 2, 0, 2, false],
      [OP.modUnless, 1, 0, 0, true],
      [OP.modUnless, 1, 0, 2, false],
      [OP.modUnless, 1, 1, 0, false],
      [OP.modAndTest, -1, 1, 1, true],
      [OP.modAndTest, -1, 0, 1, false],
      [OP.modAndTest, -2, 1, 2, true],
      [OP.modAndReturn, -1, 2, 3, true],
      [OP.modAndReturn, -1, 2, 2, false],
      [OP.unfreeze, 2, 0, 0, true],
      [OP.unfreeze, 2, 0, 1, false],
      [OP.set, 7, 0, 3, true],
    ];
    for (const [op, val, ret, count, wanted] of before) expect(possible(op, val, ret, count), `${op}`).toBe(wanted);
  });
});
