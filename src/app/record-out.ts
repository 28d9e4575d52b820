// SPDX-License-Identifier: Apache-2.0
/**
 * The file that a recording becomes: made at the start, so that nothing of another is overwritten and a folder that cannot be
 * written is known before the command runs; put together from its parts at the end.
 */
import { closeSync, openSync, readSync, renameSync, rmSync, writeSync } from 'node:fs';
import { setImmediate as immediate } from 'node:timers/promises';
import { cannot, codeOf } from './record-host.js';

const CHUNK = 1 << 20;

/** A file that is not complete before `keep`; whoever opens one calls `keep` or `drop`. */
export class Out {
  private readonly temporary: string;
  private readonly file: number;

  /** @throws InputError where the file exists (and is not to be replaced) or cannot be written */
  constructor(
    readonly path: string,
    private readonly force: boolean,
  ) {
    this.temporary = force ? `${path}.new` : path;
    try {
      this.file = openSync(this.temporary, force ? 'w' : 'wx', 0o600);
    } catch (error) {
      if (codeOf(error) === 'EEXIST') {
        const hint = 'give another name with -o, or --force to replace it';
        throw cannot('RZ3104', `${path} exists`, hint);
      }
      const why = codeOf(error) === 'ENOENT' ? 'its folder is not there' : (error as Error).message;
      throw cannot('RZ3105', `cannot write ${path}: ${why}`);
    }
  }

  /** Appends all of `bytes`. @throws Node's error */
  write(bytes: Uint8Array): void {
    for (let at = 0; at < bytes.length; ) at += writeSync(this.file, bytes, at, bytes.length - at);
  }

  /**
   * Appends the first `size` bytes of a file, and removes it, to have the room for the next.
   * @param stop throws to end it early. @throws Node's error
   */
  async take(path: string, size: number, stop: () => void): Promise<void> {
    const from = openSync(path, 'r');
    try {
      const chunk = new Uint8Array(Math.min(CHUNK, Math.max(1, size)));
      for (let left = size; left > 0; ) {
        const got = readSync(from, chunk, 0, Math.min(chunk.length, left), null);
        if (got === 0) throw new Error(`${path} ends ${left} bytes too early`);
        this.write(chunk.subarray(0, got));
        left -= got;
        await immediate();
        stop();
      }
    } finally {
      closeSync(from);
    }
    rmSync(path, { force: true });
  }

  keep(): void {
    closeSync(this.file);
    if (this.force) renameSync(this.temporary, this.path);
  }

  /** Removes what was begun; a file that `force` would have replaced stays. */
  drop(): void {
    closeSync(this.file);
    rmSync(this.temporary, { force: true });
  }
}
