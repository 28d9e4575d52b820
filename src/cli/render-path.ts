// SPDX-License-Identifier: Apache-2.0
/**
 * A path as text: numbered steps under the call chain that makes them, and the pages' counts beside them.
 *
 * A line with a file and functions (innermost first) stands wherever the task or the chain changes; below it each step
 * has its number, its task, its line in that file, what it did, and what that read or changed.
 * Not here: the verdict around it (render.ts).
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

export function fileOf({ file }: { file: string }): string {
  return file.replace(/^src\/(linux\/)?/, '');
}

/** The pages whose counts stand beside the steps: an object and its columns. */
interface Watched {
  object: string;
  cells: { key: string; label: string }[];
}

const LABELS: Record<string, string> = { _refcount: 'ref', _mapcount: 'map' };
const CELL_WIDTH = 5;
const GAP = 2;
/** the steps' own part of a line is never narrower */
const LEAST_LEFT = 50;

/** @returns the path as lines, or none where there is none */
export function renderPath(result: CheckResult, screen: Screen): string[] {
  const { path, initialWatched } = result;
  if (!path || path.length === 0) return [];
  return new PathRenderer(path, initialWatched ?? {}, screen).lines();
}

class PathRenderer {
  private readonly watched: Watched[];
  private readonly hidden: string[];
  private readonly left: number;
  private readonly numberWidth: number;
  private readonly taskWidth: number;
  private readonly lineWidth: number;
  private readonly colours = new Map<string, Paint>();
  private readonly out: string[] = [];

  constructor(
    private readonly path: PathStep[],
    private readonly initial: Record<string, string>,
    private readonly screen: Screen,
  ) {
    const inPlay = watchedInPlay(path, initial);
    let shown = inPlay.length;
    while (shown > 0 && screen.width - tableWidth(inPlay.slice(0, shown)) < LEAST_LEFT) shown--;
    this.watched = inPlay.slice(0, shown);
    this.hidden = inPlay.slice(shown).map((page) => page.object);
    this.left = screen.width - tableWidth(this.watched);
    this.numberWidth = Math.max(3, String(path.length).length);
    this.taskWidth = longest(path.map((step) => step.task));
    this.lineWidth = longest(path.map(lineOf));
    for (const { task } of path)
      if (!this.colours.has(task)) this.colours.set(task, screen.style.series(this.colours.size));
  }

  lines(): string[] {
    this.header();
    let before: PathStep | undefined;
    let counts = this.initial;
    for (const step of this.path) {
      if (!before || before.task !== step.task || chainOf(before) !== chainOf(step)) this.chain(step, before);
      this.step(step, counts);
      counts = step.watched;
      before = step;
    }
    if (this.hidden.length > 0) this.out.push(this.screen.style.dim(`counts not shown: ${this.hidden.join(', ')}`));
    return this.out;
  }

  private header(): void {
    if (this.watched.length === 0) return;
    const { dim } = this.screen.style;
    const objects = this.watched.map(
      ({ object, cells }) => ' '.repeat(GAP) + object.padStart(groupWidth({ object, cells })),
    );
    const labels = this.watched.map((page) => this.row(page, (cell) => cell.label));
    this.out.push(dim(' '.repeat(this.left) + objects.join('')), dim(' '.repeat(this.left) + labels.join('')));
    this.beside('at the start', dim('at the start'), this.initial, this.initial);
  }

  /** The call chain of a step; after a step of the same task only as far out as it differs. */
  private chain(step: PathStep, before: PathStep | undefined): void {
    const functions = functionsOf(step.stack);
    let shown = functions.length;
    if (before?.task === step.task)
      shown = Math.min(functions.length, functions.length - commonOuter(step, before) + 1);
    const text = functions.slice(0, shown).join(' ← ') + (shown < functions.length ? ' ← …' : '');
    const lead = this.lead('', step.task);
    const paint = this.colours.get(step.task)!;
    const file = step.stack[0] ? `${fileOf(step.stack[0])}  ` : '';
    const wrapped = hang(file + text, this.left - lead.length, 2);
    this.out.push(paint(lead + wrapped[0]), ...wrapped.slice(1).map((line) => paint(' '.repeat(lead.length) + line)));
  }

  private step(step: PathStep, before: Record<string, string>): void {
    const { dim } = this.screen.style;
    const lead = this.lead(String(step.number), step.task);
    const place = lineOf(step).padStart(this.lineWidth);
    const indent = lead.length + place.length + 2;
    const details = detailsOf(step);
    const single = details.length === 1 && !details[0].ghost ? `${step.operation}  ${details[0].text}` : step.operation;
    const oneLine = details.length === 1 && !details[0].ghost && indent + single.length <= this.left;
    const what = oneLine ? [single] : wrap(step.operation, this.left - indent);
    const paint = this.colours.get(step.task)!;
    const painted = `${paint(lead)}${dim(place)}  ${what[0]}`;
    this.beside(`${lead}${place}  ${what[0]}`, painted, step.watched, before);
    for (const line of what.slice(1)) this.out.push(' '.repeat(indent) + line);
    if (oneLine) return;
    for (const { text, ghost, change } of details)
      for (const line of hang(text, this.left - indent, 2))
        this.out.push(' '.repeat(indent) + this.paintDetail(line, ghost, change));
  }

