import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { quoteLiteral } from '../types/index.ts';
import { DuckDb } from './duckdb.ts';
import { inspectFiles } from './inspect-files.ts';

test('the footers tell how many values a column has, and from where to where', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'skein-statistics-'));
  const duckdb = await DuckDb.open({
    threads: 1,
    memoryBytes: 256 << 20,
    tempDirectory: join(folder, 'tmp'),
    readRoots: [],
    writeRoots: [folder],
  });
  try {
    const connection = await duckdb.connect();
    const path = join(folder, 't.parquet');
    await connection.run(
      `COPY (SELECT (i * 2 + 10)::BIGINT AS even, ['a', 'b', NULL][i % 3 + 1] AS letter, DATE '2024-01-01' + (i % 10)::INTEGER AS day,
         (i / 4)::DECIMAL(9,2) AS price, [i] AS list, i::VARCHAR || '-' || hash(i) AS text FROM range(5000) r(i))
       TO ${quoteLiteral(path)} (FORMAT parquet, ROW_GROUP_SIZE 2048)`,
    );
    const { statistics } = await inspectFiles(
      connection,
      'parquet',
      [{ path, bytes: 1 }],
      [],
      AbortSignal.timeout(10_000),
    );
    const [even, letter, day, price, list, text] = statistics ?? [];
    // The range allows for every second value that is not there.
    expect(even).toMatchObject({ distinct: 5000, min: 10, max: 10_008 });
    expect(letter?.distinct).toBe(2);
    expect(day).toMatchObject({ distinct: 10, min: Date.parse('2024-01-01') / 1000 });
    expect(price).toMatchObject({ min: 0, max: 1249.75 });
    expect(list?.bytes).toBeGreaterThan(0);
    expect(text?.min).toBeUndefined();
    await connection[Symbol.asyncDispose]();
  } finally {
    duckdb.close();
    await rm(folder, { recursive: true, force: true });
  }
});
