// SPDX-License-Identifier: Apache-2.0
/**
 * A recording that comes as a stream, from a pipe or out of a container. Text is read as it comes and never held. A trace.dat
 * is a file of sections that point at each other: it is collected, in memory while it is small, else in a temporary file that
 * has no name any more.
 */
import { closeSync, mkdtempSync, openSync, readSync, rmSync, writeSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { InputError } from '../base/diagnostic.js';
import { DAT_MAGIC, isDat } from '../trace/dat.js';
import { TextReader } from '../trace/read-text.js';
import { Notes, type Recording } from '../trace/recording.js';
import { type Source, sourceOf } from '../trace/source.js';

/** What is held in memory before it goes to a file. */
const IN_MEMORY = 256 << 20;

export class Intake {
  /** bytes so far */
  size = 0;
  private head = Buffer.alloc(0);
  private text: TextReader | undefined;
  private spool: Spool | undefined;

  /** Takes the next piece. */
  add(part: Uint8Array): void {
    this.size += part.length;
    if (this.text) this.text.add(part);
    else if (this.spool) this.spool.add(part);
    else {
      this.head = Buffer.concat([this.head, part]);
      if (this.head.length >= DAT_MAGIC.length) this.begin();
    }
  }

  /** Nothing in it looks like a recording: the rest need not come. */
  get foreign(): boolean {
    return this.text?.foreign === true;
  }

  /** No more pieces: the recording of a text, or where a trace.dat can be read. @param interrupted there would be more */
  end(interrupted = false): Recording | Source {
    if (!this.text && !this.spool) this.begin();
    if (this.spool) return this.spool.source();
    const text = this.text ?? new TextReader(new Notes());
    return interrupted ? text.interrupt(undefined) : text.finish();
  }

  private begin(): void {
    if (isDat(this.head)) this.spool = new Spool();
    else this.text = new TextReader(new Notes());
    (this.spool ?? this.text)?.add(this.head);
  }
}

/** Bytes that are collected. */
class Spool {
  private parts: Uint8Array[] = [];
  private size = 0;
  private file = -1;

  add(part: Uint8Array): void {
    this.size += part.length;
    this.parts.push(Uint8Array.from(part));
    if (this.file < 0 && this.size > IN_MEMORY) this.file = unnamedFile();
    if (this.file >= 0) this.flush();
  }

  source(): Source {
    if (this.file < 0)
      return sourceOf(this.parts.length === 1 ? this.parts[0] : new Uint8Array(Buffer.concat(this.parts)));
    return { size: this.size, read: (offset, into) => readSync(this.file, into, 0, into.length, offset) };
  }

  private flush(): void {
    for (const part of this.parts) {
      try {
        for (let at = 0; at < part.length; ) at += writeSync(this.file, part, at);
      } catch (error) {
        closeSync(this.file);
        const message = `a trace.dat from a pipe is collected in ${tmpdir()}: ${(error as Error).message}`;
        throw new InputError({
          code: 'RZ3031',
          message,
          hint: 'give the file itself, or name another place in TMPDIR',
        });
      }
    }
    this.parts = [];
  }
}

/** Gone when it is closed, however the process ends. */
function unnamedFile(): number {
  const folder = mkdtempSync(join(tmpdir(), 'refzero-'));
  try {
    return openSync(join(folder, 'trace.dat'), 'w+');
  } finally {
    rmSync(folder, { recursive: true });
  }
}
