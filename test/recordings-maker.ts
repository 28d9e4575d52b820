// SPDX-License-Identifier: Apache-2.0
/** Recordings made line by line as ftrace text, for tests of the verdict. */
import { RangeMap } from '../src/conform/ranges.js';
import { summarize } from '../src/conform/summary.js';
import { judge, type Verdict } from '../src/conform/verdict.js';
import { parseKernelVersion } from '../src/spec/kernel-version.js';
import { readText } from '../src/trace/read-text.js';
import { Notes } from '../src/trace/recording.js';

export const FAULT = ['handle_mm_fault', 'exc_page_fault'];
export const EXIT = ['free_pages_and_swap_cache', 'tlb_finish_mmu', 'exit_mmap', 'mmput', 'do_exit'];

/** A recording of 6.12 in the making: a microsecond an event. */
export class Made {
  private readonly lines: string[] = [];
  private time = 0;
  private second = 1;

  event(
    task: string,
    name: string,
    pfn: number,
    fields: string,
    stack: readonly string[] = [],
    names = 'uptodate|lru|swapbacked',
  ): this {
    const head = `${task.padStart(20)} [000] d..1.     ${this.second}.${String(this.time++).padStart(6, '0')}: `;
    const mapping = fields.includes('mapping=') ? '' : 'mapping=0000000012345678 ';
    const flags = name.startsWith('page_ref') ? `flags=${names} ${mapping}mt=1 ` : '';
    this.lines.push(`${head}${name}: pfn=0x${pfn.toString(16)} ${flags}${fields}`);
    if (stack.length > 0) this.lines.push(`${head}<stack trace>`, ...stack.map((frame) => ` => ${frame}`));
    return this;
  }

  lost(): this {
    this.lines.push('CPU:0 [LOST 5 EVENTS]');
    return this;
  }

  set(task: string, pfn: number, stack: readonly string[], mapcount = -1): this {
    return this.event(task, 'page_ref_set', pfn, `count=1 mapcount=${mapcount} val=1`, ['prep_new_page', ...stack]);
  }

  get(task: string, pfn: number, stack: readonly string[], val = 1): this {
    return this.event(task, 'page_ref_mod', pfn, `mapcount=0 val=${val}`, stack);
  }

  put(task: string, pfn: number, stack: readonly string[], ret = 0, val = -1): this {
    return this.event(task, 'page_ref_mod_and_test', pfn, `mapcount=-1 val=${val} ret=${ret}`, stack);
  }

  /** A page of memory that a task touches, in life and on the way out. */
  anon(task: string, pfn: number): this {
    return this.set(task, pfn, FAULT, 0);
  }

  exit(task: string, pfn: number, ret = 0): this {
    return this.put(task, pfn, EXIT, ret);
  }

  /** Microseconds in which only somebody else is seen. */
  idle(micros: number): this {
    for (let at = 0; at < micros; at += 2) this.get('b-2', 0x999, []).put('b-2', 0x999, []);
    return this;
  }

  later(seconds: number): this {
    this.second += seconds;
    return this;
  }

  /** @param release of the kernel; '' for none that is known */
  verdict(release = '6.12', map = new RangeMap([])): Verdict {
    const recording = readText(new TextEncoder().encode(`${this.lines.join('\n')}\n`), new Notes(), {});
    const kernel = parseKernelVersion(release);
    return judge(recording, summarize(recording, map, kernel), map, kernel);
  }
}
