// SPDX-License-Identifier: Apache-2.0
/** The numbers of states that Spin finds in the same protocol at the same grain, and its seeded bug. */
import { expect, it } from 'vitest';
import { explore, modelOf } from '../../test/helpers/explore.js';
import { refcount } from '../../test/helpers/refcount.js';
import { search } from './search.js';

// Spin's stored states, less its init process, as recorded with the model. The tasks go on for ever.
it.each([
  [1, 1, 8],
  [1, 2, 44],
  [3, 4, 143_792],
])('%i pages and %i threads have as many states as in Spin', (pages, threads, states) => {
  const result = search(modelOf(refcount(pages, threads)));
  expect(result).toMatchObject({ found: { kind: 'cannot end' }, states });
});

it('a put in two steps gives a page back twice', () => {
  const program = refcount(2, 2);
  const whole = 'zone.count[p] = zone.count[p] - 1;\n    return zone.count[p] === 0;\n  });';
  expect(program.code).toContain(whole);
  const code = program.code.replace(
    whole,
    'zone.count[p] = zone.count[p] - 1;\n    return false;\n  }) || zone.count[p] === 0;',
  );
  const { verdict, violation } = explore({ ...program, code });
  expect({ verdict, name: violation?.name }).toEqual({ verdict: 'violated', name: 'a page is given back twice' });
});
