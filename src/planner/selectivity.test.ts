import { describe, expect, test } from 'vitest';
import { col, DOUBLE, eq, INTEGER, int } from '../../test/support/plans.ts';
import type { CompareOp, Expr } from '../plan/index.ts';
import { scalar } from '../types/index.ts';
import { BOOLEAN } from './expressions.ts';
import { distinctOf, type KnownColumns, selectivity } from './selectivity.ts';

const known: KnownColumns = [
  { distinct: 20, min: 0, max: 100, tableRows: 1000 },
  { distinct: undefined, min: undefined, max: undefined, tableRows: 1000 },
  undefined,
];

function compare(op: CompareOp, left: Expr, right: Expr): Expr {
  return { kind: 'compare', op, left, right, type: BOOLEAN };
}

function both(...args: Expr[]): Expr {
  return { kind: 'and', args, type: BOOLEAN };
}

describe('selectivity', () => {
  test('an equality lets one of the different values through', () => {
    expect(selectivity(eq(col(0), int(3)), known)).toBe(1 / 20);
    expect(selectivity(eq(col(1), int(3)), known)).toBe(0.1);
  });

  test('a bound takes its part of the range, on either side of the operator', () => {
    expect(selectivity(compare('<', col(0), int(25)), known)).toBeCloseTo(0.25);
    expect(selectivity(compare('<', int(25), col(0)), known)).toBeCloseTo(0.75);
  });

  test('two bounds of one column are a range, not two independent terms', () => {
    const range = both(compare('>=', col(0), int(40)), compare('<', col(0), int(50)));
    expect(selectivity(range, known)).toBeCloseTo(0.1);
  });

  test('beyond the range nothing much is left, but never nothing', () => {
    expect(selectivity(compare('>', col(0), int(500)), known)).toBe(0.001);
  });

  test('a bound on an aggregate, as in HAVING, is narrow', () => {
    expect(selectivity(compare('>', col(2), int(300)), known)).toBe(0.05);
  });

  test('dates count by their place in time', () => {
    const date = scalar('DATE');
    const day = (text: string): number => Date.parse(text) / 1000;
    const dates: KnownColumns = [
      { distinct: 2526, min: day('1992-01-01'), max: day('1999-01-01'), tableRows: 1000 },
    ];
    const literal: Expr = { kind: 'literal', value: '1998-09-02', type: date };
    expect(selectivity(compare('<=', col(0, date), literal), dates)).toBeCloseTo(0.95, 1);
  });
});

describe('distinctOf', () => {
  test('an expression has no more values than its columns have together', () => {
    const doubled: Expr = { kind: 'call', name: '*', args: [col(0), int(2)], type: INTEGER, volatile: false };
    expect(distinctOf(doubled, known)).toBe(20);
    expect(distinctOf({ ...doubled, args: [col(0), col(1)] }, known)).toBeUndefined();
  });

  test('random() has as many as there are rows', () => {
    const random: Expr = { kind: 'call', name: 'random', args: [], type: DOUBLE, volatile: true };
    expect(distinctOf(random, known)).toBeUndefined();
  });
});
