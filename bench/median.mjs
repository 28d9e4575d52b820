// SPDX-License-Identifier: Apache-2.0
/** Medians and rates, for benches. Time is CPU time of the process, so that a busy machine counts little. */

/** @returns the median of what `measureOnce()` gives in `runs` runs, after one run to warm up that does not count */
export function medianOf(runs, measureOnce) {
  measureOnce();
  const values = Array.from({ length: runs }, measureOnce).sort((a, b) => a - b);
  return values[Math.floor(runs / 2)];
}

/** @returns milliseconds of CPU time that `work()` takes */
export function cpuMilliseconds(work) {
  const begin = process.cpuUsage();
  work();
  const { user, system } = process.cpuUsage(begin);
  return (user + system) / 1000;
}

/** @returns millions of rounds a second of `loop(rounds)` */
export function millionsPerSecond(rounds, loop) {
  return rounds / 1000 / cpuMilliseconds(() => loop(rounds));
}
