// SPDX-License-Identifier: Apache-2.0
/** The verdict on a recording, as text: suspects with their evidence, worst first, and what could not be judged. */
import type { TraceReport } from '../app/trace.js';
import type { Suspect, Verdict } from '../conform/verdict.js';
import { count, grouped, hang, type Screen } from './terminal.js';
import { clean, pageEventLines } from './trace-render.js';

type Reason = Suspect['reasons'][number];
type Unjudged = Verdict['unjudged'][number]['reason'];

/** @returns the verdict of `refzero trace FILE`, ended by a newline */
export function renderVerdict({ verdict, unit, lost, kinds }: TraceReport, screen: Screen): string {
  const { style, width } = screen;
  const { suspects, weaker } = verdict;
  const counted = kinds.some(({ name }) => /^(?:page|folio)_ref_/.test(name));
  const none = counted
    ? style.good('verdict: nobody is accused')
    : style.warn('verdict: none, since no event in it tells what a page counts');
  const lines = [suspects.length === 0 ? none : style.bad(`verdict: ${stories(suspects)}`)];
  for (const suspect of suspects) lines.push('', ...suspectLines(suspect, verdict, unit, screen));
  if (weaker.length > 0) lines.push('', style.warn(`weaker, no accusation: ${stories(weaker)}`));
  for (const suspect of weaker) lines.push('', ...suspectLines(suspect, verdict, unit, screen));
  const open = unjudgedTexts(verdict, lost.gaps > 0);
  lines.push(
    '',
    style.bold('not judged'),
    ...open.flatMap((text) => hang(text, width - 2, 2).map((line) => `  ${line}`)),
  );
  return `${lines.join('\n')}\n`;
}

function stories(suspects: readonly Suspect[]): string {
  const pages = suspects.reduce((sum, suspect) => sum + suspect.count, 0);
  return `${count(pages, 'page')} with ${suspects.length === 1 ? 'one story' : `${suspects.length} stories`}`;
}

/** One suspicion: what, by whom, which pages, why, and the events that show it. */
export function suspectLines(
  suspect: Suspect,
  { stacks }: Pick<Verdict, 'stacks'>,
  unit: 'ns' | 'ticks',
  screen: Screen,
): string[] {
  const { style, width } = screen;
  const { confidence, path, evidence } = suspect;
  const indented = (text: string) => hang(text, width - 2, 2).map((line) => `  ${line}`);
  const head = hang(`${confidence}: ${headline(suspect)}`, width, 2);
  const lines = head.map(confidence === 'certain' || confidence === 'likely' ? style.bad : style.warn);
  if (path.length > 0) lines.push(...indented(`at ${path.map(clean).join(' < ')}`));
  if (suspect.tasks.length > 0)
    lines.push(...indented(`by ${suspect.tasks.map(clean).join(', ')}${ageText(suspect, unit)}`));
  const story = suspect.count === 1 ? '' : `${grouped(suspect.count)} pages, same story: `;
  const pages = suspect.pages.map((pfn) => `0x${pfn.toString(16)}`).join(' ');
  lines.push(...indented(`${story || 'page '}${pages}${suspect.count > suspect.pages.length ? ' ...' : ''}`));
  lines.push(...indented(`because ${whyText(suspect, stacks)}`));
  for (const event of evidence) lines.push(...pageEventLines({ ...event, stack: undefined }, unit, screen));
  return lines;
}

export function headline({ fault, confidence, kind, references, site, count: pages }: Suspect): string {
  const who = site === null ? '' : ` by ${clean(site)}`;
  const what = kind === 'ordinary' ? '' : `${kind} `;
  const many = pages === 1 ? `a ${what}page` : `each of ${grouped(pages)} ${what}pages`;
  if (confidence === 'possible')
    return `${many} is still ${fault === 'pin' ? 'pinned' : 'held'} at the end (${grouped(references)} of its count)`;
  switch (fault) {
    case 'below zero':
      return `the count of ${many} was brought to ${references}${who}`;
    case 'taken free':
      return `a reference to ${many} was taken${who} while it was free`;
    case 'freed twice':
      return `${many} was freed again${who}`;
    case 'freed in use':
      return `${many} was freed${who} although it was in use`;
    case 'base lost':
      return `${many} was put${who} although nobody used it`;
    case 'pin':
      return `${many} was pinned${who} and never unpinned (${grouped(references)} of its count)`;
    case 'allocation':
      return `${many} was allocated${who} and never freed`;
    case 'reference':
      return `${references === 1 ? 'one reference' : `${grouped(references)} references`} to ${many} taken${who} and never put`;
  }
}

