// SPDX-License-Identifier: Apache-2.0
/**
 * For kernels without page_ref events: probes on functions that take or put references of pages and are not inlined, with the
 * page and its count as the function finds it (Documentation/trace/kprobetrace.rst).
 *
 * What that shows: who pinned through get_user_pages, who dropped the last reference, who freed a page of a device. What it
 * cannot: get_page() and put_page() elsewhere are inlined, so counts cannot be rebuilt and nobody can be accused.
 */
import { type MemoryMap, REFCOUNT } from './record-held.js';
import { type Host, type Symbols, tryText } from './record-host.js';
import type { Undo } from './record-undo.js';

interface Probe {
  /** functions of which a kernel has one, in the order of Linux's history */
  names: readonly string[];
  /** of the argument: a page or folio, or something else that is worth keeping */
  argument: 'page' | string;
}

/** mm/gup.c, mm/swap.c and mm/memremap.c of 5.10, 6.1, 6.12 and 7.3; the first argument is the page or folio. */
const PROBES: readonly Probe[] = [
  // taken
  { names: ['try_grab_compound_head', 'try_grab_folio'], argument: 'page' },
  { names: ['try_grab_page'], argument: 'page' },
  { names: ['try_grab_folio_fast'], argument: 'page' },
  { names: ['zone_device_page_init'], argument: 'page' },
  { names: ['get_user_pages_fast'], argument: 'addr=$arg1:x64 pages=$arg2:s32 flags=$arg3:x32' },
  { names: ['pin_user_pages_fast'], argument: 'addr=$arg1:x64 pages=$arg2:s32 flags=$arg3:x32' },
  // given back
  { names: ['put_compound_head', 'gup_put_folio'], argument: 'page' },
  { names: ['unpin_user_page'], argument: 'page' },
  { names: ['unpin_user_pages'], argument: 'list=$arg1:x64 pages=$arg2:u64' },
  { names: ['unpin_user_page_range_dirty_lock'], argument: 'page' },
  {
    names: ['put_devmap_managed_page', '__put_devmap_managed_page_refs', '__put_devmap_managed_folio_refs'],
    argument: 'page',
  },
  // the last one
  { names: ['__put_page', '__folio_put'], argument: 'page' },
  { names: ['free_devmap_managed_page', 'free_zone_device_page', 'free_zone_device_folio'], argument: 'page' },
  { names: ['memunmap_pages'], argument: 'pgmap=$arg1:x64' },
];

/** What was put in place of page_ref events. */
export interface Substitute {
  /** the system that the probes are in, undefined where this kernel takes none */
  system: string | undefined;
  functions: string[];
}

/**
 * Adds the probes that this kernel takes; they do nothing until their events are switched on.
 * @param map where the kernel keeps its struct pages, if that is known
 */
export function addProbes(host: Host, root: string, has: Symbols, undo: Undo, map?: MemoryMap): Substitute {
  const control = `${root}/kprobe_events`;
  const functions: string[] = [];
  if (!host.exists(control)) return { system: undefined, functions };
  // page numbers follow from addresses, where it is known how large a struct page is
  const base = map?.usual && has('vmemmap_base', 'dDbBrR') ? ' vmemmap=@vmemmap_base:x64' : '';
  const system = `refzero_${host.pid}`;
  for (const { names, argument } of PROBES) {
    for (const name of names) {
      if (!has(name, 'tT')) continue;
      const fields = argument === 'page' ? `page=$arg1:x64 count=+${REFCOUNT}($arg1):s32${base}` : argument;
      try {
        host.write(control, `p:${system}/${name} ${name} ${fields}\n`);
      } catch {
        // on the kernel's list of functions that may not be probed
        continue;
      }
      functions.push(name);
      undo.add(`the probe ${system}/${name} is still there`, () => host.write(control, `-:${system}/${name}\n`));
    }
  }
  return { system: functions.length > 0 ? system : undefined, functions };
}

/**
 * How often a probe was passed by while the kernel was in another one, of those that `addProbes` added. Ask before they are taken
 * away: nothing but kprobe_profile counts it.
 */
export function missedHits(host: Host, root: string, functions: readonly string[]): number {
  let missed = 0;
  for (const [, name, count] of tryText(host, `${root}/kprobe_profile`).matchAll(/^ *(\S+) +\d+ +(\d+)/gm)) {
    if (functions.includes(name)) missed += Number(count);
  }
  return missed;
}
