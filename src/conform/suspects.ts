// SPDX-License-Identifier: Apache-2.0
/**
 * Which references that are open at the end were leaked. Being open proves nothing: most pages are in use when a recording
 * ends. A page is suspected when its count is more than its state accounts for: a count below zero; a device page above its
 * idle count that nobody maps; a page that was unmapped, or whose taker is gone, with a reference left that was taken for a
 * caller outside mm. Without stacks the state alone must show it.
 */
import { isPinnedByTaskAlone, PIN_BIAS, TAKE, type Take } from '../spec/call-paths.js';
import { mappingsCount, unexplained } from '../spec/expected.js';
import type { KernelVersion } from '../spec/kernel-version.js';
import { OP, UNKNOWN } from '../spec/ops.js';
import { type PageKind, restRule } from '../spec/rest.js';
import type { Recording } from '../trace/recording.js';
import { BareLife } from './bare-life.js';
import { breaches } from './breaches.js';
import { HandedOn } from './handed-on.js';
import { Ledger } from './ledger.js';
import { LIFE } from './lives.js';
import { mayBeBatched } from './lru-batch.js';
import { type PageState, stateOf } from './page-state.js';
import { Sites } from './sites.js';
import { FACT, type LivesOf } from './summary.js';
import type { Fault, Reason, Suspicion, Unjudged } from './suspicion.js';
import { Tasks } from './tasks.js';

/** without stacks a page must have been left alone for so long (ns): a reference of a moment is none that leaked */
const QUIET = 1e6;
/** a reference is old when it is held for so many times the longest of the same call path */
const TIMES_LONGER = 4;
/** of those that are not judged */
const HOLDERS_NAMED = 8;
/** whoever unpins after its task has gone has done so by then (ns): io_uring waits for an RCU grace period and a workqueue */
const LONG_GONE = 1e9;

/** what makes a suspicion no more than possible */
const DOUBTS: readonly Reason[] = ['takenBefore', 'batch', 'handedOn'];
/** flags of a page that mm itself holds; owner_priv_1 of anonymous memory says that swap does */
const HELD_BY_MM = ['head', 'owner_priv_1', 'swapcache', 'locked'];

export class Suspects {
  readonly sites: Sites;
  readonly unjudged = new Map<Unjudged, number>();
  /** functions that hold what is not judged, as far as they are known */
  readonly holders = new Map<Unjudged, Set<string>>();
  private readonly ledger: Ledger;
  private readonly tasks: Tasks;
  private readonly handedOn: HandedOn;
  private readonly end: number;
  private everGiven: Set<number> | undefined;
  /** by shape, as far as it was asked: pages are many, what they show is not */
  private readonly states: PageState[] = [];
  /** did a judgement depend on what references of a path usually do? */
  private asked = false;

  constructor(
    private readonly recording: Recording,
    private readonly lives: LivesOf,
    private readonly kernel: KernelVersion | undefined,
    private readonly kindOf: (pfn: number) => PageKind,
    private readonly stacks: boolean,
    private readonly only?: Uint8Array,
  ) {
    this.sites = new Sites(recording);
    this.ledger = new Ledger(recording, lives.index, lives.counts, this.sites);
    this.tasks = new Tasks(recording, lives.index, this.sites, stacks);
    this.handedOn = new HandedOn(recording, lives.index, kernel, kindOf);
    this.end = recording.events.length > 0 ? recording.events.time[recording.events.length - 1] : 0;
  }