  private paintDetail(line: string, ghost: boolean, change: boolean): string {
    const { style } = this.screen;
    if (ghost) return style.dim(line);
    return change ? style.bold(line) : line;
  }

  private lead(number: string, task: string): string {
    return `${number.padStart(this.numberWidth)} ${task.padEnd(this.taskWidth)}  `;
  }

  /** One line of the steps' part with the counts to its right. */
  private beside(text: string, painted: string, now: Record<string, string>, before: Record<string, string>): void {
    const { style } = this.screen;
    const cells = this.watched.map((page) =>
      this.row(page, ({ key }) => {
        const padded = (now[key] ?? '?').padStart(CELL_WIDTH);
        return now[key] === before[key] ? style.dim(padded) : style.warn(padded);
      }),
    );
    const fill = ' '.repeat(Math.max(0, this.left - text.length));
    this.out.push(cells.length > 0 ? `${painted}${fill}${cells.join('')}` : painted.trimEnd());
  }

  private row(page: Watched, text: (cell: { key: string; label: string }) => string): string {
    const lead = ' '.repeat(GAP + groupWidth(page) - page.cells.length * CELL_WIDTH);
    return lead + page.cells.map((cell) => text(cell).padStart(CELL_WIDTH)).join('');
  }
}

function groupWidth({ object, cells }: Watched): number {
  return Math.max(object.length, cells.length * CELL_WIDTH);
}

function tableWidth(pages: Watched[]): number {
  return pages.reduce((sum, page) => sum + GAP + groupWidth(page), 0);
}

function longest(texts: string[]): number {
  return texts.reduce((length, text) => Math.max(length, text.length), 0);
}

/** @returns `:132` */
function lineOf({ stack }: PathStep): string {
  return stack[0] ? `:${stack[0].line}` : '';
}

function chainOf(step: PathStep): string {
  return functionsOf(step.stack).join(' ');
}

/** How many functions, from the outermost, the call chains of two steps share. */
function commonOuter(a: PathStep, b: PathStep): number {
  const [left, right] = [functionsOf(a.stack).reverse(), functionsOf(b.stack).reverse()];
  const differs = left.findIndex((name, depth) => name !== right[depth]);
  return differs < 0 ? left.length : differs;
}

/** The watched objects whose counts change on the path, or, where none does, those that it touches; in their own order. */
function watchedInPlay(path: PathStep[], initial: Record<string, string>): Watched[] {
  const pages = new Map<string, Watched>();
  for (const key of Object.keys(initial)) {
    const [, object, field] = /^(.*)\.([^.]+)$/.exec(key.replace(/\.counter$/, '')) ?? [];
    if (object === undefined) continue;
    const page = pages.get(object) ?? { object, cells: [] };
    page.cells.push({ key, label: LABELS[field] ?? field.replace(/^_/, '').slice(0, CELL_WIDTH - 1) });
    pages.set(object, page);
  }
  const all = [...pages.values()];
  const changes = ({ cells }: Watched) =>
    cells.some(({ key }) => path.some((step) => step.watched[key] !== initial[key]));
  const touched = ({ object }: Watched) =>
    path.some((step) => step.accesses.some(({ cell }) => cell.startsWith(`${object}.`)));
  const changing = all.filter(changes);
  return changing.length > 0 ? changing : all.filter(touched);
}

interface Detail {
  text: string;
  ghost: boolean;
  change: boolean;
}

/** What a step read and changed: changes one by one, reads together; ghosts only where they change. */
function detailsOf(step: PathStep): Detail[] {
  const writes = step.accesses.filter((access) => access.kind === 'write');
  const details: Detail[] = writes
    .filter((access) => !access.ghost || access.before !== access.value)
    .map((access) => ({ text: changeText(access), ghost: access.ghost, change: access.before !== access.value }));
  const written = new Set(writes.map(({ cell }) => cell));
  const reads = step.accesses.filter(({ kind, ghost, cell }) => kind === 'read' && !ghost && !written.has(cell));
  const readTexts = [...new Set(reads.map(({ cell, value }) => `${cell} is ${value}`))];
  if (readTexts.length > 0) details.unshift({ text: readTexts.join(', '), ghost: false, change: false });
  if (step.choices.length > 0)
    details.unshift({ text: `chooses ${step.choices.join(', ')}`, ghost: false, change: false });
  return details;
}

function changeText({ cell, before, value, ghost }: Access): string {
  const name = ghost ? `(ghost) ${cell}` : cell;
  if (before === undefined) return `${name} = ${value}`;
  return before === value ? `${name}: stays ${value}` : `${name}: ${before} -> ${value}`;
}

const BLOCKED: Record<BlockedTask['reason'], string> = {
  lock: 'waits for a lock in',
  sleep: 'sleeps in',
  ipi: 'waits for an IPI to be answered in',
  'grace period': 'waits for a grace period in',
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
