// SPDX-License-Identifier: Apache-2.0
/**
 * What a reference is for, as a reader of Linux would say it: from the names on its call path, or without a stack from the
 * operation alone. Linux's own words are those of include/linux/page_ref.h (7.3): expected, temporary, unexpected references.
 */
import { type CallPath, GIVE, PIN_BIAS, TAKE } from './call-paths.js';
import { OP, type Op } from './ops.js';

export const PURPOSES = [
  'allocation',
  'mapping',
  'page cache',
  'swap cache',
  'buffers',
  'pin',
  'get_user_pages',
  'isolation',
  'migration',
  'split',
  'LRU batch',
  'device driver',
  'lookup',
  'other',
] as const;
export type Purpose = (typeof PURPOSES)[number];

/** Names of mm's own takers; the first that fits. */
const INSIDE: readonly [RegExp, Purpose][] = [
  [/isolat/, 'isolation'],
  [/migrat/, 'migration'],
  [/split|collapse|khugepaged/, 'split'],
  [/swap/, 'swap cache'],
  [/buffer|bread|attach_page|folio_attach/, 'buffers'],
  [/find_get|find_lock|filemap_get|filemap_map|next_uptodate|lookup/, 'lookup'],
  [/pagecache|page_cache|filemap|readahead|read_folio|readpage|shmem/, 'page cache'],
];

/** What a get by `path` is for. @param amount references taken */
export function purposeOfTake({ take, holder }: CallPath, op: Op, amount: number): Purpose {
  switch (take) {
    case TAKE.alloc:
      return 'allocation';
    case TAKE.batch:
      return 'LRU batch';
    case TAKE.map:
      return 'mapping';
    case TAKE.gup:
      return amount >= PIN_BIAS - 1 ? 'pin' : 'get_user_pages';
    case TAKE.internal:
      return INSIDE.find(([names]) => names.test(holder))?.[1] ?? 'other';
    case TAKE.explicit:
      return 'device driver';
    case TAKE.unknown:
      if (op === OP.set) return 'allocation';
      if (amount >= PIN_BIAS - 1) return 'pin';
      return op === OP.modUnless ? 'lookup' : 'other';
  }
}

/**
 * What a get without a stack is for, by what came next: the count of mappings rises right after the reference of a page table
 * entry is taken (mm/rmap.c), and pin_user_pages of a small page takes one reference and then the rest of its bias (mm/gup.c).
 * @param mapped by how much the count of mappings was higher at the page's next event
 * @param next what the same task took then, 0 for nothing
 */
export function purposeByNext(purpose: Purpose, mapped: number, next: number): Purpose {
  if (purpose !== 'lookup' && purpose !== 'other') return purpose;
  if (next === PIN_BIAS - 1) return 'pin';
  return mapped > 0 ? 'mapping' : purpose;
}

/** What a put without a stack gives back: the count of mappings falls right before (mm/rmap.c). */
export function purposeByLast(purpose: Purpose, mapped: number): Purpose {
  return purpose === 'other' && mapped < 0 ? 'mapping' : purpose;
}

/** How a put by `path` gives back, as the purpose that ends; `other` where its names do not tell. */
export function purposeOfGive({ give, holder }: CallPath, amount: number): Purpose {
  if (give === GIVE.zap) return 'mapping';
  if (give === GIVE.drain) return 'LRU batch';
  if (amount >= PIN_BIAS - 1) return 'pin';
  if (give === GIVE.internal) return INSIDE.find(([names]) => names.test(holder))?.[1] ?? 'other';
  return 'other';
}