  /** All suspicions, in the order of the pages' first events. */
  find(): Suspicion[] {
    const found: Suspicion[] = [];
    const { index } = this.lives;
    const open: number[] = [];
    let unruled = 0;
    for (let page = 0; page < index.pages.length; page++) {
      const kind = this.kindOf(index.pages[page]);
      const hasRule = restRule(kind, this.kernel) !== undefined;
      if (hasRule && this.stacks) this.walk(page, kind);
      if (this.only && this.only[page] === 0) continue;
      if (!hasRule) unruled++;
      else if (this.isOpen(page)) open.push(page);
    }
    found.push(...breaches(this.recording, this.lives, this.kernel, this.sites, this.kindOf, this.only));
    this.ledger.learn(false);
    const first = this.judgeAll(open, unruled);
    if (!this.asked) return [...found, ...first];
    // somebody may be accused: learn how long references are usually held, and judge again
    for (let page = 0; page < index.pages.length; page++) this.walk(page, this.kindOf(index.pages[page]));
    this.everGiven = undefined;
    this.unjudged.clear();
    this.holders.clear();
    return [...found, ...this.judgeAll(open, unruled)];
  }

  /** @param unruled pages of device memory without a rule */
  private judgeAll(open: readonly number[], unruled: number): Suspicion[] {
    const found: Suspicion[] = [];
    if (unruled > 0) this.unjudged.set(this.kernel && !this.kernel.span ? 'type' : 'kernel', unruled);
    for (const page of open) {
      const kind = this.kindOf(this.lives.index.pages[page]);
      const suspicion = this.judge(page, kind);
      if (typeof suspicion === 'string') this.unjudged.set(suspicion, (this.unjudged.get(suspicion) ?? 0) + 1);
      else found.push(suspicion);
    }
    return found;
  }

  /** Has the ledger walk a page: its open references are there then. Silently: nothing is learnt from it. */
  private walk(page: number, kind: PageKind, silent = false): void {
    const rule = restRule(kind, this.kernel);
    if (rule) this.ledger.page(page, rule, silent);
  }

  /** Its last life neither ended nor was overtaken by another. */
  private isOpen(page: number): boolean {
    const { lives, firstLife } = this.lives;
    const last = firstLife[page + 1] - 1;
    return last >= firstLife[page] && lives.end[last] < 0 && !(lives.marks[last] & LIFE.endUnseen);
  }

  private judge(page: number, kind: PageKind): Suspicion | Unjudged {
    const last = this.lastRow(page);
    if (last < 0) return 'inUse';
    const state = this.stateAt(last);
    if (kind !== 'ordinary') return this.device(page, kind, state, last);
    const judged = this.stacks ? this.byTakers(page, state, last) : this.byState(page, state, last);
    return judged === 'inUse' && !this.kernel ? 'kernel' : judged;
  }

  /** The last event that shows the page's count and state. */
  private lastRow(page: number): number {
    const { index } = this.lives;
    for (let at = index.starts[page + 1] - 1; at >= index.starts[page]; at--) {
      const op = index.effects.op[index.shapes[at]];
      if (op !== OP.alloc && op !== OP.free) return index.rows[at];
    }
    return -1;
  }

  private stateAt(row: number): PageState {
    const shape = this.recording.events.shape[row];
    return (this.states[shape] ??= stateOf(this.recording, shape, this.kernel));
  }

  /** Device memory: what its idle count and its mappings do not explain. */
  private device(page: number, kind: PageKind, state: PageState, last: number): Suspicion | Unjudged {
    const { counts, index } = this.lives;
    const count = counts.after[index.starts[page + 1] - 1];
    const mapped = state.flags?.has('head') ? undefined : state.mapped;
    if (this.stacks && mapped === undefined && mappingsCount(kind, this.kernel!)) return this.largeDevice(page, last);
    const extra = count === UNKNOWN ? 0 : unexplained(kind, this.kernel!, count, mapped);
    if (extra <= 0) return 'device';
    const reasons: Reason[] = ['aboveIdle'];
    this.walk(page, kind, true);
    if (!this.stacks) {
      if (this.quiet(last) < QUIET) return 'young';
      // a page that was only made, or set anew, has nobody's reference; and what was only read proves no leak
      const at = index.starts[page + 1] - 1;
      const seen = index.effects.seen[index.shapes[at]];
      if (index.effects.closer[index.shapes[at]] !== 0 || (seen !== UNKNOWN && seen !== count)) return 'device';
      const taken = this.newest(extra, () => true);
      if (!this.tasks.exited(this.pidOf(taken, last))) return 'taker';
      // what no page table has, get_user_pages does not find
      const doubt = kind === 'private' || extra >= PIN_BIAS ? [] : this.doubt(page, extra);
      return this.suspicion(page, extra, taken, [...reasons, 'takerGone', ...doubt], last);
    }
    const taken = this.newest(extra, (take) => take === TAKE.gup || take === TAKE.explicit);
    return this.accuse(page, extra, taken, reasons, last);
  }

