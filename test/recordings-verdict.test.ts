// SPDX-License-Identifier: Apache-2.0
/** Who holds, who leaked: the kept recordings against their ground truth, made ones for each rule, and cut ones. */
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { openTrace, reportOf } from '../src/app/trace.js';
import { RangeMap } from '../src/conform/ranges.js';
import { EXIT, FAULT, Made } from './recordings-maker.js';
import type { MetaRun } from './recordings-shared.js';
import { expectTruth, misjudged, toldBy } from './recordings-verdict.js';

const FOLDER = new URL('../recordings/', import.meta.url).pathname;
const metaOf = (name: string) => `${FOLDER}${name.replace(/\.(dat|trace).*$/, '.meta.json')}`;
const files = readdirSync(FOLDER).filter((name) => /\.(dat|trace)\./.test(name) && existsSync(metaOf(name)));

describe('kept recordings', () => {
  test.each(files)('%s', async (name) => {
    const trace = await openTrace(FOLDER + name, { meta: metaOf(name) });
    const [run] = Object.values(JSON.parse(readFileSync(metaOf(name), 'utf8')).runs) as MetaRun[];
    const { verdict } = reportOf(trace);
    expectTruth(verdict, run, name.split('-')[0]);
  });

  test.each(files)('%s, without its ranges: the same suspects, no certainty', async (name) => {
    const trace = await openTrace(FOLDER + name, { kernel: name.split('-')[0] });
    const [run] = Object.values(JSON.parse(readFileSync(metaOf(name), 'utf8')).runs) as MetaRun[];
    const { verdict, pages } = reportOf(trace);
    expect(misjudged(trace.recording, run, name.split('-')[0])).toEqual([]);
    expectTruth(verdict, run, name.split('-')[0]);
    const device = pages.filter(({ kind }) => kind !== 'ordinary');
    expect(device.map(({ strengths }) => strengths.certain)).toEqual(device.map(() => 0));
    expect(verdict.suspects.filter(({ kind }) => kind !== 'ordinary').every(({ inferred }) => inferred)).toBe(true);
  });

  test('who names a range is believed', async () => {
    const zoneDevice = ['0x41000-0x4100f=ordinary', '0x41200-0x4120f=devdax'];
    const { ranges } = await openTrace(`${FOLDER}5.10-leaks-fsdax.dat.xz`, { zoneDevice });
    const pages = [0x41005, 0x41205, 0x41215];
    expect(pages.map((pfn) => [ranges.kindOf(pfn), ranges.isInferred(pfn)])).toEqual([
      ['ordinary', false],
      ['devdax', false],
      ['fsdax', true],
    ]);
  });

  test('the leak tells its story', async () => {
    const name = '5.10-leaks-fsdax.dat.xz';
    const { verdict } = reportOf(await openTrace(FOLDER + name, { meta: metaOf(name) }));
    expect(verdict.suspects).toHaveLength(1);
    expect(verdict.suspects[0]).toMatchObject({
      fault: 'reference',
      confidence: 'likely',
      kind: 'fsdax',
      count: 1,
      pages: [0x41005],
      references: 1,
      site: 'refleak_get_user_leak [refleak]',
      tasks: ['wl-302'],
      reasons: ['aboveIdle', 'takerGone', 'neverGivenBack'],
    });
    expect(verdict.suspects[0].evidence.map(({ before, after }) => [before, after])).toEqual([
      [1, 2],
      [2, 3],
      [3, 2],
    ]);
  });

  test.each(files.filter((name) => !name.includes('leaks')))('%s, ended early: nobody', async (name) => {
    const trace = await openTrace(FOLDER + name, { meta: metaOf(name) });
    const { events } = trace.recording;
    const whole = events.length;
    for (let part = 1; part < 20; part++) {
      events.length = Math.floor((whole * part) / 20);
      expect(toldBy(reportOf(trace).verdict).accused, `${events.length} events`).toEqual([]);
    }
  });
});

const gup = (holder: string) => ['try_grab_folio', 'gup_fast_fallback', holder, 'do_syscall_64'];
const told = (made: Made) => toldBy(made.verdict()).accused;
const unjudged = (made: Made) =>
  made.verdict().unjudged.map(({ reason, pages, holders }) => [reason, pages, ...holders]);

