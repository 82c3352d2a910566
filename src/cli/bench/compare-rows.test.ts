import { describe, expect, it } from 'vitest';
import { describeDifference } from './compare-rows.ts';

describe('describeDifference', () => {
  it('takes results as multisets, floats to one part in 10^9', () => {
    const expected = [
      [1n, 'a', 0.1],
      [2n, null, 1e9],
      [1n, 'a', 0.1],
    ];
    expect(
      describeDifference(expected, [
        [2n, null, 1e9 + 0.5],
        [1n, 'a', 0.1 + 1e-12],
        [1n, 'a', 0.1],
      ]),
    ).toBeUndefined();
    expect(describeDifference([[Number.NaN]], [[Number.NaN]])).toBeUndefined();
  });

  it.each([
    [[[1n]], [], '0 rows instead of 1'],
    [[[1n, 'a']], [[1n, 'b']], '["1","b"] instead of ["1","a"]'],
    [[[1.5]], [[1.5001]], '[1.5001] instead of [1.5]'],
    [[[null]], [['']], '[""] instead of [null]'],
    [[[1n], [1n], [2n]], [[1n], [2n], [2n]], '["2"] instead of ["1"]'],
  ])('finds a difference, case %#', (expected, actual, difference) => {
    expect(describeDifference(expected, actual)).toBe(difference);
  });
});
