import { expect, test } from 'vitest';
import type { DeltaSnapshot, TableSnapshot } from '../storage/index.ts';
import type { ColumnStatistics } from '../types/index.ts';
import type { FileInspection, InspectFiles } from './file-tables.ts';
import { isStale, sampleFooters } from './sample-footers.ts';

const metadata = {
  id: 'm',
  schemaString: 's',
  format: { provider: 'parquet', options: {} },
  partitionColumns: [],
  configuration: {},
};
const snapshot = { location: '/data/t', metadata } as unknown as DeltaSnapshot;

function tableOf(files: number, rowCount: number): TableSnapshot {
  const paths = Array.from({ length: files }, (_, at) => ({ path: `/data/t/${at}`, bytes: 1 }));
  return { files: paths, rowCount } as unknown as TableSnapshot;
}

/** Notes the paths that it is asked for, all of 1000 rows. */
function inspector(distinct: Readonly<Record<string, number>>, asked: string[] = []): InspectFiles {
  return (_, files) => {
    asked.push(...files.map(({ path }) => path));
    const names = Object.keys(distinct);
    const inspection: FileInspection = {
      schema: names.map((name) => ({ name, type: { kind: 'scalar', name: 'VARCHAR' } })),
      format: { kind: 'parquet', options: {}, hive: undefined },
      rowCount: files.length * 1000,
      rowGroups: new Map(),
      statistics: names.map(
        (name): ColumnStatistics => ({ bytes: 1, distinct: distinct[name], min: undefined, max: undefined }),
      ),
    };
    return Promise.resolve(inspection);
  };
}

test('values that repeat are all there are; of others there are as many more as there are rows', async () => {
  const asked: string[] = [];
  const sample = await sampleFooters(inspector({ flag: 3, id: 4000 }, asked), snapshot, tableOf(10, 10_000));
  expect(asked).toEqual(['/data/t/0', '/data/t/3', '/data/t/6', '/data/t/9']);
  expect(sample).toEqual({
    tableId: 'm',
    schemaString: 's',
    tableRows: 10_000,
    distinct: { flag: 3, id: 10_000 },
  });
  expect(isStale(sample, snapshot, 20_000)).toBe(false);
  expect(isStale(sample, snapshot, 20_001)).toBe(true);
  expect(isStale(sample, snapshot, 4999)).toBe(true);
  expect(isStale(sample, { ...snapshot, metadata: { ...metadata, schemaString: 'new' } }, 10_000)).toBe(true);
});

test('files that cannot be read, or lie far away, tell nothing', async () => {
  const failing: InspectFiles = () => Promise.reject(new Error('gone'));
  expect((await sampleFooters(failing, snapshot, tableOf(2, 10))).distinct).toEqual({});
  const asked: string[] = [];
  const remote = { ...snapshot, location: 's3://bucket/t' };
  expect((await sampleFooters(inspector({ a: 1 }, asked), remote, tableOf(2, 10))).distinct).toEqual({});
  expect((await sampleFooters(inspector({ a: 1 }, asked), snapshot, tableOf(0, 0))).distinct).toEqual({});
  expect(asked).toEqual([]);
});