/** One life that balances. */
const balanced = (made: Made, pfn: number, holder: string, giver: string): Made =>
  made
    .anon('a-1', pfn)
    .get('a-1', pfn, gup(holder))
    .put('k-9', pfn, ['unpin_user_page', giver])
    .put('a-1', pfn, ['free_pages_and_swap_cache', 'tlb_finish_mmu', 'unmap_region'], 1);

describe('references', () => {
  const leaked = () => new Made().anon('a-1', 0x100).get('a-1', 0x100, gup('drv_take')).exit('a-1', 0x100);

  test('taken for a driver, its page unmapped, its task gone: the driver', () => {
    expect(told(leaked())).toEqual(['0x100 drv_take']);
  });

  test('given back by somebody else: nobody', () => {
    expect(told(leaked().put('kworker-9', 0x100, ['unpin_user_page', 'drv_done', 'kthread'], 1))).toEqual([]);
  });

  test('its task may still be there: not judged, but named', () => {
    const made = new Made().anon('a-1', 0x100).get('a-1', 0x100, gup('drv_take'));
    made.put('a-1', 0x100, ['free_pages_and_swap_cache', 'tlb_finish_mmu', 'unmap_region']);
    expect(told(made)).toEqual([]);
    expect(unjudged(made)).toEqual([['taker', 1, 'drv_take']]);
  });

  test('a thread that exits is not its process', () => {
    const made = new Made().anon('a-1', 0x100).get('a-1', 0x100, gup('drv_take'));
    made.put('a-1', 0x100, ['free_pages_and_swap_cache', 'do_exit']);
    expect(told(made)).toEqual([]);
  });

  test('io_uring unpins after its task', () => {
    const made = new Made().anon('a-1', 0x100).get('a-1', 0x100, gup('io_pin_pages'), 1024).exit('a-1', 0x100);
    expect(unjudged(made)).toEqual([['pending', 1, 'io_pin_pages']]);
  });

  test('a batch of the LRU holds pages that are unmapped', () => {
    const made = new Made().anon('a-1', 0x100).get('a-1', 0x100, ['folio_batch_add_and_move', ...FAULT]);
    expect(unjudged(made.exit('a-1', 0x100))).toEqual([['inUse', 1]]);
  });

  test('which put gives back which get is learnt from lives that balance', () => {
    const made = new Made();
    for (let pfn = 0x200; pfn < 0x220; pfn++) {
      const [holder, giver] = pfn % 2 === 0 ? ['drv_a', 'done_a'] : ['drv_b', 'done_b'];
      // freed by the one who took last: each pair is seen alone
      made.set('a-1', pfn, FAULT).put('a-1', pfn, EXIT.slice(0, 2), 1);
      made.event('a-1', 'page_ref_set', pfn, 'val=0').get('a-1', pfn, gup(holder));
      made.put('k-9', pfn, ['unpin_user_page', giver], 1);
    }
    const twoTakers = (giver: string) =>
      made.anon('a-1', 0x100).get('a-1', 0x100, gup('drv_a')).get('a-1', 0x100, gup('drv_b'))
        .put('k-9', 0x100, ['unpin_user_page', giver]).exit('a-1', 0x100); // biome-ignore format: one story
    expect(told(twoTakers('done_a'))).toEqual(['0x100 drv_b']);
    expect(told(twoTakers('done_b'))).toEqual(['0x100 drv_a']);
  });

  test('a path that gives back elsewhere is accused of what it keeps', () => {
    const made = balanced(leaked(), 0x300, 'drv_take', 'drv_done');
    expect(told(made)).toEqual(['0x100 drv_take']);
    expect(made.verdict().suspects[0].reasons).toEqual(['unmapped', 'takerGone']);
  });

  test('of a page that was in use before the recording, what is left may be what it had', () => {
    const made = new Made().get('a-1', 0x100, ['drv_get', 'do_syscall_64']).exit('a-1', 0x100);
    expect(told(made)).toEqual([]);
  });

  test('of anonymous memory that nothing maps any more, something is left from before: possible, of nobody', () => {
    const unmapped = (mapping: string, flags?: string) =>
      new Made()
        .event(
          'a-1',
          'page_ref_mod_and_test',
          0x100,
          `count=1 mapcount=-1 mapping=${mapping} val=-1 ret=0`,
          EXIT,
          flags,
        )
        .idle(1100)
        .verdict();
    const { suspects, weaker } = unmapped('ffff888003a46f41');
    expect(suspects).toEqual([]);
    expect(weaker).toMatchObject([
      {
        confidence: 'possible',
        pages: [0x100],
        references: 1,
        site: null,
        tasks: [],
        reasons: ['unmapped', 'takenBefore'],
      },
    ]);
    expect(unmapped('ffff888003a46f40').weaker).toEqual([]);
    expect(unmapped('ffff888003a46f41', 'uptodate|lru|swapcache').weaker).toEqual([]);
    expect(unmapped('ffff888003a46f41', 'uptodate|swapbacked').weaker).toEqual([]);
  });

  test('of a large page of device memory: the driver, and of one that is only mapped nobody', () => {
    const map = new RangeMap([{ first: 0x1000, last: 0x1fff, kind: 'fsdax' }]);
    const mapped = () =>
      new Made().event('a-1', 'page_ref_mod', 0x1000, 'count=1 mapcount=0 val=1', ['insert_pmd', 'dax_fault'], 'head');
    const fields = 'count=2 mapcount=0 val=1 ret=1';
    const taken = mapped().event('a-1', 'page_ref_mod_unless', 0x1000, fields, gup('drv_take'), 'head');
    expect(toldBy(taken.anon('a-1', 0x10).exit('a-1', 0x10, 1).verdict('7.3', map)).accused).toEqual([
      '0x1000 drv_take',
    ]);
    expect(toldBy(mapped().anon('a-1', 0x10).exit('a-1', 0x10, 1).verdict('7.3', map)).accused).toEqual([]);
  });

  test('of a page that is broken or taken out of use: nobody', () => {
    const free = () => new Made().anon('a-1', 0x100).exit('a-1', 0x100, 1);
    const poison = ['page_handle_poison', 'soft_offline_page', '__x64_sys_madvise'];
    const counted = 'count=1 mapcount=-1 val=1';
    expect(told(free().event('a-1', 'page_ref_mod', 0x100, counted, [], 'none'))).toEqual(['0x100']);
    expect(told(free().event('a-1', 'page_ref_mod', 0x100, counted, poison, 'none'))).toEqual([]);
    expect(told(free().event('a-1', 'page_ref_mod', 0x100, counted, [], 'hwpoison'))).toEqual([]);
    expect(told(free().event('a-1', 'page_ref_mod', 0x100, counted, [], '0x100000'))).toEqual([]);
  });

  test('events were lost meanwhile: said, and nobody accused', () => {
    const made = new Made().anon('a-1', 0x100).get('a-1', 0x100, gup('drv_take')).lost().exit('a-1', 0x100);
    const { suspects, weaker } = made.verdict();
    expect(suspects).toEqual([]);
    expect(weaker.map(({ confidence }) => confidence)).toEqual(['if nothing was lost']);
  });

  test('a pin of the fast path is one, of 1,024, and given back as one', () => {
    const made = new Made()
      .anon('a-1', 0x100)
      .get('a-1', 0x100, gup('drv_pin'))
      .get('a-1', 0x100, gup('drv_pin'), 1023);
    made.anon('a-1', 0x101).get('a-1', 0x101, gup('drv_ok')).get('a-1', 0x101, gup('drv_ok'), 1023);
    made.get('a-1', 0x101, gup('drv_take')).put('a-1', 0x101, ['unpin_user_page', 'drv_ok'], 0, -1024);
    const { suspects } = made.exit('a-1', 0x100).exit('a-1', 0x101).verdict();
    expect(suspects.map(({ fault, references, site }) => [fault, references, site])).toEqual([
      ['pin', 1024, 'drv_pin'],
      ['reference', 1, 'drv_take'],
    ]);
  });

  test('equal stories are one, the worst first', () => {
    const made = new Made();
    for (let pfn = 0x100; pfn < 0x120; pfn++) made.anon('a-1', pfn).get('a-1', pfn, gup('drv_take')).exit('a-1', pfn);
    made.anon('a-1', 0x50).get('a-1', 0x50, gup('drv_pin'), 1024).exit('a-1', 0x50);
    made
      .set('a-1', 0x40, ['drv'])
      .event('a-1', 'page_ref_mod_and_return', 0x40, 'mapcount=-1 val=-2 ret=-1', ['drv_put']);
    const { suspects } = made.verdict();
    expect(suspects.map(({ fault, count, site }) => [fault, count, site])).toEqual([
      ['below zero', 1, 'drv_put'],
      ['pin', 1, 'drv_pin'],
      ['reference', 32, 'drv_take'],
    ]);
    expect(suspects[2].pages).toHaveLength(16);
  });
});

