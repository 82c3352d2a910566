import { once } from 'node:events';
import { connect } from 'node:net';
import type { FastifyInstance } from 'fastify';
import { afterEach, describe, expect, it } from 'vitest';
import {
  answer,
  batchOf,
  columns,
  type FakeAnswer,
  FakeQueryService,
} from '../../../test/support/fake-query-service.ts';
import { OpenApiCheck } from '../../../test/support/openapi.ts';
import { SkeinError } from '../../common/index.ts';
import type { QueryRequest } from '../../coordinator/index.ts';
import { createRestServer, type RestOptions } from './index.ts';

const apps: FastifyInstance[] = [];

afterEach(async () => {
  for (const app of apps.splice(0)) await app.close();
});

type Respond = (request: QueryRequest) => FakeAnswer | Promise<FakeAnswer>;

async function start(
  respond: Respond,
  options: Partial<RestOptions> = {},
): Promise<{ app: FastifyInstance; service: FakeQueryService }> {
  const service = new FakeQueryService(respond);
  const app = await createRestServer({ queryService: service, version: '0.1.0', ...options });
  apps.push(app);
  return { app, service };
}

const users = columns('id BIGINT', 'name VARCHAR');
const threeUsers: Respond = () =>
  answer(users, [
    [1n, 'ann'],
    [9007199254740993n, 'b"ob'],
    [null, null],
  ]);

/** Rows, then an error. */
const failing: Respond = () => ({
  columns: users,
  async *batches() {
    yield batchOf(users, [[1n, 'ann']]);
    throw new SkeinError('22012', 'division by zero');
  },
});

/** Rows until the query is canceled. */
const endless: Respond = () => ({
  columns: users,
  async *batches(signal) {
    for (let id = 0n; ; id++) {
      signal.throwIfAborted();
      yield batchOf(users, [[id, 'x'.repeat(10_000)]]);
    }
  },
});

/** No rows, and no end until the query is canceled. */
const stuck: Respond = () => ({
  columns: users,
  // biome-ignore lint/correctness/useYield: it never comes to that
  async *batches(signal) {
    await once(signal, 'abort');
    throw signal.reason;
  },
});

function portOf(app: FastifyInstance): number {
  const address = app.server.address();
  return typeof address === 'object' ? (address?.port ?? 0) : 0;
}

async function post(app: FastifyInstance, body: unknown, headers: Record<string, string> = {}) {
  const payload = typeof body === 'string' || Buffer.isBuffer(body) ? body : JSON.stringify(body);
  const response = await app.inject({
    method: 'POST',
    url: '/query',
    headers: { 'content-type': 'application/json', ...headers },
    payload,
  });
  return { status: response.statusCode, headers: response.headers, text: response.body };
}

