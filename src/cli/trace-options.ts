// SPDX-License-Identifier: Apache-2.0
/** Options that the commands of `refzero trace` have in common. */
import type { TraceOptions } from '../app/trace.js';
import { InputError } from '../base/diagnostic.js';
import { PLAIN, type Screen } from './terminal.js';

/** What is known of a recording beside what it says itself. */
export interface SourceFlags {
  meta?: string;
  zoneDevice: string[];
  kernel?: string;
}

/** files are for whoever reads them, wherever */
export const FILE: Screen = { width: 80, style: PLAIN };
export function sourceOf({ zoneDevice, meta, kernel }: SourceFlags): TraceOptions {
  return { zoneDevice, ...(meta !== undefined && { meta }), ...(kernel !== undefined && { kernel }) };
}

/** Gathers a repeatable option; a comma separates values too. */
export function collect(value: string, before: string[]): string[] {
  return [...before, ...value.split(',')];
}

/** @throws InputError where it is no whole number above 0 */
export function limitOf(text: string, option = '--limit'): number {
  const limit = /^\d{1,9}$/.test(text) ? Number(text) : 0;
  if (limit > 0) return limit;
  throw new InputError({
    code: 'RZ4000',
    message: `${option} takes a whole number above 0, not ${JSON.stringify(text)}`,
  });
}