describe('pins without stacks', () => {
  /** Pinned, unmapped, and its task gone for a millisecond. */
  const pinned = (...amounts: number[]) => {
    const made = new Made().event('a-1', 'page_ref_set', 0x100, 'count=1 mapcount=0 val=1');
    for (const val of amounts) made.get('a-1', 0x100, [], val);
    made.event('a-1', 'page_ref_mod_and_return', 0x100, 'mapcount=-1 val=-1 ret=1024');
    for (let pfn = 0x200; pfn < 0x220; pfn++) made.event('a-1', 'mm_page_free', pfn, 'order=0');
    return made.idle(1100);
  };
  const confidence = (made: Made, release: string) => {
    const { suspects, weaker } = made.verdict(release);
    return [...suspects, ...weaker].map(({ fault, confidence, reasons }) => [fault, confidence, reasons.at(-1)]);
  };

  test('by the fast path, where io_uring does not take it: leaked', () => {
    expect(confidence(pinned(1, 1023), '6.1')).toEqual([['pin', 'likely', 'pinnedFast']]);
    expect(confidence(pinned(1024), '6.1')).toEqual([['pin', 'possible', 'takerGone']]);
    expect(confidence(pinned(1, 1023), '6.12')).toEqual([['pin', 'possible', 'takerGone']]);
  });

  test('its task gone for seconds: leaked', () => {
    expect(confidence(pinned(1024).later(2).idle(1), '6.12')).toEqual([['pin', 'likely', 'longGone']]);
  });
});

