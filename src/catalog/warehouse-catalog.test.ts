import { mkdir, mkdtemp, rm, symlink, truncate, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { type Clock, SkeinError, systemClock, systemRandom } from '../common/index.ts';
import { DuckDb, type DuckDbConnection, inspectFiles } from '../duckdb/index.ts';
import { type AddAction, DeltaLog, type DeltaSnapshot, ObjectStores } from '../storage/index.ts';
import { formatType, scalar } from '../types/index.ts';
import type { CatalogSnapshot } from './catalog.ts';
import { WarehouseCatalog } from './warehouse-catalog.ts';

const stores = new ObjectStores({ clock: systemClock, random: systemRandom });
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

/** Logs of Delta tables by their location: what they would give. */
const logs = new Map<string, FakeLog>();

class FakeLog extends DeltaLog {
  readonly versions: DeltaSnapshot[] = [];
  reads = 0;

  constructor(location: string) {
    const none = (): never => {
      throw new Error('no checkpoint is read');
    };
    super({ store: stores.open(location), parquet: { readRows: none, writeRows: none } });
  }

  override async snapshot(at: { version?: number; timestampMs?: number } = {}): Promise<DeltaSnapshot> {
    this.reads += 1;
    const found = at.version === undefined ? this.versions.at(-1) : this.versions[at.version];
    return found ?? Promise.reject(new SkeinError('22023', `there is no version ${at.version}`));
  }
}

function catalogOf(path: string, clock: Clock = systemClock, externalRoots: string[] = []): WarehouseCatalog {
  return new WarehouseCatalog({
    store: stores.open(path),
    openStore: (location) => stores.open(location),
    openLog: (store) => logs.get(store.root) ?? new FakeLog(store.root),
    inspect: async (kind, files, keys, signal, options) => {
      await using own = await duckdb.connect();
      return await inspectFiles(own, kind, files, keys, signal, options);
    },
    externalRoots,
    clock,
    random: systemRandom,
  });
}

async function deltaFolder(location: string): Promise<FakeLog> {
  await mkdir(join(location, '_delta_log'), { recursive: true });
  await writeFile(join(location, '_delta_log', `${'0'.repeat(20)}.json`), '');
  const log = new FakeLog(location);
  logs.set(location, log);
  return log;
}

function deltaSnapshot(location: string, version: number, files: readonly AddAction[]): DeltaSnapshot {
  const fields = ['id', 'day'].map((name) => ({
    name,
    type: scalar(name === 'id' ? 'BIGINT' : 'DATE'),
    nullable: true,
    physicalName: name,
    fieldId: undefined,
    children: [],
    metadata: name === 'id' ? { comment: 'the key' } : {},
  }));
  return {
    location,
    version,
    timestampMs: version,
    protocol: { minReaderVersion: 1, minWriterVersion: 2 },
    metadata: {
      id: 'm',
      format: { provider: 'parquet', options: {} },
      schemaString: '',
      partitionColumns: ['day'],
      configuration: {},
    },
    fields,
    schema: fields.map(({ name, type }) => ({ name, type })),
    columnMapping: 'none',
    files,
    transactions: new Map(),
    domains: new Map(),
  };
}

function add(path: string, rows: number): AddAction {
  return {
    path,
    partitionValues: { day: '2024-01-02' },
    size: 1000,
    modificationTime: 0,
    dataChange: true,
    stats: `{"numRecords":${rows},"minValues":{"id":${rows}},"maxValues":{"id":${rows * 2}}}`,
  };
}

const look = async (catalog: WarehouseCatalog): Promise<CatalogSnapshot> =>
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
  await mkdir(join(path, 'delta', 'deeper', '_delta_log'), { recursive: true });
  await writeFile(join(path, 'delta', 'deeper', '_delta_log', '0.json'), '');
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
  const settled = (): Promise<CatalogSnapshot> =>
    catalog.snapshot(new AbortController().signal, { fresh: true });
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
  const catalog = catalogOf(path, clock);
  await writeFile(join(path, 'a.csv'), 'x\n1\n');
  expect([...(await look(catalog)).tables.keys()]).toEqual(['main.a']);
  await writeFile(join(path, 'b.csv'), 'x\n1\n');
  expect([...(await look(catalog)).tables.keys()]).toEqual(['main.a']);
  const fresh = await catalog.snapshot(new AbortController().signal, { fresh: true });
  expect([...fresh.tables.keys()]).toEqual(['main.a', 'main.b']);
});

