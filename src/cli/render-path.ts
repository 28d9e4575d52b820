// SPDX-License-Identifier: Apache-2.0
/**
 * A path as text: numbered steps under the call chain that makes them, and the pages' counts beside them.
 *
 * A line across the page says which task goes on; below it, wherever the call chain changes, stand the functions entered,
 * outermost first, and the file; below that each step has its number, its line in that file, what it did, and what that read or
 * changed. Not here: the verdict around it (render.ts).
 */
import type { Access, BlockedTask, CheckResult, Frame, PathStep } from '../explore/verdict.js';
import { hang, type Paint, type Screen, wrap } from './terminal.js';

/** @returns `mm/gup.ts:132`: Linux's own path for kernel code */
export function placeOf(frame: { file: string; line: number }): string {
  return `${fileOf(frame)}:${frame.line}`;
}

/** @returns the functions of a call chain, innermost first; a task's own arrow function goes without saying below others */
export function functionsOf(stack: readonly Frame[]): string[] {
  const named = stack.map((frame) => frame.function).filter((name) => !name.startsWith('task:'));
  return named.length > 0 ? named : stack.slice(0, 1).map((frame) => frame.function.replace('task:', ''));
}

/** @returns Linux's own path for kernel code */
export function fileOf({ file }: { file: string }): string {
  return file.replace(/^src\/(linux\/)?/, '');
}

/** An object whose counts stand beside the steps. */
interface Watched {
  object: string;
  cells: { key: string; label: string }[];
}

const LABELS: Record<string, string> = { _refcount: 'ref', _mapcount: 'map' };
/** the steps' own part of a line is never narrower */
const LEAST_LEFT = 44;
/** where a chain of functions begins, below the task's name */
const CHAIN_INDENT = 5;
/** chains deeper than this are indented no more */
const DEEPEST = 12;

/** @returns the path as lines, or none where there is none */
export function renderPath(result: CheckResult, screen: Screen): string[] {
  const { path, initialWatched, loop = [] } = result;
  if (!path || path.length + loop.length === 0) return [];
  return new PathRenderer([...path, ...loop], initialWatched ?? {}, screen, path.length).lines();
}

class PathRenderer {
  private readonly watched: Watched[];
  private readonly hidden: string[];
  /** columns of a count: room for its label and its longest value */
  private readonly cell: number;
  private readonly left: number;
  private readonly numberWidth: number;
  private readonly lineWidth: number;
  private readonly colours = new Map<string, Paint>();
  private readonly out: string[] = [];

  constructor(
    private readonly path: PathStep[],
    private readonly initial: Record<string, string>,
    private readonly screen: Screen,
    /** the steps from here on come again and again */
    private readonly loopBegin: number,
  ) {
    const inPlay = watchedInPlay(path, initial);
    this.cell = 1 + Math.max(3, ...path.flatMap(({ watched }) => Object.values(watched).map((value) => value.length)));
    this.watched = this.fitting(inPlay);
    this.hidden = inPlay.filter((page) => !this.watched.includes(page)).map((page) => page.object);
    this.left = screen.width - this.tableWidth(this.watched);
    this.numberWidth = Math.max(3, String(path.length).length);
    this.lineWidth = Math.max(...path.map((step) => lineOf(step).length));
    for (const { task } of path)
      if (!this.colours.has(task)) this.colours.set(task, screen.style.series(this.colours.size));
  }

  lines(): string[] {
    this.header();
    let before: PathStep | undefined;
    let counts = this.initial;
    for (const [i, step] of this.path.entries()) {
      if (i === this.loopBegin) this.loopLine();
      if (before?.task !== step.task || i === this.loopBegin) this.taskLine(step.task);
      const above = before?.task === step.task ? before.stack : undefined;
      this.out.push(...chainLines(step.stack, above, this.screen, this.colours.get(step.task)!));
      this.step(step, counts);
      counts = step.watched;
      before = step;
    }
    if (this.hidden.length > 0) this.out.push(this.screen.style.dim(`counts not shown: ${this.hidden.join(', ')}`));
    return this.out;
  }

  /** As many objects as there is room for, those that change most; in their own order. */
  private fitting(inPlay: Watched[]): Watched[] {
    const byChanges = [...inPlay].sort(
      (a, b) => changesOf(b, this.path, this.initial) - changesOf(a, this.path, this.initial),
    );
    while (this.screen.width - this.tableWidth(byChanges) < LEAST_LEFT) byChanges.pop();
    return inPlay.filter((page) => byChanges.includes(page));
  }

