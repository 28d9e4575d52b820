// SPDX-License-Identifier: Apache-2.0
/**
 * `refzero trace`: what a recording holds, the lives of its pages, one page's life.
 *
 * Not here: reading and counting (src/app/trace.ts), and how results look (trace-render.ts).
 */
import type { Command } from 'commander';
import { eventsNamed, type OpenTrace, openTrace, pageOf, reportOf, type TraceReport } from '../app/trace.js';
import { explainPage } from '../app/trace-explain.js';
import { isNarrowed, narrowOf } from '../app/trace-narrow.js';
import { Team } from '../app/trace-team.js';
import { InputError } from '../base/diagnostic.js';
import { EXIT } from './errors.js';
import { Progress } from './progress.js';
import { type Screen, screenOf } from './terminal.js';
import { compareCommands } from './trace-compare.js';
import { renderExplanation } from './trace-explain.js';
import { renderMail } from './trace-mail.js';
import { collect, FILE, limitOf, type SourceFlags, sourceOf } from './trace-options.js';
import { formatOf, jsonText, type OutputFlags, put, putLanes } from './trace-output.js';
import { renderEvents, renderHead, renderNumbers, renderPage } from './trace-render.js';
import { narrowedLines, pathLines, storyLines } from './trace-stories.js';
import { foldedLines } from './trace-table.js';
import { renderVerdict } from './trace-verdict.js';

interface Flags extends OutputFlags, SourceFlags {
  page: string[];
  site: string[];
  task: string[];
  time?: string;
  kind: string[];
  event?: string;
  kernelConfig?: string;
  limit?: string;
  buffer?: string;
  threads?: string;
}

type ExplainFlags = SourceFlags & Pick<Flags, 'buffer' | 'json' | 'output' | 'force'>;

const EVENTS_SHOWN = 50;
const STORIES_SHOWN = 8;

const EXAMPLES = `
FILE is a trace.dat (version 6 or 7) or ftrace text, plain or in .gz, .xz or .zst; - is a pipe. Text from a pipe is read
as it comes, a trace.dat is collected first, above 256 MiB in a temporary file. Ctrl-C ends the reading: what was read
until then is judged.

Examples:
  refzero trace trace.dat                                     kernel, losses, events, lives, verdict
  refzero trace trace.dat --zone-device 0x40000-0x4ffff=fsdax lives of device pages too
  refzero trace trace.dat --page 0x40603                      one page's life with stacks
  refzero trace explain trace.dat 0x40603                     the same page's life as a story
  refzero trace trace.dat --kind fsdax --site follow_page_pte only these pages and this call site
  refzero trace trace.txt.gz --kernel 6.12                    a text does not name its kernel

Kinds of device memory: private, coherent, fsdax, devdax (or generic), p2pdma. Where no range is named, it is inferred from the
events, and said; --zone-device overrides, also with =ordinary.
Exit codes: 0 the file was read, if only in part, and nobody is accused; 1 a reference was leaked or put too often, for
certain or likely; 2 wrong input; 70 a bug in refzero;
130 interrupted, and in what was read nobody is accused.`;

/** Adds the command to the program. */
export function traceCommand(program: Command): void {
  const trace = program
    .command('trace')
    .enablePositionalOptions()
    .summary('read a recording of the page_ref tracepoints')
    .description("Reads a recording of a real kernel's page_ref tracepoints and rebuilds the lives of its pages.")
    .argument('<file>', 'the recording')
    .option('--meta <file>', 'a meta.json that names the kernel and the ranges of device memory')
    .option('--zone-device <range>', 'page numbers of device memory: 0x…-0x…=kind (repeatable)', collect, [])
    .option('-k, --kernel <release>', 'the kernel that was recorded, where the file does not say')
    .option(
      '-p, --page <page>',
      'only this page, event by event: 0x…, or a struct page pointer (repeatable)',
      collect,
      [],
    )
    .option('--site <function>', 'only pages and events with this function on the call path (repeatable)', collect, [])
    .option('--task <name|pid>', 'only what this task did (repeatable)', collect, [])
    .option('--time <from..to>', 'only events of this time, as printed; +0.1..+0.2 counts from the first')
    .option('--kind <kind>', 'only pages of this kind: fsdax, device-private, ordinary, … (repeatable)', collect, [])
    .option('-e, --event <name>', 'print the events of one kind with all their fields')
    .option('--limit <n>', 'at most this many stories, call paths (8) or events of --event (50)')
    .option('--kernel-config <file>', 'the .config of the recorded kernel, for page flags that depend on it')
    .option('--buffer <name>', 'the ring buffer (instance) to read, where there are several')
    .option('--threads <n>', 'threads that read a trace.dat at most (default: one a processor)')
    .option('--json', 'print data instead of text')
    .option('--csv', 'print the events of the pages as a table')
    .option('--folded', 'print the call paths of what leaks, for flamegraph.pl or speedscope')
    .option('--perfetto', 'print a timeline (Trace Event JSON) for ui.perfetto.dev, a lane for each page')
    .option('--mail', 'print the verdict for a mail: 75 columns, events as the kernel prints them')
    .option('-o, --output <file>', 'write to a file that is not there yet')
    .option('--force', 'overwrite the file')
    .addHelpText('after', EXAMPLES)
    .action(async (file: string, flags: Flags) => {
      process.exitCode = await run(file, flags);
    });
  compareCommands(trace);
  explainCommand(trace);
}

