// SPDX-License-Identifier: Apache-2.0
/** The library: how fast a booted kernel's functions are, on objects and on plain integers, and how long boot takes. */
import { boot } from 'refzero';
import { cpuMilliseconds, medianOf, millionsPerSecond } from './median.mjs';

const rounds = 5_000_000;
const runs = 7;
const kernels = ['v5.14', 'v7.3'];

export default {
  title: 'A booted kernel, one task',
  measure() {
    const first = cpuMilliseconds(() => boot('v7.3'));
    const again = medianOf(runs, () => cpuMilliseconds(() => boot('v7.3', { pages: 4096 })));
    return [
      { what: 'first boot of a process', value: first, unit: 'ms', note: 'all sources analysed; one run' },
      { what: 'a further boot, 4096 pages', value: again, unit: 'ms' },
      ...kernels.flatMap(pairs),
      ...atomics(),
    ];
  },
};

function pairs(kernel) {
  const k = boot(kernel, { pages: 4096 });
  const page = k.alloc_page();
  const ref = 1 + k.machine.layout.globalBase.get('mem_map') + k.page_to_pfn(page);
  const { functions } = k.machine;
  const given = { k, page, ref, get: functions.get('get_page'), put: functions.get('put_page') };
  const onObjects = rateOf('k.get_page(page); k.put_page(page);', given);
  const onIntegers = rateOf('get(ref); put(ref);', given);
  const allocated = rateOf('k.put_page(k.alloc_page());', given);
  const unit = 'M/s';
  return [
    { what: `${kernel}: get_page + put_page`, value: onObjects, unit, note: 'on objects, as in README' },
    { what: `${kernel}: get_page + put_page`, value: onIntegers, unit, note: 'on plain integers' },
    { what: `${kernel}: alloc_page + put_page`, value: allocated, unit, note: 'on objects' },
  ];
}

/** @returns the rate of `body`, in a loop of its own: one that two kernels share would be compiled for both */
function rateOf(body, given) {
  const loop = new Function(...Object.keys(given), 'n', `for (let i = 0; i < n; i++) { ${body} }`);
  return medianOf(runs, () => millionsPerSecond(rounds, (n) => loop(...Object.values(given), n)));
}

/** What one more atomic instruction an access would cost: why one task runs without (src/run/emit.ts). */
function atomics() {
  const words = new Int32Array(new SharedArrayBuffer(64));
  const median = (loop) => medianOf(runs, () => millionsPerSecond(rounds, loop));
  const add = median((n) => {
    for (let i = 0; i < n; i++) {
      Atomics.add(words, 1, 1);
      Atomics.add(words, 1, -1);
    }
  });
  const plain = median((n) => {
    for (let i = 0; i < n; i++) {
      words[1] = words[1] + 1;
      words[1] = words[1] - 1;
    }
  });
  const loadStore = median((n) => {
    for (let i = 0; i < n; i++) {
      Atomics.store(words, 1, Atomics.load(words, 1) + 1);
      Atomics.store(words, 1, Atomics.load(words, 1) - 1);
    }
  });
  return [
    { what: 'bare memory: +1, -1', value: plain, unit: 'M/s', note: 'plain reads and writes' },
    { what: 'bare memory: +1, -1', value: add, unit: 'M/s', note: '`Atomics.add`' },
    { what: 'bare memory: +1, -1', value: loadStore, unit: 'M/s', note: '`Atomics.load` and `Atomics.store`' },
  ];
}