describe('POST /query', () => {
  it('answers columns, rows and statistics as JSON', async () => {
    const { app, service } = await start(threeUsers);
    const { status, headers, text } = await post(app, {
      sql: 'SELECT 1',
      schema: 'sales',
      settings: { TimeZone: 'UTC', local_bypass: 'off', threads: 2, flag: true },
    });
    expect(status).toBe(200);
    expect(headers['content-type']).toBe('application/json; charset=utf-8');
    expect(JSON.parse(text)).toEqual({
      queryId: 'q_0',
      columns: [
        { name: 'id', type: 'BIGINT' },
        { name: 'name', type: 'VARCHAR' },
      ],
      rows: [
        [1, 'ann'],
        ['9007199254740993', 'b"ob'],
        [null, null],
      ],
      stats: expect.objectContaining({ state: 'finished', rows: 3 }),
    });
    expect(service.requests[0]).toMatchObject({
      sql: 'SELECT 1',
      schema: 'sales',
      settings: { TimeZone: 'UTC', local_bypass: 'off', threads: 2, flag: true },
    });
  });

  it('answers lines to who accepts them', async () => {
    const { app } = await start(threeUsers);
    const { headers, text } = await post(app, { sql: 'SELECT 1' }, { accept: 'application/x-ndjson' });
    expect(headers['content-type']).toBe('application/x-ndjson; charset=utf-8');
    expect(text.endsWith('\n')).toBe(true);
    const lines = text
      .trimEnd()
      .split('\n')
      .map((line) => JSON.parse(line));
    expect(lines).toEqual([
      { queryId: 'q_0', columns: expect.any(Array) },
      {
        rows: [
          [1, 'ann'],
          ['9007199254740993', 'b"ob'],
        ],
      },
      { rows: [[null, null]] },
      { stats: expect.objectContaining({ rows: 3 }) },
    ]);
  });

  it('answers a result without rows or columns', async () => {
    const { app } = await start(({ sql }) => answer(sql === 'none' ? [] : users, []));
    expect(JSON.parse((await post(app, { sql: '' })).text)).toMatchObject({ rows: [] });
    expect(JSON.parse((await post(app, { sql: 'none' })).text)).toMatchObject({ columns: [], rows: [] });
  });

  it('hands parameters on without losing a digit', async () => {
    const { app, service } = await start(threeUsers);
    const body =
      '{"sql": "SELECT 12345678901234567890", "params": [12345678901234567890, -5, 1.5, "12345678901234567890", null,' +
      ' true, {"$bigint": "5"}, {"$blob": "\\\\xFFa"}, {"$float": "nan"}, [1], {"a": 9007199254740993}]}';
    expect((await post(app, body)).status).toBe(200);
    expect(service.requests[0]).toMatchObject({
      sql: 'SELECT 12345678901234567890',
      params: [
        12345678901234567890n,
        -5,
        1.5,
        '12345678901234567890',
        null,
        true,
        5n,
        new Uint8Array([255, 97]),
        Number.NaN,
        [1],
        { a: 9007199254740993n },
      ],
    });
    await post(app, { sql: '', params: { name: 'x' } });
    expect(service.requests[1]?.params).toEqual({ name: 'x' });
  });

  it('gives an error before the first row its HTTP status', async () => {
    const { app } = await start(({ sql }) => {
      throw new SkeinError(sql, 'no', { position: 3, hint: 'try', details: { secret: 'x' } });
    });
    const statuses: Record<string, number> = {};
    for (const state of [
      '42601',
      '42501',
      '28000',
      '57014',
      '53300',
      '57P03',
      '53200',
      '55000',
      'XX000',
      '58030',
    ]) {
      const { status, text } = await post(app, { sql: state });
      statuses[state] = status;
      expect(JSON.parse(text)).toEqual({
        error: { sqlState: state, message: 'no', position: 3, hint: 'try' },
      });
    }
    expect(statuses).toEqual({
      '42601': 400,
      '42501': 403,
      '28000': 401,
      '57014': 499,
      '53300': 429,
      '57P03': 503,
      '53200': 503,
      '55000': 409,
      XX000: 500,
      '58030': 500,
    });
    const late = await start(() => ({
      columns: users,
      // biome-ignore lint/correctness/useYield: fails first
      async *batches() {
        throw new SkeinError('22012', 'division by zero');
      },
    }));
    expect(await post(late.app, { sql: '' })).toMatchObject({ status: 400 });
  });

  it('refuses a row that no string can hold', async () => {
    const wide = columns('a VARCHAR', 'b VARCHAR');
    const half = 'x'.repeat(2 ** 28);
    const { app } = await start(() => answer(wide, [[half, half]]));
    const { text } = await post(app, { sql: '' }, { accept: 'application/x-ndjson' });
    expect(JSON.parse(text.trimEnd().split('\n').at(-1) ?? '')).toMatchObject({
      error: { sqlState: '54000' },
    });
  });

  it('ends the connection of JSON, and the lines with an error, when the query fails after rows', async () => {
    const { app } = await start(failing);
    const url = await app.listen({ port: 0, host: '127.0.0.1' });
    const request = { method: 'POST', body: '{"sql": ""}', headers: { 'content-type': 'application/json' } };
    await expect(fetch(`${url}/query`, request).then((response) => response.text())).rejects.toThrow();
    const lines = await fetch(`${url}/query`, {
      ...request,
      headers: { ...request.headers, accept: 'application/x-ndjson' },
    });
    expect((await lines.text()).trimEnd().split('\n').slice(1)).toEqual([
      '{"rows":[[1,"ann"]]}',
      '{"error":{"sqlState":"22012","message":"division by zero"}}',
    ]);
  });

  it.each([
    ['no JSON', '{"sql": ', /^the body is not JSON: /],
    ['nothing', '', /^the body is empty$/],
    ['no UTF-8', Buffer.from([0x22, 0xff, 0x22]), /^the body is not valid UTF-8$/],
    ['an array', '[]', /^body must be object$/],
    ['null', 'null', /^body must be object$/],
    ['a missing field', '{}', /^body: field "sql" is missing$/],
    ['a wrong type', '{"sql": 1}', /^body: field "sql" must be string$/],
    [
      'a wrong type that could be coerced',
      '{"sql": "", "async": "true"}',
      /^body: field "async" must be boolean$/,
    ],
    ['wrong parameters', '{"sql": "", "params": 1}', /^body: field "params" must be an array or an object$/],
    ['a wrong setting', '{"sql": "", "settings": {"a": [1]}}', /^body: field "settings.a" must be string,/],
    ['an unknown field', '{"sql": "", "sqll": ""}', /^body: unknown field "sqll"$/],
    ['a malformed parameter', '{"sql": "", "params": [{"$bigint": "x"}]}', /^cannot be a parameter: /],
    [
      'deep nesting',
      `{"sql": "", "params": ${'['.repeat(100_000)}${']'.repeat(100_000)}}`,
      /nested too deeply|not JSON/,
    ],
  ])('refuses a body of %s', async (_what, body, message) => {
    const { app, service } = await start(threeUsers);
    const { status, text } = await post(app, body);
    expect(status).toBe(400);
    expect(JSON.parse(text)).toEqual({
      error: { sqlState: '22023', message: expect.stringMatching(message) },
    });
    expect(service.requests).toEqual([]);
  });

  it('refuses other media types and bodies beyond the limit', async () => {
    const { app } = await start(threeUsers, { bodyLimitBytes: 100 });
    const form = await post(app, '{"sql": ""}', { 'content-type': 'text/plain' });
    expect(form.status).toBe(415);
    const large = await post(app, { sql: 'x'.repeat(100) });
    expect(large.status).toBe(413);
    expect(JSON.parse(large.text).error.sqlState).toBe('54000');
  });
});

