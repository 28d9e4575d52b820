// SPDX-License-Identifier: Apache-2.0
/** How many references a page of device memory should have, given how often it is mapped. Rules over integers. */
import { agreed, type KernelVersion, since } from './kernel-version.js';
import { type PageKind, restRule } from './rest.js';

/** Does each mapping of such a page hold a reference? */
export function mappingsCount(kind: PageKind, kernel: KernelVersion): boolean {
  // dax PTEs took none until 38607c62b34b (v6.15); device dax (fs/dax.c, drivers/dax/device.c) is counted since aed877c2b425 (v6.15)
  if (kind === 'fsdax' || kind === 'devdax') return since(kernel, 6, 15);
  return true;
}

/** References of a device page beyond its idle count and its mappings. @param mapped undefined where that is not known */
export function unexplained(kind: PageKind, kernel: KernelVersion, count: number, mapped: number | undefined): number {
  const rule = restRule(kind, kernel);
  if (!rule) return 0;
  const above = count - rule.idle;
  const counted = agreed(kernel, (release) => mappingsCount(kind, release));
  if (counted === false) return above;
  return mapped === undefined || counted === undefined ? 0 : above - mapped;
}
