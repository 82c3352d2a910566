import { mkdtemp, rm } from 'node:fs/promises';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { OpenApiCheck } from '../../test/support/openapi.ts';
import { type CoordinatorServer, startCoordinator } from './index.ts';

const tpch = new URL('../../test/data/tpch/sf0.01', import.meta.url).pathname;
const distributed = { local_bypass: 'off' };

let spool = '';
let server: CoordinatorServer;
let openapi: OpenApiCheck;

beforeAll(async () => {
  spool = await mkdtemp(join(tmpdir(), 'skein-serve-'));
  const memoryBytes = 256 * 1024 * 1024;
  server = await startCoordinator({
    data: tpch,
    workers: 3,
    threads: 1,
    memoryBytes,
    port: 0,
    spoolDir: spool,
  });
  openapi = new OpenApiCheck((await get('/openapi.json')).json as object);
});

afterAll(async () => {
  await server.close();
  await rm(spool, { recursive: true, force: true });
});

interface Answer {
  readonly status: number;
  // biome-ignore lint/suspicious/noExplicitAny: whatever the server says
  readonly json: any;
}

async function call(path: string, init: RequestInit): Promise<Answer> {
  const response = await fetch(server.url + path, init);
  return { status: response.status, json: await response.json() };
}

const get = (path: string): Promise<Answer> => call(path, {});
const post = (body: unknown): Promise<Answer> =>
  call('/query', {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify(body),
  });

function expectDocumented(operation: string, { status, json }: Answer): void {
  expect(openapi.problems(operation, status, json), JSON.stringify(json)).toBeUndefined();
}

const slow = 'SELECT count(*) FROM lineitem a, lineitem b WHERE a.l_comment < b.l_comment';