  /** A large folio of device memory, with stacks: how often it is mapped nothing tells, but a mapping is not taken by a driver. */
  private largeDevice(page: number, last: number): Suspicion | Unjudged {
    this.walk(page, this.kindOf(this.lives.index.pages[page]), true);
    const { size, rows, amounts } = this.ledger;
    let references = 0;
    for (let at = 0; at < size; at++) {
      const { take, driver } = this.sites.paths[this.sites.of(rows[at])];
      if (take === TAKE.gup || (take === TAKE.explicit && driver)) references += amounts[at];
    }
    if (references === 0) return 'device';
    const taken = this.newest(references, (take) => take === TAKE.gup || take === TAKE.explicit);
    return this.accuse(page, references, taken, [], last);
  }

  /** Ordinary memory with stacks: references taken for somebody outside mm. */
  private byTakers(page: number, state: PageState, last: number): Suspicion | Unjudged {
    const large = state.flags?.has('head') ?? false;
    const unmapped = !large && state.mapped === 0;
    this.walk(page, 'ordinary', true);
    const { size, rows, amounts } = this.ledger;
    if (size === 1 && this.takeAt(0) === TAKE.alloc) return this.allocation(page, state, rows[0], last);
    let outside = 0;
    let total = 0;
    let drivers = 0;
    for (let at = 0; at < size; at++) {
      const take = this.takeAt(at);
      total += amounts[at];
      if (take !== TAKE.gup && take !== TAKE.explicit) continue;
      outside += amounts[at];
      if (take === TAKE.gup || this.sites.paths[this.sites.of(rows[at])].driver) drivers += amounts[at];
    }
    if (outside === 0) return this.before(page, state, last) ?? 'inUse';
    // of a page that was in use before, the reference that is left may be the one it had
    const { lives, firstLife } = this.lives;
    const alone = outside === total && lives.begin[firstLife[page + 1] - 1] >= 0;
    if (!(unmapped && alone) && drivers === 0) return large ? 'large' : 'inUse';
    const taken = this.newest(
      outside,
      (take) => take === TAKE.gup || (take === TAKE.explicit && (alone || drivers > 0)),
    );
    return this.accuse(page, outside, taken, unmapped ? ['unmapped'] : [], last);
  }

  /**
   * Allocated by a driver, never freed, and its task is gone: nobody can know of it but the driver. Nobody ever used it, or a task
   * had it in its page table for a while (vm_insert_page).
   */
  private allocation(
    page: number,
    { mapped, mapping, flags }: PageState,
    row: number,
    last: number,
  ): Suspicion | Unjudged {
    const site = this.sites.of(row);
    const untouched = row === last;
    const wasMapped = mapped === 0 && mapping === false && !flags?.has('head') && !flags?.has('lru');
    if (row < 0 || !(untouched || wasMapped)) return 'inUse';
    if (!this.sites.paths[site].driver || this.sites.paths[site].async) return 'inUse';
    if (!this.tasks.exited(this.recording.events.pid(row))) return 'inUse';
    this.asked = true;
    if (this.isGivenBack(site)) return 'inUse';
    return this.suspicion(
      page,
      1,
      [row],
      [untouched ? 'untouched' : 'unmapped', 'neverGivenBack', 'takerGone'],
      last,
      'allocation',
    );
  }

