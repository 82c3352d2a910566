import { mkdtemp, readFile, rm, truncate, writeFile } from 'node:fs/promises';
import os from 'node:os';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { DuckDb } from '../duckdb/index.ts';
import { parquetRowCount } from './parquet-row-count.ts';

let dir: string;
beforeAll(async () => {
  dir = await mkdtemp(path.join(os.tmpdir(), 'skein-rows-'));
});
afterAll(() => rm(dir, { recursive: true, force: true }));

async function write(name: string, sql: string, options = ''): Promise<string> {
  const file = path.join(dir, name);
  const duckdb = await DuckDb.open({
    threads: 1,
    memoryBytes: 256 * 1024 ** 2,
    tempDirectory: path.join(dir, 'spill'),
    readRoots: [],
    writeRoots: [dir],
  });
  await using connection = await duckdb.connect();
  await connection.run(`COPY (${sql}) TO '${file}' (FORMAT parquet${options})`);
  return file;
}

describe('parquetRowCount', () => {
  it.each([
    ['none', 'SELECT 1 AS a WHERE false', '', 0],
    ['one', 'SELECT 1 AS a', '', 1],
    ['many', 'SELECT range AS a FROM range(300000)', '', 300_000],
    [
      'nested',
      `SELECT {'a': [range], 'b': MAP {range: 'x'}} AS s, range::DECIMAL(9,2) AS d, range % 2 = 0 AS e FROM range(5000)`,
      ', PARQUET_VERSION v2',
      5000,
    ],
    // A footer that does not fit into the first read: many row groups of many columns with statistics.
    [
      'long-footer',
      `SELECT ${Array.from({ length: 40 }, (_, i) => `repeat('x', 60) || range AS c${i}`).join(', ')} FROM range(20000)`,
      ', ROW_GROUP_SIZE 2048',
      20_000,
    ],
  ])('reads the footer: %s', async (name, sql, options, rows) => {
    expect(await parquetRowCount(await write(name, sql, options))).toBe(rows);
  });

  it('refuses what is not a whole Parquet file', async () => {
    const file = await write('whole', 'SELECT range AS a FROM range(10)');
    const bytes = await readFile(file);
    const cases: Record<string, Buffer> = {
      empty: Buffer.alloc(0),
      short: Buffer.from('PAR1'),
      text: Buffer.from('a,b\n1,2\nand so on for more than a few bytes'),
      cut: bytes.subarray(0, -3),
      longFooter: Buffer.concat([Buffer.from([255, 255, 255, 127]), Buffer.from('PAR1')]),
      zeroFooter: Buffer.concat([Buffer.alloc(50), bytes.subarray(-8)]),
    };
    for (const [name, content] of Object.entries(cases)) {
      const damaged = path.join(dir, name);
      await writeFile(damaged, content);
      await expect(parquetRowCount(damaged), name).rejects.toMatchObject({
        sqlState: 'XX001',
        details: { path: damaged },
      });
    }
    await truncate(file, bytes.length - 9);
    await expect(parquetRowCount(file)).rejects.toMatchObject({ sqlState: 'XX001' });
  });
});
