import { execFileSync } from 'node:child_process';
import { cp, mkdir, mkdtemp, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { Skein, type SqlValue } from '../../src/index.ts';

const fixtures = new URL('./fixtures/', import.meta.url).pathname;
const isLong = process.env.SKEIN_LONG === '1';
const off = { local_bypass: 'off' };

/** A Python that has the packages `deltalake` and `pyarrow`: SKEIN_PYTHON, or the one in the path. */
const python = [process.env.SKEIN_PYTHON, 'python3'].find((command) => {
  if (command === undefined) return false;
  try {
    execFileSync(command, ['-c', 'import deltalake, pyarrow'], { stdio: 'ignore' });
    return true;
  } catch {
    return false;
  }
});

/** Reads each table with delta-rs and writes its rows to a Parquet file, so that both can be compared with SQL. */
const exportScript = `
import os, sys, json, deltalake, pyarrow as pa, pyarrow.parquet as pq
answers = {}
for name, location, target in json.load(sys.stdin):
    try:
        t = deltalake.DeltaTable(location)
        q = deltalake.QueryBuilder().register('t', t)
        rows = pa.table(q.execute('select * from t'))
        pq.write_table(rows, target)
        answers[name] = {'version': t.version(), 'rows': rows.num_rows}
    except Exception as e:
        answers[name] = {'error': str(e)[:500]}
print(json.dumps(answers))
# Threads of pyarrow may abort an interpreter that ends as usual.
sys.stdout.flush()
os._exit(0)
`;

interface Exported {
  readonly version?: number;
  readonly rows?: number;
  readonly error?: string;
}

let dir: string;
let data: string;
let skein: Skein;

beforeAll(async () => {
  dir = await mkdtemp(join(tmpdir(), 'skein-interop-'));
  data = join(dir, 'data');
  await mkdir(data);
  for (const writer of ['spark', 'delta_rs']) {
    for (const entry of await readdir(join(fixtures, writer), { withFileTypes: true })) {
      if (!entry.isDirectory()) continue;
      await cp(join(fixtures, writer, entry.name), join(data, `${writer}_${entry.name}`), {
        recursive: true,
      });
    }
  }
  // A clone names the files of its source by where it lay when it was made.
  await rm(join(data, 'spark_clone'), { recursive: true });
  skein = await Skein.open({ data, workers: 2, spool: join(dir, 'spool'), threads: 1, memory: '256MiB' });
});

afterAll(async () => {
  await skein.close();
  await rm(dir, { recursive: true, force: true });
});

async function rows(sql: string): Promise<SqlValue[][]> {
  return (await skein.query(sql, { settings: off }).rows({ as: 'arrays' })) as SqlValue[][];
}

async function locationOf(table: string): Promise<string> {
  const [row] = (await skein.query(`DESCRIBE DETAIL ${table}`).rows()) as { location: string }[];
  return String(row?.location);
}

/** What delta-rs says of the tables. */
async function exported(tables: readonly string[]): Promise<Readonly<Record<string, Exported>>> {
  const request = await Promise.all(
    tables.map(async (name) => [name, await locationOf(name), join(data, `rs_${name}.parquet`)]),
  );
  const input = JSON.stringify(request);
  const text = execFileSync(python ?? '', ['-c', exportScript], { encoding: 'utf8', input });
  return JSON.parse(text) as Record<string, Exported>;
}

/** Rows that only one of the two has. */
async function differences(table: string): Promise<number> {
  const [mine, theirs] = [`SELECT * FROM ${table}`, `SELECT * FROM rs_${table}`];
  const [row] = await rows(
    `SELECT (SELECT count(*) FROM (${mine} EXCEPT ALL ${theirs})) + (SELECT count(*) FROM (${theirs} EXCEPT ALL ${mine}))`,
  );
  return Number(row?.[0]);
}

async function expectSame(tables: readonly string[]): Promise<void> {
  const answers = await exported(tables);
  for (const table of tables) {
    expect(answers[table]?.error, table).toBeUndefined();
    const [counted] = await rows(`SELECT count(*) FROM ${table}`);
    expect(answers[table]?.rows, table).toBe(Number(counted?.[0]));
    expect(await differences(table), table).toBe(0);
  }
}

/** In the normal run; the rest takes its time. */
const usual = new Set(
  [
    ...[
      'basic',
      'cdf',
      'dv',
      'dv_prefix',
      'in_commit',
      'liquid',
      'mapping_id',
      'mapping_name',
      'partitioned',
      'types',
    ],
    ...['v2_json', 'row_tracking', 'generated'],
  ]
    .map((name) => `spark_${name}`)
    .concat('delta_rs_types', 'delta_rs_partitioned'),
);
/** Identity columns take no values, and rows are not tracked. */
const refused: Readonly<Record<string, string>> = { spark_generated: '428C9', spark_row_tracking: '0A000' };
/** Written well, but delta-rs does not read them, whoever wrote them. */
const unreadable = new Set(['spark_void_column', 'spark_widening']);

describe.skipIf(python === undefined)('delta-rs (skipped without Python and deltalake)', () => {
  test('reads what SQL wrote, with equal rows', async () => {
    const strange = `['a b', 'a/b', 'a=b', '100%', 'ä"ö', '#?&;', '''', NULL, 'plain', 'tab' || chr(9)]`;
    const made: Readonly<Record<string, readonly string[]>> = {
      kinds: [
        `CREATE TABLE kinds (b BOOLEAN, t TINYINT, s SMALLINT, i INTEGER, l BIGINT, f FLOAT, d DOUBLE, de DECIMAL(38,10), v VARCHAR,
          bin BLOB, day DATE, ts TIMESTAMP WITH TIME ZONE, ntz TIMESTAMP, st STRUCT(a INTEGER, b STRUCT(c VARCHAR)), li INTEGER[], m MAP(VARCHAR, BIGINT))`,
        `INSERT INTO kinds SELECT i % 2 = 0, i, -i, i * 1000, 9007199254740993 + i, i / 7, i / 3, (i + 0.125)::DECIMAL(38,10), 'ü"' || i,
          '\\xAA\\x00'::BLOB, DATE '1900-01-01' + i::INTEGER, TIMESTAMPTZ '2024-12-31 23:59:59.999999+00' + to_seconds(i), TIMESTAMP '1969-12-31 12:00:00.000001',
          {'a': i, 'b': {'c': 'x' || i}}, [i, NULL], MAP {'k': i} FROM range(50) r(i)`,
        'INSERT INTO kinds (i) VALUES (NULL)',
      ],
      parts: [
        `CREATE TABLE parts PARTITIONED BY (p, day, n) AS SELECT i AS id, (${strange})[1 + i % 10] AS p,
          CASE WHEN i % 3 = 0 THEN NULL ELSE DATE '2024-02-28' + (i % 3)::INTEGER END AS day, (i % 2 + 0.5)::DECIMAL(5,2) AS n FROM range(60) r(i)`,
        `DELETE FROM parts WHERE p = '100%' OR id = 7`,
      ],
      vectors: [
        `CREATE TABLE vectors WITH ('delta.enableDeletionVectors' = 'true') AS SELECT i AS id, 'v' || i AS v FROM range(3000) r(i)`,
        'DELETE FROM vectors WHERE id % 7 = 0',
        `UPDATE vectors SET v = 'changed' WHERE id % 100 = 1`,
        'DELETE FROM vectors WHERE id BETWEEN 1000 AND 1500',
      ],
      checkpoints: [
        `CREATE TABLE checkpoints (id BIGINT, p VARCHAR) PARTITIONED BY (p) WITH ('delta.checkpointInterval' = '3')`,
        ...Array.from({ length: 7 }, (_, n) => `INSERT INTO checkpoints VALUES (${n}, 'p ${n % 2}')`),
        'DELETE FROM checkpoints WHERE id = 3',
      ],
      merged: [
        'CREATE TABLE merged AS SELECT i AS k, i * 10 AS v FROM range(10) r(i)',
        `MERGE INTO merged t USING (SELECT i AS k, i * 100 AS v FROM range(5, 15) r(i)) s ON t.k = s.k
          WHEN MATCHED AND s.k = 5 THEN DELETE WHEN MATCHED THEN UPDATE SET v = s.v WHEN NOT MATCHED THEN INSERT *`,
      ],
      sharded: [
        'CREATE TABLE sharded SHARDED BY HASH (k) INTO 3 SHARDS AS SELECT i AS k, i % 5 AS v FROM range(500) r(i)',
        'OPTIMIZE sharded',
      ],
      grown: [
        'CREATE TABLE grown AS SELECT 1 AS a',
        'ALTER TABLE grown ADD COLUMN b VARCHAR',
        `INSERT INTO grown VALUES (2, 'two')`,
        'RESTORE grown TO VERSION AS OF 1',
        `INSERT INTO grown VALUES (3, 'three')`,
      ],
    };
    for (const sql of Object.values(made).flat()) await rows(sql);
    await expectSame(Object.keys(made));
  });

  test('reads what SQL changed of tables of Spark and of its own, with equal rows', async () => {
    const all = (await readdir(data)).filter((name) => /^(spark|delta_rs)_/.test(name));
    const tables = isLong ? all : all.filter((name) => usual.has(name));
    for (const table of tables) {
      const refusal = refused[table];
      const insert = `INSERT INTO ${table} SELECT * FROM ${table}`;
      if (refusal !== undefined) {
        await expect(rows(insert), table).rejects.toMatchObject({ sqlState: refusal });
        continue;
      }
      const [before] = await rows(`SELECT count(*) FROM ${table}`);
      const count = Number(before?.[0]);
      expect(await rows(insert), table).toEqual([[BigInt(count)]]);
      const [column] = (await skein.query(`DESCRIBE ${table}`).rows()) as { column_name: string }[];
      const name = `"${column?.column_name}"`;
      await rows(`UPDATE ${table} SET ${name} = ${name} WHERE ${name} IS NOT NULL`);
      const [deleted] = await rows(`DELETE FROM ${table} WHERE hash(${name}) % 3 = 0`);
      expect(await rows(`SELECT count(*) FROM ${table}`), table).toEqual([
        [BigInt(2 * count) - (deleted?.[0] as bigint)],
      ]);
    }
    await expectSame(tables.filter((table) => !unreadable.has(table)));
  });
});
