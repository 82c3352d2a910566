import fc from 'fast-check';
import { expect, test } from 'vitest';
import { dealNear } from './deal-near.ts';
import type { Split, TableSnapshot } from './table.ts';

function table(paths: readonly string[]): TableSnapshot {
  return {
    name: 'main.t',
    schema: [],
    format: { kind: 'delta', columns: [] },
    files: paths.map((path) => ({ path, bytes: 100, modifiedMs: undefined, rowGroups: undefined })),
    rowCount: 0,
    bytes: 0,
  };
}

const names = (count: number, from = 0) =>
  Array.from({ length: count }, (_, index) => `s3://b/${index + from}`);
const owners = (tasks: readonly (readonly Split[])[]) =>
  new Map(tasks.flatMap((splits, task) => splits.map(({ path }) => [path, task])));

test('every file is in exactly one task', () => {
  fc.assert(
    fc.property(
      fc.uniqueArray(fc.string(), { maxLength: 60 }),
      fc.integer({ min: 1, max: 7 }),
      (paths, count) => {
        const tasks = dealNear(table(paths), names(count));
        expect(tasks).toHaveLength(count);
        const dealt = tasks.flat().map(({ path }) => path);
        expect(dealt.toSorted()).toEqual(paths.toSorted());
      },
    ),
  );
});

test('workers keep most of their files when some come and go, and none has too many', () => {
  const workers = ['a', 'b', 'c', 'd'];
  const before = dealNear(table(names(1000)), workers);
  for (const splits of before) expect(splits.length).toBeLessThanOrEqual(301);
  const after = owners(dealNear(table(names(1000, 100)), workers));
  const stayed = [...owners(before)].filter(([path, task]) => after.get(path) === task);
  expect(stayed.length).toBeGreaterThan(800);
});
