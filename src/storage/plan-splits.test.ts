import fc from 'fast-check';
import { expect, test } from 'vitest';
import { countSplits, dealShards, dealSplits } from './plan-splits.ts';
import type { TableSnapshot } from './table.ts';

function table(files: readonly (readonly number[] | undefined)[]): TableSnapshot {
  return {
    name: 'main.t',
    schema: [],
    format: { kind: 'parquet', options: {}, hive: undefined },
    files: files.map((rowGroups, index) => ({
      path: `/d/${index}`,
      bytes: 100 * (rowGroups?.reduce((sum, rows) => sum + rows, 0) ?? 1),
      modifiedMs: 0,
      rowGroups,
    })),
    rowCount: 0,
    bytes: 0,
  };
}

test('every row of every file is in exactly one split, whatever the shape', () => {
  const groups = fc.option(fc.array(fc.integer({ min: 0, max: 50 }), { maxLength: 8 }), { nil: undefined });
  fc.assert(
    fc.property(fc.array(groups, { maxLength: 6 }), fc.integer({ min: 1, max: 9 }), (files, count) => {
      const tasks = dealSplits(table(files), count);
      expect(tasks).toHaveLength(count);
      files.forEach((rowGroups, index) => {
        const splits = tasks.flat().filter((split) => split.path === `/d/${index}`);
        if (splits.some((split) => split.firstRow === undefined)) {
          expect(splits).toHaveLength(1);
          return;
        }
        const rows = splits.flatMap((split) =>
          Array.from({ length: split.rowCount ?? 0 }, (_, row) => (split.firstRow ?? 0) + row),
        );
        const total = (rowGroups ?? []).reduce((sum, group) => sum + group, 0);
        expect(rows.toSorted((a, b) => a - b)).toEqual(Array.from({ length: total }, (_, row) => row));
      });
    }),
  );
});

test('equal row groups are dealt out evenly and joined where they touch', () => {
  const [first, second] = dealSplits(table([[10, 10, 10, 10]]), 2);
  expect(first).toEqual([{ path: '/d/0', firstRow: 0, rowCount: 20, bytes: 2000 }]);
  expect(second).toEqual([{ path: '/d/0', firstRow: 20, rowCount: 20, bytes: 2000 }]);
  expect(countSplits(table([[10, 10], undefined]))).toBe(3);
});

function deltaTable(files: readonly { bytes: number; shard?: number }[]): TableSnapshot {
  return {
    ...table([]),
    files: files.map(({ bytes, shard }, index) => ({
      path: `/d/${index}`,
      bytes,
      modifiedMs: undefined,
      rowGroups: undefined,
      delta: {
        rowCount: undefined,
        partitionValues: [],
        deletionVector: undefined,
        stats: undefined,
        shard,
        crc32: undefined,
      },
    })),
  };
}

test('shards go to tasks in turn, each with all of its files', () => {
  const shards = fc.array(fc.nat(20), { maxLength: 40 });
  fc.assert(
    fc.property(shards, fc.integer({ min: 1, max: 9 }), (files, count) => {
      const tasks = dealShards(deltaTable(files.map((shard) => ({ bytes: 1, shard }))), count);
      expect(tasks).toHaveLength(count);
      const dealt = tasks.flatMap((splits, task) =>
        splits.map(({ path }) => ({ task, file: Number(path.slice(3)) })),
      );
      expect(dealt.map(({ file }) => file).toSorted((a, b) => a - b)).toEqual([...files.keys()]);
      for (const { task, file } of dealt) expect(task).toBe((files[file] ?? 0) % count);
    }),
  );
  expect(() => dealShards(deltaTable([{ bytes: 1 }]), 2)).toThrow('/d/0');
});
