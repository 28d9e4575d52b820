// SPDX-License-Identifier: Apache-2.0
/** Quoted-printable in mails, whatever the pieces are in which it comes. */
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { isMail, MailText } from './mail-text.js';
import { readText } from './read-text.js';
import { Notes } from './recording.js';
import { FIELD } from './shapes.js';

const bytes = (text: string) => new TextEncoder().encode(text);

function plain(text: string, pieces: readonly number[] = []): string {
  const mail = new MailText();
  const all = bytes(text);
  let out = '';
  let from = 0;
  for (const piece of [...pieces, all.length]) {
    const to = Math.min(all.length, from + piece);
    out += new TextDecoder('latin1').decode(mail.add(all.subarray(from, to)));
    from = to;
  }
  return out + new TextDecoder('latin1').decode(mail.finish());
}

const HEADER = 'From a@b Thu Jan  1 00:00:00 1970\nContent-Transfer-Encoding: quoted-printable\n\n';

test('lines that the transport broke are whole again, escapes are what they stand for', () => {
  const body =
    '  wl-1 [000] d..1. 1.000001: page_ref_mod: pfn=3D0x1000 flags=3Duptodate=\r\n|lru count=3D2 =\n val=3D1=20\nlast =zz =';
  expect(plain(HEADER + body)).toBe(
    `${HEADER}  wl-1 [000] d..1. 1.000001: page_ref_mod: pfn=0x1000 flags=uptodate|lru count=2  val=1 \nlast =zz `,
  );
});

test('the next message of an mbox has its own encoding, and so has the next part of a mail', () => {
  const next = 'From c@d Thu Jan  1 00:00:00 1970\nSubject: x\n\npfn=3D1\n';
  expect(plain(`${HEADER}a=3D1\n${next}`)).toBe(`${HEADER}a=1\n${next}`);
  expect(plain(`${HEADER}a=3D1\n--b\nContent-Transfer-Encoding: 8bit\n\na=3D1\n`)).toMatch(/a=1\n[\s\S]*a=3D1\n$/);
});

test('pieces of any size give the same', () => {
  const line = fc.stringMatching(/^[ a-f=0-9A-F|\r-]{0,30}\n$/);
  const sizes = fc.array(fc.integer({ min: 0, max: 40 }), { maxLength: 30 });
  const property = fc.property(fc.array(line), sizes, (lines, pieces) => {
    const text = HEADER + lines.join('');
    expect(plain(text, pieces)).toBe(plain(text));
  });
  fc.assert(property);
});

test('what begins as a mail is one, a trace is none', () => {
  for (const head of [HEADER, 'Return-Path: <a@b>', 'Received: from x', 'X-Mailer: y', 'Date: Thu']) {
    expect(isMail(bytes(head)), head).toBe(true);
  }
  for (const head of ['# tracer: nop', '          wl-214     [000]', 'cpus=2', 'wl-302  [000] 1.0: x', 'From', '']) {
    expect(isMail(bytes(head)), head).toBe(false);
  }
});

test('a trace in a mail is read as if it had been written to a file', () => {
  const line =
    '          wl-214     [000] d..1.     5.138253: page_ref_mod: pfn=0x190e flags=none count=2 mapcount=0 mapping=0000000000000000 mt=1 val=1';
  const sent = line.replaceAll('=', '=3D').replace('mapcount', '=\r\nmapcount');
  const read = (text: string) => readText(bytes(text), new Notes(), {});
  const [file, mail] = [read(`${line}\n${line}\n`), read(`${HEADER}> ${sent}\r\n> ${sent}\r\n`)];
  const seen = ({ events }: typeof file) => [events.length, events.pfn(1), events.val(1), events.word(1, FIELD.count)];
  expect(seen(mail)).toEqual([2, 0x190e, 1, 2]);
  expect(seen(mail)).toEqual(seen(file));
});
