import { describe, expect, it } from 'vitest';
import type { ClusterInfo, WorkerInfo } from '../../coordinator/index.ts';
import { renderCluster } from './cluster.ts';
import { noColors } from './style.ts';

const worker: WorkerInfo = {
  id: 'w1-abc',
  url: 'http://10.0.0.1:4000',
  host: 'host-1',
  state: 'alive',
  threads: 4,
  memoryBytes: 4e9,
  memoryUsedBytes: 1.2e9,
  residentBytes: 2e9,
  runningTasks: 2,
  finishedTasks: 1234,
  failedTasks: 1,
  spoolBytes: 5e6,
  spoolFreeBytes: 1e12,
  cacheBytes: 7e6,
  cacheHits: 3,
  cacheMisses: 1,
  tableCacheBytes: 0,
  tableCacheHits: 0,
  tableCacheMisses: 0,
  cpuLoad: 0.42,
  lastSeenMs: 120,
  uptimeMs: 3_725_000,
};

const cluster: ClusterInfo = {
  version: '0.1.0',
  duckdbVersion: 'v1.5.6',
  uptimeMs: 125_000,
  workers: [worker, { ...worker, id: 'w2', state: 'lost', url: '', cacheHits: 0, cacheMisses: 0 }],
  runningQueries: 1,
  queuedQueries: 0,
  tables: [{ name: 'main.t', rowCount: 1_000_000, bytes: 8e6, files: 4 }],
};

describe('renderCluster', () => {
  it('shows health, load and caches, a line a worker', () => {
    expect(renderCluster(cluster, 'http://127.0.0.1:8642', noColors)).toMatchInlineSnapshot(`
      "coordinator  http://127.0.0.1:8642  Skein 0.1.0, DuckDB v1.5.6, up 2 m 05 s
      queries      1 running, 0 queued
      tables       1 with 1,000,000 rows, 8.0 MB

      WORKER  STATE  TASKS   DONE  FAILED  CPU  THREADS            MEMORY   SPOOL   CACHE  HITS  TABLES  HITS        SEEN        UP  ADDRESS
      w1-abc  alive      2  1,234       1  42%        4  1.2 GB of 4.0 GB  5.0 MB  7.0 MB   75%     0 B     -  120 ms ago  1 h 02 m  http://10.0.0.1:4000
      w2      lost       2  1,234       1  42%        4  1.2 GB of 4.0 GB  5.0 MB  7.0 MB     -     0 B     -  120 ms ago  1 h 02 m  in process
      "
    `);
  });

  it('says what to do without workers', () => {
    const text = renderCluster({ ...cluster, workers: [], tables: [] }, 'http://127.0.0.1:8642', noColors);
    expect(text).toContain('tables       none\n');
    expect(text).toContain('skein worker --coordinator http://127.0.0.1:8642\n');
    expect(text).not.toContain('WORKER');
  });
});
