// SPDX-License-Identifier: Apache-2.0
/** Kernel releases as far as the rules of a page's life depend on them: major and minor number, or the patch of the thread. */

export interface KernelVersion {
  /** as it was given: `6.12.117-kernlab`, `v5.14`, `seed` */
  name: string;
  major: number;
  minor: number;
  /** v5.14 plus the patch "mm: remove extra ZONE_DEVICE struct page refcount" as posted in August 2021 */
  seed: boolean;
  /** options of its configuration that decide about page flags, where that is known */
  config?: ReadonlySet<string>;
  /**
   * where nobody names the release and the recording leaves several: the first and the last. Then `major.minor` is the last, and what
   * differs between the two is not known
   */
  span?: readonly [KernelVersion, KernelVersion];
}

/** What `of` says of the kernel; undefined where its release is not known so well and the first and the last differ. */
export function agreed<T>(kernel: KernelVersion, of: (release: KernelVersion) => T): T | undefined {
  if (!kernel.span) return of(kernel);
  const [first, last] = kernel.span.map(of);
  return JSON.stringify(first) === JSON.stringify(last) ? first : undefined;
}

/** Reads `6.12`, `v6.12.117-kernlab`, `Linux version 7.3.4 ...` or `seed`; undefined for anything else. */
export function parseKernelVersion(text: string): KernelVersion | undefined {
  if (text.trim() === 'seed') return { name: 'seed', major: 5, minor: 14, seed: true };
  const match = /^\s*(?:Linux version )?v?(\d{1,3})\.(\d{1,4})(?=$|[.\s+~_-])(\S*)/.exec(text);
  if (!match) return undefined;
  return { name: `${match[1]}.${match[2]}${match[3]}`, major: Number(match[1]), minor: Number(match[2]), seed: false };
}

/** Is `version` release `major.minor` or later? */
export function since(version: KernelVersion, major: number, minor: number): boolean {
  return version.major > major || (version.major === major && version.minor >= minor);
}