describe('references without stacks, mapping hashed', () => {
  /** A page with a reference left: mapped as soon as it can be swapped, or put into a file first. */
  const left = (first: 'mapped' | 'in a file') => {
    const made = new Made().event('a-1', 'page_ref_set', 0x100, 'count=1 mapcount=-1 val=1', [], 'uptodate');
    if (first === 'in a file') made.event('a-1', 'page_ref_mod', 0x100, 'mapcount=-1 val=1');
    made.get('a-1', 0x100, []).event('a-1', 'page_ref_mod_and_return', 0x100, 'mapcount=-1 val=-1 ret=1');
    for (let pfn = 0x200; pfn < 0x220; pfn++) made.event('a-1', 'mm_page_free', pfn, 'order=0');
    return made.idle(1100);
  };

  test('of anonymous memory: leaked; of shared memory the page cache has one', () => {
    expect(
      left('mapped')
        .verdict()
        .suspects.map(({ fault, pages }) => [fault, pages]),
    ).toEqual([['reference', [0x100]]]);
    expect(left('in a file').verdict().suspects).toEqual([]);
  });

  test('of a kernel or a type of memory that nobody named: not judged, and said why', () => {
    const device = new RangeMap([{ first: 0x1000, last: 0x1fff, kind: 'device' }]);
    const made = left('mapped').event('a-1', 'page_ref_mod', 0x1000, 'mapcount=-1 val=1');
    expect(made.verdict('', device).unjudged).toMatchObject([{ reason: 'kernel', pages: 2 }]);
    expect(made.verdict('6.12', device).unjudged).toContainEqual({ reason: 'type', pages: 1, holders: [] });
  });
});

