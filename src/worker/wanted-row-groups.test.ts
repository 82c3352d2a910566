import { create } from '@bufbuild/protobuf';
import { describe, expect, it } from 'vitest';
import type { Expr } from '../plan/index.ts';
import { FileScanSchema, type Split, SplitSchema } from '../rpc/index.ts';
import type { ParquetRowGroup } from '../storage/index.ts';
import { scalar } from '../types/index.ts';
import { WantedRowGroups } from './wanted-row-groups.ts';

const type = scalar('BIGINT');
const column: Expr = { kind: 'column', index: 0, type };

/** Ten rows each, whose values are from ten times their position on. */
function groupsOf(count: number): readonly ParquetRowGroup[] {
  return Array.from({ length: count }, (_, index) => ({
    firstRow: index * 10,
    rows: 10,
    bounds: () => ({
      type: scalar('HUGEINT'),
      nulls: 0,
      values: 10,
      min: { kind: 'number', units: BigInt(index * 10), scale: 0 },
      max: { kind: 'number', units: BigInt(index * 10 + 9), scale: 0 },
    }),
  }));
}

function equals(...values: readonly number[]): Expr {
  const list = values.map((value): Expr => ({ kind: 'literal', value: String(value), type }));
  return { kind: 'in', input: column, list, negated: false, type: scalar('BOOLEAN') };
}

function choose(count: number, splits: readonly Omit<Split, '$typeName'>[], ...prune: readonly Expr[]) {
  const scan = create(FileScanSchema, { prune: prune.length === 0 ? '' : JSON.stringify(prune) });
  const own = splits.map((split) => create(SplitSchema, split));
  const wanted = new WantedRowGroups(scan, own, [{ type, stored: { name: 'a', fieldId: undefined } }]);
  const groups = wanted.choose(groupsOf(count));
  return {
    groups: groups.flatMap((each, index) => (each ? [index] : [])),
    splits: wanted.splits.map(({ firstRow, rowCount }) => [firstRow, rowCount]),
  };
}

describe('wanted row groups', () => {
  it('are those of the rows that are read', () => {
    expect(choose(5, [{ path: 'f' }])).toEqual({ groups: [0, 1, 2, 3, 4], splits: [[undefined, undefined]] });
    expect(choose(5, [{ path: 'f', firstRow: 10n, rowCount: 20n }])).toEqual({
      groups: [1, 2],
      splits: [[10n, 20n]],
    });
    const inside = [{ path: 'f', firstRow: 19n, rowCount: 2n }];
    expect(choose(5, inside)).toEqual({ groups: [1, 2], splits: [[19n, 2n]] });
  });

  it('are those whose rows may be wanted', () => {
    expect(choose(5, [{ path: 'f' }], equals(12, 40))).toEqual({
      groups: [1, 4],
      splits: [
        [10n, 10n],
        [40n, 10n],
      ],
    });
    expect(choose(5, [{ path: 'f', firstRow: 15n, rowCount: 20n }], equals(12, 40))).toEqual({
      groups: [1],
      splits: [[15n, 5n]],
    });
    expect(choose(5, [{ path: 'f' }], equals(99))).toEqual({ groups: [], splits: [] });
  });

  it('are read by few readers', () => {
    const even = Array.from({ length: 40 }, (_, index) => index * 20);
    const { groups, splits } = choose(80, [{ path: 'f' }], equals(...even));
    expect(splits.length).toBe(8);
    for (const value of even) expect(groups).toContain(value / 10);
    const rows = splits.reduce((sum, [, count]) => sum + Number(count), 0);
    expect(rows).toBe(groups.length * 10);
  });
});