function explainCommand(trace: Command): void {
  trace
    .command('explain')
    .summary('tell the life of one page as a story')
    .description(
      'Tells what happened to a page, by whom and in words, with rounds that repeat told once; then its expected against its ' +
        'actual count, the references that are open, and the verdict.',
    )
    .argument('<file>', 'the recording')
    .argument('<page>', 'a page number, 0x… or decimal, or a struct page pointer as in the recording')
    .option('--meta <file>', 'a meta.json that names the kernel and the ranges of device memory')
    .option('--zone-device <range>', 'page numbers of device memory: 0x…-0x…=kind (repeatable)', collect, [])
    .option('-k, --kernel <release>', 'the kernel that was recorded, where the file does not say')
    .option('--buffer <name>', 'the ring buffer (instance) to read, where there are several')
    .option('--json', 'print data instead of text')
    .option('-o, --output <file>', 'write to a file that is not there yet')
    .option('--force', 'overwrite the file')
    .action(async (file: string, page: string, flags: ExplainFlags) => {
      process.exitCode = await explain(file, page, flags);
    });
}

async function run(file: string, flags: Flags): Promise<number> {
  const team = new Team(flags.threads === undefined ? undefined : limitOf(flags.threads, '--threads'));
  try {
    return await tell(file, flags, team);
  } finally {
    team.end();
  }
}

async function tell(file: string, flags: Flags, team: Team): Promise<number> {
  const screen = flags.output === undefined ? screenOf(process.stdout, process.env) : FILE;
  const format = formatOf(flags);
  const limit = flags.limit === undefined ? undefined : limitOf(flags.limit);
  if ((isNarrowed(flags) || (format !== 'text' && format !== 'json')) && flags.event !== undefined) {
    throw new InputError({
      code: 'RZ4000',
      message: '--event shows all events of a kind, as text or --json: leave the other options out',
    });
  }
  const { trace, interrupted } = await open(file, flags, team);
  const narrow = isNarrowed(flags) ? narrowOf(trace, flags) : undefined;
  const print = (data: unknown, text: () => string) => put([format === 'json' ? jsonText(data) : text()], flags);
  if (format === 'csv' || format === 'perfetto') {
    await putLanes(trace, narrow, format, limit, flags);
  } else if (flags.event !== undefined) {
    const lines = eventsNamed(trace, flags.event, limit ?? EVENTS_SHOWN);
    await print(lines, () => renderEvents(lines, trace, screen));
  } else if (flags.page.length === 1 && (format === 'text' || format === 'json')) {
    const life = pageOf(trace, flags.page[0], narrow);
    await print(life, () => renderPage(life, trace, screen));
  } else {
    const { recording, ranges, kernel } = trace;
    const report = reportOf(trace, narrow, await team.lives(recording, ranges, kernel));
    if (format === 'folded') await put(foldedLines(report), flags);
    else if (format === 'mail') await put([renderMail(report)], flags);
    else await print(report, () => renderReport(report, askedFor(flags), limit ?? STORIES_SHOWN, screen));
    if (report.verdict.suspects.length > 0) return EXIT.finding;
  }
  return interrupted ? EXIT.interrupted : EXIT.ok;
}

async function explain(file: string, page: string, flags: ExplainFlags): Promise<number> {
  const { trace, interrupted } = await open(file, flags);
  const story = explainPage(trace, page);
  const screen = flags.output === undefined ? screenOf(process.stdout, process.env) : FILE;
  await put([flags.json ? jsonText(story) : renderExplanation(story, trace, screen)], flags);
  if (story.suspects.length > 0) return EXIT.finding;
  return interrupted ? EXIT.interrupted : EXIT.ok;
}

/** Opens the recording; says how far it is, and on Ctrl-C goes on with what was read. */
async function open(
  file: string,
  flags: SourceFlags & Pick<Flags, 'buffer' | 'kernelConfig'>,
  team?: Team,
): Promise<{ trace: OpenTrace; interrupted: boolean }> {
  const progress = new Progress(process.stderr);
  let interrupted = false;
  const interrupt = () => {
    // once more, and it is over
    process.off('SIGINT', interrupt);
    interrupted = true;
  };
  process.on('SIGINT', interrupt);
  try {
    const trace = await openTrace(file, {
      ...sourceOf(flags),
      ...(flags.buffer !== undefined && { buffer: flags.buffer }),
      ...(flags.kernelConfig !== undefined && { kernelConfig: flags.kernelConfig }),
      ...(team && { team }),
      progress: (done, total) => progress.line(readingText(done, total)),
      stdin: process.stdin,
      interrupted: () => interrupted,
    });
    return { trace, interrupted };
  } finally {
    process.off('SIGINT', interrupt);
    progress.clear();
  }
}

/** Of a pipe nobody knows how much there is. */
function readingText(done: number, total: number): string {
  return total > 0
    ? `reading ${Math.floor((done / total) * 100)} %`
    : `reading, ${Math.floor(done / 1048576)} MiB so far`;
}

/** The verdict first, then what it does not speak of, then pages of equal lives and numbers. */
function renderReport(report: TraceReport, asked: string, limit: number, screen: Screen): string {
  const parts = [renderHead(report, screen)];
  const block = (lines: readonly string[]) => {
    if (lines.length > 0) parts.push(`${lines.join('\n')}\n`);
  };
  block(narrowedLines(report, asked, screen));
  parts.push(renderVerdict(report, screen));
  block(storyLines(report.stories, limit, screen));
  if (report.narrowed) block(pathLines(report.narrowed.paths, limit, screen));
  else parts.push(renderNumbers(report, screen));
  return parts.join('\n');
}

/** What was narrowed to, as it was asked. */
function askedFor({ page, site, task, time, kind }: Flags): string {
  const said = (option: string, values: readonly string[]) => values.map((value) => `${option} ${value}`);
  const all = [
    said('page', page),
    said('site', site),
    said('task', task),
    said('kind', kind),
    said('time', time ? [time] : []),
  ];
  return all.flat().join(', ');
}
