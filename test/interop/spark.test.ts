import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { cp, mkdir, mkdtemp, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface, type Interface } from 'node:readline';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { SqlValue } from '../../src/types/index.ts';
import { startTestEngine, type TestEngine } from '../support/engine.ts';

const script = join(import.meta.dirname, 'spark_tables.py');
const off = { local_bypass: 'off' };
/** Spark compiles what it runs for the first time. */
const timeout = 300_000;

/** A Python with pyspark, delta-spark and its jars: SKEIN_SPARK_PYTHON, or the one in the path. */
const { python, missing } = findPython();

function findPython(): { readonly python: string; readonly missing: string | undefined } {
  const python = process.env.SKEIN_SPARK_PYTHON ?? 'python3';
  const { status, stderr } = spawnSync(python, ['-B', script, '--probe'], { encoding: 'utf8' });
  return { python, missing: status === 0 ? undefined : stderr?.trim() || `no ${python}` };
}

interface Answer {
  readonly ok: boolean;
  readonly error?: string;
  readonly rows?: number;
  readonly schema?: string;
}

/** The one process of Spark: a line of JSON for each request, and one for its answer. */
class SparkProcess {
  readonly #child: ChildProcess;
  readonly #lines: Interface;
  readonly #waiting: ((answer: Answer) => void)[] = [];
  #stderr = '';

  constructor(python: string, scratch: string) {
    const child = spawn(python, ['-B', script, scratch], { cwd: scratch, stdio: 'pipe' });
    this.#child = child;
    child.stderr.on('data', (text) => {
      this.#stderr = `${this.#stderr}${text}`.slice(-4000);
    });
    child.on('exit', (code) => {
      for (const answer of this.#waiting.splice(0)) {
        answer({ ok: false, error: `Spark ended with ${code}: ${this.#stderr}` });
      }
    });
    this.#lines = createInterface({ input: child.stdout });
    this.#lines.on('line', (line) => this.#waiting.shift()?.(JSON.parse(line) as Answer));
  }