test('a folder with a Delta log is a table once the log has a version', async () => {
  const path = await folder('delta');
  const location = join(path, 'events');
  await mkdir(join(location, '_delta_log'), { recursive: true });
  await writeFile(join(location, 'part-1.parquet'), 'not committed');
  const catalog = catalogOf(path);
  expect((await look(catalog)).tables.size).toBe(0);
  const log = await deltaFolder(location);
  log.versions.push(deltaSnapshot(location, 0, [add('day=2024-01-02/a%20b.parquet', 300_000)]));
  const signal = new AbortController().signal;
  const { tables, comments } = await catalog.snapshot(signal, { fresh: true });
  expect(tables.get('main.events')).toMatchObject({
    schema: [{ name: 'id' }, { name: 'day' }],
    rowCount: 300_000,
    bytes: 1000,
    format: {
      kind: 'delta',
      columns: [
        { kind: 'data', stored: { name: 'id', type: scalar('BIGINT') } },
        { kind: 'partition', index: 0 },
      ],
    },
    files: [
      {
        path: `${location}/day=2024-01-02/a b.parquet`,
        modifiedMs: undefined,
        rowGroups: [122_880, 122_880, 54_240],
        delta: { rowCount: 300_000, partitionValues: ['2024-01-02'] },
      },
    ],
    statistics: [
      { min: 300_000, max: 600_000 },
      { distinct: 1, min: 19_724 * 86_400 },
    ],
    delta: { location, version: 0 },
  });
  expect(comments).toEqual([{ schema: 'main', name: 'events', column: 'id', text: 'the key' }]);
});

test('tables that are named are as of now, others as of the last look, and the rest is not opened', async () => {
  const path = await folder('named');
  const [one, two] = [await deltaFolder(join(path, 'one')), await deltaFolder(join(path, 'two'))];
  one.versions.push(deltaSnapshot(join(path, 'one'), 0, [add('a', 1)]));
  two.versions.push(deltaSnapshot(join(path, 'two'), 0, [add('a', 1)]));
  const catalog = catalogOf(path);
  const { signal } = new AbortController();
  const rows = async (...names: string[]): Promise<unknown> => {
    const { tables } = await catalog.snapshot(signal, { names: new Set(names) });
    return Object.fromEntries([...tables].map(([key, table]) => [key, table.rowCount]));
  };
  expect(await rows('one', 'x')).toEqual({ 'main.one': 1 });
  expect(two.reads).toBe(0);
  one.versions.push(deltaSnapshot(join(path, 'one'), 1, [...(one.versions[0]?.files ?? []), add('b', 5)]));
  expect(await rows('two')).toEqual({ 'main.one': 1, 'main.two': 1 });
  expect(await rows('one')).toEqual({ 'main.one': 6, 'main.two': 1 });
  const [before, after] = [await catalog.table('main.one', { version: 0 }, signal), await rows('one')];
  expect(before).toMatchObject({ name: 'main.one@v0', rowCount: 1 });
  expect(after).toEqual({ 'main.one': 6, 'main.two': 1 });
  await expect(catalog.table('main.one', { version: 7 }, signal)).rejects.toMatchObject({
    sqlState: '22023',
  });
  await catalog.names.createView(
    { schema: 'main', name: 'v', sql: 'FROM "ONE"', aliases: [], columns: ['id'], searchSchema: 'main' },
    false,
    signal,
  );
  one.versions.push(deltaSnapshot(join(path, 'one'), 2, []));
  expect(await rows('v')).toEqual({ 'main.one': 0, 'main.two': 1 });
});

test('statements change names, and files of the warehouse are not theirs', async () => {
  const path = await folder('statements');
  await writeFile(join(path, 'people.csv'), 'id\n1\n');
  const [catalog, other] = [catalogOf(path), catalogOf(path)];
  const { names } = catalog;
  const { signal } = new AbortController();
  await names.createSchema('sales', undefined, signal);
  const location = names.newTableLocation({ schema: 'sales', name: 'orders of 2024' });
  expect(location).toMatch(new RegExp(`^${path}/_tables/sales/orders_of_2024-[0-9a-z]{10}$`));
  (await deltaFolder(location)).versions.push(deltaSnapshot(location, 0, [add('a', 2)]));
  const table = { schema: 'sales', name: 'orders', location, kind: 'managed', format: 'delta' } as const;
  await names.createTable({ ...table, comment: 'all of them' }, false, signal);
  const seen = await other.snapshot(signal, { fresh: true });
  expect([...seen.tables.keys()]).toEqual(['main.people', 'sales.orders']);
  expect(seen.schemas).toEqual(['main', 'sales']);
  expect(seen.comments[1]).toEqual({ schema: 'sales', name: 'orders', text: 'all of them' });
  expect(await names.openTable({ schema: 'SALES', name: 'Orders' }, signal)).toMatchObject({
    key: 'sales.orders',
    kind: 'managed',
    location,
    store: { root: location },
  });
  for (const [sqlState, work] of [
    ['42P07', () => names.createTable({ ...table, schema: 'main', name: 'People' }, true, signal)],
    ['42809', () => names.dropTable({ schema: 'main', name: 'people' }, signal)],
    ['42809', () => names.openTable({ schema: 'main', name: 'people' }, signal)],
    ['42P01', () => names.openTable({ schema: 'main', name: 'nothing' }, signal)],
    ['42P01', () => names.dropTable({ schema: 'main', name: 'nothing' }, signal)],
    ['42P01', () => names.setComment({ schema: 'main', name: 'x' }, undefined, 'x', signal)],
  ] as const) {
    await expect(work(), work.toString()).rejects.toMatchObject({ sqlState });
  }
  await names.renameTable({ schema: 'sales', name: 'orders' }, 'bought', signal);
  expect(await names.dropSchema('sales', true, signal)).toMatchObject([{ key: 'sales.bought', location }]);
  expect([...(await look(catalog)).tables.keys()]).toEqual(['main.people']);
});