describe('references without stacks, that a batch of the LRU may hold', () => {
  /** Anonymous memory: `get` while it is mapped, then unmapped, its task gone. */
  const taken = (get: (made: Made) => Made, release: string) => {
    const made = new Made().event('a-1', 'page_ref_set', 0x100, 'count=1 mapcount=-1 val=1', [], 'uptodate');
    made.get('a-1', 0x100, []);
    get(made).event('a-1', 'page_ref_mod_and_return', 0x100, 'mapcount=-1 val=-1 ret=1');
    made.event('a-1', 'page_ref_mod_and_return', 0x100, 'mapcount=-1 val=0 ret=1');
    for (let pfn = 0x200; pfn < 0x220; pfn++) made.event('a-1', 'mm_page_free', pfn, 'order=0');
    const { suspects, weaker } = made.idle(1100).verdict(release);
    return [...suspects, ...weaker].map(({ confidence, reasons }) => [confidence, reasons.at(-1)]);
  };
  /** The reference of the LRU's first batch given back, so that one is left. */
  const drained = (made: Made) => made.event('k-9', 'page_ref_mod_and_test', 0x100, 'mapcount=0 val=-1 ret=0');

  test('a plain get, as madvise(MADV_FREE) has it done: possible, from 6.13 on', () => {
    const plain = (made: Made) => drained(made).get('a-1', 0x100, []);
    expect(taken(plain, '7.3')).toEqual([['possible', 'batch']]);
    expect(taken(plain, '6.12')).toEqual([['likely', 'takerGone']]);
  });

  test('an interrupt that ends writeback, and gives back one of the two that it took: possible', () => {
    const rotated = (made: Made) =>
      drained(made)
        .get('<idle>-0', 0x100, [])
        .get('<idle>-0', 0x100, [])
        .event('<idle>-0', 'page_ref_mod_and_test', 0x100, 'mapcount=0 val=-1 ret=0');
    expect(taken(rotated, '7.3')).toEqual([['possible', 'batch']]);
  });
});

describe('references without stacks, recorded with page_ref alone', () => {
  const left = (frees: number) => {
    const made = new Made().event('a-1', 'page_ref_set', 0x100, 'count=1 mapcount=-1 val=1', [], 'uptodate');
    made
      .get('a-1', 0x100, [])
      .get('a-1', 0x100, [])
      .event('a-1', 'page_ref_mod_and_return', 0x100, 'mapcount=0 val=-1 ret=2');
    made.event('a-1', 'page_ref_mod_and_return', 0x100, 'mapcount=-1 val=-1 ret=1');
    for (let pfn = 0x200; pfn < 0x200 + frees; pfn++) made.put('a-1', pfn, [], 1);
    return made
      .idle(1100)
      .verdict()
      .suspects.map(({ pages }) => pages);
  };

  test('its task is gone where its last events are the last puts of pages', () => {
    expect(left(20)).toEqual([[0x100]]);
    expect(left(2)).toEqual([]);
  });
});

