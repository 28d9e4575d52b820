// SPDX-License-Identifier: Apache-2.0
/**
 * Files for what a search keeps beside memory (src/explore/spill.ts): made when the first byte is written, and without a name
 * from then on, so that the system takes them away however the program ends.
 */
import { closeSync, mkdtempSync, openSync, readSync, rmSync, statfsSync, writeSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { InputError } from '../base/diagnostic.js';
import { type Spill, SpillError, type SpillFile } from '../explore/check.js';

/** `f_type` of a file system that lies in memory (linux/magic.h) */
const TMPFS = 0x01021994;
const ON_DISK = '/var/tmp';

/** @returns the folder for temporary files; the one that lies on disk where the usual one takes memory */
export function spillFolder(): string {
  const usual = tmpdir();
  return isMemory(usual) === true && isMemory(ON_DISK) === false ? ON_DISK : usual;
}

/** @returns undefined where there is no saying */
function isMemory(folder: string): boolean | undefined {
  try {
    return statfsSync(folder).type === TMPFS;
  } catch {
    return undefined;
  }
}

/** @throws InputError RZ4010 where no files can be made in a folder */
export function proveSpill(folder: string): void {
  try {
    closeSync(openNameless(folder));
  } catch (error) {
    const hint = 'name a folder that files can be made in; --no-spill keeps all in memory';
    throw new InputError({ code: 'RZ4010', message: `--spill ${folder}: ${messageOf(error)}`, hint });
  }
}

/** @returns a file that has no name any more */
function openNameless(folder: string): number {
  const own = mkdtempSync(join(folder, 'refzero-'));
  try {
    return openSync(join(own, 'spill'), 'wx+');
  } finally {
    rmSync(own, { recursive: true, force: true });
  }
}

export class FileSpill implements Spill {
  readonly bytes = 0;

  constructor(private readonly folder: string) {}

  open(): SpillFile {
    const file = this.trying(() => openNameless(this.folder));
    return {
      write: (at, bytes) =>
        this.trying(() => {
          for (let done = 0; done < bytes.length; )
            done += writeSync(file, bytes, done, bytes.length - done, at + done);
        }),
      read: (at, into) =>
        this.trying(() => {
          for (let done = 0, got = 0; done < into.length; done += got) {
            got = readSync(file, into, done, into.length - done, at + done);
            if (got === 0) throw new SpillError(`what was written to ${this.folder} is not there any more`, 'EIO');
          }
        }),
      close: () => closeSync(file),
    };
  }

  private trying<T>(work: () => T): T {
    try {
      return work();
    } catch (error) {
      if (!(error instanceof Error && 'code' in error) || error instanceof SpillError) throw error;
      throw new SpillError(`stopped by the disk: ${this.folder}: ${error.message}`, String(error.code));
    }
  }
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
