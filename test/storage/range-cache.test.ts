import { mkdtemp, open, readdir, readFile, rm, stat } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type DuckDBConnection, DuckDBInstance } from '@duckdb/node-api';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { systemClock, systemRandom } from '../../src/common/index.ts';
import { ObjectStores, RangeCache, type WantedBytes } from '../../src/storage/index.ts';
import { FakeS3 } from '../support/fake-s3.ts';

process.env.AWS_ACCESS_KEY_ID = 'AKIAOFTHETEST';
process.env.AWS_SECRET_ACCESS_KEY = 'secret-of-the-test';

const rows = 60_000;
const location = 's3://bucket/table/part.parquet';
const never = new AbortController().signal;

let fake: FakeS3;
let stores: ObjectStores;
let instance: DuckDBInstance;
let duckdb: DuckDBConnection;
let folder: string;
let parquet: Buffer;
let caches = 0;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'skein-range-cache-'));
  fake = await FakeS3.start();
  stores = new ObjectStores({
    clock: systemClock,
    random: systemRandom,
    s3: { endpoint: fake.endpoint },
    s3Limits: { firstDelayMs: 1, requestTimeoutMs: 2000, idleTimeoutMs: 2000 },
  });
  instance = await DuckDBInstance.create(':memory:');
  duckdb = await instance.connect();
  const columns = Array.from({ length: 18 }, (_, index) => `hash(i * 100 + ${index}) AS c${index}`);
  const select = `SELECT i AS id, {'x': i * 2, 'y': [i, i + 1]} AS nested, ${columns.join(', ')} FROM range(${rows}) r(i)`;
  const file = join(folder, 'source.parquet');
  await duckdb.run(`COPY (${select}) TO '${file}' (FORMAT parquet, ROW_GROUP_SIZE 10000)`);
  parquet = await readFile(file);
});

afterAll(async () => {
  duckdb.closeSync();
  instance.closeSync();
  await stores.close();
  await fake.close();
  await rm(folder, { recursive: true });
});

beforeEach(async () => {
  fake.objects.clear();
  await stores.open('s3://bucket').put('table/part.parquet', parquet);
});

async function newCache(
  maxBytes = 1e9,
  at?: string,
): Promise<{ readonly cache: RangeCache; readonly at: string }> {
  caches += 1;
  const place = at ?? join(folder, `cache-${caches}`);
  const options = { folder: place, maxBytes, stores, clock: systemClock, random: systemRandom };
  return { cache: await RangeCache.open(options), at: place };
}

async function query(cache: RangeCache, select: string, wanted: WantedBytes): Promise<unknown> {
  await using file = await cache.open(location, wanted, never);
  const reader = await duckdb.runAndReadAll(`SELECT ${select} FROM read_parquet('${file.localPath}')`);
  return reader.getRows().map((row) => row.map(String));
}

async function oracle(select: string): Promise<unknown> {
  const reader = await duckdb.runAndReadAll(
    `SELECT ${select} FROM read_parquet('${join(folder, 'source.parquet')}')`,
  );
  return reader.getRows().map((row) => row.map(String));
}

/** Overwrites bytes of the one cached file, as a failing disk would. */
async function damage(at: string, position: number): Promise<void> {
  const [name = ''] = (await readdir(at)).filter((each) => each.endsWith('.data'));
  await using file = await open(join(at, name), 'r+');
  await file.write(Buffer.alloc(64), 0, 64, position);
}