describe('references without stacks, that their taker may have handed on', () => {
  const FAST = 'mapcount=0 val=1 ret=1';
  /** Anonymous memory: `use` while it is mapped, then unmapped, its task gone. */
  const taken = (use: (made: Made) => Made, kind?: 'fsdax' | 'private') => {
    const made = new Made().event('a-1', 'page_ref_set', 0x100, 'count=1 mapcount=-1 val=1', [], 'uptodate');
    if (kind) use(made);
    else {
      use(made.get('a-1', 0x100, []).event('k-9', 'page_ref_mod_and_test', 0x100, 'mapcount=0 val=-1 ret=0'));
      made.event('a-1', 'page_ref_mod_and_return', 0x100, 'mapcount=-1 val=-1 ret=1');
    }
    for (let pfn = 0x200; pfn < 0x220; pfn++) made.event('a-1', 'mm_page_free', pfn, 'order=0');
    const map = new RangeMap(kind ? [{ first: 0x100, last: 0x100, kind }] : []);
    const { suspects, weaker } = made.idle(1100).verdict('6.12', map);
    return [...suspects, ...weaker].map(({ confidence, reasons }) => [confidence, reasons.at(-1)]);
  };
  const fast = (made: Made) => made.event('a-1', 'page_ref_mod_unless', 0x100, FAST);
  const put = (made: Made, task: string) => made.event(task, 'page_ref_mod_and_test', 0x100, 'mapcount=0 val=-1 ret=0');
  const put1 = (made: Made) => put(made, 'a-1');

  test('one get by the fast path and nothing after it, as vmsplice does to a page: possible', () => {
    expect(taken(fast)).toEqual([['possible', 'handedOn']]);
    expect(taken((made) => put(fast(fast(made)), '<idle>-0'))).toEqual([['possible', 'handedOn']]);
    expect(taken((made) => put1(fast(fast(made))))).toEqual([['possible', 'handedOn']]);
    expect(taken(fast, 'fsdax')).toEqual([['possible', 'handedOn']]);
  });

  test('before the page came onto the LRU, by a put of the same task: possible', () => {
    const off = [[], 'uptodate|swapbacked'] as const;
    const early = (made: Made) => {
      made.event('a-1', 'page_ref_set', 0x100, 'count=1 mapcount=-1 val=1', [], 'uptodate');
      made.event('a-1', 'page_ref_mod', 0x100, 'mapcount=0 val=1', ...off);
      return put1(made.event('a-1', 'page_ref_mod_unless', 0x100, FAST, ...off));
    };
    const made = early(new Made()).event('a-1', 'page_ref_mod_and_return', 0x100, 'mapcount=-1 val=-1 ret=1');
    for (let pfn = 0x200; pfn < 0x220; pfn++) made.event('a-1', 'mm_page_free', pfn, 'order=0');
    expect(
      made
        .idle(1100)
        .verdict()
        .weaker.map(({ reasons }) => reasons.at(-1)),
    ).toEqual(['handedOn']);
  });

  test('of a task that gave back nearly all others that it took so: leaked', () => {
    const others = (many: number) => (made: Made) => {
      for (let at = 0; at < many; at++) {
        const pfn = 0x300 + at;
        made.event('a-1', 'page_ref_mod_unless', pfn, `${FAST} mapping=ff1100000ad87841`);
        made.event('a-1', 'page_ref_mod_and_test', pfn, 'mapcount=0 mapping=ff1100000ad87841 val=-1 ret=0');
      }
      return fast(made);
    };
    expect(taken(others(20))).toEqual([['likely', 'takerGone']]);
    expect(taken(others(10))).toEqual([['possible', 'handedOn']]);
  });

  test('two gets of different kinds and one put, or no fast path: leaked', () => {
    expect(taken((made) => put1(fast(made).get('a-1', 0x100, [])))).toEqual([['likely', 'takerGone']]);
    expect(taken((made) => put1(put(fast(made), '<idle>-0').get('a-1', 0x100, []).get('a-1', 0x100, [])))).toEqual([
      ['likely', 'takerGone'],
    ]);
    expect(taken((made) => made.get('a-1', 0x100, []), 'private')).toEqual([['likely', 'takerGone']]);
  });
});

describe('allocations', () => {
  const ALLOC = ['get_page_from_freelist', 'alloc_pages', 'drv_alloc', 'drv_ioctl', '__x64_sys_ioctl', 'do_syscall_64'];
  const gone = (made: Made) => made.anon('a-1', 0x99).exit('a-1', 0x99, 1);

  test('in an ioctl, never used, never freed: its caller', () => {
    expect(told(gone(new Made().set('a-1', 0x100, ALLOC)))).toEqual(['0x100 drv_alloc']);
  });

  test('mapped by a task for a while: its caller; a page of a file: nobody', () => {
    const mapped = (mapping: string) => {
      const made = gone(new Made().set('a-1', 0x100, ALLOC).get('a-1', 0x100, ['vm_insert_page', 'drv_mmap']));
      const fields = `count=1 mapcount=-1 mapping=${mapping} val=-1 ret=0`;
      return made.event('a-1', 'page_ref_mod_and_test', 0x100, fields, EXIT, 'dirty');
    };
    expect(told(mapped('0000000000000000'))).toEqual(['0x100 drv_alloc']);
    expect(told(mapped('ffff888003a46f40'))).toEqual([]);
  });

  test('while the file may be open, where others are freed, or outside drivers: nobody', () => {
    expect(told(new Made().set('a-1', 0x100, ALLOC))).toEqual([]);
    const freed = new Made().set('a-1', 0x101, ALLOC).put('a-1', 0x101, ['__free_pages', 'drv_free'], 1);
    expect(told(gone(freed.set('a-1', 0x100, ALLOC)))).toEqual([]);
    expect(told(gone(new Made().set('a-1', 0x100, ['alloc_pages', 'copy_process', '__do_sys_clone'])))).toEqual([]);
    expect(told(gone(new Made().set('a-1', 0x100, ['alloc_pages', 'new_slab', ...ALLOC.slice(2)])))).toEqual([]);
  });
});
