import { once } from 'node:events';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterEach, describe, expect, it } from 'vitest';
import {
  answer,
  batchOf,
  columns,
  type FakeAnswer,
  FakeQueryService,
} from '../../test/support/fake-query-service.ts';
import { SkeinError } from '../common/index.ts';
import type { QueryRequest } from '../coordinator/index.ts';
import { createRestServer } from '../server/rest/index.ts';
import type { SqlValue } from '../types/index.ts';
import { SkeinClient } from './index.ts';

const closers: (() => Promise<unknown>)[] = [];

afterEach(async () => {
  for (const close of closers.splice(0).reverse()) await close();
});

async function start(
  respond: (request: QueryRequest) => FakeAnswer | Promise<FakeAnswer>,
  token?: string,
): Promise<{ client: SkeinClient; service: FakeQueryService; server: string; stop: () => Promise<void> }> {
  const service = new FakeQueryService(respond);
  const options = token === undefined ? {} : { token };
  const app = await createRestServer({ queryService: service, version: '0.1.0', ...options });
  closers.push(() => app.close());
  const server = await app.listen({ port: 0, host: '127.0.0.1' });
  const client = new SkeinClient({ server, ...options });
  closers.push(() => client.close());
  return { client, service, server, stop: () => app.close() };
}

/** A server that answers every request by writing this and closing the connection. */
async function startRaw(bytes: string): Promise<SkeinClient> {
  const server: Server = createServer((_request, response) => {
    response.socket?.end(bytes);
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  closers.push(async () => server.close());
  const client = new SkeinClient({ server: `http://127.0.0.1:${(server.address() as AddressInfo).port}` });
  closers.push(() => client.close());
  return client;
}

const numbers = columns('n BIGINT');

function endless(): FakeAnswer {
  return {
    columns: numbers,
    async *batches(signal) {
      for (let n = 0n; ; n++) {
        signal.throwIfAborted();
        yield batchOf(numbers, Array(1000).fill([n]));
      }
    },
  };
}

/** Columns at once; rows never. */
function stuck(): FakeAnswer {
  return {
    columns: numbers,
    // biome-ignore lint/correctness/useYield: it never comes to that
    async *batches(signal) {
      await once(signal, 'abort');
      throw signal.reason;
    },
  };
}

const everything = columns(
  'b BOOLEAN',
  'i INTEGER',
  'l BIGINT',
  'h HUGEINT',
  'd DOUBLE',
  'x DECIMAL(38,2)',
  't TIMESTAMP',
  'o BLOB',
  's STRUCT("a" BIGINT, b DECIMAL(3,1)[])[]',
  'm MAP(VARCHAR, BLOB)',
  'u UNION(i INTEGER, s VARCHAR)',
  'r STRUCT(INTEGER, BIGINT)',
  'z "NULL"',
);
const values: readonly SqlValue[][] = [
  [
    true,
    -7,
    9007199254740993n,
    -(2n ** 126n),
    Number.NaN,
    '1234567890123456789012345678901234.50',
    '2024-02-29 12:34:56.789',
    new Uint8Array([0, 255, 65]),
    [{ a: 5n, b: ['1.5', null] }, null],
    [['k', new Uint8Array([1])]],
    { tag: 's', value: 'line\nbreak' },
    [1, 2n],
    null,
  ],
  everything.map(() => null),
];

describe('query', () => {
  it('gives the values that the engine gave', async () => {
    const { client } = await start(() => answer(everything, values));
    const result = client.query('SELECT 1');
    expect(await result.columns()).toEqual(everything);
    expect(await result.id()).toBe('q_0');
    expect(() => result.stats()).toThrow(expect.objectContaining({ sqlState: '55000' }));
    expect(await result.rows({ as: 'arrays' })).toEqual(values);
    expect(result.stats()).toMatchObject({ state: 'finished', rows: 2 });
    await expect(result.rows()).rejects.toMatchObject({ sqlState: '55000' });
  });

  it('gives batches, and rows as objects with distinct names', async () => {
    const schema = columns('a INTEGER', 'b INTEGER', 'a INTEGER', 'a_1 INTEGER');
    const { client } = await start(() =>
      answer(schema, [
        [1, 2, 3, 4],
        [5, 6, 7, 8],
        [9, 10, 11, 12],
      ]),
    );
    const batches = [];
    for await (const batch of client.query('')) batches.push(batch);
    expect(batches.map(({ rowCount }) => rowCount)).toEqual([2, 1]);
    expect(batches[0]).toEqual({
      schema,
      rowCount: 2,
      columns: [
        [1, 5],
        [2, 6],
        [3, 7],
        [4, 8],
      ],
    });
    expect((await client.query('').rows())[0]).toEqual({ a: 1, b: 2, a_2: 3, a_1: 4 });
  });

  it('reads results of many chunks', async () => {
    const schema = columns('n BIGINT', 's VARCHAR');
    const { client } = await start(() => ({
      columns: schema,
      async *batches() {
        for (let at = 0; at < 50; at++) {
          yield batchOf(
            schema,
            Array.from({ length: 1000 }, (_, row) => [BigInt(at * 1000 + row), 'ä'.repeat(row % 70)]),
          );
        }
      },
    }));
    let next = 0n;
    for await (const { columns, rowCount } of client.query('')) {
      for (let row = 0; row < rowCount; row++) {
        const text = 'ä'.repeat(Number(next % 1000n) % 70);
        if (columns[0]?.[row] !== next || columns[1]?.[row] !== text) expect.fail(`row ${next} differs`);
        next++;
      }
    }
    expect(next).toBe(50_000n);
  });

  it('hands over parameters, schema and settings', async () => {
    const { client, service } = await start(() => answer(numbers, []));
    const params = [1, 5n, -0, Number.NaN, 'x', null, true, new Uint8Array([7]), [1n], { a: 2n ** 70n }];
    await client
      .query('SELECT ?', { params, schema: 'sales', settings: { TimeZone: 'UTC', threads: 1 } })
      .rows();
    expect(service.requests[0]).toMatchObject({
      sql: 'SELECT ?',
      params,
      schema: 'sales',
      settings: { TimeZone: 'UTC', threads: 1 },
    });
    await client.query('', { params: { name: 3n } }).rows();
    expect(service.requests[1]?.params).toEqual({ name: 3n });
  });

  it('runs many queries at once', async () => {
    const { client } = await start(() => answer(numbers, [[1n]]));
    const warnings: Error[] = [];
    const onWarning = (warning: Error): number => warnings.push(warning);
    process.on('warning', onWarning);
    const signal = new AbortController().signal;
    const results = await Promise.all(Array.from({ length: 50 }, () => client.query('', { signal }).rows()));
    process.off('warning', onWarning);
    expect(results).toEqual(Array(50).fill([{ n: 1n }]));
    expect(warnings).toEqual([]);
  });
});

describe('errors', () => {
  it("are the server's, typed", async () => {
    const { client } = await start(({ sql }) => {
      if (sql === 'late') {
        return {
          columns: numbers,
          async *batches() {
            yield batchOf(numbers, [[1n]]);
            throw new SkeinError('22012', 'division by zero');
          },
        };
      }
      throw new SkeinError('42P01', 'no table userz', { position: 14, hint: 'did you mean users?' });
    });
    const error = await client
      .query('')
      .rows()
      .catch((reason: unknown) => reason);
    expect(error).toBeInstanceOf(SkeinError);
    expect(error).toMatchObject({
      sqlState: '42P01',
      message: 'no table userz',
      position: 14,
      hint: 'did you mean users?',
    });
    const late = client.query('late');
    const batches = late[Symbol.asyncIterator]();
    expect((await batches.next()).value).toMatchObject({ rowCount: 1 });
    await expect(batches.next()).rejects.toMatchObject({ sqlState: '22012' });
    expect(() => late.stats()).toThrow(expect.objectContaining({ sqlState: '55000' }));
  });

  it('say that the server cannot be reached', async () => {
    const client = new SkeinClient({ server: 'http://127.0.0.1:1' });
    closers.push(() => client.close());
    await expect(client.query('').rows()).rejects.toMatchObject({ sqlState: '08006', retry: 'query' });
    await expect(client.cluster()).rejects.toMatchObject({ sqlState: '08006' });
    expect(() => new SkeinClient({ server: 'localhost:80' })).toThrow(
      expect.objectContaining({ sqlState: '22023' }),
    );
  });

  const head = 'HTTP/1.1 200 OK\r\ncontent-type: application/x-ndjson\r\n';
  const header = '{"queryId":"q_0","columns":[{"name":"n","type":"BIGINT"}]}\n';
  const chunk = (text: string): string => `${text.length.toString(16)}\r\n${text}\r\n`;
  it.each([
    [
      'within a chunk',
      `${head}transfer-encoding: chunked\r\n\r\n${chunk(`${header}{"rows":[[1]]}\n`)}ff\r\n{"ro`,
      '08006',
    ],
    [
      'between chunks',
      `${head}transfer-encoding: chunked\r\n\r\n${chunk(`${header}{"rows":[[1]]}\n`)}`,
      '08006',
    ],
    [
      'after whole chunks, without a trailer',
      `${head}transfer-encoding: chunked\r\n\r\n${chunk(`${header}{"rows":[[1]]}\n`)}0\r\n\r\n`,
      '08006',
    ],
    [
      'within the trailer',
      `${head}transfer-encoding: chunked\r\n\r\n${chunk(`${header}{"rows":[[1]]}\n{"stats":{}}`)}0\r\n\r\n`,
      '08006',
    ],
    ['before the header', `${head}transfer-encoding: chunked\r\n\r\n0\r\n\r\n`, '08006'],
    ['before the status line', '', '08006'],
    ['in no chunked body', `${head}connection: close\r\n\r\n${header}{"rows":[[1]]}\n`, '08006'],
  ])('tell an answer that ends %s', async (_where, bytes, sqlState) => {
    const client = await startRaw(bytes);
    await expect(client.query('').rows()).rejects.toMatchObject({ sqlState });
  });

  it.each([
    ['no Skein server', 'HTTP/1.1 502 Bad Gateway\r\ncontent-length: 5\r\n\r\noops!', '08006'],
    ['no lines', `${head}content-length: 6\r\n\r\nhello\n`, 'XX001'],
    [
      'rows of other columns',
      `${head}connection: close\r\n\r\n${header}{"rows":[[1,2]]}\n{"stats":{}}\n`,
      'XX001',
    ],
    [
      'values of other types',
      `${head}connection: close\r\n\r\n${header}{"rows":[["x"]]}\n{"stats":{}}\n`,
      'XX001',
    ],
  ])('tell an answer of %s', async (_what, bytes, sqlState) => {
    const client = await startRaw(bytes);
    await expect(client.query('').rows()).rejects.toMatchObject({ sqlState });
  });

  it('tell a server that goes away in the middle of a result', async () => {
    const { client, stop } = await start(endless);
    const batches = client.query('')[Symbol.asyncIterator]();
    await batches.next();
    await stop();
    const read = async (): Promise<void> => {
      while (!(await batches.next()).done);
    };
    await expect(read()).rejects.toMatchObject({ sqlState: '08006' });
  });
});

describe('cancellation', () => {
  it('by a signal, while rows flow', async () => {
    const { client, service } = await start(endless);
    const controller = new AbortController();
    const batches = client.query('', { signal: controller.signal })[Symbol.asyncIterator]();
    await batches.next();
    controller.abort('enough');
    await expect(batches.next()).rejects.toMatchObject({ sqlState: '57014', cause: 'enough' });
    await expect.poll(() => service.queries[0]?.state).toBe('canceled');
  });

  it('by a signal, while there is no row', async () => {
    const { client, service } = await start(stuck);
    const controller = new AbortController();
    const result = client.query('', { signal: controller.signal });
    const reading = result.rows();
    await result.columns();
    controller.abort();
    await expect(reading).rejects.toMatchObject({ sqlState: '57014' });
    await expect.poll(() => service.queries[0]?.state).toBe('canceled');
  });

  it('by a signal, while it is planned, and before it was sent', async () => {
    let signal: AbortSignal | undefined;
    const { client, service } = await start(async (request) => {
      signal = request.signal;
      await once(signal ?? new EventTarget(), 'abort');
      throw new SkeinError('57014', 'canceled');
    });
    const controller = new AbortController();
    const reading = client.query('', { signal: controller.signal }).rows();
    await expect.poll(() => signal).toBeDefined();
    controller.abort();
    await expect(reading).rejects.toMatchObject({ sqlState: '57014' });
    await expect.poll(() => signal?.aborted).toBe(true);
    const late = client.query('', { signal: AbortSignal.abort() });
    await expect(late.id()).rejects.toMatchObject({ sqlState: '57014' });
    expect(service.requests).toHaveLength(1);
  });

  it('by leaving the loop', async () => {
    const { client, service } = await start(endless);
    for await (const _ of client.query('')) break;
    await expect.poll(() => service.queries[0]?.state).toBe('canceled');
  });

  it('by cancel of the result, and of the client by id', async () => {
    const { client, service } = await start(stuck);
    const own = client.query('');
    await own.id();
    own.cancel();
    await expect(own.rows()).rejects.toMatchObject({ sqlState: '57014' });
    const other = client.query('');
    const reading = other.rows();
    expect(await client.cancel(await other.id())).toBe(true);
    await expect(reading).rejects.toMatchObject({ sqlState: '57014' });
    expect(service.queries.map(({ state }) => state)).toEqual(['canceled', 'canceled']);
    expect(await client.cancel('q_99')).toBe(false);
  });

  it('by closing the client', async () => {
    const { client, service } = await start(stuck);
    const result = client.query('');
    await result.id();
    await client.close();
    await expect(result.rows()).rejects.toMatchObject({ sqlState: '57014' });
    expect(service.queries[0]?.state).toBe('canceled');
    await expect(client.query('').rows()).rejects.toMatchObject({ sqlState: '57014' });
  });
});

describe('backpressure', () => {
  it('reaches the query', async () => {
    let pulled = 0;
    const wide = columns('s VARCHAR');
    const { client } = await start(() => ({
      columns: wide,
      async *batches(signal) {
        for (;;) {
          signal.throwIfAborted();
          pulled += 100_000;
          yield batchOf(wide, [['x'.repeat(100_000)]]);
        }
      },
    }));
    const result = client.query('');
    const batches = result[Symbol.asyncIterator]();
    await batches.next();
    let before = -1;
    await expect
      .poll(
        () => {
          const still = pulled === before;
          before = pulled;
          return still;
        },
        { interval: 100, timeout: 20_000 },
      )
      .toBe(true);
    expect(pulled).toBeLessThan(32 * 1024 * 1024);
    await batches.return?.();
  });
});

describe('the rest', () => {
  it('lists and describes queries and the cluster', async () => {
    const { client, service } = await start(() => answer(everything, values), 'secret');
    await client.query('SELECT 1').rows();
    expect(await client.queries()).toEqual(service.list());
    expect(await client.queries({ state: 'running', limit: 1 })).toEqual([]);
    expect(await client.get('q_0')).toEqual(service.get('q_0'));
    expect(await client.tree('q_0')).toEqual(service.tree('q_0'));
    expect(await client.get('q_9')).toBeUndefined();
    expect(await client.tree('q_9')).toBeUndefined();
    expect(await client.cluster()).toEqual(await service.cluster());
  });

  it('carries the token', async () => {
    const { server } = await start(() => answer(numbers, []), 'secret');
    const stranger = new SkeinClient({ server });
    closers.push(() => stranger.close());
    await expect(stranger.query('').rows()).rejects.toMatchObject({ sqlState: '28000' });
  });
});
