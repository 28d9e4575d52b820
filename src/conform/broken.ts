// SPDX-License-Identifier: Apache-2.0
/** Where pages broke an invariant of src/spec: columns, one row a breach, in the order in which pages were walked. */
import { INVARIANTS, type Invariant } from '../spec/invariants.js';

const NAMES = Object.keys(INVARIANTS) as Invariant[];

export class Broken {
  length = 0;
  /** number of the page in the index */
  page = new Int32Array(16);
  /** position in `index.rows` of the event that did it */
  at = new Int32Array(16);
  rule = new Uint8Array(16);

  add(page: number, at: number, invariant: Invariant): void {
    if (this.length === this.page.length) this.grow();
    this.page[this.length] = page;
    this.at[this.length] = at;
    this.rule[this.length++] = NAMES.indexOf(invariant);
  }

  /** Adds those of another thread, which come behind. */
  append({ length, page, at, rule }: Pick<Broken, 'length' | 'page' | 'at' | 'rule'>): void {
    for (let breach = 0; breach < length; breach++) this.add(page[breach], at[breach], NAMES[rule[breach]]);
  }

  invariant(breach: number): Invariant {
    return NAMES[this.rule[breach]];
  }

  private grow(): void {
    const longer = <T extends Int32Array | Uint8Array>(old: T): T => {
      const array = new (old.constructor as new (length: number) => T)(old.length * 2);
      array.set(old);
      return array;
    };
    this.page = longer(this.page);
    this.at = longer(this.at);
    this.rule = longer(this.rule);
  }
}
