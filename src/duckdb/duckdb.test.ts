import { mkdir, mkdtemp, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { SkeinError } from '../common/index.ts';
import { DuckDb } from './duckdb.ts';
import { type DuckDbConnection, trackProgress } from './duckdb-connection.ts';

let directory: string;
let duckdb: DuckDb;
const endless = 'SELECT sum(a.range * b.range) FROM range(10000000) a, range(1000000) b';

beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), 'skein-duckdb-'));
  for (const name of ['data', 'spool', 'secret']) await mkdir(join(directory, name));
  await writeFile(join(directory, 'data', 'a.csv'), 'x\n1\n');
  await writeFile(join(directory, 'secret', 'a.csv'), 'x\n1\n');
  await symlink(join(directory, 'secret'), join(directory, 'data', 'link'));
  await symlink(join(directory, 'data'), join(directory, 'alias'));
  duckdb = await DuckDb.open({
    threads: 2,
    memoryBytes: 300e6,
    tempDirectory: join(directory, 'tmp'),
    readRoots: [join(directory, 'alias')],
    writeRoots: [join(directory, 'spool')],
  });
});

afterAll(async () => {
  duckdb.close();
  await rm(directory, { recursive: true });
});

async function failure(work: Promise<unknown>): Promise<SkeinError> {
  const error = await work.then(
    () => undefined,
    (reason: unknown) => reason,
  );
  if (!(error instanceof SkeinError)) throw new Error(`expected a SkeinError, got ${String(error)}`);
  return error;
}

async function count(connection: DuckDbConnection, sql: string, signal?: AbortSignal): Promise<number> {
  const { batches } = await connection.stream(sql, signal);
  let rows = 0;
  for await (const batch of batches) rows += batch.rowCount;
  return rows;
}

describe('DuckDbConnection', () => {
  it('tells how many rows COPY wrote, and reads them back', async () => {
    await using connection = await duckdb.connect();
    const file = join(directory, 'spool', 'copied.parquet');
    expect(await connection.run(`COPY (FROM range(1234)) TO '${file}'`)).toEqual({ rowsChanged: 1234 });
    expect(await count(connection, `FROM '${file}'`)).toBe(1234);
  });

  it('keeps the order of ORDER BY, also where columns are cast', async () => {
    await using connection = await duckdb.connect();
    const sql =
      "SELECT (i * 7919) % 300007 AS k, TIMESTAMPTZ '2020-01-01' AS t FROM range(300007) r(i) ORDER BY k";
    const { batches } = await connection.stream(sql);
    let next = 0n;
    for await (const { columns } of batches)
      for (const key of columns[0] ?? []) expect(key === next++).toBe(true);
    expect(next).toBe(300007n);
  });

  it('refuses a second statement while a stream is open, and the stream goes on to its end', async () => {
    await using connection = await duckdb.connect();
    const { batches } = await connection.stream('FROM range(500000)');
    let rows = 0;
    for await (const batch of batches) {
      if (rows === 0)
        for (const second of [
          connection.run('SELECT 1'),
          connection.rows('SELECT 1'),
          connection.stream('SELECT 1'),
        ])
          expect((await failure(second)).message).toMatch(/busy/);
      rows += batch.rowCount;
    }
    expect(rows).toBe(500000);
    expect(await connection.rows('SELECT 42')).toEqual([[42]]);
  });

  it('throws the error of a stream that fails half way, instead of ending it', async () => {
    await using connection = await duckdb.connect();
    const sql = "SELECT CASE WHEN i = 900000 THEN error('no ' || i) ELSE i END FROM range(1000000) t(i)";
    const error = await failure(count(connection, sql));
    expect(error.message).toBe('no 900000');
    expect(error.sqlState).toBe('22000');
    expect(await connection.rows('SELECT 42')).toEqual([[42]]);
  });

  it('stops a stream that its consumer leaves, and can be used again', async () => {
    await using connection = await duckdb.connect();
    const { batches } = await connection.stream('FROM range(100000000000)');
    for await (const batch of batches) {
      expect(batch.rowCount).toBeGreaterThan(0);
      break;
    }
    expect(await connection.rows('SELECT 42')).toEqual([[42]]);
  });

  it('stops a statement, a stream and a waiting stream when the signal aborts', async () => {
    await using connection = await duckdb.connect();
    for (const work of [
      (signal: AbortSignal) => connection.run(endless, signal),
      (signal: AbortSignal) => connection.rows(endless, signal),
      (signal: AbortSignal) => count(connection, 'FROM range(100000000000)', signal),
    ]) {
      const controller = new AbortController();
      setTimeout(() => controller.abort(), 30);
      expect((await failure(work(controller.signal))).sqlState).toBe('57014');
      expect(await connection.rows('SELECT 42')).toEqual([[42]]);
    }
    const controller = new AbortController();
    const { batches } = await connection.stream('FROM range(100000000000)', controller.signal);
    const iterator = batches[Symbol.asyncIterator]();
    await iterator.next();
    controller.abort(new SkeinError('57P01', 'going down'));
    const rest = (async () => {
      for (;;) if ((await iterator.next()).done) return;
    })();
    expect((await failure(rest)).sqlState).toBe('57P01');
    expect((await failure(connection.run('SELECT 1', controller.signal))).sqlState).toBe('57P01');
    expect(await connection.rows('SELECT 42')).toEqual([[42]]);
  });

  it('tells how far a statement is, where that is tracked', async () => {
    await using connection = await duckdb.connect();
    const file = join(directory, 'spool', 'numbers.parquet');
    await connection.run(
      `COPY (SELECT range AS i FROM range(3_000_000)) TO '${file}' (ROW_GROUP_SIZE 100_000)`,
    );
    const slow = `COPY (SELECT md5(md5(md5(i::VARCHAR))) FROM '${file}') TO '${file}.out'`;
    const farthest = async (): Promise<number> => {
      let most = 0;
      const asking = setInterval(() => {
        most = Math.max(most, connection.progress());
      }, 5);
      await connection.run(slow);
      clearInterval(asking);
      expect(connection.progress()).toBe(0);
      return most;
    };
    expect(await farthest()).toBe(0);
    await connection.run(trackProgress);
    const most = await farthest();
    expect(most).toBeGreaterThan(0);
    expect(most).toBeLessThanOrEqual(1);
  });

  it('stops what runs when it is disposed of', async () => {
    const busy = await duckdb.connect();
    const running = failure(busy.run(endless));
    await busy[Symbol.asyncDispose]();
    expect((await running).sqlState).toBe('57014');
    expect((await failure(busy.run('SELECT 1'))).message).toMatch(/closed/);
    const streaming = await duckdb.connect();
    await streaming.stream('FROM range(100000000000)');
    await streaming[Symbol.asyncDispose]();
    await streaming[Symbol.asyncDispose]();
  });
});