describe('a client that goes away', () => {
  async function postAndClose(app: FastifyInstance, accept: string, afterBytes: number): Promise<void> {
    await app.listen({ port: 0, host: '127.0.0.1' });
    const port = portOf(app);
    const socket = connect(port, '127.0.0.1');
    const body = '{"sql": ""}';
    socket.write(
      `POST /query HTTP/1.1\r\nHost: x\r\nAccept: ${accept}\r\nContent-Type: application/json\r\n` +
        `Content-Length: ${body.length}\r\n\r\n${body}`,
    );
    let received = 0;
    for await (const chunk of socket) {
      received += (chunk as Buffer).length;
      if (received >= afterBytes) break;
    }
    socket.destroy();
  }

  it.each(['application/json', 'application/x-ndjson'])(
    'cancels its query while rows flow (%s)',
    async (accept) => {
      const { app, service } = await start(endless);
      await postAndClose(app, accept, 100_000);
      await expect.poll(() => service.queries[0]?.state).toBe('canceled');
    },
  );

  it('cancels its query while there is no row yet', async () => {
    const { app, service } = await start(stuck);
    await postAndClose(app, 'application/x-ndjson', 1);
    await expect.poll(() => service.queries[0]?.state).toBe('canceled');
  });

  it('cancels its query while it is planned', async () => {
    let signal: AbortSignal | undefined;
    const { app } = await start(async (request) => {
      signal = request.signal;
      await once(signal ?? new EventTarget(), 'abort');
      throw new SkeinError('57014', 'canceled');
    });
    const closing = postAndClose(app, 'application/json', 1);
    await expect.poll(() => signal).toBeDefined();
    for (const app of apps.splice(0)) await app.close();
    await closing;
    await expect.poll(() => signal?.aborted).toBe(true);
  });
});