  /**
   * Anonymous memory that nothing maps any more, held since before the recording: somebody has it, and may have it rightly. On the
   * LRU and not in the swap cache, so that neither isolation nor swap accounts for it.
   */
  private before(page: number, { flags, mapped, anon }: PageState, last: number): Suspicion | undefined {
    const { lives, counts, index, firstLife } = this.lives;
    if (lives.begin[firstLife[page + 1] - 1] >= 0) return undefined;
    if (mapped !== 0 || !anon || !flags?.has('lru') || HELD_BY_MM.some((flag) => flags.has(flag))) return undefined;
    const count = counts.after[index.starts[page + 1] - 1];
    if (count === UNKNOWN || this.quiet(last) < QUIET) return undefined;
    return this.suspicion(page, count, [], ['unmapped', 'takenBefore'], last);
  }

  /** Ordinary memory without stacks: anonymous, on the LRU, unmapped, and still counted. */
  private byState(page: number, state: PageState, last: number): Suspicion | Unjudged {
    const { lives, counts, index, firstLife, facts } = this.lives;
    const count = counts.after[index.starts[page + 1] - 1];
    const { flags, mapped, anon } = state;
    if (mapped !== 0 || count === UNKNOWN || !flags || flags.has('reserved')) return 'inUse';
    if (flags.has('head')) return 'large';
    // a page in a per-CPU batch is not on the LRU yet
    if (!flags.has('lru') || HELD_BY_MM.some((flag) => flags.has(flag))) return 'inUse';
    const pinned = count >= PIN_BIAS;
    const begin = lives.begin[firstLife[page + 1] - 1];
    if (begin < 0) return this.before(page, state, last) ?? 'inUse';
    if (!(facts[page] & FACT.returned)) return 'inUse';
    if (!pinned && !(anon ?? this.wasMappedAtOnce(page, begin))) return 'inUse';
    if (this.quiet(last) < QUIET) return 'young';
    this.walk(page, 'ordinary', true);
    const taken = this.newest(count, () => true);
    if (!this.tasks.exited(this.pidOf(taken, last))) return 'taker';
    const doubt = pinned ? [] : this.doubt(page, count);
    return this.suspicion(page, count, taken, ['unmapped', 'takerGone', ...doubt], last);
  }

  /** Without a stack: what may rightly hold all of a page's references that are left. */
  private doubt(page: number, references: number): Reason[] {
    const { lives, index, firstLife } = this.lives;
    const begin = lives.begin[firstLife[page + 1] - 1];
    const life = new BareLife(this.recording, index, page, begin, this.kernel);
    const [batched, handed] = [mayBeBatched(life), this.handedOn.mayBe(life)];
    if (batched + handed < references) return [];
    return handed > 0 ? ['handedOn'] : ['batch'];
  }

  /**
   * Is a page anonymous whose mapping is hidden or hashed? mm/memory.c maps a new anonymous page in the moment in which it becomes
   * one that can be swapped (folio_add_new_anon_rmap), mm/shmem.c makes it one and puts it into its file first. That of a page that
   * took another one's place is not seen.
   * @param begin the first row of its life
   */
  private wasMappedAtOnce(page: number, begin: number): boolean {
    const { starts, rows } = this.lives.index;
    for (let at = rows.indexOf(begin, starts[page]); at < starts[page + 1]; at++) {
      const { flags, mapped } = this.stateAt(rows[at]);
      if (flags?.has('swapbacked')) return (mapped ?? 0) > 0 && !flags.has('swapcache');
    }
    return false;
  }

