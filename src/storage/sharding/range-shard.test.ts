import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { DuckDb } from '../../duckdb/index.ts';
import { parseType } from '../../types/index.ts';
import { rangeShardSql } from './range-shard.ts';

it.each<[string, readonly string[], readonly string[], readonly number[]]>([
  [
    'INTEGER',
    ['10', '20', '30'],
    ['-5', '9', '10', '19', '20', '30', '99', 'NULL'],
    [0, 0, 1, 1, 2, 3, 3, 3],
  ],
  ['VARCHAR', ["it's", 'm'], ["''", "'it''s'", "'m'", "'é'", 'NULL'], [0, 1, 2, 2, 2]],
  ['DOUBLE', ['0'], ["'-inf'", '-0.0', "'nan'"], [0, 1, 1]],
  ['DATE', ['2020-01-01'], ["'2019-12-31'", "'2020-01-01'", "'infinity'"], [0, 1, 1]],
  ['BIGINT', [], ['1', 'NULL'], [0, 0]],
])('%s split at %j', async (type, splits, values, expected) => {
  const folder = await mkdtemp(join(tmpdir(), 'skein-range-shard-'));
  const options = { threads: 1, memoryBytes: 2 ** 28, tempDirectory: folder, readRoots: [], writeRoots: [] };
  const db = await DuckDb.open(options);
  const connection = await db.connect();
  const rows = values.map((value) => `(CAST(${value} AS ${type}))`).join(', ');
  const found = await connection.rows(
    `SELECT ${rangeShardSql('v', parseType(type), splits)} FROM (VALUES ${rows}) t(v)`,
  );
  expect(found.map(([shard]) => shard)).toEqual(expected);
  await connection[Symbol.asyncDispose]();
  db.close();
  await rm(folder, { recursive: true });
});