describe('REST over the engine', () => {
  it('answers as it documents', async () => {
    const sql = `SELECT n_name, count(*) AS customers, sum(c_acctbal) AS balance FROM nation
      JOIN customer ON n_nationkey = c_nationkey WHERE n_regionkey = ? GROUP BY n_name ORDER BY n_name`;
    const result = await post({ sql, params: [3], settings: distributed });
    expect(result.status).toBe(200);
    expectDocumented('POST /query', result);
    expect(result.json.columns).toEqual([
      { name: 'n_name', type: 'VARCHAR' },
      { name: 'customers', type: 'BIGINT' },
      { name: 'balance', type: 'DECIMAL(38,2)' },
    ]);
    expect(result.json.rows).toHaveLength(5);
    expect(result.json.rows[0]).toEqual(['FRANCE', expect.any(Number), expect.stringMatching(/^\d+\.\d\d$/)]);
    expect(result.json.stats).toMatchObject({ state: 'finished', rows: 5, bypassed: false });

    const { queryId } = result.json;
    const query = await get(`/query/${queryId}`);
    expectDocumented('GET /query/{id}', query);
    expect(query.json).toMatchObject({ state: 'finished', progress: { fraction: 1 } });
    const tree = await get(`/query/${queryId}/tree`);
    expectDocumented('GET /query/{id}/tree', tree);
    expect(tree.json.stages.length).toBeGreaterThan(1);
    const dot = await fetch(`${server.url}/query/${queryId}/tree?format=dot`);
    expect(await dot.text()).toMatch(/^digraph/);
    expectDocumented('GET /queries', await get('/queries'));
    const cluster = await get('/cluster');
    expectDocumented('GET /cluster', cluster);
    expect(cluster.json.workers).toHaveLength(3);
    const health = await get('/health');
    expectDocumented('GET /health', health);
    expect(health.json).toMatchObject({ status: 'ok', workers: 3 });
  });

  it.each([
    [{ sql: 'SELEC 1' }, 400, { sqlState: '42601', position: 0 }],
    [
      { sql: 'SELECT * FROM\n  natoin' },
      400,
      { sqlState: '42P01', position: 16, hint: expect.stringContaining('nation') },
    ],
    [{ sql: 'SELECT n_nam FROM nation' }, 400, { sqlState: '42703', position: 7 }],
    [{ sql: 'SELECT 1; SELECT 2' }, 400, { sqlState: '42601' }],
    [{ sql: 'SELECT ?' }, 400, { sqlState: '08P01' }],
    [{ sql: "SELECT * FROM read_csv('/etc/passwd')" }, 403, { sqlState: '42501' }],
    [{ sql: 'SELECT CAST(n_name AS INTEGER) FROM nation' }, 400, { sqlState: '22P02' }],
    [{ sql: 'SELECT 1', settings: { memory_limit: '1TB' } }, 400, { sqlState: expect.any(String) }],
    [{ sql: '' }, 400, { sqlState: '42601' }],
  ])('refuses %j', async (body, status, error) => {
    const answer = await post(body);
    expect(answer).toEqual({ status, json: { error: expect.objectContaining(error) } });
    expect(openapi.schemaProblems('Error', answer.json)).toBeUndefined();
  });

  it.each(['auto', 'off'])(
    'keeps the result of an async query for paging (local_bypass %s)',
    async (bypass) => {
      const sql = 'SELECT o_orderkey, o_totalprice FROM orders ORDER BY o_orderkey';
      const accepted = await post({ sql, async: true, settings: { local_bypass: bypass } });
      expect(accepted.status).toBe(202);
      expectDocumented('POST /query', accepted);
      const { self } = accepted.json.links;
      await expect.poll(async () => (await get(`${self}?limit=0`)).json.state).toBe('finished');
      const keys: number[] = [];
      for (let next = `${self}?limit=4000`; next !== null; ) {
        const page = await get(next);
        expectDocumented('GET /query/{id}', page);
        expect(page.json.offset).toBe(keys.length);
        keys.push(...page.json.rows.map(([key]: [number]) => key));
        next = page.json.next;
      }
      expect(keys).toHaveLength(15_000);
      expect(keys).toEqual(keys.toSorted((a, b) => a - b));
    },
  );

  it('tells that an async query has failed', async () => {
    const accepted = await post({ sql: 'SELECT CAST(n_name AS INTEGER) FROM nation', async: true });
    expect(accepted.status).toBe(202);
    const { self } = accepted.json.links;
    await expect.poll(async () => (await get(self)).json.state).toBe('failed');
    const failed = await get(self);
    expectDocumented('GET /query/{id}', failed);
    expect(failed.json.error).toMatchObject({ sqlState: '22P02' });
  });

  it('cancels by DELETE', async () => {
    const waiting = post({ sql: slow, settings: distributed });
    const running = async (): Promise<{ queryId: string }[]> =>
      (await get('/queries?state=running')).json.queries;
    await expect.poll(async () => (await running()).length).toBe(1);
    const [{ queryId } = { queryId: '' }] = await running();
    const canceled = await call(`/query/${queryId}`, { method: 'DELETE' });
    expectDocumented('DELETE /query/{id}', canceled);
    expect(canceled.json).toEqual({ queryId, state: 'canceled' });
    expect(await waiting).toMatchObject({ status: 499, json: { error: { sqlState: '57014' } } });
    await expectIdle();
  });

  it('cancels when the client goes away', async () => {
    const body = JSON.stringify({ sql: slow, settings: distributed });
    const socket = connect(Number(new URL(server.url).port), '127.0.0.1');
    socket.write(
      `POST /query HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: ${body.length}\r\n\r\n${body}`,
    );
    const newest = async (): Promise<{ sql: string; state: string }> =>
      (await get('/queries?limit=1')).json.queries[0];
    await expect.poll(async () => (await newest()).state).toBe('running');
    socket.destroy();
    await expect.poll(async () => (await newest()).state).toBe('canceled');
    await expectIdle();
  });
});

/** Every worker has stopped, and keeps nothing of any query. */
async function expectIdle(): Promise<void> {
  const idle = { runningTasks: 0, spoolBytes: 0 };
  await expect
    .poll(async () => (await get('/cluster')).json.workers, { timeout: 5000 })
    .toEqual([1, 2, 3].map(() => expect.objectContaining(idle)));
}