describe('errors', () => {
  const cases: readonly (readonly [string, string, string])[] = [
    ["SELECT 'x'::INTEGER", '22P02', 'never'],
    ['SELECT 300::TINYINT', '22003', 'never'],
    ['SELECT 9223372036854775807 + i FROM range(1, 2) t(i)', '22003', 'never'],
    ["SELECT error('boom')", '22000', 'never'],
    ['SELECT (SELECT i FROM range(2) t(i))', '21000', 'never'],
    ['SELECT FROM', '42601', 'never'],
    ['SELECT nope FROM range(2)', '42703', 'never'],
    ['FROM nope', '42P01', 'never'],
    ['SELECT nope(1)', '42883', 'never'],
  ];
  for (const [sql, sqlState, retry] of cases) {
    it(`gives ${sqlState} for ${sql}`, async () => {
      await using connection = await duckdb.connect();
      const byRows = await failure(connection.rows(sql));
      expect([byRows.sqlState, byRows.retry]).toEqual([sqlState, retry]);
      expect(byRows.message).not.toMatch(/exception_type|LINE 1/);
      expect((await failure(connection.run(sql))).sqlState).toBe(sqlState);
    });
  }

  it('names the file that is missing or broken', async () => {
    await using connection = await duckdb.connect();
    const missing = join(directory, 'spool', 'missing.parquet');
    const gone = await failure(connection.rows(`FROM read_parquet('${missing}')`));
    expect([gone.sqlState, gone.details.path]).toEqual(['58P01', missing]);
    const broken = join(directory, 'spool', 'broken.parquet');
    await writeFile(broken, 'PAR1 this is not Parquet at all');
    const corrupt = await failure(connection.rows(`FROM read_parquet('${broken}')`));
    expect([corrupt.sqlState, corrupt.details.path]).toEqual(['XX001', broken]);
  });

  it('says that memory ran out, for another try elsewhere', async () => {
    const small = await DuckDb.open({
      threads: 1,
      memoryBytes: 20e6,
      tempDirectory: join(directory, 'small'),
      readRoots: [],
      writeRoots: [],
    });
    await using connection = await small.connect();
    const error = await failure(connection.run('SELECT list(i) FROM range(30000000) t(i)'));
    expect([error.sqlState, error.retry]).toEqual(['53200', 'task']);
  });
});