test('locations of statements lie below the warehouse or a root that was named', async () => {
  const path = await folder('locations');
  const outside = await folder('outside');
  await symlink(outside, join(path, 'link'));
  const { names } = catalogOf(path, systemClock, ['s3://bucket/shared']);
  for (const location of [`${path}/x/y/`, `${path}/x`, 's3://bucket/shared/t', 's3://bucket/shared']) {
    expect(await names.checkLocation(location)).toBe(location.replace(/\/$/, ''));
  }
  for (const location of [
    outside,
    '/etc',
    `${path}/link/t`,
    `${path}x/t`,
    `${path}/_skein/catalog`,
    path,
    's3://bucket/sharedx',
    's3://other/shared/t',
  ]) {
    await expect(names.checkLocation(location), location).rejects.toMatchObject({ sqlState: '42501' });
  }
  for (const location of ['x/y', `${path}/../x`, 'http://host/x', '']) {
    await expect(names.checkLocation(location), location).rejects.toMatchObject({ sqlState: '22023' });
  }
});

test('an external table of CSV files is read with its own options', async () => {
  const path = await folder('external');
  const shared = await folder('shared');
  await mkdir(join(shared, 'csv'));
  await writeFile(join(shared, 'csv', 'a.csv'), '1|x\n2|y\n');
  const catalog = catalogOf(path, systemClock, [shared]);
  const { signal } = new AbortController();
  const table = { schema: 'main', name: 'ext', kind: 'external', format: 'csv' } as const;
  const options = { delim: "'|'", header: 'false', names: "['a', 'b']" };
  await catalog.names.createTable({ ...table, location: join(shared, 'csv'), options }, false, signal);
  const { tables, origins } = await look(catalog);
  expect(tables.get('main.ext')).toMatchObject({
    schema: [{ name: 'a' }, { name: 'b' }],
    format: { kind: 'csv', options: { delim: "'|'", header: 'false' } },
  });
  expect(origins.get('main.ext')).toMatchObject({ kind: 'external', format: 'csv' });
  await rm(join(shared, 'csv', 'a.csv'));
  expect((await look(catalog)).broken.get('main.ext')).toMatchObject({ sqlState: '58P01' });
});

test('a Delta table of 100,000 files is made into a snapshot in no time, and the next version faster', async () => {
  const path = await folder('large');
  const location = join(path, 't');
  const log = await deltaFolder(location);
  const files = Array.from({ length: 100_000 }, (_, index) => add(`day=x/part-${index}.parquet`, index));
  log.versions.push(deltaSnapshot(location, 0, files));
  const catalog = catalogOf(path);
  const started = process.cpuUsage();
  const first = await look(catalog);
  expect(first.tables.get('main.t')?.statistics?.[0]).toMatchObject({ min: 0, max: 199_998 });
  expect(process.cpuUsage(started).user / 1000).toBeLessThan(2000);
  log.versions.push(deltaSnapshot(location, 1, [...files, add('new', 1)]));
  const again = (await catalog.snapshot(new AbortController().signal)).tables.get('main.t');
  expect(again?.files).toHaveLength(100_001);
  expect(again?.files[7]).toBe(first.tables.get('main.t')?.files[7]);
});

test('a warehouse that is no folder has its Delta tables and names', async () => {
  const root = 'memory://warehouse/prefix';
  const store = stores.open(root);
  const log = new FakeLog(`${root}/events`);
  logs.set(`${root}/events`, log);
  log.versions.push(deltaSnapshot(`${root}/events`, 0, [add('a.parquet', 4)]));
  await store.putIfAbsent(`events/_delta_log/${'0'.repeat(20)}.json`, new Uint8Array([1]));
  const catalog = catalogOf(root);
  await catalog.names.createSchema('sales', undefined, new AbortController().signal);
  const { tables, schemas } = await look(catalog);
  expect(tables.get('main.events')?.files[0]?.path).toBe(`${root}/events/a.parquet`);
  expect(schemas).toEqual(['main', 'sales']);
});
