import { expect, it } from 'vitest';
import { canceledError, SkeinError, SqlState } from '../common/index.ts';
import type { ClusterInfo } from '../coordinator/index.ts';
import { tablesLine } from './serve-coordinator.ts';

const files = { files: 1, bytes: 2048 };
const of = (tables: ClusterInfo['tables']): { cluster(): Promise<ClusterInfo> } => ({
  cluster: async () => ({ tables }) as ClusterInfo,
});

it('counts what there is to query', async () => {
  expect(await tablesLine(of([]), '/data')).toMatch(/^no tables yet.*\/data$/);
  expect(await tablesLine(of([{ name: 'main.t', rowCount: 1200, ...files }]), '/data')).toBe(
    '1 table in /data: 1,200 rows, 2.0 KB',
  );
});

it('lets a server begin whose tables take long to be looked into, and none whose tables cannot be', async () => {
  const failing = (error: SkeinError): { cluster(): Promise<ClusterInfo> } => ({
    cluster: async () => {
      throw error;
    },
  });
  expect(await tablesLine(failing(canceledError()), 's3://b/lake')).toMatch(/s3:\/\/b\/lake are still/);
  const broken = new SkeinError(SqlState.dataCorrupted, 'the catalog is damaged');
  await expect(tablesLine(failing(broken), '/data')).rejects.toBe(broken);
});
