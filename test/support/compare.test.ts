import { describe, expect, test } from 'vitest';
import type { SqlValue } from '../../src/types/index.ts';
import { difference } from './compare.ts';
import type { Result } from './runner.ts';

const result = (rows: SqlValue[][], type = 'INTEGER'): Result => ({
  columns: (rows[0] ?? []).map((_, index) => ({ name: `c${index}`, type })),
  rows,
});
const multiset = { kind: 'multiset' } as const;

describe('difference', () => {
  test('takes rows in any order, but counts them', () => {
    expect(difference(result([[1], [2], [2]]), result([[2], [1], [2]]), multiset)).toBeUndefined();
    expect(difference(result([[1], [2], [2]]), result([[1], [1], [2]]), multiset)).toContain(
      '1 rows missing',
    );
    expect(difference(result([[1], [2]]), result([[1]]), multiset)).toContain('expected 2 rows, got 1');
  });

  test('takes close floats for equal, also inside nested values, and no others', () => {
    const nested = (x: number): Result => result([[{ a: [x, null] }, 'same']], 'STRUCT');
    expect(difference(nested(0.1 + 0.2), nested(0.3), multiset)).toBeUndefined();
    expect(difference(nested(1), nested(1 + 1e-8), multiset)).toBeDefined();
    expect(difference(result([[Number.NaN]]), result([[Number.NaN]]), multiset)).toBeUndefined();
    expect(difference(result([[Number.NaN]]), result([[1]]), multiset)).toBeDefined();
    expect(difference(result([[Infinity]]), result([[1e308]]), multiset)).toBeDefined();
  });

  test('pairs rows whose floats sort differently', () => {
    const tiny = 1e-12;
    const expected = result([
      [1, 5],
      [1 + tiny, 4],
    ]);
    const actual = result([
      [1 + tiny, 5],
      [1, 4],
    ]);
    expect(difference(expected, actual, multiset)).toBeUndefined();
  });

  test('tells NULL, the empty string, a number and its text apart', () => {
    const values: SqlValue[] = [null, '', 0, '0', 0n, false, [], new Uint8Array()];
    for (const [i, a] of values.entries()) {
      for (const [j, b] of values.entries()) {
        if (i !== j) expect(difference(result([[a]]), result([[b]]), multiset), `${i} ${j}`).toBeDefined();
      }
    }
  });

  test('holds the order where it is asked to', () => {
    const expected = result([
      [1, 1],
      [1, 2],
      [2, 3],
    ]);
    const ties = result([
      [1, 2],
      [1, 1],
      [2, 3],
    ]);
    expect(difference(expected, ties, { kind: 'ordered' })).toContain('row 0');
    expect(difference(expected, ties, { kind: 'sorted', keys: [0] })).toBeUndefined();
    expect(difference(expected, ties, { kind: 'sorted', keys: [1] })).toContain('row 0');
  });

  test('compares names and types of columns', () => {
    expect(difference(result([[1]]), result([[1]], 'BIGINT'), multiset)).toContain('c0 BIGINT');
  });
});
