import { mkdir, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { DuckDBInstance } from '@duckdb/node-api';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type CoordinatorServer, startCoordinator } from '../../src/main/index.ts';
import { Skein } from '../../src/main/skein.ts';
import type { SqlValue } from '../../src/types/index.ts';

let parent: string;
let dir: string;
let spool: string;
let server: CoordinatorServer;
let skein: Skein;

const start = (): Promise<CoordinatorServer> =>
  startCoordinator({
    data: dir,
    workers: 2,
    threads: 1,
    memoryBytes: 512 * 1024 ** 2,
    spoolDir: spool,
    port: 0,
    // Everything is distributed, as large tables are.
    limits: { bypassBytes: 0 },
  });

beforeAll(async () => {
  parent = await mkdtemp(join(tmpdir(), 'skein-load-'));
  dir = join(parent, 'data');
  spool = join(parent, 'spool');
  await mkdir(dir);
  server = await start();
  skein = await Skein.open({ server: server.url });
});

afterAll(async () => {
  await skein.close();
  await server.close();
  expect(await readdir(spool)).toEqual([]);
  await rm(parent, { recursive: true, force: true });
});

const rows = (sql: string): Promise<SqlValue[][]> => skein.query(sql).rows({ as: 'arrays' });

async function post(
  path: string,
  body: string | Uint8Array,
  headers: Record<string, string> = {},
): Promise<{ readonly status: number; readonly json: Record<string, unknown> }> {
  const response = await fetch(`${server.url}/${path}`, {
    method: 'POST',
    body,
    headers: { 'content-type': 'application/octet-stream', ...headers },
  });
  return { status: response.status, json: (await response.json()) as Record<string, unknown> };
}

describe('POST /data/load', () => {
  test('makes a table of an upload, and adds to it by the names of the header', async () => {
    const csv = 'id,name\n1,Ada\n2,Grace\n';
    const made = await post('data/load?table=people&create=true&name=people.csv.gz', gzipSync(csv));
    expect(made).toMatchObject({ status: 200, json: { table: 'main.people', rows: 2, duplicate: false } });
    const added = await post('data/load?table=people', 'name,id\n007,3\n', { 'content-type': 'text/csv' });
    expect(added).toMatchObject({ status: 200, json: { rows: 1 } });
    expect(await rows('SELECT * FROM people ORDER BY id')).toEqual([
      [1n, 'Ada'],
      [2n, 'Grace'],
      [3n, '007'],
    ]);
  });

  test('refuses what does not fit, and leaves nothing', async () => {
    const wrong = await post('data/load?table=people&name=x.csv', 'id,name\nten,x\n');
    expect(wrong.status).toBe(400);
    expect(JSON.stringify(wrong.json)).not.toContain(spool);
    expect((await post('data/load?table=nobody&name=x.csv', 'a\n1\n')).json).toMatchObject({
      error: { sqlState: '42P01' },
    });
    expect((await post('data/load?table=people&name=x', 'a\n1\n')).json).toMatchObject({
      error: { sqlState: '22023' },
    });
    expect((await post('data/load?table=people;drop', 'a\n1\n')).json).toMatchObject({
      error: { sqlState: '22023' },
    });
    expect((await post('data/load?table=people', 'a\n1\n', { 'content-type': 'text/plain' })).status).toBe(
      415,
    );
    const json = { 'content-type': 'application/json' };
    expect((await post('data/load', '{"table":"people"}', json)).json).toMatchObject({
      error: { sqlState: '22023' },
    });
    const outside = JSON.stringify({ table: 'people', paths: ['/etc/hosts'], format: 'csv' });
    expect(await post('data/load', outside, json)).toMatchObject({ status: 403 });
    expect(await rows('SELECT count(*) FROM people')).toEqual([[3n]]);
  });

  test('loads paths that the server may read, once a key', async () => {
    await mkdir(join(dir, '_in'));
    await writeFile(join(dir, '_in', 'a.jsonl'), '{"id":10,"name":"x"}\n{"id":11}\n');
    const load = (): ReturnType<Skein['load']> =>
      skein.load('people', '_in/*.jsonl', { onServer: true, idempotencyKey: 'k1' });
    const both = await Promise.all([load(), load()]);
    const flags = both.flat().map(({ duplicate }) => duplicate);
    expect(flags.toSorted()).toEqual([false, true]);
    const [first] = both.flat().filter(({ duplicate }) => !duplicate);
    expect(await load()).toMatchObject([{ rows: 2, version: first?.version, duplicate: true }]);
    expect(await rows('SELECT count(*) FROM people')).toEqual([[5n]]);
  });

  test('reads and writes an upload on several workers, where these are on the same node', async () => {
    const file = join(parent, 'large.parquet');
    const instance = await DuckDBInstance.create();
    const connection = await instance.connect();
    await connection.run(
      `COPY (SELECT range AS i, md5(range::VARCHAR) AS t FROM range(400_000)) TO '${file}' (ROW_GROUP_SIZE 50_000)`,
    );
    connection.closeSync();
    instance.closeSync();
    const [loaded] = await skein.load('large', file, { create: true });
    expect(loaded).toMatchObject({ rows: 400_000 });
    const query = await fetch(`${server.url}/query/${loaded?.queryId}`);
    // Two that read and write, and the one that gathers what they wrote.
    expect(await query.json()).toMatchObject({ stats: { tasks: 3 } });
    expect(await rows('SELECT count(*), sum(i), count(DISTINCT t) FROM large')).toEqual([
      [400_000n, 79_999_800_000n, 400_000n],
    ]);
  });

  test('takes files of the client', async () => {
    const file = join(parent, 'more.csv');
    await writeFile(file, 'id;name\n20;a\n');
    let progress = 0;
    const options = {
      options: { delim: ';' },
      idempotencyKey: 'k2',
      onProgress: (part: number) => (progress = part),
    };
    expect(await skein.load('people', file, options)).toMatchObject([{ rows: 1, duplicate: false }]);
    expect(await skein.load('people', file, options)).toMatchObject([{ rows: 1, duplicate: true }]);
    expect(progress).toBe(1);
    await expect(skein.load('people', join(parent, 'none.csv'))).rejects.toMatchObject({ sqlState: '58P01' });
  });
});

