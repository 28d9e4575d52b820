// SPDX-License-Identifier: Apache-2.0
/**
 * Which releases a recording can be of, where nobody names its kernel: from what mapcount= shows of pages that nobody maps, and from
 * functions that only some releases have. Signs that contradict each other, as those of a kernel with patches of later ones may, say
 * nothing. Rules over names and numbers.
 *
 * Not here: what each release then means. Those are the rules of the other files, as far as all that are left agree on them.
 */
import { bareName } from './call-paths.js';
import { type KernelVersion, parseKernelVersion, since } from './kernel-version.js';

/** page_ref events are of v4.6; what has no end so far is said to be of all releases up to a far one */
const OLDEST = '4.6';
const NEWEST = '99.0';

/** The last release before a change, since bounds are inclusive. */
const NAMES: readonly [RegExp, first: string, last: string][] = [
  // until 84172f4bb752 (v5.13)
  [/^__alloc_pages_nodemask$/, OLDEST, '5.12'],
  // until 27674ef6c73f (v5.18): since then an inline function around one whose name begins with __
  [/^(?:put_devmap_managed_page|free_devmap_managed_page)$/, OLDEST, '5.17'],
  [/^__put_devmap_managed_(?:page|folio)(?:_refs)?$/, '5.18', '6.14'],
  // until d8ddc099c6b3 (v5.18)
  [/^(?:try_grab_compound_head|put_compound_head)$/, OLDEST, '5.17'],
  // the first of the folios, v5.16
  [/^(?:__folio_put|folio_add_lru|filemap_add_folio|__filemap_get_folio)$/, '5.16', NEWEST],
  // 54a611b60590 (maple trees) and 0dc45ca1ce18, both v6.1
  [/^(?:mas_alloc_nodes|mas_store_prealloc|mas_preallocate|zone_device_page_init)$/, '6.1', NEWEST],
  // 38607c62b34b (v6.15)
  [/^dax_folio_(?:init|put|reset_order)$/, '6.15', NEWEST],
];

/** So many freed pages show how mapcount= counts. */
const ENOUGH = 16;

/**
 * @param functions names on the call paths
 * @param freed freed pages by the mapcount= that they were freed with: 6eca32567455 (v6.10) shows -1 for what nobody maps, 0 before
 * @returns the releases that are left and the signs in words; undefined where mapcount= does not tell, or signs contradict each other
 */
export function releasesOf(
  functions: Iterable<string>,
  freed: { zero: number; minusOne: number },
): { kernel: KernelVersion; because: string[] } | undefined {
  if (Math.max(freed.zero, freed.minusOne) < ENOUGH || Math.min(freed.zero, freed.minusOne) > 0) return undefined;
  const raw = freed.minusOne > 0;
  let [first, last] = raw ? [release('6.10'), release(NEWEST)] : [release(OLDEST), release('6.9')];
  const because = [`mapcount=${raw ? -1 : 0} of freed pages`];
  const told = new Set<string>();
  for (const frame of functions) {
    const name = bareName(frame);
    const sign = NAMES.find(([names]) => names.test(name));
    if (!sign || told.has(name)) continue;
    told.add(name);
    const [from, to] = [release(sign[1]), release(sign[2])];
    if (!since(from, first.major, first.minor) && since(to, last.major, last.minor)) continue;
    because.push(name);
    if (since(from, first.major, first.minor)) first = from;
    if (since(last, to.major, to.minor)) last = to;
  }
  if (!since(last, first.major, first.minor)) return undefined;
  const name = last.name === NEWEST ? `${first.name} or later` : `${first.name} to ${last.name}`;
  return { kernel: { ...last, name, span: [first, last] }, because };
}

const release = (text: string): KernelVersion => parseKernelVersion(text)!;