  /** The last question with stacks: might whoever took it still give it back? */
  private accuse(
    page: number,
    references: number,
    taken: number[],
    reasons: Reason[],
    last: number,
  ): Suspicion | Unjudged {
    if (taken.length === 0) return 'taker';
    const row = taken[taken.length - 1];
    const path = this.sites.paths[this.sites.of(row)];
    if (path.async) {
      return this.heldBy('pending', path.holder);
    }
    const { time } = this.recording.events;
    const gone = this.tasks.exited(this.recording.events.pid(row));
    this.asked = true;
    const usual = this.ledger.closed.get(this.sites.of(row));
    if (usual && this.end - time[row] < usual.longest * TIMES_LONGER && !gone) return this.heldBy('young', path.holder);
    if (!gone && !(usual && usual.times > 2)) return this.heldBy('taker', path.holder);
    const more: Reason[] = gone ? ['takerGone'] : ['longerThanUsual'];
    if (!usual) more.push('neverGivenBack');
    return this.suspicion(page, references, taken, [...reasons, ...more], last);
  }

  private heldBy(reason: Unjudged, holder: string): Unjudged {
    let holders = this.holders.get(reason);
    if (!holders) this.holders.set(reason, (holders = new Set()));
    if (holders.size < HOLDERS_NAMED) holders.add(holder);
    return reason;
  }

  private suspicion(
    page: number,
    references: number,
    taken: number[],
    reasons: Reason[],
    last: number,
    fault: Fault = references >= PIN_BIAS ? 'pin' : 'reference',
  ): Suspicion {
    const { lives, firstLife } = this.lives;
    const weak = lives.marks[firstLife[page + 1] - 1] & (LIFE.loss | LIFE.jump);
    const row = taken[0] ?? -1;
    const rows = taken.includes(last) ? taken : [...taken, last];
    // io_uring unpins after its task has gone: without a stack a pin may be its, unless something speaks against it
    const bare = fault === 'pin' && !this.stacks;
    const against = bare ? this.notAsync(taken) : undefined;
    const unsure = (bare && !against) || reasons.some((reason) => DOUBTS.includes(reason));
    return {
      page,
      fault,
      confidence: weak ? 'if nothing was lost' : unsure ? 'possible' : 'likely',
      reasons: against ? [...reasons, against] : reasons,
      references,
      site: this.sites.of(row),
      rows: rows.filter((at) => at >= 0),
      since: row < 0 ? undefined : this.recording.events.time[row],
    };
  }

  /** What shows of a pin without a stack that nobody will give it back later. */
  private notAsync(taken: readonly number[]): Reason | undefined {
    const { events, unit } = this.recording;
    const { effects } = this.lives.index;
    const pin = taken.findLast((row) => effects.delta[events.shape[row]] >= PIN_BIAS - 1);
    if (pin === undefined) return undefined;
    if (isPinnedByTaskAlone(effects.delta[events.shape[pin]], this.kernel)) return 'pinnedFast';
    return unit === 'ns' && this.end - this.tasks.lastSeen(events.pid(pin)) > LONG_GONE ? 'longGone' : undefined;
  }

  private takeAt(at: number): Take {
    return this.sites.paths[this.sites.of(this.ledger.rows[at])].take;
  }

  /** Rows of the newest open references that `is` likes, until they make up `references`; oldest first. */
  private newest(references: number, is: (take: Take) => boolean): number[] {
    const rows: number[] = [];
    let left = references;
    for (let at = this.ledger.size - 1; at >= 0 && left > 0; at--) {
      if (!is(this.takeAt(at)) || this.ledger.rows[at] < 0) continue;
      rows.unshift(this.ledger.rows[at]);
      left -= this.ledger.amounts[at];
    }
    return rows;
  }

  private quiet(row: number): number {
    return this.recording.unit === 'ns' ? this.end - this.recording.events.time[row] : 0;
  }

  private pidOf(taken: number[], last: number): number {
    return this.recording.events.pid(taken.length > 0 ? taken[taken.length - 1] : last);
  }

  /** Was anything that the same function took ever given back? */
  private isGivenBack(site: number): boolean {
    this.everGiven ??= new Set([...this.ledger.closed.keys()].map((closed) => this.sites.holders[closed]));
    return this.everGiven.has(this.sites.holders[site]);
  }
}