  private header(): void {
    if (this.watched.length === 0) return;
    const { dim } = this.screen.style;
    const array = this.watched.length > 1 ? commonArray(this.watched) : '';
    const name = array === '' ? '' : `${array} `;
    const objects = this.watched.map((page) => page.object.slice(array.length).padStart(this.groupWidth(page) + 1));
    const sticksOut = objects.join('').length - this.tableWidth(this.watched);
    const labels = this.watched.map((page) => this.row(page, ({ label }) => label.padStart(this.cell)));
    const table = (text: string, cells: string[], left: number) => dim(text.padStart(left) + cells.join(''));
    this.out.push(table(name, objects, this.left - Math.max(0, sticksOut)), table('', labels, this.left));
    const start = 'at the start';
    this.beside(start, dim(start), this.initial, this.initial);
  }

  private loopLine(): void {
    const text = `from here on for ever, steps ${this.loopBegin + 1} to ${this.path.length} `;
    this.out.push('', this.screen.style.bad(text.padEnd(this.screen.width, '=')));
  }

  private taskLine(task: string): void {
    const paint = this.colours.get(task)!;
    this.out.push(paint(`${task} ${'─'.repeat(Math.max(0, this.screen.width - task.length - 1))}`));
  }

  private step(step: PathStep, before: Record<string, string>): void {
    const { dim, bold } = this.screen.style;
    const number = `${String(step.number).padStart(this.numberWidth)} `;
    const place = lineOf(step).padEnd(this.lineWidth);
    const indent = number.length + place.length + 2;
    const { reads, changes, ghosts, choices } = detailsOf(step);
    const says = [choices, reads, changes].filter((text) => text !== '').join(', ');
    const operation = step.operation === step.stack[0]?.function && says !== '' ? '' : step.operation;
    const first = [operation, says].filter((text) => text !== '').join('  ');
    const isShort = indent + first.length <= this.left;
    const [head, ...more] = isShort ? [first] : wrap(operation === '' ? says : operation, this.left - indent);
    const paint = this.colours.get(step.task)!;
    this.beside(`${number}${place}  ${head}`, `${paint(number)}${dim(place)}  ${head}`, step.watched, before);
    const below = (text: string, painted: Paint) => {
      if (text === '') return;
      for (const line of hang(text, this.screen.width - indent, 2)) this.out.push(' '.repeat(indent) + painted(line));
    };
    for (const line of more) this.out.push(' '.repeat(indent) + line);
    if (!isShort && operation !== '') {
      below([choices, reads].filter((text) => text !== '').join(', '), (text) => text);
      below(changes, bold);
    }
    below(ghosts, dim);
  }

  /** One line of the steps' part with the counts to its right. */
  private beside(text: string, painted: string, now: Record<string, string>, before: Record<string, string>): void {
    const { style } = this.screen;
    const cells = this.watched.map((page) =>
      this.row(page, ({ key }) => {
        const padded = (now[key] ?? '?').padStart(this.cell);
        return now[key] === before[key] ? style.dim(padded) : style.warn(padded);
      }),
    );
    const fill = ' '.repeat(Math.max(0, this.left - text.length));
    this.out.push(cells.length > 0 ? `${painted}${fill}${cells.join('')}` : painted.trimEnd());
  }

  private row(page: Watched, text: (cell: { key: string; label: string }) => string): string {
    return ' '.repeat(1 + this.groupWidth(page) - page.cells.length * this.cell) + page.cells.map(text).join('');
  }

  private groupWidth({ cells }: Watched): number {
    return Math.max(5, cells.length * this.cell);
  }

  private tableWidth(pages: Watched[]): number {
    return pages.reduce((sum, page) => sum + 1 + this.groupWidth(page), 0);
  }
}

/** @returns `mem_map` where all objects are elements of it */
function commonArray(pages: Watched[]): string {
  const arrays = new Set(pages.map(({ object }) => object.replace(/\[\d+\]$/, '')));
  return arrays.size === 1 ? [...arrays][0] : '';
}

/** @returns `:132` */
function lineOf({ stack }: PathStep): string {
  return stack[0] ? `:${stack[0].line}` : '';
}

/**
 * @param above the call chain under which the line before stands
 * @returns the functions of a call chain that `above` is not in, outermost first and indented by how deep they are, with
 *   the innermost one's file; the innermost alone where the chain only returned; none where it is the same
 */
export function chainLines(stack: Frame[], above: Frame[] | undefined, screen: Screen, paint: Paint): string[] {
  const { width, style } = screen;
  const functions = functionsOf(stack);
  const common = above ? commonOuter(functions, functionsOf(above)) : 0;
  if (above && common === functions.length && functionsOf(above).length === common) return [];
  const outer = Math.min(common, functions.length - 1);
  const indent = CHAIN_INDENT + Math.min(outer, DEEPEST);
  const names = functions
    .slice(0, functions.length - outer)
    .reverse()
    .join(' > ');
  const file = stack[0] ? fileOf(stack[0]) : '';
  const lines = hang(names, width - indent, 2).map((line) => ' '.repeat(indent) + line);
  const last = lines.at(-1)!;
  const room = width - last.length;
  const beside = room >= file.length + 2;
  return [
    ...lines.slice(0, -1).map(paint),
    ...(beside ? [paint(last) + style.dim(file.padStart(room))] : [paint(last), style.dim(file.padStart(width))]),
  ];
}