describe('backpressure', () => {
  it('pulls no more than the client takes', async () => {
    let pulled = 0;
    const { app } = await start(() => ({
      columns: users,
      async *batches(signal) {
        for (let id = 0n; ; id++) {
          signal.throwIfAborted();
          pulled += 10_000;
          yield batchOf(users, [[id, 'x'.repeat(10_000)]]);
        }
      },
    }));
    await app.listen({ port: 0, host: '127.0.0.1' });
    const socket = connect(portOf(app), '127.0.0.1');
    socket.pause();
    socket.write(
      'POST /query HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: 11\r\n\r\n{"sql": ""}',
    );
    let before = -1;
    await expect
      .poll(
        () => {
          const still = pulled === before && pulled > 0;
          before = pulled;
          return still;
        },
        { interval: 100, timeout: 20_000 },
      )
      .toBe(true);
    expect(pulled).toBeLessThan(32 * 1024 * 1024);
    socket.destroy();
  });
});

describe('an async query', () => {
  it('is accepted, watched, paged and listed', async () => {
    const { app } = await start(threeUsers);
    const accepted = await post(app, { sql: 'SELECT 1', async: true });
    expect(accepted.status).toBe(202);
    expect(accepted.headers.location).toBe('/query/q_0');
    const links = { self: '/query/q_0', tree: '/query/q_0/tree', cancel: '/query/q_0' };
    expect(JSON.parse(accepted.text)).toEqual({ queryId: 'q_0', state: 'finished', links });

    const first = (await app.inject('/query/q_0?limit=2')).json();
    expect(first).toMatchObject({
      queryId: 'q_0',
      state: 'finished',
      error: null,
      links,
      rows: [
        [1, 'ann'],
        ['9007199254740993', 'b"ob'],
      ],
      offset: 0,
      next: '/query/q_0?offset=2&limit=2',
    });
    expect((await app.inject(first.next)).json()).toMatchObject({
      rows: [[null, null]],
      offset: 2,
      next: null,
    });
    expect((await app.inject('/query/q_0')).json().rows).toHaveLength(3);
    expect((await app.inject('/query/q_0?limit=0')).json().rows).toBeUndefined();
    expect((await app.inject('/queries')).json().queries).toHaveLength(1);
    expect((await app.inject('/queries?state=running')).json().queries).toEqual([]);
    expect((await app.inject('/queries?limit=0')).json().queries).toEqual([]);
  });

  it('has no pages when it was not async', async () => {
    const { app } = await start(threeUsers);
    await post(app, { sql: 'SELECT 1' });
    const state = await app.inject('/query/q_0');
    expect(state.statusCode).toBe(200);
    expect(state.json()).not.toHaveProperty('rows');
    expect((await app.inject('/query/q_0?offset=0')).statusCode).toBe(409);
  });
});