  async ask(request: Readonly<Record<string, unknown>>): Promise<Answer> {
    if (this.#child.exitCode !== null) throw new Error(`Spark has ended: ${this.#stderr}`);
    const answer = await new Promise<Answer>((resolve) => {
      this.#waiting.push(resolve);
      this.#child.stdin?.write(`${JSON.stringify(request)}\n`);
    });
    if (!answer.ok) throw new Error(answer.error);
    return answer;
  }

  async close(): Promise<void> {
    if (this.#child.exitCode !== null) return;
    const ended = new Promise((resolve) => this.#child.once('exit', resolve));
    this.#child.stdin?.end();
    await ended;
  }
}

interface Exchange {
  /** What Skein makes; `{t}` is the table. */
  readonly made: readonly string[];
  /** What Spark changes then. */
  readonly spark: readonly string[];
  /** What Skein changes at last. */
  readonly last: readonly string[];
  /** Of the table: after each of the three. */
  readonly sums: readonly [sql: string, made: SqlValue[], spark: SqlValue[], last: SqlValue[]];
  /** What Spark says of its columns. */
  readonly schema?: string;
}

const strange = ['a b', 'a/b', 'a=b', '100%', 'ä"ö', '#?&;', "it''s", 'plain', 'c:d', '{e}'];
const strangeList = `[NULL, ${strange.map((text) => `'${text}'`).join(', ')}]`;

const exchanges: Readonly<Record<string, Exchange>> = {
  kinds: {
    made: [
      `CREATE TABLE {t} (b BOOLEAN, t TINYINT, s SMALLINT, i INTEGER, l BIGINT, f FLOAT, d DOUBLE, de DECIMAL(38,10), small DECIMAL(5,2),
        v VARCHAR, bin BLOB, day DATE, ts TIMESTAMP WITH TIME ZONE, ntz TIMESTAMP, st STRUCT(a INTEGER, b STRUCT(c VARCHAR)),
        li INTEGER[], m MAP(VARCHAR, BIGINT), deep MAP(INTEGER, STRUCT(x DECIMAL(9,3), y DATE[])))`,
      `INSERT INTO {t} SELECT i % 2 = 0, i, -i, i * 1000, 9007199254740993 + i, i / 7, i / 3, (i + 0.125)::DECIMAL(38,10), i / 4,
        'ü"' || i, '\\xAA\\x00'::BLOB, DATE '1900-01-01' + i::INTEGER, TIMESTAMPTZ '2024-12-31 23:59:59.999999+00' + to_seconds(i),
        TIMESTAMP '1969-12-31 12:00:00.000001', {'a': i, 'b': {'c': 'x' || i}}, [i, NULL], MAP {'k': i},
        MAP {i: {'x': 1.5, 'y': [DATE '2024-02-29', NULL]}} FROM range(50) r(i)`,
      `INSERT INTO {t} (i, f, d, l, v) VALUES (NULL, 'nan', '-inf', -9223372036854775808, '')`,
    ],
    spark: [
      `UPDATE {t} SET v = concat(v, '!'), li = array(1, NULL, 3), st = named_struct('a', 7, 'b', named_struct('c', NULL)) WHERE l = 9007199254740995`,
      `DELETE FROM {t} WHERE day = DATE '1900-01-04' OR de = 4.125`,
      `INSERT INTO {t} SELECT NOT b, t, s, i, l + 100, -f, -d, -de, -small, v, X'00FF', day, ts, ntz, st, li, map('n', NULL, 'o', 2L), deep
        FROM {t} WHERE t BETWEEN 10 AND 19`,
    ],
    last: [
      `INSERT INTO {t} SELECT * FROM {t} WHERE ts < TIMESTAMPTZ '2025-01-01 00:00:02+00'`,
      'UPDATE {t} SET small = small + 1 WHERE ntz IS NOT NULL AND t < 5',
      'DELETE FROM {t} WHERE d < 0',
    ],
    sums: ['count(*), sum(s), sum(len(li))', [51n, -1225n, 100n], [59n, -1363n, 117n], [51n, -1221n, 104n]],
    schema:
      'struct<b:boolean,t:tinyint,s:smallint,i:int,l:bigint,f:float,d:double,de:decimal(38,10),small:decimal(5,2),v:string,' +
      'bin:binary,day:date,ts:timestamp,ntz:timestamp_ntz,st:struct<a:int,b:struct<c:string>>,li:array<int>,m:map<string,bigint>,' +
      'deep:map<int,struct<x:decimal(9,3),y:array<date>>>>',
  },
  vectors: {
    made: [
      `CREATE TABLE {t} WITH ('delta.enableDeletionVectors' = 'true') AS SELECT i AS id, 'v' || i AS v FROM range(3000) r(i)`,
      'INSERT INTO {t} SELECT i, NULL FROM range(3000, 3100) r(i)',
      'DELETE FROM {t} WHERE id % 7 = 0',
      `UPDATE {t} SET v = 'changed' WHERE id % 100 = 1`,
      'DELETE FROM {t} WHERE id BETWEEN 1000 AND 1499',
    ],
    spark: [
      'DELETE FROM {t} WHERE id % 5 = 0',
      `UPDATE {t} SET v = 'spark' WHERE id BETWEEN 3000 AND 3010`,
      `INSERT INTO {t} VALUES (-1, 'new'), (-2, NULL)`,
    ],
    last: [
      'DELETE FROM {t} WHERE id % 3 = 0',
      `UPDATE {t} SET v = v || '+' WHERE id < 10`,
      `INSERT INTO {t} VALUES (-3, 'last')`,
    ],
    sums: [
      `count(*), sum(id), count(v)`,
      [2229n, 3583343n, 2144n],
      [1786n, 2868305n, 1723n],
      [1192n, 1911341n, 1150n],
    ],
  },
  purged: {
    made: [
      `CREATE TABLE {t} WITH ('delta.enableDeletionVectors' = 'true') AS SELECT i AS id, i % 10 AS g FROM range(1000) r(i)`,
      'DELETE FROM {t} WHERE g = 1',
      'INSERT INTO {t} SELECT i, 5 FROM range(1000, 1010) r(i)',
    ],
    spark: ['OPTIMIZE {t}', 'DELETE FROM {t} WHERE id = 2', 'OPTIMIZE {t} ZORDER BY (g)'],
    last: ['DELETE FROM {t} WHERE g = 3', 'INSERT INTO {t} VALUES (1, 1)', 'OPTIMIZE {t} ZORDER BY (g, id)'],
    sums: ['count(*), sum(id)', [910n, 459945n], [909n, 459943n], [810n, 410144n]],
  },
  mapped: {
    made: [
      `CREATE TABLE {t} (id BIGINT, old VARCHAR, gone INTEGER, p VARCHAR, s STRUCT(a INTEGER, b VARCHAR)) PARTITIONED BY (p)
        WITH ('delta.columnMapping.mode' = 'name')`,
      `INSERT INTO {t} SELECT i, 'o' || i, i, 'p ' || i % 3, {'a': i, 'b': 'b'} FROM range(20) r(i)`,
      'ALTER TABLE {t} RENAME COLUMN old TO "new, name"',
      'ALTER TABLE {t} RENAME COLUMN p TO part',
      'ALTER TABLE {t} DROP COLUMN gone',
      'ALTER TABLE {t} ADD COLUMN gone VARCHAR',
      `INSERT INTO {t} VALUES (100, 'after', NULL, {'a': 1, 'b': NULL}, 'back')`,
    ],
    spark: [
      `UPDATE {t} SET \`new, name\` = 'spark' WHERE part = 'p 1' AND id > 10`,
      "DELETE FROM {t} WHERE part = 'p 2' AND gone IS NULL",
      'ALTER TABLE {t} RENAME COLUMN s TO strukt',
      'ALTER TABLE {t} ADD COLUMNS (n INT)',
      `INSERT INTO {t} (id, part, n) VALUES (200, 'p 0', 9), (201, NULL, 10)`,
    ],
    last: [
      'UPDATE {t} SET n = 1 WHERE "new, name" = \'spark\'',
      'ALTER TABLE {t} DROP COLUMN strukt',
      `INSERT INTO {t} BY NAME SELECT 300 AS id, 'p 3' AS part, 'g' AS gone`,
      'DELETE FROM {t} WHERE id < 3',
    ],
    sums: ['count(*), sum(id), count(gone)', [21n, 290n, 1n], [17n, 634n, 1n], [16n, 933n, 2n]],
  },
  parts: {
    made: [
      `CREATE TABLE {t} PARTITIONED BY (p, day, n) AS SELECT i AS id, (${strangeList})[1 + i % 11] AS p,
        CASE WHEN i % 3 = 0 THEN NULL ELSE DATE '2024-02-28' + (i % 3)::INTEGER END AS day, (i % 2 + 0.5)::DECIMAL(5,2) AS n
        FROM range(66) r(i)`,
      `DELETE FROM {t} WHERE p = '100%' AND n = 0.5`,
      'UPDATE {t} SET day = NULL WHERE id = 7',
    ],
    spark: [
      `DELETE FROM {t} WHERE p = 'a/b' AND day IS NOT NULL`,
      `UPDATE {t} SET p = 'a=b' WHERE p IS NULL AND n = 1.5`,
      `INSERT INTO {t} VALUES (1000, 'x y%20/ä', DATE '2024-02-29', 2.25), (1001, NULL, NULL, NULL)`,
      'OPTIMIZE {t}',
    ],
    last: [
      `DELETE FROM {t} WHERE p = 'x y%20/ä' OR id = 1`,
      `UPDATE {t} SET p = 'it''s / {e}', n = NULL WHERE day = DATE '2024-02-29'`,
      `INSERT INTO {t} VALUES (2000, 'x y%20/ä', NULL, 9.5)`,
    ],
    sums: ['count(*), sum(id), count(p)', [63n, 2067n, 57n], [61n, 3972n, 57n], [60n, 4971n, 57n]],
  },
  merged: {
    made: [
      'CREATE TABLE {t} AS SELECT i AS k, i * 10 AS v FROM range(10) r(i)',
      `MERGE INTO {t} t USING (SELECT i AS k, i * 100 AS v FROM range(5, 15) r(i)) s ON t.k = s.k
        WHEN MATCHED AND s.k = 5 THEN DELETE WHEN MATCHED THEN UPDATE SET v = s.v WHEN NOT MATCHED THEN INSERT *`,
    ],
    spark: [
      `MERGE INTO {t} t USING (SELECT id AS k, id * 7 AS v FROM range(8, 20)) s ON t.k = s.k
        WHEN MATCHED AND s.k = 8 THEN DELETE WHEN MATCHED THEN UPDATE SET v = s.v WHEN NOT MATCHED THEN INSERT *
        WHEN NOT MATCHED BY SOURCE AND t.k = 0 THEN DELETE`,
    ],
    last: [
      `MERGE INTO {t} t USING (SELECT 19 AS k UNION ALL SELECT 30) s ON t.k = s.k
        WHEN MATCHED THEN UPDATE SET v = -1 WHEN NOT MATCHED THEN INSERT (k, v) VALUES (s.k, 0) WHEN NOT MATCHED BY SOURCE AND t.k < 3 THEN DELETE`,
    ],
    sums: ['count(*), sum(k), sum(v)', [14n, 100n, 9100n], [17n, 177n, 2478n], [16n, 204n, 2314n]],
  },
  sharded: {
    made: [
      'CREATE TABLE {t} SHARDED BY HASH (k) INTO 3 SHARDS AS SELECT i AS k, i % 5 AS v FROM range(500) r(i)',
      'DELETE FROM {t} WHERE k = 17',
    ],
    spark: [
      'INSERT INTO {t} SELECT id, 9 FROM range(500, 510)',
      'UPDATE {t} SET v = 8 WHERE k = 3',
      'DELETE FROM {t} WHERE k = 4',
      'OPTIMIZE {t}',
    ],
    last: [
      'OPTIMIZE {t}',
      'INSERT INTO {t} VALUES (-1, 0)',
      'UPDATE {t} SET v = 7 WHERE k = 100',
      'DELETE FROM {t} WHERE k = 101',
    ],
    sums: ['count(*), sum(k), sum(v)', [499n, 124733n, 998n], [508n, 129774n, 1089n], [508n, 129672n, 1095n]],
  },
  ruled: {
    made: [
      `CREATE TABLE {t} (id BIGINT GENERATED ALWAYS AS IDENTITY (START WITH 10 INCREMENT BY 5), a INTEGER NOT NULL,
        b INTEGER GENERATED ALWAYS AS (a * 2), c INTEGER DEFAULT 7, CONSTRAINT small CHECK (a < 100))`,
      'INSERT INTO {t} (a) VALUES (1), (2), (3)',
    ],
    spark: [
      'INSERT INTO {t} (a) VALUES (4), (5)',
      'INSERT INTO {t} (a, c) VALUES (6, NULL)',
      'DELETE FROM {t} WHERE b = 4',
    ],
    last: [
      'INSERT INTO {t} (a) VALUES (7)',
      'UPDATE {t} SET a = 50 WHERE a = 5',
      'DELETE FROM {t} WHERE a = 1',
    ],
    sums: [
      'count(*), count(DISTINCT id), sum(b), sum(c)',
      [3n, 3n, 12n, 21n],
      [5n, 5n, 38n, 28n],
      [5n, 5n, 140n, 28n],
    ],
  },
  changes: {
    made: [
      `CREATE TABLE {t} (k BIGINT, v VARCHAR) WITH ('delta.enableChangeDataFeed' = true)`,
      `INSERT INTO {t} VALUES (1, 'a'), (2, 'b'), (3, NULL)`,
      `UPDATE {t} SET v = upper(v) WHERE k <= 2`,
      'DELETE FROM {t} WHERE k = 1',
    ],
    spark: [
      `UPDATE {t} SET v = 's' WHERE k = 2`,
      'DELETE FROM {t} WHERE k = 3',
      `INSERT INTO {t} VALUES (4, 'd')`,
    ],
    last: [
      `MERGE INTO {t} t USING (SELECT 4 AS k, 'x' AS v UNION ALL SELECT 9, 'new') s ON t.k = s.k
        WHEN MATCHED THEN UPDATE SET v = s.v WHEN NOT MATCHED THEN INSERT *`,
    ],
    sums: ['count(*), sum(k)', [2n, 5n], [2n, 6n], [3n, 15n]],
  },
};

/** Removes the commits before the last checkpoint, as the cleanup of a log does. @returns the checkpoint's version */
async function forgetBeforeCheckpoint(folder: string): Promise<number> {
  const log = join(folder, '_delta_log');
  const names = await readdir(log);
  const versions = names
    .filter((name) => name.endsWith('.checkpoint.parquet'))
    .map((name) => Number.parseInt(name, 10));
  const last = Math.max(-1, ...versions);
  for (const name of names) {
    if (/^\d+\.json$/.test(name) && Number.parseInt(name, 10) < last) await rm(join(log, name));
  }
  return last;
}

describe.skipIf(missing !== undefined)(
  `Spark${missing === undefined ? '' : ` (skipped: ${missing})`}`,
  () => {
    let dir: string;
    let data: string;
    let skein: TestEngine;
    let spark: SparkProcess;
    let exports = 0;

    beforeAll(async () => {
      dir = await mkdtemp(join(tmpdir(), 'skein-spark-'));
      data = join(dir, 'data');
      await mkdir(data);
      const scratch = join(dir, 'scratch');
      await mkdir(scratch);
      spark = new SparkProcess(python, scratch);
      skein = await startTestEngine({ dataDir: data, workers: 2 });
      await spark.ask({ sql: [] });
    }, timeout);

    afterAll(async () => {
      await spark.close();
      await skein.close();
      await rm(dir, { recursive: true, force: true });
    }, timeout);

    async function run(table: string, statements: readonly string[]): Promise<void> {
      for (const sql of statements) await skein.rows(sql.replaceAll('{t}', table), off);
    }

    async function folderOf(table: string): Promise<string> {
      const parent = join(data, '_tables', 'main');
      const folder = (await readdir(parent)).find((name) => name.startsWith(`${table}-`));
      return join(parent, folder ?? table);
    }

    /** Rows of both, by name, as multisets: all that Spark says of `theirs` is all that Skein says of `mine`. */
    async function expectEqual(mine: string, theirs: string): Promise<Answer> {
      const name = `exported_${exports++}`;
      const answer = await spark.ask({ export: theirs, to: join(data, `${name}.parquet`) });
      const [counted] = await skein.rows(`SELECT count(*) FROM (${mine})`, off);
      expect(counted).toEqual([BigInt(answer.rows ?? -1)]);
      const exported = `SELECT * FROM ${name}`;
      for (const [one, other] of [
        [mine, exported],
        [exported, mine],
      ]) {
        expect(await skein.rows(`${one} EXCEPT ALL ${other} LIMIT 5`, off), `${one}, not ${other}`).toEqual(
          [],
        );
      }
      return answer;
    }

    test.each(Object.keys(exchanges))(
      'reads and writes what Skein wrote, and Skein that: %s',
      async (table) => {
        const exchange = exchanges[table];
        if (exchange === undefined) throw new Error(`no ${table}`);
        const { made, spark: changes, last, sums, schema } = exchange;
        const [sum, ...expected] = sums;
        await run(table, made);
        const there = `delta.\`${await folderOf(table)}\``;
        const steps = [
          async () => {},
          async () => {
            await spark.ask({ sql: changes.map((sql) => sql.replaceAll('{t}', there)) });
          },
          () => run(table, last),
        ];
        for (const [index, step] of steps.entries()) {
          await step();
          expect(await skein.rows(`SELECT ${sum} FROM ${table}`, off), `step ${index}`).toEqual([
            expected[index],
          ]);
          const answer = await expectEqual(`SELECT * FROM ${table}`, `SELECT * FROM ${there}`);
          if (schema !== undefined) expect(answer.schema).toBe(schema);
        }
      },
      timeout,
    );

    test(
      'lists the changes that both made',
      async () => {
        const columns = 'k, v, _change_type, _commit_version';
        await expectEqual(
          `SELECT ${columns} FROM table_changes('changes', 1)`,
          `SELECT ${columns} FROM table_changes_by_path('${await folderOf('changes')}', 1)`,
        );
      },
      timeout,
    );

    test(
      'goes by checkpoints of Skein, and Skein by those of Spark',
      async () => {
        await run('checkpoints', [
          `CREATE TABLE {t} (id BIGINT, p VARCHAR, at TIMESTAMP WITH TIME ZONE, s STRUCT(x DECIMAL(9,2))) PARTITIONED BY (p)
        WITH ('delta.checkpointInterval' = '3', 'delta.enableDeletionVectors' = 'true')`,
          `INSERT INTO {t} SELECT i, 'p ' || i % 2, TIMESTAMPTZ '2024-01-01 00:00:00.5Z', {'x': i / 4} FROM range(20) r(i)`,
          'DELETE FROM {t} WHERE id % 10 = 3',
          `INSERT INTO {t} (id) VALUES (100)`,
          `INSERT INTO {t} VALUES (101, 'ä b', NULL, NULL)`,
        ]);
        const folder = await folderOf('checkpoints');
        const there = `delta.\`${folder}\``;
        expect(await forgetBeforeCheckpoint(folder)).toBe(3);
        await expectEqual('SELECT * FROM checkpoints', `SELECT * FROM ${there}`);
        const inserts = [1, 2, 3].map(
          (n) => `INSERT INTO ${there} (id, s) VALUES (${n}, named_struct('x', 0.25))`,
        );
        await spark.ask({ sql: [`DELETE FROM ${there} WHERE id = 4`, ...inserts] });
        // Of a copy nobody here knows an older version.
        await cp(folder, join(data, 'copied'), { recursive: true });
        expect(await forgetBeforeCheckpoint(join(data, 'copied'))).toBe(6);
        await expectEqual('SELECT * FROM copied', `SELECT * FROM ${there}`);
        await run('copied', ['DELETE FROM {t} WHERE id = 5', 'INSERT INTO {t} (id) VALUES (200)']);
        await expectEqual('SELECT * FROM copied', `SELECT * FROM delta.\`${join(data, 'copied')}\``);
        expect(await skein.rows('SELECT count(*), sum(id) FROM copied', off)).toEqual([[22n, 572n]]);
      },
      timeout,
    );
  },
);
