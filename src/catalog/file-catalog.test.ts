import { mkdir, mkdtemp, rm, truncate, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { SkeinError, systemClock } from '../common/index.ts';
import { DuckDb, type DuckDbConnection, inspectFiles } from '../duckdb/index.ts';
import { formatType } from '../types/index.ts';
import type { CatalogSnapshot } from './catalog.ts';
import { FileCatalog } from './file-catalog.ts';

let dir: string;
let duckdb: DuckDb;
let connection: DuckDbConnection;

beforeAll(async () => {
  dir = await mkdtemp(join(tmpdir(), 'skein-catalog-'));
  duckdb = await DuckDb.open({
    threads: 1,
    memoryBytes: 256 << 20,
    tempDirectory: join(dir, '.tmp'),
    readRoots: [],
    writeRoots: [dir],
  });
  connection = await duckdb.connect();
});

afterAll(async () => {
  await connection[Symbol.asyncDispose]();
  duckdb.close();
  await rm(dir, { recursive: true });
});

async function folder(name: string): Promise<string> {
  const path = join(dir, name);
  await mkdir(path, { recursive: true });
  return path;
}

function catalogOf(path: string): FileCatalog {
  return new FileCatalog({
    dir: path,
    clock: systemClock,
    inspect: (kind, files, keys, signal) => inspectFiles(connection, kind, files, keys, signal),
  });
}

const look = async (catalog: FileCatalog): Promise<CatalogSnapshot> =>
  await catalog.snapshot(new AbortController().signal);

function columnsOf(snapshot: CatalogSnapshot, name: string): readonly string[] | undefined {
  return snapshot.tables.get(name)?.schema.map((column) => `${column.name} ${formatType(column.type)}`);
}

test('files and folders of Parquet, CSV and JSON are tables', async () => {
  const path = await folder('kinds');
  await connection.run(
    `COPY (SELECT i AS id, i::DECIMAL(9,2) AS price FROM range(5000) t(i)) TO '${path}/items.parquet' (ROW_GROUP_SIZE 2048)`,
  );
  await mkdir(join(path, 'logs', 'day=2024-01-02', 'kind=x'), { recursive: true });
  await mkdir(join(path, 'logs', 'day=2024-01-03', 'kind=7'), { recursive: true });
  await connection.run(`COPY (SELECT 1 AS a) TO '${path}/logs/day=2024-01-02/kind=x/f.parquet'`);
  await connection.run(`COPY (SELECT 2 AS a) TO '${path}/logs/day=2024-01-03/kind=7/f.parquet'`);
  await writeFile(join(path, 'people.csv'), 'id;name\n1;"a;b"\n2;c\n');
  await writeFile(join(path, 'docs.jsonl'), '{"a":1,"b":{"c":[1]}}\n{"a":2}\n');
  await writeFile(join(path, '.hidden.csv'), 'x\n');
  await writeFile(join(path, 'README.md'), 'not a table');
  const snapshot = await look(catalogOf(path));
  expect([...snapshot.tables.keys()]).toEqual(['main.docs', 'main.items', 'main.logs', 'main.people']);
  expect(columnsOf(snapshot, 'main.items')).toEqual(['id BIGINT', 'price DECIMAL(9,2)']);
  expect(snapshot.tables.get('main.items')?.rowCount).toBe(5000);
  expect(snapshot.tables.get('main.items')?.files[0]?.rowGroups).toEqual([2048, 2048, 904]);
  expect(columnsOf(snapshot, 'main.logs')).toEqual(['a INTEGER', 'day DATE', 'kind VARCHAR']);
  expect(snapshot.tables.get('main.logs')?.format).toMatchObject({
    hive: { columns: [{ name: 'day' }, { name: 'kind' }] },
  });
  expect(snapshot.tables.get('main.people')?.format).toMatchObject({
    options: { delim: "';'", header: 'true' },
  });
  expect(columnsOf(snapshot, 'main.docs')).toEqual(['a BIGINT', 'b STRUCT("c" BIGINT[])']);
});

test('a broken table is an error with its path and leaves the others alone', async () => {
  const path = await folder('broken');
  await connection.run(`COPY (SELECT 1 AS a) TO '${path}/good.parquet'`);
  await connection.run(`COPY (SELECT range AS a FROM range(9000)) TO '${path}/torn.parquet'`);
  await truncate(join(path, 'torn.parquet'), 3000);
  await writeFile(join(path, 'empty.parquet'), '');
  await writeFile(join(path, 'twice.csv'), 'a\n1\n');
  await connection.run(`COPY (SELECT 1 AS a) TO '${path}/Twice.parquet'`);
  await mkdir(join(path, 'mixed'));
  await writeFile(join(path, 'mixed', 'a.csv'), 'a\n1\n');
  await writeFile(join(path, 'mixed', 'b.json'), '{"a":1}\n');
  await mkdir(join(path, 'delta', '_delta_log'), { recursive: true });
  await mkdir(join(path, 'uneven'));
  await connection.run(`COPY (SELECT 1 AS a, 2 AS b) TO '${path}/uneven/1.parquet'`);
  await connection.run(`COPY (SELECT 1 AS a) TO '${path}/uneven/2.parquet'`);
  const snapshot = await look(catalogOf(path));
  expect([...snapshot.tables.keys()]).toEqual(['main.good']);
  for (const [name, file] of [
    ['torn', 'torn.parquet'],
    ['empty', 'empty.parquet'],
    ['twice', 'twice.csv'],
    ['Twice', 'Twice.parquet'],
    ['mixed', 'mixed'],
    ['delta', 'delta'],
    ['uneven', '2.parquet'],
  ]) {
    const error = snapshot.broken.get(`main.${name}`);
    expect(error, name).toBeInstanceOf(SkeinError);
    expect(error?.message).toContain(join(path, name === 'uneven' ? `uneven/${file}` : (file ?? '')));
    expect((error as SkeinError).sqlState).not.toBe('XX000');
  }
});

test('a changed, new or removed file shows, and the version moves only then', async () => {
  const path = await folder('changes');
  const catalog = catalogOf(path);
  const empty = await look(catalog);
  expect(empty.tables.size).toBe(0);
  await connection.run(`COPY (SELECT 1 AS a) TO '${path}/t.parquet'`);
  const settled = async (): Promise<CatalogSnapshot> => {
    await new Promise((resolve) => setTimeout(resolve, 100));
    return await look(catalog);
  };
  const first = await settled();
  expect(columnsOf(first, 'main.t')).toEqual(['a INTEGER']);
  expect(await settled()).toBe(first);
  await connection.run(`COPY (SELECT 'x' AS b) TO '${path}/t.parquet'`);
  const second = await settled();
  expect(columnsOf(second, 'main.t')).toEqual(['b VARCHAR']);
  expect(second.version).toBeGreaterThan(first.version);
  await rm(join(path, 't.parquet'));
  expect((await settled()).tables.size).toBe(0);
});

test('a missing folder is an error that names it', async () => {
  await expect(look(catalogOf(join(dir, 'nowhere')))).rejects.toMatchObject({ sqlState: '58P01' });
});

test('a fresh look sees what was written a moment ago', async () => {
  const path = await folder('fresh');
  let now = 0;
  // Every look takes a second of this clock, so the next one is not due for a while.
  const clock = { ...systemClock, monotonic: () => (now += 500) };
  const catalog = new FileCatalog({
    dir: path,
    clock,
    inspect: (kind, files, keys, signal) => inspectFiles(connection, kind, files, keys, signal),
  });
  await writeFile(join(path, 'a.csv'), 'x\n1\n');
  expect([...(await look(catalog)).tables.keys()]).toEqual(['main.a']);
  await writeFile(join(path, 'b.csv'), 'x\n1\n');
  expect([...(await look(catalog)).tables.keys()]).toEqual(['main.a']);
  const fresh = await catalog.snapshot(new AbortController().signal, { fresh: true });
  expect([...fresh.tables.keys()]).toEqual(['main.a', 'main.b']);
});
