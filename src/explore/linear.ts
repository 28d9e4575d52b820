// SPDX-License-Identifier: Apache-2.0
/** Sums `constant + factor * text + …` of index arithmetic, so that what is known is computed when code is printed. */

export interface Linear {
  constant: number;
  terms: readonly { factor: number; text: string }[];
}

export function known(constant: number): Linear {
  return { constant, terms: [] };
}

export function unknown(text: string): Linear {
  return { constant: 0, terms: [{ factor: 1, text }] };
}

export function plus(a: Linear, b: Linear | number): Linear {
  if (typeof b === 'number') return { ...a, constant: a.constant + b };
  return { constant: a.constant + b.constant, terms: [...a.terms, ...b.terms] };
}

export function times(a: Linear, factor: number): Linear {
  const terms = a.terms.map((term) => ({ ...term, factor: term.factor * factor }));
  return { constant: a.constant * factor, terms };
}

/** Text of the sum; small integers, so that no overflow needs care. */
export function printLinear({ constant, terms }: Linear): string {
  const parts = terms.map(({ factor, text }) => (factor === 1 ? text : `${text} * ${factor}`));
  if (constant !== 0 || parts.length === 0) parts.push(constant < 0 ? `(${constant})` : String(constant));
  return parts.length === 1 && constant !== 0 ? parts[0] : `(${parts.join(' + ')})`;
}
