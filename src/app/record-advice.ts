// SPDX-License-Identifier: Apache-2.0
/** What to do where a kernel has no page_ref events: what its configuration says, and what else there is. */
import { gunzipSync } from 'node:zlib';
import type { InputError } from '../base/diagnostic.js';
import { cannot, type Host, tryText } from './record-host.js';

/** `y`, `m`, `n`, or undefined where no configuration of the running kernel was found */
export interface ConfigAnswer {
  value: string;
  /** the file that says so */
  from: string;
}

/** @returns what the running kernel was built with, as far as the machine tells */
export function kernelConfig(host: Host, option: string): ConfigAnswer | undefined {
  const release = tryText(host, '/proc/sys/kernel/osrelease').trim();
  const places = ['/proc/config.gz', `/boot/config-${release}`, `/lib/modules/${release}/config`];
  for (const place of [...places, `/lib/modules/${release}/build/.config`]) {
    const text = configText(host, place);
    if (!/^CONFIG_\w+=/m.test(text)) continue;
    return { value: new RegExp(`^${option}=(\\w+)$`, 'm').exec(text)?.[1] ?? 'n', from: place };
  }
  return undefined;
}

function configText(host: Host, place: string): string {
  if (!place.endsWith('.gz')) return tryText(host, place);
  try {
    return new TextDecoder().decode(gunzipSync(host.readBytes(place)));
  } catch {
    return '';
  }
}

/** @returns why there are no page_ref events, how to have them, and the nearest to them that this kernel has */
export function noPageRef(host: Host, root: string): InputError {
  const release = tryText(host, '/proc/sys/kernel/osrelease').trim();
  const answer = kernelConfig(host, 'CONFIG_DEBUG_PAGE_REF');
  const known = answer === undefined ? '' : ` (${answer.from}: ${answer.value === 'n' ? 'is not set' : answer.value})`;
  const why =
    answer?.value === 'y'
      ? `${root}/events has no page_ref although CONFIG_DEBUG_PAGE_REF is set; is it of another kernel?`
      : `Linux ${release} was built without CONFIG_DEBUG_PAGE_REF${known}: no event tells when a reference count changes`;
  const hint =
    'on this kernel, refzero record --substitute tells which pages of device memory are held (x86-64), and who pinned, ' +
    'unpinned and freed pages, by probes on the functions that are not inlined; not who took each reference. For that, build ' +
    'a kernel with CONFIG_DEBUG_PAGE_REF (scripts/config -e DEBUG_PAGE_REF; it costs some 30 kB and nothing while it is ' +
    'off; most distributions leave it out, as Debian does), or boot one in QEMU (kernlab/): see docs/recording.md';
  return cannot('RZ3103', why, hint);
}
