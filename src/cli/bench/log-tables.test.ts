import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { DuckDb } from '../../duckdb/index.ts';
import { Skein } from '../../main/index.ts';
import { makeLogTable } from './log-tables.ts';

test('the tables are read as what they say they are', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'skein-logs-'));
  try {
    const duckdb = await DuckDb.open({
      threads: 1,
      memoryBytes: 2 ** 29,
      tempDirectory: join(folder, '.temp'),
      readRoots: [],
      writeRoots: [folder],
    });
    const shape = { name: 't', files: 40, partitions: 10, checkpoint: 5, commitsBefore: 5, commitsAfter: 3 };
    await makeLogTable(await duckdb.connect(), shape, folder, new AbortController().signal);
    duckdb.close();
    await using session = await Skein.open({ data: folder, workers: 1 });
    const rows = async (sql: string) => await session.query(sql).rows({ as: 'arrays' });
    expect(await rows(`SELECT count(*), min(id), max(id), sum(price) FROM t WHERE part = 'p7'`)).toEqual([
      [4000n, 7000n, 37_999n, 1_998_000],
    ]);
    expect(await rows(`SELECT count(*) FROM t WHERE part = 'p7' AND id = 17005`)).toEqual([[1n]]);
    const plan = (await rows('EXPLAIN SELECT sum(price) FROM t WHERE id = 17005')).join('\n');
    expect(plan).toContain('files 1 of 40');
  } finally {
    rmSync(folder, { recursive: true });
  }
});
