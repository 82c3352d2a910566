import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { startTestEngine, type TestEngine } from '../support/engine.ts';
import { DmlPair, type Step } from './support/dml-pair.ts';

const off = { local_bypass: 'off', TimeZone: 'UTC' };

let dir: string;
let engine: TestEngine;

beforeAll(async () => {
  dir = await mkdtemp(join(tmpdir(), 'skein-reshard-'));
  engine = await startTestEngine({ dataDir: dir, workers: 3 });
});

afterAll(async () => {
  await engine.close();
  await rm(dir, { recursive: true, force: true });
});

/** Keys of many types with NULLs, repeats, and values that are equal but not alike. */
function rowsOf(count: number, salt: number): string {
  const hash = (step: number, modulus: number) => `(hash(i * 31 + ${salt + step}) % ${modulus})::INTEGER`;
  return `SELECT CASE WHEN i % 11 = 0 THEN NULL ELSE ${hash(0, 90)} END AS k,
    CASE WHEN i % 13 = 0 THEN NULL ELSE ['abc', 'ABC', 'x', '', 'naïve', 'ß'][i % 6 + 1] || ${hash(1, 4)} END AS s,
    DATE '2020-01-01' + ${hash(2, 60)} AS d,
    (${hash(3, 200)} / 4)::DECIMAL(10,2) AS n,
    [0.0, -0.0, 'nan'::DOUBLE, 'inf'::DOUBLE, 1.5, NULL][i % 6 + 1]::DOUBLE AS f,
    i::BIGINT AS v FROM range(${count}) r(i)`;
}

const changes = [
  'UPDATE t SET k = k + 1, s = s || k, d = d + 1 WHERE v % 7 = 5',
  'DELETE FROM t WHERE v % 19 = 7',
  'UPDATE t SET k = NULL WHERE v % 23 = 7',
  'INSERT INTO t SELECT k, s, d, n, f, v + 1000 FROM t WHERE v % 29 = 3',
  `MERGE INTO t USING (SELECT k, v FROM o WHERE v < 20) s ON t.v = s.v
   WHEN MATCHED THEN UPDATE SET k = s.k WHEN NOT MATCHED THEN INSERT (k, v) VALUES (s.k, s.v)`,
];

const questions = [
  ...['k', 's', 'd', 'n', 'f'].map((key) => `SELECT ${key}, count(*), sum(v) FROM t GROUP BY ${key}`),
  ...['k = 55', 'k IS NULL', 'k >= 40', "s = 'abc0'", "d = DATE '2020-02-09'", 'n = 12.5', 'n < 10'].map(
    (where) => `SELECT count(*), sum(v) FROM t WHERE ${where}`,
  ),
  ...['f = 0', 'f > 0', "f = 'nan'", 'f IS NULL', "s COLLATE NOCASE = 'abc1'"].map(
    (where) => `SELECT count(*), sum(v) FROM t WHERE ${where}`,
  ),
  'SELECT count(*), sum(t.v), sum(o.v) FROM t JOIN o ON t.k = o.k',
  'SELECT count(*), sum(t.v), sum(o.v) FROM t FULL JOIN o ON t.k IS NOT DISTINCT FROM o.k AND t.s = o.s',
  'SELECT count(*), sum(v) FROM t WHERE k NOT IN (SELECT k FROM o WHERE k IS NOT NULL)',
];

/** DuckDB knows no shards: it is told something that changes no row. */
const reshard = (table: string, clause: string): Step => ({
  sql: `COMMENT ON TABLE ${table} IS 'rows in shards'`,
  skein: `ALTER TABLE ${table} RESHARD BY ${clause}`,
});

describe('RESHARD keeps every row, and later statements find it', () => {
  test.each([
    ['HASH (k, s) INTO 5 SHARDS', 5],
    ['HASH (k) INTO 500 SHARDS', 500],
    ['HASH (f, n) INTO 4 SHARDS', 4],
    ['RANGE (k) SPLIT AT (70, 30, 30, NULL)', 3],
    ['RANGE (s) INTO 4 SHARDS', 4],
    ['ROUND ROBIN INTO 4 SHARDS', 4],
    ['NONE', 0],
  ])('%s', { timeout: 120_000 }, async (clause, shards) => {
    const pair = await DmlPair.open({ name: clause, engine, settings: off, clauses: '' });
    try {
      const found = await pair.run([
        `CREATE TABLE o AS ${rowsOf(150, 7)}`,
        reshard('o', 'HASH (k) INTO 8 SHARDS'),
        `CREATE TABLE t AS ${rowsOf(400, 0)}`,
        reshard('t', 'RANGE (k) SPLIT AT (50)'),
        reshard('t', clause),
        ...changes,
        ...questions,
        reshard('t', 'HASH (k) INTO 4 SHARDS'),
        ...questions.slice(0, 2),
        'DELETE FROM t',
        reshard('t', clause.startsWith('RANGE (s)') ? 'NONE' : clause),
        ...questions.slice(0, 1),
      ]);
      expect(found).toBeUndefined();
      if (clause.startsWith('RANGE (s)')) return;
      const sql = `SELECT count(*), sum(files) FROM system.shards WHERE table_name = 't'`;
      expect(await engine.rows(sql)).toEqual([[BigInt(shards), shards === 0 ? null : 0n]]);
    } finally {
      await pair.close();
    }
  });
});