/** How many functions, from the outermost, two call chains share. */
function commonOuter(a: string[], b: string[]): number {
  let common = 0;
  while (common < a.length && common < b.length && a[a.length - 1 - common] === b[b.length - 1 - common]) common++;
  return common;
}

/** The watched objects whose counts change on the path, with the counts that do; where none does, those that it touches. */
function watchedInPlay(path: PathStep[], initial: Record<string, string>): Watched[] {
  const pages = new Map<string, Watched>();
  for (const key of Object.keys(initial)) {
    const [, object, field] = /^(.*)\.([^.]+)$/.exec(key.replace(/\.counter$/, '')) ?? [];
    if (object === undefined) continue;
    const page = pages.get(object) ?? { object, cells: [] };
    page.cells.push({ key, label: LABELS[field] ?? field.replace(/^_/, '').slice(0, 4) });
    pages.set(object, page);
  }
  const all = [...pages.values()];
  const touched = ({ object }: Watched) =>
    path.some((step) => step.accesses.some(({ cell }) => cell.startsWith(`${object}.`)));
  const changing = all.filter((page) => changesOf(page, path, initial) > 0);
  return changing.length > 0 ? changing : all.filter(touched);
}

/** In how many steps a count of the object changes. */
function changesOf({ cells }: Watched, path: PathStep[], initial: Record<string, string>): number {
  const before = (index: number) => (index === 0 ? initial : path[index - 1].watched);
  return path.filter(({ watched }, index) => cells.some(({ key }) => watched[key] !== before(index)[key])).length;
}

interface Details {
  choices: string;
  reads: string;
  changes: string;
  ghosts: string;
}

/** What a step read and changed. What is written as it was, and the bookkeeping of primitives, is said only where nothing else is. */
function detailsOf({ accesses, choices }: PathStep): Details {
  const real = accesses.filter(({ ghost }) => !ghost);
  const writes = real.filter(({ kind }) => kind === 'write');
  const telling = writes.filter((access) => isChange(access) && !isBookkeeping(access));
  const changes = telling.length > 0 ? telling : writes.filter(isChange);
  const written = new Set(writes.map(({ cell }) => cell));
  const reads = real.filter(({ kind, cell }) => kind === 'read' && !written.has(cell));
  const tellingReads = reads.filter((access) => !isBookkeeping(access));
  const shownReads = tellingReads.length > 0 || changes.length > 0 ? tellingReads : reads;
  const nothingElse = changes.length === 0 && shownReads.length === 0;
  return {
    choices: choices.length > 0 ? `chooses ${choices.join(', ')}` : '',
    reads: [...new Set(shownReads.map(({ cell, value }) => `${cell} is ${value}`))].join(', '),
    changes: (nothingElse ? writes : changes).map(changeText).join(', '),
    ghosts: ghostText(accesses.filter(({ ghost, kind }) => ghost && kind === 'write')),
  };
}

function ghostText(writes: Access[]): string {
  const changes = writes.filter(isChange).map(changeText);
  return changes.length > 0 ? `(ghost) ${changes.join(', ')}` : '';
}

export function isChange({ before, value }: Access): boolean {
  return before !== value;
}

/** A CPU's record belongs to the primitives; only what it sleeps for is of interest, and only when that changes. */
function isBookkeeping({ cell, kind }: Access): boolean {
  return cell.startsWith('cpus[') && !(kind === 'write' && cell.endsWith('.wait_on'));
}

/** @returns `mem_map[1]._refcount: 2 -> 1` */
export function changeText({ cell, kind, before, value }: Access): string {
  if (kind === 'buffered') return `${cell} = ${value}, not yet seen by others`;
  if (before === undefined) return `${cell} = ${value}`;
  return before === value ? `${cell} stays ${value}` : `${cell}: ${before} -> ${value}`;
}

const BLOCKED: Record<BlockedTask['reason'], string> = {
  lock: 'waits for a lock in',
  sleep: 'sleeps in',
  ipi: 'waits for an IPI to be answered in',
  'grace period': 'waits for a grace period in',
  'store buffer': 'waits for its store buffer to empty in',
  'can go on': 'can go on in',
};

/** @returns one sentence a task: `punch sleeps in ___wait_var_event ← dax_break_layout ← ext4_punch_hole` */
export function renderBlocked(blocked: BlockedTask[], screen: Screen): string[] {
  return blocked.flatMap(({ task, reason, stack }) => {
    const chain = functionsOf(stack).join(' ← ');
    const place = stack[0] ? ` (${placeOf(stack[0])})` : '';
    return hang(`${task} ${BLOCKED[reason]} ${chain}${place}`, screen.width, 4);
  });
}
