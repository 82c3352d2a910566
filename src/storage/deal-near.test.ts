import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { dealNear } from './deal-near.ts';
import { eachRowOnce, filesOf, type TestFile } from './fake-files.ts';
import type { WeightedWorker } from './sharding/rendezvous.ts';
import type { Split } from './table.ts';

const fleetOf = (count: number, weight = 1): WeightedWorker[] =>
  Array.from({ length: count }, (_, index) => ({ id: `w${index}`, weight }));
const names = (count: number, from = 0): TestFile[] =>
  Array.from({ length: count }, (_, index) => ({ path: `s3://b/${index + from}` }));
const owners = (tasks: readonly (readonly Split[])[]) =>
  new Map(tasks.flatMap((splits, task) => splits.map(({ path }) => [path, task])));
const loads = (tasks: readonly (readonly Split[])[]) =>
  tasks.map((splits) => splits.reduce((bytes, split) => bytes + split.bytes, 0));

const files = fc
  .array(
    fc.record({
      groups: fc.array(fc.integer({ min: 1, max: 50 }), { minLength: 1, maxLength: 6 }),
      shard: fc.nat(7),
    }),
    { maxLength: 40 },
  )
  .map((all) => all.map((file, index): TestFile => ({ ...file, path: `/t/${index}` })));
const fleet = fc
  .array(fc.integer({ min: 1, max: 9 }), { minLength: 1, maxLength: 7 })
  .map((weights) => weights.map((weight, index): WeightedWorker => ({ id: `w${index}`, weight })));

test('every row is in exactly one split, sharded or not', () => {
  fc.assert(
    fc.property(files, fleet, fc.boolean(), (all, workers, sharded) => {
      const homes = Array.from({ length: 8 }, (_, shard) => (shard * 5) % workers.length);
      const tasks = dealNear(filesOf(all), workers, sharded ? homes : undefined);
      expect(tasks).toHaveLength(workers.length);
      eachRowOnce(all, tasks);
    }),
  );
});

test('workers keep most of their files when some come and go, and none has too many', () => {
  const workers = fleetOf(4);
  const before = dealNear(filesOf(names(1000)), workers);
  for (const splits of before) expect(splits.length).toBeLessThanOrEqual(301);
  const after = owners(dealNear(filesOf(names(1000, 100)), workers));
  const stayed = [...owners(before)].filter(([path, task]) => after.get(path) === task);
  expect(stayed.length).toBeGreaterThan(800);
});

test('a worker that is twice as able takes twice as much', () => {
  const [small = 0, big = 0] = loads(
    dealNear(filesOf(names(3000)), [
      { id: 'small', weight: 1 },
      { id: 'big', weight: 2 },
    ]),
  );
  expect(big / small).toBeGreaterThan(1.6);
  expect(big / small).toBeLessThan(2.4);
});

test('few files are cut, so that all workers have something to do', () => {
  const all = [{ path: 's3://b/one', groups: [10, 10, 10, 10, 10, 10] }];
  expect(loads(dealNear(filesOf(all), fleetOf(3)))).toEqual([2000, 2000, 2000]);
});

describe('of a sharded table', () => {
  const eight = Array.from({ length: 8 }, (_, shard): TestFile => ({ path: `/t/${shard}`, shard }));

  test('files are read where their shard is', () => {
    const placed = [2, 0, 1, 1, 0, 2, 0, 1];
    const tasks = dealNear(filesOf(eight), fleetOf(3), placed);
    expect(owners(tasks)).toEqual(new Map(placed.map((worker, shard) => [`/t/${shard}`, worker])));
  });

  test('what is more than a share of a heavy shard is read elsewhere', () => {
    const heavy = [{ path: '/t/heavy', shard: 0, groups: [10, 10, 10, 10, 10, 10, 10, 10] }];
    const light = [1, 2, 3].map((shard): TestFile => ({ path: `/t/${shard}`, shard, groups: [10] }));
    const tasks = dealNear(filesOf([...heavy, ...light]), fleetOf(4), [0, 1, 2, 3]);
    expect(Math.max(...loads(tasks))).toBeLessThanOrEqual(4000);
    expect(tasks[0]?.[0]).toMatchObject({ path: '/t/heavy', firstRow: 0 });
  });
});