describe('an instance that gave up', () => {
  /** What a failed assertion of DuckDB's own looks like from outside: nothing works on the instance any more. */
  async function breakDown(broken: DuckDb): Promise<void> {
    (Reflect.get(broken, 'instance') as { closeSync(): void }).closeSync();
    Reflect.set(broken, 'suspect', true);
  }

  it('is replaced by one that works, and is as locked', async () => {
    const broken = await DuckDb.open({
      threads: 1,
      memoryBytes: 100e6,
      tempDirectory: join(directory, 'tmp-broken'),
      readRoots: [join(directory, 'data')],
      writeRoots: [],
    });
    expect(await broken.memoryUsedBytes()).toBeGreaterThanOrEqual(0);
    await breakDown(broken);
    const connections = await Promise.all([broken.connect(), broken.connect()]);
    for (const connection of connections) {
      expect(await connection.rows(`FROM read_csv('${directory}/data/a.csv')`)).toEqual([[1n]]);
      expect((await failure(connection.run(`FROM read_csv('${directory}/secret/a.csv')`))).sqlState).toBe(
        '42501',
      );
      await connection[Symbol.asyncDispose]();
    }
    expect(await broken.memoryUsedBytes()).toBeGreaterThanOrEqual(0);
    broken.close();
  });

  it('is left alone where it still works', async () => {
    const before: unknown = Reflect.get(duckdb, 'instance');
    Reflect.set(duckdb, 'suspect', true);
    await using connection = await duckdb.connect();
    expect(await connection.rows('SELECT 1')).toEqual([[1]]);
    expect(Reflect.get(duckdb, 'instance')).toBe(before);
    expect(Reflect.get(duckdb, 'suspect')).toBe(false);
  });
});

describe('a locked instance', () => {
  const refused = (): readonly string[] => [
    `FROM read_csv('${directory}/secret/a.csv')`,
    `FROM '${directory}/secret/a.csv'`,
    `FROM read_csv('${directory}/data/link/a.csv')`,
    `FROM read_csv('${directory}/data/../secret/a.csv')`,
    `FROM read_text('${directory}/secret/a.csv')`,
    `FROM read_blob('/proc/self/environ')`,
    `FROM glob('${directory}/secret/*') WHERE error(file) IS NULL`,
    `COPY (SELECT 1) TO '${directory}/secret/b.csv'`,
    `COPY (SELECT 1) TO '${directory}/b.csv'`,
    `COPY (SELECT 1) TO '${directory}/data/link/b.csv'`,
    `EXPORT DATABASE '${directory}/secret/export'`,
    `ATTACH '${directory}/secret/new.db' AS other`,
    `FROM read_csv('http://127.0.0.1:1/x.csv')`,
    `FROM read_parquet('s3://bucket/x.parquet')`,
    'INSTALL httpfs',
    'LOAD httpfs',
    'INSTALL h3 FROM community',
    `LOAD '${directory}/data/x.duckdb_extension'`,
    'SET enable_external_access = true',
    'SET lock_configuration = false',
    'RESET lock_configuration',
    "SET allowed_directories = ['/']",
    "SET allowed_configs = ['threads']",
    'SET threads = 64',
    "SET memory_limit = '64GB'",
    `SET temp_directory = '${directory}/secret'`,
    'SET autoload_known_extensions = true',
    'PRAGMA threads = 64',
  ];

  it('refuses what is outside of its directories', async () => {
    await using connection = await duckdb.connect();
    const open: string[] = [];
    for (const sql of refused())
      await connection.run(sql).then(
        () => open.push(sql),
        () => {},
      );
    expect(open).toEqual([]);
  });

  it('reads its roots by every name of theirs, and lets a session choose how it reads and spells', async () => {
    await using connection = await duckdb.connect();
    for (const root of ['data', 'alias'])
      expect(await connection.rows(`FROM read_csv('${directory}/${root}/a.csv')`)).toEqual([[1n]]);
    await connection.run("SET TimeZone = 'Asia/Kolkata'; SET default_null_order = 'nulls_first'");
    expect(await connection.rows("SELECT TIMESTAMPTZ '2020-01-01 00:00:00+00'")).toEqual([
      ['2020-01-01 05:30:00+05:30'],
    ]);
    await using other = await duckdb.connect();
    expect(await other.rows("SELECT current_setting('TimeZone')")).not.toEqual([['Asia/Kolkata']]);
  });

  it('lets a connection work in a database of its own', async () => {
    await using connection = await duckdb.connect();
    await connection.run(
      "ATTACH ':memory:' AS task_1; USE task_1; CREATE SCHEMA s; CREATE VIEW users AS SELECT 7 AS id",
    );
    expect(await connection.rows('SELECT users.id, u.id FROM users, main.users u')).toEqual([[7, 7]]);
    await connection.run('USE memory; DETACH task_1');
  });

  it('tells its memory', async () => {
    expect(await duckdb.memoryUsedBytes()).toBeGreaterThanOrEqual(0);
    expect(duckdb.version).toBe('v1.5.6');
  });
});