describe('other routes', () => {
  it('gives the tree, cancels, and knows what it does not know', async () => {
    const { app, service } = await start(endless);
    await app.listen({ port: 0, host: '127.0.0.1' });
    const running = fetch(`http://127.0.0.1:${portOf(app)}/query`, {
      method: 'POST',
      headers: { 'content-type': 'application/json', accept: 'application/x-ndjson' },
      body: '{"sql": "SELECT 1"}',
    });
    await expect.poll(() => service.queries.length).toBe(1);
    expect((await app.inject('/query/q_0/tree')).json()).toMatchObject({
      queryId: 'q_0',
      stages: [{ id: 0 }],
    });
    const dot = await app.inject('/query/q_0/tree?format=dot');
    expect(dot.headers['content-type']).toBe('text/vnd.graphviz; charset=utf-8');
    expect(dot.body).toMatch(/^digraph "q_0" \{/);
    const headers = { 'content-type': 'application/json' };
    const canceled = await app.inject({ method: 'DELETE', url: '/query/q_0', headers });
    expect(canceled.json()).toEqual({ queryId: 'q_0', state: 'canceled' });
    expect(await (await running).text()).toMatch(/\n{"error":{"sqlState":"57014".*}\n$/);

    for (const [method, url] of [
      ['GET', '/query/q_9'],
      ['GET', '/query/q_9/tree'],
      ['DELETE', '/query/q_9'],
      ['GET', '/nothing'],
    ] as const) {
      const response = await app.inject({ method, url });
      expect(response.statusCode).toBe(404);
      expect(response.json()).toEqual({ error: expect.objectContaining({ sqlState: '42704' }) });
    }
    for (const url of ['/queries?limit=x', '/queries?state=lost', '/queries?x=1', '/query/q_0?offset=-1']) {
      const response = await app.inject(url);
      expect(response.statusCode, url).toBe(400);
      expect(response.json().error).toMatchObject({ sqlState: '22023', message: /^querystring/ });
    }
  });

  it('tells its health and its cluster', async () => {
    const { app, service } = await start(threeUsers);
    expect((await app.inject('/health')).json()).toMatchObject({ status: 'ok', workers: 1 });
    expect((await app.inject('/cluster')).json()).toEqual(await service.cluster());
    service.cluster = () => Promise.reject(new Error('the data folder cannot be read'));
    expect((await app.inject('/health')).json()).toMatchObject({ status: 'ok', workers: 1 });
    service.workers = [];
    const health = await app.inject('/health');
    expect(health.statusCode).toBe(200);
    expect(health.json()).toMatchObject({ status: 'no workers', workers: 0 });
  });

  it('sends security headers and no CORS', async () => {
    const { app } = await start(threeUsers);
    for (const url of ['/health', '/nothing']) {
      const { headers } = await app.inject({ url, headers: { origin: 'http://elsewhere.example' } });
      expect(headers['x-content-type-options']).toBe('nosniff');
      expect(headers['content-security-policy']).toContain("default-src 'none'");
      expect(Object.keys(headers).filter((name) => name.startsWith('access-control'))).toEqual([]);
    }
  });

  it('wants the token it was given', async () => {
    const { app } = await start(threeUsers, { token: 'secret' });
    expect((await app.inject('/health')).statusCode).toBe(200);
    for (const authorization of [undefined, 'Bearer other', 'secret']) {
      const headers = authorization === undefined ? {} : { authorization };
      const response = await app.inject({ url: '/cluster', headers });
      expect(response.statusCode).toBe(401);
      expect(response.json().error.sqlState).toBe('28000');
    }
    const headers = { authorization: 'Bearer secret' };
    expect((await app.inject({ url: '/cluster', headers })).statusCode).toBe(200);
  });
});

describe('GET /openapi.json', () => {
  it('describes the answers as they are', async () => {
    const { app } = await start(threeUsers);
    const document = (await app.inject('/openapi.json')).json();
    expect(document.openapi).toBe('3.1.0');
    expect(Object.keys(document.paths)).toEqual([
      '/query',
      '/query/{id}',
      '/query/{id}/tree',
      '/queries',
      '/cluster',
      '/health',
    ]);
    const openapi = new OpenApiCheck(document);
    const check = (path: string, method: string, status: number, value: unknown, type?: string): void => {
      expect(
        openapi.problems(`${method} ${path}`, status, value, type),
        JSON.stringify(value),
      ).toBeUndefined();
    };
    check('/query', 'post', 200, JSON.parse((await post(app, { sql: '' })).text));
    const lines = (await post(app, { sql: '' }, { accept: 'application/x-ndjson' })).text
      .trimEnd()
      .split('\n');
    for (const line of lines) check('/query', 'post', 200, JSON.parse(line), 'application/x-ndjson');
    check('/query', 'post', 202, JSON.parse((await post(app, { sql: '', async: true })).text));
    for (const [path, url] of [
      ['/query/{id}', '/query/q_2'],
      ['/query/{id}', '/query/q_0'],
      ['/query/{id}/tree', '/query/q_0/tree'],
      ['/queries', '/queries'],
      ['/cluster', '/cluster'],
      ['/health', '/health'],
    ] as const) {
      check(path, 'get', 200, (await app.inject(url)).json());
    }
    check('/query/{id}', 'delete', 200, (await app.inject({ method: 'DELETE', url: '/query/q_0' })).json());
    const error = (await app.inject('/query/q_9')).json();
    expect(openapi.schemaProblems('Error', error)).toBeUndefined();
    expect(openapi.schemaProblems('Error', { error: { message: 'no code' } })).toContain('sqlState');
  });
});
