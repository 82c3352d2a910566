import fc from 'fast-check';
import { expect, test } from 'vitest';
import { eachRowOnce, filesOf, type TestFile } from './fake-files.ts';
import { countSplits, dealShards, dealSplits } from './plan-splits.ts';

const table = (groups: readonly (readonly number[] | undefined)[]) => filesOf(named(groups));
const named = (groups: readonly (readonly number[] | undefined)[]) =>
  groups.map((rows, index): TestFile => ({ path: `/d/${index}`, groups: rows }));

test('every row of every file is in exactly one split, whatever the shape', () => {
  const groups = fc.option(fc.array(fc.integer({ min: 0, max: 50 }), { maxLength: 8 }), { nil: undefined });
  fc.assert(
    fc.property(fc.array(groups, { maxLength: 6 }), fc.integer({ min: 1, max: 9 }), (files, count) => {
      const tasks = dealSplits(table(files), count);
      expect(tasks).toHaveLength(count);
      eachRowOnce(named(files), tasks);
    }),
  );
});

test('equal row groups are dealt out evenly and joined where they touch', () => {
  const [first, second] = dealSplits(table([[10, 10, 10, 10]]), 2);
  expect(first).toEqual([{ path: '/d/0', firstRow: 0, rowCount: 20, bytes: 2000 }]);
  expect(second).toEqual([{ path: '/d/0', firstRow: 20, rowCount: 20, bytes: 2000 }]);
  expect(countSplits(table([[10, 10], undefined]))).toBe(3);
});

test('each file is in the task of its shard, whole', () => {
  const shards = fc.array(fc.nat(20), { maxLength: 40 });
  const placed = fc.array(fc.nat(8), { minLength: 21, maxLength: 21 });
  fc.assert(
    fc.property(shards, placed, (files, tasks) => {
      const all = files.map((shard, index): TestFile => ({ path: `/d/${index}`, shard, groups: [5, 5] }));
      const dealt = dealShards(filesOf(all), tasks, 9);
      expect(dealt).toHaveLength(9);
      eachRowOnce(all, dealt);
      dealt.forEach((splits, task) => {
        for (const { path } of splits) expect(tasks[files[Number(path.slice(3))] ?? -1]).toBe(task);
      });
    }),
  );
  expect(() => dealShards(filesOf([{ path: '/d/0' }]), [0], 2)).toThrow('/d/0');
  expect(() => dealShards(filesOf([{ path: '/d/0', shard: 3 }]), [0], 2)).toThrow('shard 3');
});
