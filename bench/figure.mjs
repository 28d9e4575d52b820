// SPDX-License-Identifier: Apache-2.0
/** How benches write a number down: no more digits than it has meaning; nothing where it could not be measured. */
export function figure(value, digits = 2) {
  if (!Number.isFinite(value)) return '';
  return value >= 10 ** digits ? value.toFixed(0) : value.toPrecision(digits);
}
