import type { Step } from './dml-pair.ts';

export interface Script {
  readonly name: string;
  readonly steps: readonly (Step | string)[];
}

const t = 'CREATE TABLE t (k BIGINT, p INTEGER, v VARCHAR, x DOUBLE) /*clauses*/';
const rows = `INSERT INTO t SELECT i, i % 3, CASE WHEN i % 5 = 0 THEN NULL ELSE 'v' || i END, i / 4 FROM range(40) r(i)`;
const more = `INSERT INTO t VALUES (NULL, NULL, NULL, NULL), (7, 1, 'again', 1.5), (7, NULL, '', 'NaN'), (100, 2, 'late', -0.0)`;
const filled = [t, rows, more];
const source = 'CREATE TABLE s (k BIGINT, p INTEGER, w VARCHAR) /*clauses*/';
const sourceRows = `INSERT INTO s VALUES (1, 1, 'one'), (5, 2, NULL), (8, 0, 'eight'), (200, 1, 'new'), (NULL, 2, 'none')`;
const joined = [...filled, source, sourceRows];

/** Run on any division of their tables by `k` and `p`. */
export const scripts: readonly Script[] = [
  {
    name: 'inserts',
    steps: [
      t,
      'INSERT INTO t SELECT * FROM t',
      ...filled.slice(1),
      "INSERT INTO t (v, k) VALUES (upper('a'), 1 + 1), (NULL, 3)",
      `INSERT INTO t BY NAME SELECT 5 AS x, 'n' AS v`,
      'INSERT INTO t BY POSITION SELECT 1, 2, 3, 4',
      'INSERT INTO t SELECT * FROM t WHERE k < 5',
      `INSERT INTO t VALUES ('12', '2', 12, '1e3')`,
      { sql: `INSERT INTO t VALUES ('twelve', 2, 'x', 1)`, state: '22P02' },
      { sql: `INSERT INTO t VALUES (1, 3000000000, 'x', 1)`, state: '22003' },
      { sql: 'INSERT INTO t VALUES (1, 2)', state: '42601' },
      { sql: 'INSERT INTO t (k, nope) VALUES (1, 2)', state: '42703' },
      { sql: 'INSERT INTO t (k, k) VALUES (1, 2)', state: '42601' },
      { sql: 'INSERT INTO nothere VALUES (1)', state: '42P01' },
      'INSERT INTO t DEFAULT VALUES',
      'WITH c AS (SELECT 1 AS a UNION ALL SELECT 2) INSERT INTO t (k) SELECT a FROM c',
      'INSERT INTO t (k) WITH c AS (SELECT 77 AS a) SELECT a FROM c',
      { sql: 'INSERT INTO t (k, v) VALUES ($1, $2), ($1 + 1, $2)', params: [500, 'p'] },
      { sql: 'INSERT INTO t (k, v) VALUES (?, ?)', params: [501, null] },
      `INSERT INTO t (v) SELECT max(v) FROM t`,
      'INSERT INTO t SELECT k, p, v, x FROM t ORDER BY k, p, v, x LIMIT 3',
      `INSERT INTO t VALUES ((SELECT max(k) FROM t), (SELECT 1), 'sub', (SELECT avg(x) FROM t WHERE k < 10))`,
    ],
  },
  {
    name: 'inserts that return rows',
    steps: [
      t,
      `INSERT INTO t VALUES (1, 2, 'a', 0.5), (2, 2, NULL, NULL) RETURNING *`,
      `INSERT INTO t (k) VALUES (3) RETURNING k + 1 AS next, v, p IS NULL AS "Ä b"`,
      'INSERT INTO t SELECT * FROM t WHERE false RETURNING k',
      `INSERT INTO t SELECT k + 10, p, v, x FROM t RETURNING k, upper(v)`,
      { sql: 'INSERT INTO t VALUES (1, 2, 3, 4) RETURNING nope', state: '42703' },
    ],
  },
  {
    name: 'updates that return rows',
    steps: [
      ...joined,
      `UPDATE t SET v = v || '!', x = x + 1 WHERE k < 6 RETURNING *`,
      `UPDATE t AS a SET v = 'q', k = k + 1000 WHERE p = 1 RETURNING a.k, upper(a.v) AS "Ä b", x IS NULL`,
      'UPDATE t SET p = s.p + 10, v = s.w FROM s WHERE s.k = t.k RETURNING t.k, p, v',
      'WITH c AS (SELECT k + 1 AS c FROM s) UPDATE t SET x = c FROM c WHERE c = k RETURNING x, *',
      'UPDATE t SET v = NULL WHERE false RETURNING k, v',
      { sql: 'UPDATE t SET v = $1 WHERE k = $2 RETURNING v, k', params: ['par', 8] },
      { sql: 'UPDATE t SET v = ? WHERE k = ? RETURNING v', params: ['ques', 9] },
      { sql: 'UPDATE t SET v = s.w FROM s WHERE s.k = t.k RETURNING w', state: '42703' },
      { sql: `UPDATE t SET v = 'never' RETURNING nope`, state: '42703' },
      { sql: `UPDATE t SET v = 'never' WHERE k = 1 RETURNING merge_action`, state: '42703' },
      { sql: `UPDATE t SET v = 'never' RETURNING CAST(concat('x', k) AS INTEGER)`, state: '22P02' },
    ],
  },
  {
    name: 'deletes that return rows',
    steps: [
      ...joined,
      'INSERT INTO s VALUES (5, 9, NULL), (1, 9, NULL)',
      'DELETE FROM t WHERE k IN (7, 8) RETURNING *',
      'DELETE FROM t AS a USING s WHERE s.k = a.k RETURNING a.k + 1 AS next, v',
      'WITH c AS (SELECT 12 AS c) DELETE FROM t USING c WHERE k = c RETURNING k, v',
      'DELETE FROM t WHERE k = -1 RETURNING k, x',
      { sql: 'DELETE FROM t USING s WHERE s.k = t.k RETURNING s.w', state: '42601' },
      { sql: 'DELETE FROM t WHERE k < ? RETURNING k', params: [10] },
      { sql: 'DELETE FROM t RETURNING nope', state: '42703' },
      'DELETE FROM t RETURNING *, v IS NULL',
      'DELETE FROM t RETURNING *',
    ],
  },
  {
    name: 'merges that return rows',
    steps: [
      ...joined,
      `MERGE INTO t USING s ON s.k = t.k WHEN MATCHED AND s.p = 1 THEN UPDATE SET v = w, x = x * 2
         WHEN MATCHED THEN DELETE WHEN NOT MATCHED THEN INSERT (k, v) VALUES (s.k, w)
         RETURNING merge_action, *, v || '?' AS asked`,
      // Of an UPDATE here, DuckDB 1.5.6 returns what lay in memory for columns that are not set.
      `MERGE INTO t AS a USING s AS b ON b.k = a.k WHEN MATCHED THEN DO NOTHING
         WHEN NOT MATCHED BY SOURCE AND a.k > 30 THEN DELETE WHEN NOT MATCHED BY SOURCE THEN UPDATE SET v = 'left'
         RETURNING lower(merge_action) AS what, v`,
      `MERGE INTO t USING s ON s.k = t.k WHEN NOT MATCHED THEN INSERT (k, v) VALUES (s.k, w) RETURNING *`,
      `MERGE INTO t USING (SELECT 1000 + i AS k FROM range(3) r(i)) s USING (k) WHEN NOT MATCHED THEN INSERT (k) VALUES (s.k)
         RETURNING k, Merge_Action, "merge_action" = 'INSERT' AS b`,
      `MERGE INTO t USING s ON s.k = t.k WHEN MATCHED THEN DELETE RETURNING merge_action, t.*`,
      `MERGE INTO t USING s ON false WHEN MATCHED THEN DELETE RETURNING merge_action, k`,
      { sql: `MERGE INTO t USING s ON s.k = t.k WHEN MATCHED THEN DELETE RETURNING s.w`, state: '42601' },
      'CREATE TABLE m (k BIGINT, p INTEGER, merge_action INTEGER) /*clauses*/',
      'INSERT INTO m VALUES (1, 1, 3), (5, 1, 4)',
      `MERGE INTO m USING s ON s.k = m.k WHEN MATCHED THEN UPDATE SET merge_action = 50 + s.k RETURNING *, merge_action`,
    ],
  },
  {
    name: 'defaults',
    steps: [
      `CREATE TABLE t (k BIGINT DEFAULT 7, p INTEGER DEFAULT (1 + 1), v VARCHAR DEFAULT 'd''x', x DOUBLE) /*clauses*/`,
      'INSERT INTO t DEFAULT VALUES',
      'INSERT INTO t (x) VALUES (1), (2)',
      'INSERT INTO t VALUES (DEFAULT, 5, DEFAULT, 3)',
      "INSERT INTO t VALUES (DEFAULT, 5, 'y', 3), (4, DEFAULT, DEFAULT, DEFAULT)",
      'UPDATE t SET k = DEFAULT, v = NULL WHERE x = 1',
      `INSERT INTO t BY NAME SELECT 9 AS x`,
      'ALTER TABLE t ALTER COLUMN v DROP DEFAULT',
      'INSERT INTO t (x) VALUES (4)',
      'ALTER TABLE t ALTER COLUMN x SET DEFAULT 0.25',
      'INSERT INTO t (k) VALUES (4)',
      `MERGE INTO t USING (SELECT 1000 AS k) s ON t.k = s.k WHEN NOT MATCHED THEN INSERT (k) VALUES (s.k)`,
    ],
  },
  {
    name: 'deletes',
    steps: [
      ...filled,
      'DELETE FROM t WHERE k = 3',
      'DELETE FROM t WHERE v IS NULL AND k > 20',
      'DELETE FROM t WHERE NOT (k < 1000 OR v IS NULL)',
      'DELETE FROM t AS u WHERE u.k = 4',
      'DELETE FROM t WHERE k IN (SELECT k + 1 FROM t WHERE p = 0)',
      'DELETE FROM t WHERE k NOT IN (SELECT k FROM t)',
      'DELETE FROM t WHERE EXISTS (SELECT 1 FROM t u WHERE u.k = t.k AND u.v <> t.v)',
      'DELETE FROM t WHERE x = (SELECT max(x) FROM t u WHERE u.p = t.p)',
      'DELETE FROM t WHERE NULL',
      'DELETE FROM t WHERE p = 1',
      { sql: 'DELETE FROM t WHERE nope = 1', state: '42703' },
      { sql: 'DELETE FROM t WHERE v::INTEGER = 1', state: '22P02' },
      { sql: 'DELETE FROM t WHERE k = $1 OR v = $2', params: [9, 'v11'] },
      'WITH c AS (SELECT 12 AS a) DELETE FROM t WHERE k IN (SELECT a FROM c)',
      'DELETE FROM t WHERE true',
      'DELETE FROM t WHERE k = 1',
      "INSERT INTO t VALUES (1, 1, 'x', 1)",
      'DELETE FROM t',
      'DELETE FROM t',
    ],
  },
  {
    name: 'deletes using a source',
    steps: [
      ...joined,
      'DELETE FROM t USING s WHERE t.k = s.k AND s.w IS NOT NULL',
      'DELETE FROM t USING s, (SELECT 2 AS two) q WHERE t.k = s.k + q.two',
      'DELETE FROM t USING s AS a, s AS b WHERE t.k > a.k AND t.k < b.k AND t.p = 0',
      'DELETE FROM t u USING t v WHERE u.k = v.k + 1 AND v.p = 1',
    ],
  },
  {
    name: 'updates',
    steps: [
      ...filled,
      `UPDATE t SET v = 'changed' WHERE k = 3`,
      'UPDATE t SET x = x + 1, k = k * 10 WHERE p = 1',
      'UPDATE t SET k = x, x = k WHERE k IS NOT NULL AND x < 1000',
      'UPDATE t AS u SET v = u.v || u.p::VARCHAR WHERE u.k < 5',
      'UPDATE t SET p = p + 1',
      'UPDATE t SET x = (SELECT max(u.x) FROM t u WHERE u.p = t.p) WHERE p = 2',
      'UPDATE t SET v = (SELECT min(v) FROM t)',
      'UPDATE t SET v = NULL WHERE k IN (SELECT max(k) FROM t GROUP BY p)',
      `UPDATE t SET v = CASE WHEN p IS NULL THEN 'null' ELSE 'p' || p END`,
      'UPDATE t SET p = NULL WHERE k > 5',
      'UPDATE t SET k = 5 WHERE false',
      { sql: `UPDATE t SET k = 'x'`, state: '22P02' },
      { sql: 'UPDATE t SET nope = 1', state: '42703' },
      { sql: 'UPDATE t SET k = 1, k = 2', state: '42601' },
      { sql: 'UPDATE t SET k = $1 WHERE p = $2', params: [5, 2] },
      `UPDATE t SET k = '42' WHERE k = 5`,
      'WITH c AS (SELECT 42 AS a) UPDATE t SET x = (SELECT a FROM c) WHERE k = (SELECT a FROM c)',
      'UPDATE t SET x = x, p = 9',
    ],
  },
  {
    name: 'updates from a source',
    steps: [
      ...joined,
      'UPDATE t SET v = s.w, x = x + s.p FROM s WHERE t.k = s.k',
      'UPDATE t AS a SET p = b.p FROM (SELECT k, max(p) AS p FROM s GROUP BY k) b WHERE a.k = b.k + 1',
      "UPDATE t SET v = s.w FROM s WHERE t.k = s.k AND t.p = s.p AND s.w LIKE 'e%'",
      'UPDATE t SET v = q.w FROM s JOIN (SELECT k AS j, w FROM s) q ON s.k = q.j WHERE t.k = s.k',
      "UPDATE t SET v = 'none' FROM s WHERE t.k = s.k AND false",
    ],
  },
  {
    name: 'merges',
    steps: [
      ...joined,
      `MERGE INTO t USING s ON t.k = s.k WHEN MATCHED THEN UPDATE SET v = s.w`,
      `MERGE INTO t USING s ON (t.k = s.k) WHEN MATCHED AND s.w IS NULL THEN DELETE WHEN MATCHED THEN UPDATE SET x = 0
       WHEN NOT MATCHED AND s.k IS NULL THEN INSERT (p, v) VALUES (s.p, 'null key') WHEN NOT MATCHED THEN INSERT (k, p, v) VALUES (s.k, s.p, s.w)`,
      `MERGE INTO t AS a USING (SELECT k + 1 AS k, p, w FROM s WHERE k < 100) AS b ON a.k = b.k
       WHEN MATCHED AND a.p = 0 THEN DO NOTHING WHEN MATCHED THEN DELETE WHEN NOT MATCHED THEN DO NOTHING`,
      `MERGE INTO t USING (SELECT k, p, w AS v, 1.5 AS x FROM s WHERE k = 8 OR k = 200) u USING (k)
       WHEN MATCHED THEN UPDATE SET * WHEN NOT MATCHED THEN INSERT *`,
      `MERGE INTO t USING s ON t.k = s.k AND t.p = s.p WHEN NOT MATCHED BY SOURCE AND t.k > 25 THEN DELETE
       WHEN NOT MATCHED BY SOURCE THEN UPDATE SET v = 'alone' WHEN MATCHED THEN UPDATE SET v = 'both'`,
      `WITH c AS (SELECT 3 AS k) MERGE INTO t USING c ON t.k = c.k WHEN MATCHED THEN UPDATE SET x = -1`,
      `MERGE INTO t USING (SELECT * FROM t WHERE k < 4) u ON t.k = u.k + 1 WHEN MATCHED AND t.k < 3 THEN UPDATE SET v = u.v`,
      `MERGE INTO t USING (SELECT 1 AS k WHERE false) s ON t.k = s.k WHEN MATCHED THEN DELETE WHEN NOT MATCHED THEN INSERT (k) VALUES (1)`,
      `MERGE INTO t USING (SELECT 4000 AS k) s ON t.k = s.k WHEN NOT MATCHED THEN INSERT (k) VALUES (s.k)`,
      // DuckDB takes one of them.
      {
        sql: 'SELECT 1',
        skein: `MERGE INTO t USING (SELECT 8 AS k UNION ALL SELECT 8) s ON t.k = s.k WHEN MATCHED THEN UPDATE SET x = 1`,
        state: '21000',
      },
    ],
  },
  {
    name: 'odd names',
    steps: [
      `CREATE TABLE "Ta ble""ß" (k BIGINT, p INTEGER, "select" VARCHAR, "a.b" INTEGER, "Ünï ""q""" DOUBLE, "_x y" INTEGER) /*clauses*/`,
      `INSERT INTO "Ta ble""ß" VALUES (1, 1, 'a', 2, 3, 4), (2, NULL, NULL, NULL, NULL, NULL)`,
      `UPDATE "ta BLE""ß" SET "Ünï ""q""" = "a.b" + 1, "SELECT" = 'b' WHERE "_x y" = 4`,
      `DELETE FROM "Ta ble""ß" WHERE "Ünï ""q""" IS NULL`,
      `INSERT INTO "Ta ble""ß" ("select", "a.b") SELECT "select", "a.b" FROM "Ta ble""ß"`,
      `MERGE INTO "Ta ble""ß" USING (SELECT 2 AS "a.b") AS "s o" ON "Ta ble""ß"."a.b" = "s o"."a.b" WHEN MATCHED AND "_x y" IS NULL THEN UPDATE SET "select" = 'm'`,
      'CREATE TABLE target (k BIGINT, p INTEGER, f INTEGER, r INTEGER, changes INTEGER, touched INTEGER) /*clauses*/',
      'INSERT INTO target VALUES (1, 1, 1, 1, 1, 1), (2, 2, 2, 2, 2, 2), (3, 3, 3, 3, 3, 3)',
      'UPDATE target SET f = r + 1 WHERE changes = 2',
      'UPDATE target SET r = c.j FROM (SELECT 3 AS i, 9 AS j) c WHERE target.k = c.i',
      'DELETE FROM target changes WHERE changes.f = 1',
      'MERGE INTO target USING (SELECT 3 AS k, 7 AS f) AS changes ON target.k = changes.k WHEN MATCHED THEN UPDATE SET f = changes.f',
    ],
  },
  {
    name: 'types',
    steps: [
      `CREATE TABLE t (k BIGINT, p INTEGER, b BOOLEAN, i1 TINYINT, i2 SMALLINT, f FLOAT, d DECIMAL(18, 3), dt DATE, ts TIMESTAMP, tz TIMESTAMPTZ, bl BLOB, l INTEGER[], st STRUCT(a INTEGER, b VARCHAR), m MAP(VARCHAR, INTEGER)) /*clauses*/`,
      `INSERT INTO t VALUES (1, 1, true, 127, -32768, 1.5, 123.456, '2020-02-29', '2020-01-01 01:02:03.456789', '2020-01-01 00:00:00+02', '\\xAA\\x00'::BLOB, [1, NULL, 3], {'a': 1, 'b': 'x'}, MAP {'a': 1}),
        (2, 2, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL),
        (3, 1, false, -128, 0, 'inf', -0.001, '0001-01-01', '1677-09-22 00:00:00', '9999-12-31 23:59:59.999999+00', '', [], {'a': NULL, 'b': NULL}, MAP {})`,
      `UPDATE t SET l = list_append(l, 9), st = {'a': 5, 'b': st.b}, m = MAP {'z': 26} WHERE k = 1`,
      `UPDATE t SET d = d + 0.001, dt = dt + 1, ts = ts + INTERVAL 1 DAY WHERE k <> 2`,
      `DELETE FROM t WHERE tz > '2021-01-01'`,
      { sql: `UPDATE t SET i1 = 128 WHERE k = 1`, state: '22003' },
      `UPDATE t SET d = 1.23456 WHERE k = 2`,
      'INSERT INTO t SELECT * FROM t',
    ],
  },
  {
    name: 'more types',
    steps: [
      `CREATE TABLE t (k BIGINT, p INTEGER, u1 UTINYINT, u4 UINTEGER, u8 UBIGINT, h HUGEINT, t TIME, iv INTERVAL, uu UUID, j JSON, ms TIMESTAMP_MS, d38 DECIMAL(38, 10), bt BIT, a INTEGER[3]) /*clauses*/`,
      `INSERT INTO t VALUES (1, 1, 255, 4294967295, 18446744073709551615, -17014118346046923173168730371588410572, '12:34:56.789', INTERVAL '1 month 2 days', '00000000-0000-0000-0000-000000000001', '{"a": [1, 2]}', '2020-01-01 00:00:00.123', 1234567890.0123456789, '0101', [1, 2, 3])`,
      'INSERT INTO t (k) VALUES (2)',
      `UPDATE t SET u8 = 1, h = h + 1, iv = iv + INTERVAL 1 HOUR, j = '[]' WHERE k = 1`,
      'DELETE FROM t WHERE u1 IS NULL',
    ],
  },
  {
    name: 'columns that come and go',
    steps: [
      ...filled,
      'ALTER TABLE t ADD COLUMN n INTEGER',
      'ALTER TABLE t ADD COLUMN IF NOT EXISTS n INTEGER',
      { sql: 'ALTER TABLE t ADD COLUMN n INTEGER', state: '42701' },
      "INSERT INTO t VALUES (300, 1, 'with n', 1, 5)",
      'UPDATE t SET n = k WHERE p = 2',
      'DELETE FROM t WHERE n IS NULL AND k < 10',
      'ALTER TABLE t ALTER COLUMN x SET DATA TYPE DECIMAL(10, 2) USING CASE WHEN isnan(x) THEN NULL ELSE x END',
      'ALTER TABLE t ALTER COLUMN n TYPE BIGINT',
      'UPDATE t SET n = 3000000000 WHERE k = 300',
      'ALTER TABLE t RENAME TO t2',
      { sql: 'DELETE FROM t', state: '42P01' },
      'DELETE FROM t2 WHERE n > 20',
      'TRUNCATE t2',
      'INSERT INTO t2 (k) VALUES (1)',
      'DROP TABLE t2',
    ],
  },
  {
    name: 'tables of queries',
    steps: [
      ...filled,
      'CREATE TABLE c /*clauses*/ AS SELECT k, p, v AS w, x * 2 AS y, NULL AS z FROM t',
      'CREATE OR REPLACE TABLE c AS SELECT p, count(*) AS n, list(k ORDER BY k) AS ks FROM t GROUP BY p',
      'CREATE TABLE IF NOT EXISTS c AS SELECT 1 AS a',
      { sql: 'CREATE TABLE c AS SELECT 1 AS a', state: '42P07' },
      { sql: `CREATE TABLE broken AS SELECT v::INTEGER AS i FROM t`, state: '22P02' },
      'CREATE TABLE e AS SELECT * FROM t WHERE false',
      'INSERT INTO e SELECT * FROM t WHERE p = 0',
      'CREATE TABLE n AS FROM t WITH NO DATA',
      'CREATE OR REPLACE TABLE t AS SELECT * FROM t WHERE p = 1',
      'DELETE FROM t WHERE k < 10',
      'INSERT INTO c SELECT p, count(*), list(k ORDER BY k) FROM t GROUP BY p',
    ],
  },
  {
    name: 'constraints',
    steps: [
      'CREATE TABLE t (k BIGINT NOT NULL, p INTEGER NOT NULL, v VARCHAR, x DOUBLE CHECK (x > 0)) /*clauses*/',
      `INSERT INTO t VALUES (1, 1, 'a', 1), (2, 2, 'b', 2)`,
      { sql: 'INSERT INTO t VALUES (NULL, 1, NULL, 1)', state: '23502' },
      { sql: 'INSERT INTO t VALUES (3, NULL, NULL, 1)', state: '23502' },
      { sql: 'INSERT INTO t VALUES (3, 3, NULL, 3), (4, 4, NULL, -4)', state: '23514' },
      { sql: 'UPDATE t SET k = NULL WHERE k = 2', state: '23502' },
      { sql: 'UPDATE t SET x = -1 WHERE k = 2', state: '23514' },
      { sql: 'UPDATE t SET p = NULL', state: '23502' },
      {
        sql: 'MERGE INTO t USING (SELECT 9 AS k) s ON t.k = s.k WHEN NOT MATCHED THEN INSERT (k, x) VALUES (s.k, 1)',
        state: '23502',
      },
      'UPDATE t SET x = 5, v = NULL',
    ],
  },
];