export function ageText({ age }: Suspect, unit: 'ns' | 'ticks'): string {
  if (age === null) return '';
  return unit === 'ticks' ? `, ${grouped(age)} ticks before the end` : `, ${(age / 1e6).toFixed(3)} ms before the end`;
}

/** Why it is suspected, and what speaks against it. */
export function whyText({ confidence, fault, reasons, inferred, kind }: Suspect, stacks: boolean): string {
  const parts = reasons.map((reason) => reasonText(reason, stacks));
  if (inferred) parts.push(`that it is ${kind} memory was inferred`);
  if (confidence === 'possible' && fault === 'pin' && !reasons.includes('takenBefore'))
    parts.push('but io_uring unpins after its task, and no stack tells whose pin it is');
  return parts.join('; ');
}

export function reasonText(reason: Reason, stacks: boolean): string {
  switch (reason) {
    case 'negative':
      return 'it was put more often than it was taken';
    case 'takenFree':
      return 'it counted zero, and a plain get does not ask';
    case 'freedTwice':
      return 'nothing allocated it since it was freed';
    case 'freedInUse':
      return 'its count was above zero';
    case 'baseLost':
      return 'it lost the reference that an idle page keeps, and its memory is still there';
    case 'unmapped':
      return 'nothing maps the page any more';
    case 'aboveIdle':
      return 'it counts more than an idle page, and no mapping accounts for that';
    case 'takerGone':
      return stacks ? 'its task has exited' : 'its task seems to have exited (its last events are frees)';
    case 'neverGivenBack':
      return 'nothing taken on this path was ever given back';
    case 'untouched':
      return 'nobody has touched the page since';
    case 'takenBefore':
      return 'the reference is older than the recording, so that nothing tells who took it, or whether he gives it back later';
    case 'batch':
      return 'but without a stack nothing tells it from the reference of a per-CPU batch of the LRU, which may stay';
    case 'handedOn':
      return 'but its task may have handed it on, as vmsplice does to a pipe that lives on: it gave nothing of the kind back, and no stack tells';
    case 'pinnedFast':
      return 'it was pinned by the fast path (+1, +1023), which io_uring, the one that unpins after its task, does not take in this kernel';
    case 'longGone':
      return 'its task is gone for more than a second, and whoever unpins later has done so by then';
    case 'longerThanUsual':
      return 'it is held four times as long as any other from there';
  }
}

export function unjudgedTexts({ unjudged, stacks }: Verdict, gaps: boolean): string[] {
  const texts = unjudged.map(({ reason, pages, holders }) => unjudgedText(reason, count(pages, 'page'), holders));
  if (gaps) texts.push('what happened while events were lost');
  if (!stacks)
    texts.push('without stacks (trace-cmd record -T): who took, allocations that were never freed, kernel memory');
  texts.push('a put too many that only frees a page too early: its counts are those of a correct life');
  return texts;
}

/** @param pages which pages, in words */
export function unjudgedText(reason: Unjudged, pages: string, holders: readonly string[]): string {
  const held = `${pages} held${holders.length > 0 ? ` by ${holders.map(clean).join(', ')}` : ''}`;
  switch (reason) {
    case 'kernel':
      return `${pages} in use or of device memory: the kernel is not known (--kernel), and on it hangs what shows that a page is idle or mapped`;
    case 'type':
      return `${pages} of device memory whose type is not known (--zone-device): what an idle one counts hangs on it`;
    case 'inUse':
      return `${pages} in use at the end, as page cache, page tables, slabs and memory of tasks are`;
    case 'pending':
      return `${held}: given back later, by others`;
    case 'large':
      return `${pages} of large folios: the count of mappings does not tell whether they are mapped`;
    case 'young':
      return `${held} for no longer than is usual there`;
    case 'device':
      return `${pages} of device memory in use, as far as their mappings tell`;
    case 'taker':
      return `${held}: whoever took the reference may still be there, or is not known`;
  }
}
