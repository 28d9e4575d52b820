// SPDX-License-Identifier: Apache-2.0
/**
 * The part of a line of ftrace text before the event: task, pid, CPU, flags, time (kernel/trace/trace_output.c:
 * trace_print_context, trace_print_lat_context; trace-cmd tracecmd/trace-read.c). The usual form is read byte by byte; what
 * does not fit it is tried with regular expressions, once per line.
 */
import { asciiOf } from './bytes.js';

const SPACE = 32;
/** `Z` and `z` NMI, `H` and `h` hard interrupt, `s` soft interrupt */
function contextOf(mark: number): number {
  if (mark === 0x5a || mark === 0x7a) return 3;
  if (mark === 0x48 || mark === 0x68) return 2;
  return mark === 0x73 ? 1 : 0;
}

const isDigit = (byte: number): boolean => byte >= 48 && byte <= 57;

/** Parses one line at a time into its own fields, so that nothing is allocated for a line of the usual form. */
export class LinePrefix {
  commFrom = 0;
  commTo = 0;
  pid = 0;
  cpu = 0;
  /** whole part of the time: seconds, or the ticks of a counter clock */
  seconds = 0;
  /** the decimals as an integer, and how many there are (0: ticks) */
  fraction = 0;
  digits = 0;
  /** where the event begins: its name */
  body = 0;
  /** 0 task, 1 softirq, 2 hardirq, 3 NMI: third character of the flags, 0 where there are none */
  context = 0;
  /** the line is one of perf script, whose stacks follow without an announcement */
  perf = false;

  /** True when `bytes[from, to)` is an event line. */
  parse(bytes: Uint8Array, from: number, to: number): boolean {
    this.perf = false;
    return this.usual(bytes, from, to) || this.unusual(bytes, from, to);
  }

  /** `%16s-%-7d (tgid)? [%03d] flags? secs.usecs: `: the dash stands in column 16 because a name has at most 15 bytes. */
  private usual(bytes: Uint8Array, from: number, to: number): boolean {
    let at = from + 16;
    if (to - from < 40 || bytes[at] !== 45 || !isDigit(bytes[at + 1])) return false;
    this.commTo = at++;
    let pid = 0;
    while (isDigit(bytes[at])) pid = pid * 10 + bytes[at++] - 48;
    this.pid = pid | 0;
    at = this.skipSpaces(bytes, at, to);
    if (bytes[at] === 40) {
      while (at < to && bytes[at] !== 41) at++;
      at = this.skipSpaces(bytes, at + 1, to);
    }
    if (bytes[at++] !== 91) return false;
    let cpu = 0;
    while (isDigit(bytes[at])) cpu = cpu * 10 + bytes[at++] - 48;
    this.cpu = cpu;
    if (bytes[at++] !== 93 || cpu > 0xffff) return false;
    at = this.skipSpaces(bytes, at, to);
    // the flags column is not there in every version; digits alone are taken for the time
    const flags = at;
    while (at < to && bytes[at] > SPACE && bytes[at] !== 58) at++;
    this.context = bytes[at] === SPACE && at - flags >= 4 ? contextOf(bytes[flags + 2]) : 0;
    if (bytes[at] === SPACE) at = this.skipSpaces(bytes, at, to);
    else at = flags;
    if (!this.time(bytes, at, to)) return false;
    let comm = from;
    while (comm < this.commTo && bytes[comm] === SPACE) comm++;
    this.commFrom = comm;
    return true;
  }

  /** `secs.usecs: ` or `ticks: `; sets `body`. */
  private time(bytes: Uint8Array, from: number, to: number): boolean {
    let at = from;
    let seconds = 0;
    while (isDigit(bytes[at])) seconds = seconds * 10 + bytes[at++] - 48;
    if (at === from) return false;
    this.seconds = seconds;
    let fraction = 0;
    const point = at;
    if (bytes[at] === 46) {
      at++;
      while (isDigit(bytes[at]) && at - point <= 9) fraction = fraction * 10 + bytes[at++] - 48;
    }
    this.digits = Math.max(0, at - point - 1);
    this.fraction = fraction;
    if (at >= to || bytes[at] !== 58) return false;
    this.body = this.skipSpaces(bytes, at + 1, to);
    return true;
  }

  private skipSpaces(bytes: Uint8Array, from: number, to: number): number {
    let at = from;
    while (at < to && bytes[at] === SPACE) at++;
    return at;
  }

  /** Prefixes before the name (an instance, dmesg's time), long names, and the latency form of ftrace_dump. */
  private unusual(bytes: Uint8Array, from: number, to: number): boolean {
    if (to - from < 16) return false;
    const text = asciiOf(bytes, from, Math.min(to, from + 160));
    const plain = PLAIN.exec(text);
    const match = plain ?? LATENCY.exec(text);
    if (!match) return this.ofPerf(text, from);
    const [, comm, pid, cpu, time, rest = ''] = match;
    // dmesg's time, or the name of an instance before the 16 columns of the task's name
    const name = comm
      .replace(/^\[\s*\d+\.\d+\]\s?/, '')
      .replace(/^\S+: (?=.{16}$)/, '')
      .trimStart();
    this.commTo = from + comm.length;
    this.commFrom = this.commTo - name.length;
    this.pid = Number(pid) | 0;
    this.cpu = Number(cpu);
    if (this.cpu > 0xffff) return false;
    this.body = from + match[0].length - rest.length;
    this.context = 0;
    const [whole, decimals = ''] = time.split('.');
    if (plain) {
      this.seconds = Number(whole);
      this.digits = Math.min(9, decimals.length);
      this.fraction = Number(decimals.slice(0, 9) || 0);
    } else {
      this.seconds = Math.floor(Number(whole) / 1e6);
      this.fraction = Number(whole) % 1e6;
      this.digits = 6;
    }
    return true;
  }

  /** What perf script prints (tools/perf/builtin-script.c). */
  private ofPerf(text: string, from: number): boolean {
    const match = PERF.exec(text);
    if (!match) return false;
    const [head, spaces, comm, pid, cpu, whole, decimals] = match;
    this.commFrom = from + spaces.length;
    this.commTo = this.commFrom + comm.length;
    this.pid = Number(pid) | 0;
    this.cpu = Number(cpu);
    if (this.cpu > 0xffff) return false;
    this.body = from + head.length;
    this.context = 0;
    this.seconds = Number(whole);
    this.digits = decimals.length;
    this.fraction = Number(decimals);
    this.perf = true;
    return true;
  }
}

/** `comm pid [cpu] secs.usecs: system:event: fields`; of `pid/tid` the second is the task. */
const PERF =
  /^(\s*)(\S.{0,40}?)\s+(?:\d{1,10}\/)?(\d{1,10})\s+\[(\d{1,6})\]\s+(\d{1,18})\.(\d{1,9}):\s+(?:\d{1,12}\s+)?[\w-]{1,60}:(?=\w)/;

/** The first place from which everything up to the time fits: a name may itself look like `-12 [001]`. */
const PLAIN =
  /^(.{0,80}?)-(\d{1,10})\s+(?:\([ \d-]{1,16}\)\s+)?\[(\d{1,6})\]\s+(?:[^\s:]{1,10}\s+)?(\d{1,20}(?:\.\d{1,9})?):\s+(\S.*)?$/s;
const LATENCY = /^(.{0,60}?)-(\d{1,10})\s+(\d{1,4})[^\s\d]\S{0,8}\s+(\d{1,18})us[!+#*@$\s]?\s*:\s+(\S.*)?$/s;
