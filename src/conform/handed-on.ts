// SPDX-License-Identifier: Apache-2.0
/**
 * References that their taker may have handed on, where no stack tells: vmsplice puts pages of its task into a pipe (fs/splice.c: iter_to_pipe),
 * MSG_ZEROCOPY into the buffers of a socket, by one get of the fast path of get_user_pages for each (mm/gup.c); pipe and socket may
 * live on when the task is gone. A driver that forgets the only reference that it took does the same to the page.
 *
 * Not here: pins, which nobody hands on; pages that were not in a page table yet, which the slow path gets.
 */
import { OP } from '../spec/ops.js';
import type { BareLife } from './bare-life.js';

/** How many of the references taken in a life may be somebody else's by now: those after which their task gave nothing of the kind back. */
export function mayBeHandedOn(life: BareLife): number {
  let handed = 0;
  let other = 0;
  for (let at = life.from; at < life.to; at++) {
    if (isFastGet(life, at) && isKept(life, at)) handed++;
    else if (life.delta(at) === 1 && !life.isMapping(at)) other++;
    else if (!life.gives(at)) continue;
    else if (other > 0) other--;
    else if (handed > 0) handed--;
  }
  return handed;
}

function isFastGet(life: BareLife, at: number): boolean {
  return life.op(at) === OP.modUnless && life.delta(at) === 1 && !life.isMapping(at);
}

/** Did the task that took it put nothing after that, beside mappings and what it took in the same way later? */
function isKept(life: BareLife, at: number): boolean {
  let later = 0;
  for (let next = at + 1; next < life.to; next++) {
    if (!life.sameTask(next, at)) continue;
    if (isFastGet(life, next)) later++;
    else if (life.gives(next) && later-- === 0) return false;
  }
  return true;
}
