// SPDX-License-Identifier: Apache-2.0
/**
 * `refzero trace fidelity`: what real kernels did to the counts of pages, against what the compiled src/linux can do in that kernel.
 * What the model can do is a static walk of its IR (compiler/count-ops.ts), not a list.
 */
import { InputError } from '../base/diagnostic.js';
import { analyse } from '../compiler/analyse.js';
import type { Workspace } from '../compiler/api.js';
import { CountWalk } from '../compiler/count-ops.js';
import type { FunctionIR, ProgramIR } from '../compiler/ir.js';
import { compareReleases, isKernel, isRelease } from '../compiler/kernels.js';
import { type RefUse, refProfile, shownFunctions } from '../conform/ref-profile.js';
import { Sites } from '../conform/sites.js';
import type { KernelVersion } from '../spec/kernel-version.js';
import { tracepointOf } from '../spec/ops.js';
import { PAGE_KINDS, type PageKind } from '../spec/rest.js';
import { ownSources } from './own-sources.js';
import { provenBy } from './prepared.js';
import { openTrace, type TraceOptions } from './trace.js';
import { metaBeside } from './trace-meta.js';

/**
 * `yes`: the model does it. `otherwise`: the function is in src/linux and does not do this. `absent`: the function is not there.
 * `foreign`: a module that is no part of Linux did it.
 */
export type Standing = 'yes' | 'otherwise' | 'absent' | 'foreign';

/** One distinct use, of all recordings of one kernel together. */
export interface FidelityUse extends Omit<RefUse, 'callers'> {
  /** who called the function most often, empty where nobody did */
  caller: string;
  standing: Standing;
}

export interface FidelityTotals {
  kind: PageKind;
  distinct: number;
  events: number;
  /** of them, what the model does */
  yes: number;
  yesEvents: number;
  /** of them, what modules that are no part of Linux did; counted in neither of the others */
  foreign: number;
  foreignEvents: number;
}

export interface KernelFidelity {
  /** `5.10` */
  release: string;
  /** the kernel of src/linux it is held against */
  model: string;
  recordings: string[];
  /** recordings that could not be used, and why */
  skipped: { file: string; why: string }[];
  totals: FidelityTotals[];
  /** heaviest first */
  uses: FidelityUse[];
}

/** kernlab's module that leaks on purpose: it is in the recordings, not in Linux. */
const FOREIGN = /^refleak_/;

/** Recordings of one kernel, read so far. */
interface Gathered {
  kernel: KernelVersion;
  recordings: string[];
  skipped: { file: string; why: string }[];
  uses: Map<string, RefUse>;
  shown: Set<string>;
}

/**
 * Reads all recordings, one after the other, and holds them against src/linux.
 * @param progress told which file of how many comes next
 * @throws InputError where no file can be read, or none says of which kernel it is
 */
export async function fidelityOf(
  files: readonly string[],
  options: TraceOptions = {},
  progress: (file: string, done: number) => void = () => {},
): Promise<KernelFidelity[]> {
  const byKernel = new Map<string, Gathered>();
  for (const [done, file] of files.entries()) {
    progress(file, done);
    await gather(file, options, byKernel);
  }
  const workspace = analyse({ ...ownSources(false), ...provenBy(ownSources()) });
  return [...byKernel.values()]
    .sort((a, b) => a.kernel.major - b.kernel.major || a.kernel.minor - b.kernel.minor)
    .map((gathered) => held(gathered, workspace));
}

async function gather(file: string, options: TraceOptions, byKernel: Map<string, Gathered>): Promise<void> {
  const meta = options.meta ?? metaBeside(file);
  const trace = await openTrace(file, { ...options, ...(meta !== undefined && { meta }) });
  const { kernel, recording, ranges } = trace;
  if (!kernel) {
    const hint = 'name it with --kernel, for example --kernel 6.12';
    throw new InputError({ code: 'RZ3010', message: `${file} does not say of which kernel it is`, hint });
  }
  const release = kernel.seed ? 'seed' : `${kernel.major}.${kernel.minor}`;
  let gathered = byKernel.get(release);
  if (!gathered) {
    gathered = { kernel, recordings: [], skipped: [], uses: new Map(), shown: new Set() };
    byKernel.set(release, gathered);
  }
  const { uses, bare } = refProfile(recording, ranges, new Sites(recording));
  if (uses.length === 0) {
    const why = bare > 0 ? 'it has no stacks, which name the functions' : 'it has no page_ref events';
    gathered.skipped.push({ file, why });
    return;
  }
  gathered.recordings.push(file);
  for (const use of uses) addUse(gathered.uses, use);
  for (const name of shownFunctions(recording)) gathered.shown.add(name);
}