test('GET /openapi.json names what /data takes', async () => {
  const response = await fetch(`${server.url}/openapi.json`);
  const { paths } = (await response.json()) as {
    paths: Record<string, { post: { requestBody: { content: Record<string, { schema: unknown }> } } }>;
  };
  const { content: load = {} } = paths['/data/load']?.post.requestBody ?? {};
  expect(load['application/json']).toEqual({ schema: { $ref: '#/components/schemas/LoadRequest' } });
  expect(load['application/vnd.apache.parquet']).toMatchObject({ schema: { description: 'a Parquet file' } });
  expect(Object.keys(paths['/data/{table}/append']?.post.requestBody.content ?? {})).toEqual([
    'application/x-ndjson',
    'application/json',
    'application/vnd.apache.arrow.stream',
  ]);
});

describe('POST /data/{table}/append', () => {
  test('groups requests, and refuses rows that do not fit alone', async () => {
    await skein.query('CREATE TABLE events (id BIGINT NOT NULL, at TIMESTAMP, tags VARCHAR[])').rows();
    const good = await Promise.all(
      Array.from({ length: 20 }, (_, id) => skein.append('events', [{ id, tags: ['a', 'b'] }])),
    );
    expect(new Set(good.map(({ version }) => version)).size).toBeLessThan(5);
    const [right, nothing, text, broken, unknown] = await Promise.all([
      post('data/events/append', '{"id":100}\n{"id":101,"at":"2024-01-01T00:00:00Z"}'),
      post('data/events/append', '{"id":null}\n'),
      post('data/events/append', '{"id":"x"}\n'),
      post('data/events/append', '{"id":1}\n{"id":'),
      post('data/events/append', '{"id":1,"nope":2}\n'),
    ]);
    expect(right).toMatchObject({ status: 200, json: { rows: 2, duplicate: false } });
    for (const refused of [nothing, text, broken, unknown]) expect(refused.status).toBe(400);
    expect(nothing.json).toMatchObject({ error: { sqlState: '23502' } });
    expect(JSON.stringify([text.json, broken.json])).not.toContain(spool);
    expect(await rows('SELECT count(*), min(id), max(id) FROM events')).toEqual([[22n, 0n, 101n]]);
    expect((await post('data/events/append', '\n \n')).status).toBe(400);
    expect((await post('data/none/append', '{"a":1}')).json).toMatchObject({ error: { sqlState: '42P01' } });
  });

  const arrow = (name: string): Promise<Uint8Array> =>
    readFile(new URL(`../interop/fixtures/arrow/${name}.arrows`, import.meta.url));
  const arrowType = { 'content-type': 'application/vnd.apache.arrow.stream' };
  const postArrow = async (name: string, table = 'readings') =>
    await post(`data/${table}/append`, await arrow(name), arrowType);

  test('takes Arrow streams, and groups those of equal columns', async () => {
    await skein
      .query(
        `CREATE TABLE readings (id BIGINT NOT NULL, seen TIMESTAMP DEFAULT TIMESTAMP '2024-01-01', tags VARCHAR[])`,
      )
      .rows();
    const stream = await arrow('events');
    const appended = await Promise.all([
      ...Array.from({ length: 8 }, () => postArrow('events')),
      post('data/readings/append', '{"id":1}'),
      ...Array.from({ length: 8 }, () => skein.append('readings', stream)),
    ]);
    expect(appended).toMatchObject([
      ...Array.from({ length: 8 }, () => ({ status: 200, json: { rows: 2, duplicate: false } })),
      { status: 200, json: { rows: 1 } },
      ...Array.from({ length: 8 }, () => ({ rows: 2 })),
    ]);
    const versions = appended.map((answer) => ('json' in answer ? answer.json.version : answer.version));
    expect(new Set(versions).size).toBeLessThan(6);
    expect(
      await rows('SELECT id, CAST(seen AS VARCHAR), tags, count(*) FROM readings GROUP BY ALL ORDER BY ALL'),
    ).toEqual([
      [1n, '2024-01-01 00:00:00', null, 1n],
      [100n, '2024-01-01 00:00:00', ['a'], 16n],
      [101n, '2024-01-01 00:00:00', null, 16n],
    ]);
  });

  test('refuses an Arrow stream that does not fit, says why, and commits nothing', async () => {
    const answers = await Promise.all(
      ['texts', 'floats', 'unknown', 'nulls_only', 'none', 'packed', 'dictionary', 'nulls'].map((name) =>
        postArrow(name),
      ),
    );
    expect(answers.map(({ status }) => status)).toEqual([400, 400, 400, 400, 400, 400, 400, 413]);
    const errors = answers.map(
      ({ json }) => json.error as { readonly sqlState: string; readonly message: string },
    );
    expect(errors.map(({ sqlState }) => sqlState)).toEqual([
      '42804',
      '42804',
      '42703',
      '23502',
      '22023',
      '0A000',
      '42703',
      '54000',
    ]);
    expect(errors[0]?.message).toBe('the column id of main.readings is BIGINT, the Arrow stream has VARCHAR');
    expect(errors[2]?.message).toContain('nope');
    expect(JSON.stringify(errors)).not.toContain(spool);
    const stream = await arrow('events');
    for (const body of [stream.subarray(0, stream.byteLength - 8), '{"id":1}\n', '', Buffer.alloc(100, 1)]) {
      expect(await post('data/readings/append', body, arrowType)).toMatchObject({ status: 400 });
    }
    const large = Buffer.alloc(65 * 1024 ** 2);
    expect(await post('data/readings/append', large, arrowType)).toMatchObject({ status: 413 });
    expect(await post('data/load?table=readings', stream, arrowType)).toMatchObject({ status: 415 });
    expect((await postArrow('events', 'nowhere')).json).toMatchObject({ error: { sqlState: '42P01' } });
    expect(await rows('SELECT count(*) FROM readings')).toEqual([[33n]]);
  });

  test('does nothing twice for a key', async () => {
    const stream = await arrow('events');
    const sent = await skein.append('readings', stream, { idempotencyKey: 'r1' });
    expect(await skein.append('readings', stream, { idempotencyKey: 'r1' })).toEqual({
      ...sent,
      duplicate: true,
    });
    expect(await rows('SELECT count(*) FROM readings')).toEqual([[35n]]);

    const first = await skein.append('events', [{ id: 200 }, { id: 201 }], { idempotencyKey: 'e1' });
    expect(first).toMatchObject({ rows: 2, duplicate: false });
    expect(await skein.append('events', [{ id: 200 }, { id: 201 }], { idempotencyKey: 'e1' })).toEqual({
      ...first,
      duplicate: true,
    });
    expect(await rows('SELECT count(*) FROM events WHERE id >= 200')).toEqual([[2n]]);
  });

  test('gives defaults to fields that a request does not have, whoever shares its time', async () => {
    await skein.query(`CREATE TABLE d (id BIGINT, v VARCHAR DEFAULT 'none')`).rows();
    await Promise.all([skein.append('d', [{ id: 1 }]), skein.append('d', [{ id: 2, v: 'x' }])]);
    expect(await rows('SELECT * FROM d ORDER BY id')).toEqual([
      [1n, 'none'],
      [2n, 'x'],
    ]);
  });

  test('keeps every acknowledged row, once, while the server stops and starts', {
    timeout: 120_000,
  }, async () => {
    await skein.query('CREATE TABLE kept (client BIGINT, n BIGINT)').rows();
    const acknowledged: string[] = [];
    let next = 0;
    let done = false;
    const client = async (id: number): Promise<void> => {
      while (!done) {
        const n = next++;
        try {
          const answer = await post('data/kept/append', `{"client":${id},"n":${n}}\n`);
          if (answer.status === 200) acknowledged.push(`${id}/${n}`);
        } catch {
          await new Promise((resolve) => setTimeout(resolve, 20));
        }
      }
    };
    const clients = Array.from({ length: 8 }, (_, id) => client(id));
    for (let round = 0; round < 3; round += 1) {
      const before = acknowledged.length;
      await expect.poll(() => acknowledged.length, { timeout: 20_000 }).toBeGreaterThan(before + 30);
      await server.close();
      server = await start();
    }
    done = true;
    await Promise.all(clients);
    await skein.close();
    skein = await Skein.open({ server: server.url });
    const found = await rows('SELECT client, n FROM kept');
    const keys = found.map(([id, n]) => `${id}/${n}`);
    expect(new Set(keys).size).toBe(keys.length);
    const there = new Set(keys);
    expect(acknowledged.filter((key) => !there.has(key))).toEqual([]);
    expect(acknowledged.length).toBeGreaterThan(90);
  });
});