describe('the range cache', () => {
  it('fetches the columns of a query, DuckDB reads them, and nothing twice', async () => {
    const { cache } = await newCache();
    const first = 'sum(id), sum(c7::HUGEINT), count(*)';
    expect(await query(cache, first, { columns: ['ID', 'c7', 'not there'] })).toEqual(await oracle(first));
    const { fetchedBytes, misses, hits } = cache.stats();
    expect({ misses, hits }).toEqual({ misses: 1, hits: 0 });
    expect(fetchedBytes).toBeLessThan(parquet.length / 4);
    const before = fake.requests.length;
    expect(await query(cache, first, { columns: ['id', 'c7'] })).toEqual(await oracle(first));
    expect(fake.requests.length).toBe(before);
    expect(cache.stats()).toMatchObject({ misses: 1, hits: 1, fetchedBytes });
    expect(cache.cachedBytes(location)).toBe(cache.stats().bytes);
    // DuckDB keeps pieces of files: none of them may be a hole when more columns come.
    for (const column of ['c0', 'c6', 'c8', 'c17']) {
      const select = `sum(${column}::HUGEINT), sum(id)`;
      expect(await query(cache, select, { columns: [column, 'id'] })).toEqual(await oracle(select));
    }
    const nested = 'sum(nested.x), sum(nested.y[2])';
    expect(await query(cache, nested, { columns: ['nested'] })).toEqual(await oracle(nested));
    expect(await query(cache, 'count(*)', { columns: [] })).toEqual([[String(rows)]]);
    const all = 'sum(hash(COLUMNS(*))::HUGEINT)';
    expect(await query(cache, all, {})).toEqual(await oracle(all));
    expect(cache.stats().bytes).toBe(parquet.length);
    expect(cache.stats().fetchedBytes).toBe(parquet.length);
  });

  it('fetches the wanted row groups, and DuckDB takes no hole for rows', async () => {
    const { cache } = await newCache();
    const ends: number[] = [];
    const wanted: WantedBytes = {
      columns: ['id', 'c7', 'nested'],
      groups: (groups) => {
        ends.push(...groups.map((group) => group.firstRow + group.rows));
        return groups.map((_, index) => index === 2);
      },
    };
    await using file = await cache.open(location, wanted, never);
    expect(ends.at(-1)).toBe(rows);
    const [first = 0, end = 0] = ends.slice(1);
    const read = async (path: string, from: number, to: number): Promise<unknown> => {
      const source = `read_parquet('${path}', file_row_number = true)`;
      const select = 'count(*), sum(id), sum(c7::HUGEINT), sum(nested.y[2])';
      const where = `file_row_number BETWEEN ${from} AND ${to - 1}`;
      const reader = await duckdb.runAndReadAll(`SELECT ${select} FROM ${source} WHERE ${where}`);
      return reader.getRows().map((row) => row.map(String));
    };
    const source = join(folder, 'source.parquet');
    expect(await read(file.localPath, first, end)).toEqual(await read(source, first, end));
    expect(await read(file.localPath, first + 7, end - 100)).toEqual(
      await read(source, first + 7, end - 100),
    );
    for (const [from, to] of [
      [0, rows],
      [first - 1, end],
      [first, end + 1],
      [0, 10],
    ] as const) {
      await expect(read(file.localPath, from, to)).rejects.toThrow();
    }
    expect(cache.stats().fetchedBytes).toBeLessThan(parquet.length / 4);
    // More of the file is another name, of which DuckDB remembers nothing.
    expect(await query(cache, 'sum(id)', { columns: ['id'] })).toEqual(await oracle('sum(id)'));
  });

  it('fetches what is no Parquet file whole, and local files not at all', async () => {
    const { cache } = await newCache();
    await stores.open('memory://m').put('x/data.csv.gz', Buffer.from('a,b\n1,2\n'));
    await using file = await cache.open('memory://m/x/data.csv.gz', { columns: ['a'] }, never);
    expect(file.localPath).toMatch(/\.csv\.gz$/);
    expect(await readFile(file.localPath, 'utf8')).toBe('a,b\n1,2\n');
    await using local = await cache.open('/data/x.csv', {}, never);
    expect(local.localPath).toBe('/data/x.csv');
    await expect(cache.open('memory://m/missing', {}, never)).rejects.toMatchObject({ sqlState: '58P01' });
  });

  it('fetches once what many want at once, and goes on for those who stay', async () => {
    const { cache } = await newCache();
    const abort = new AbortController();
    fake.inject({ kind: 'truncate', bytes: 1000 }, ({ method }) => method === 'GET', 2);
    const opening = [abort.signal, never, never, never].map((signal) =>
      cache.open(location, { columns: ['id', 'c3'] }, signal),
    );
    setTimeout(() => abort.abort(), 5);
    const outcomes = await Promise.allSettled(opening);
    expect(outcomes.slice(1).map(({ status }) => status)).toEqual(['fulfilled', 'fulfilled', 'fulfilled']);
    for (const outcome of outcomes) if (outcome.status === 'fulfilled') await outcome.value.release();
    expect(cache.stats().fetchedBytes).toBe(cache.stats().bytes);
    expect(cache.stats().fetchedBytes).toBeLessThan(parquet.length / 4);
  });

  it('goes on after a restart, without asking the store', async () => {
    const { cache, at } = await newCache();
    const select = 'sum(id), sum(c1::HUGEINT)';
    await query(cache, select, { columns: ['id', 'c1'] });
    await cache.close();
    const before = fake.requests.length;
    const { cache: again } = await newCache(1e9, at);
    expect(again.stats().bytes).toBe(cache.stats().bytes);
    expect(await query(again, select, { columns: ['id', 'c1'] })).toEqual(await oracle(select));
    expect(fake.requests.length).toBe(before);
    expect((await readdir(at)).filter((name) => name.endsWith('.parquet'))).toHaveLength(1);
  });

  it('fetches again what the disk changed', async () => {
    const { cache, at } = await newCache();
    const select = 'sum(id), sum(c1::HUGEINT), min(c1)';
    await query(cache, select, { columns: ['id', 'c1'] });
    await cache.close();
    for (const position of [5000, parquet.length - 400]) {
      await damage(at, position);
      const { cache: again } = await newCache(1e9, at);
      expect(await query(again, select, { columns: ['id', 'c1'] })).toEqual(await oracle(select));
      expect(again.stats().repairedBytes).toBeGreaterThan(0);
      await again.close();
    }
  });

  it('ignores a damaged index', async () => {
    const { cache, at } = await newCache();
    await query(cache, 'sum(id)', { columns: ['id'] });
    await cache.close();
    const [index = ''] = (await readdir(at)).filter((name) => name.endsWith('.json'));
    await using file = await open(join(at, index), 'r+');
    await file.write('9', 20);
    const { cache: again } = await newCache(1e9, at);
    expect(again.stats()).toMatchObject({ bytes: 0, files: 0 });
    expect(await readdir(at)).toEqual([]);
    expect(await query(again, 'sum(id)', { columns: ['id'] })).toEqual(await oracle('sum(id)'));
  });

  it('refuses bytes of another version', async () => {
    const { cache } = await newCache();
    const old = await stores.open('s3://bucket').stat('table/part.parquet');
    await query(cache, 'sum(id)', { columns: ['id'], ...(old && { etag: old.etag }) });
    const held = await cache.open(location, { columns: ['id'] }, never);
    await duckdb.run(`COPY (SELECT 1::BIGINT AS id, 2::UBIGINT AS c2) TO '${join(folder, 'new.parquet')}'`);
    await stores.open('s3://bucket').put('table/part.parquet', await readFile(join(folder, 'new.parquet')));
    const changed = { sqlState: '58030', retry: 'query' };
    await expect(cache.open(location, { columns: ['c2'] }, never)).rejects.toMatchObject(changed);
    await expect(
      cache.open(location, { columns: ['c2'], etag: old?.etag ?? '' }, never),
    ).rejects.toMatchObject(changed);
    expect(await query(cache, 'sum(id), sum(c2)', { columns: ['id', 'c2'] })).toEqual([['1', '2']]);
    const reader = await duckdb.runAndReadAll(`SELECT sum(id) FROM read_parquet('${held.localPath}')`);
    expect(reader.getRows().map((row) => row.map(String))).toEqual(await oracle('sum(id)'));
    await held.release();
    await expect(stat(held.localPath)).rejects.toThrow();
    expect(cache.stats().files).toBe(1);
  });

  it('keeps to its size: the least recently used goes, what is in use stays', async () => {
    const { cache, at } = await newCache(2.5e6);
    const store = stores.open('memory://sizes');
    const use = async (name: string): Promise<void> => {
      const file = await cache.open(`memory://sizes/${name}`, {}, never);
      expect((await readFile(file.localPath)).equals(Buffer.alloc(1e6, name))).toBe(true);
      await file.release();
    };
    for (const name of ['a', 'b', 'c']) await store.put(name, Buffer.alloc(1e6, name));
    await use('a');
    await new Promise((resolve) => setTimeout(resolve, 5));
    await use('b');
    await new Promise((resolve) => setTimeout(resolve, 5));
    await use('a');
    await use('c');
    expect(cache.stats().bytes).toBeLessThanOrEqual(2.5e6);
    expect([...'abc'].map((name) => cache.cachedBytes(`memory://sizes/${name}`))).toEqual([1e6, 0, 1e6]);
    const held = await Promise.all(['a', 'c'].map((name) => cache.open(`memory://sizes/${name}`, {}, never)));
    await expect(cache.open('memory://sizes/b', {}, never)).rejects.toMatchObject({ sqlState: '53100' });
    for (const file of held) await file.release();
    await use('b');
    await cache.close();
    const { cache: smaller } = await newCache(1.2e6, at);
    expect(smaller.stats()).toMatchObject({ files: 1, bytes: 1e6 });
  });
});