function addUse(uses: Map<string, RefUse>, use: RefUse): void {
  const key = `${use.kind} ${use.function} ${use.tracepoint} ${use.change}`;
  const known = uses.get(key);
  if (!known) {
    uses.set(key, use);
    return;
  }
  known.events += use.events;
  const callers = new Map(known.callers);
  for (const [name, events] of use.callers) callers.set(name, (callers.get(name) ?? 0) + events);
  known.callers = [...callers].sort((a, b) => b[1] - a[1]);
}

function held({ kernel, recordings, skipped, uses, shown }: Gathered, workspace: Workspace): KernelFidelity {
  const model = modelOf(kernel, workspace);
  const program = workspace.compileKernel({ kernel: model });
  const can = new Model(program, shown);
  const told = [...uses.values()].map(({ callers, ...use }): FidelityUse => {
    return { ...use, caller: callers[0]?.[0] ?? '', standing: can.standing(use) };
  });
  told.sort(
    (a, b) => b.events - a.events || (a.function < b.function ? -1 : a.function > b.function ? 1 : a.change - b.change),
  );
  const release = kernel.seed ? 'seed' : `${kernel.major}.${kernel.minor}`;
  return { release, model, recordings, skipped, totals: totalsOf(told), uses: told };
}

/** The release itself where src/linux knows its commits, else the nearest that it knows. */
function modelOf({ major, minor, seed }: KernelVersion, { kernels }: Workspace): string {
  const release = seed ? 'seed' : `v${major}.${minor}`;
  if (isKernel(release, kernels)) return release;
  const releases = kernels.filter(isRelease).sort(compareReleases);
  return compareReleases(release, releases[0]) < 0 ? releases[0] : releases[releases.length - 1];
}

function totalsOf(uses: readonly FidelityUse[]): FidelityTotals[] {
  return PAGE_KINDS.flatMap((kind) => {
    const own = uses.filter((use) => use.kind === kind);
    if (own.length === 0) return [];
    const sum = (standing: Standing) => {
      const some = own.filter((use) => use.standing === standing);
      return { distinct: some.length, events: some.reduce((total, { events }) => total + events, 0) };
    };
    const [yes, foreign] = [sum('yes'), sum('foreign')];
    return {
      kind,
      distinct: own.length - foreign.distinct,
      events: own.reduce((total, { events }) => total + events, 0) - foreign.events,
      yes: yes.distinct,
      yesEvents: yes.events,
      foreign: foreign.distinct,
      foreignEvents: foreign.events,
    };
  });
}

/** What src/linux can do in one kernel. */
class Model {
  private readonly walk: CountWalk;
  private readonly known = new Map<string, ReturnType<typeof tracepointOf>[]>();

  constructor(
    private readonly program: ProgramIR,
    private readonly shown: ReadonlySet<string>,
  ) {
    this.walk = new CountWalk(program, 'Page', '_refcount');
  }

  standing({ function: name, tracepoint, change }: Pick<RefUse, 'function' | 'tracepoint' | 'change'>): Standing {
    if (FOREIGN.test(name)) return 'foreign';
    if (!this.program.functions.has(name)) return 'absent';
    const does = this.uses(name).some((use) => {
      return use !== undefined && use.tracepoint === tracepoint && (use.val === 'any' || use.val.includes(change));
    });
    return does ? 'yes' : 'otherwise';
  }

  private uses(name: string): ReturnType<typeof tracepointOf>[] {
    let uses = this.known.get(name);
    if (!uses) {
      uses = this.walk
        .ops(name, (callee, caller) => this.isInlined(callee, caller))
        .map((op) => tracepointOf(op.atomic, op.numbers));
      this.known.set(name, uses);
    }
    return uses;
  }

  /**
   * Inline functions of headers always are; others are, unless the recorded kernel shows them as functions of their own. A static
   * function is inlined at one call and not at another, so that it may be shown and still be inlined within its file.
   */
  private isInlined({ name, loc, exported }: FunctionIR, caller: FunctionIR): boolean {
    if (/^src\/(?:linux\/include|machine)\//.test(loc.file) || !this.shown.has(name)) return true;
    return !exported && loc.file === caller.loc.file;
  }
}
