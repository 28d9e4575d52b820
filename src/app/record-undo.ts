// SPDX-License-Identifier: Apache-2.0
/** What a recording changed on the machine, and how each change is taken back: in reverse order, all of them, once. */

/** Whoever changes something adds at once how to undo it. */
export class Undo {
  private readonly steps: { what: string; how: () => void }[] = [];
  private readonly failed: string[] = [];

  /** @param what what stays as it is if `how` throws: `the instance … is still there` */
  add(what: string, how: () => void): void {
    this.steps.push({ what, how });
  }

  /** Takes back what has not been yet. @returns what could not be, in words, of this run and those before */
  run(): readonly string[] {
    for (let step = this.steps.pop(); step; step = this.steps.pop()) {
      try {
        step.how();
      } catch (error) {
        this.failed.push(`${step.what}: ${(error as Error).message}`);
      }
    }
    return this.failed;
  }
}
