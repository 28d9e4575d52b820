// SPDX-License-Identifier: Apache-2.0
/**
 * The lines of stacks in a text, as a tree: a line that follows on the same lines as once before is known again by its bytes, without
 * parsing it, and after the last one so is the stack. A text of stacks has few of them, each thousands of times.
 *
 * Not here: what a line says (text-frame.ts).
 */
import { grown } from './intern.js';

/** lines, and bytes of them, that are kept at most; a line of more bytes, or deeper in its stack, is not */
const NODES = 1 << 16;
const BYTES = 1 << 23;
const LONGEST = 1 << 10;
const DEEPEST = 1 << 10;
/** lines that are kept behind one: all of them are looked at for one that is new */
const CHOICES = 128;
/** the shortest line that is compared by its words */
const WORD = 4;

/** One for each text; the root, 0, is before the first line of any stack. */
export class StackLines {
  /** where the stack at hand has come to; -1 where that is not kept */
  node = 0;
  /** how many lines `follow` passed */
  passed = 0;
  private size = 1;
  private text = new Uint8Array(1 << 14);
  private view = new DataView(this.text.buffer);
  private used = 0;
  /** by node: its line in `text`, what came behind it first and what else behind its parent, the one used last first */
  private start = new Int32Array(256);
  private length = new Int32Array(256);
  private child = new Int32Array(256);
  private sibling = new Int32Array(256);
  private parent = new Int32Array(256);
  private depth = new Int32Array(256);
  private choices = new Int32Array(256);
  /** the id of its frame, and 1 + that of the stack that ends there */
  private frame = new Int32Array(256);
  private stack = new Int32Array(256);

  /** Passes over the lines from `from` on that are known to follow; returns where they end. All of `bytes[from, end)` are whole lines. */
  follow(bytes: DataView, from: number, end: number): number {
    const { child, sibling, length } = this;
    this.passed = 0;
    let at = from;
    while (this.node >= 0) {
      let before = 0;
      let node = child[this.node];
      while (node !== 0 && !this.same(bytes, at, end, node)) {
        before = node;
        node = sibling[node];
      }
      if (node === 0) break;
      if (before !== 0) {
        sibling[before] = sibling[node];
        sibling[node] = child[this.node];
        child[this.node] = node;
      }
      this.node = node;
      this.passed++;
      at += length[node];
    }
    return at;
  }

  private same(bytes: DataView, at: number, end: number, node: number): boolean {
    const { view } = this;
    const length = this.length[node];
    const start = this.start[node];
    if (at + length > end) return false;
    const last = length - WORD;
    if (bytes.getInt32(at + last) !== view.getInt32(start + last)) return false;
    for (let word = 0; word < last; word += WORD) {
      if (bytes.getInt32(at + word) !== view.getInt32(start + word)) return false;
    }
    return true;
  }

  /**
   * Adds the line `bytes[from, to)`, with its end, behind those at hand, and goes there.
   * @param frame the id of what it says
   * @returns false where no more is kept
   */
  add(bytes: Uint8Array, from: number, to: number, frame: number): boolean {
    const length = to - from;
    const { node, size, used } = this;
    if (
      node < 0 ||
      this.choices[node] >= CHOICES ||
      size >= NODES ||
      used + length > BYTES ||
      this.depth[node] >= DEEPEST
    )
      return false;
    if (length < WORD || length > LONGEST) return false;
    if (size >= this.start.length) this.grow();
    if (used + length > this.text.length) {
      this.text = grown(this.text, used + length);
      this.view = new DataView(this.text.buffer);
    }
    this.text.set(bytes.subarray(from, to), used);
    this.used = used + length;
    this.start[size] = used;
    this.length[size] = length;
    this.sibling[size] = this.child[node];
    this.child[node] = size;
    this.choices[node]++;
    this.parent[size] = node;
    this.depth[size] = this.depth[node] + 1;
    this.frame[size] = frame;
    this.node = this.size++;
    return true;
  }

  /** Writes the frames of the stack at hand; returns how many. */
  framesInto(words: Int32Array): number {
    const count = this.frames;
    for (let node = this.node, at = count; at > 0; node = this.parent[node]) words[--at] = this.frame[node];
    return count;
  }

  get frames(): number {
    return this.depth[this.node];
  }

  /** The id of the stack at hand, -1 where that was not kept. */
  get id(): number {
    return this.stack[this.node] - 1;
  }
  set id(stack: number) {
    this.stack[this.node] = stack + 1;
  }

  private grow(): void {
    const least = this.size + 1;
    this.start = grown(this.start, least);
    this.length = grown(this.length, least);
    this.child = grown(this.child, least);
    this.sibling = grown(this.sibling, least);
    this.parent = grown(this.parent, least);
    this.depth = grown(this.depth, least);
    this.choices = grown(this.choices, least);
    this.frame = grown(this.frame, least);
    this.stack = grown(this.stack, least);
  }
}
