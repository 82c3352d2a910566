import { link, mkdir, mkdtemp, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises';
import http from 'node:http';
import type { AddressInfo } from 'node:net';
import os from 'node:os';
import path from 'node:path';
import { crc32 } from 'node:zlib';
import { create } from '@bufbuild/protobuf';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { SkeinError, systemClock } from '../common/index.ts';
import { LostInputError, type PartitionRef, PartitionRefSchema } from '../rpc/index.ts';
import { ExchangeReader, type ExchangeReaderOptions } from './exchange-reader.ts';

/** Any Parquet file will do. */
const parquetFile = path.resolve('test/data/tpch/sf0.01/orders.parquet');
const parquetRows = 15_000n;

type Behave = (request: http.IncomingMessage, response: http.ServerResponse, bytes: Buffer) => void;

/** Serves one file's bytes under every path, well or badly. */
class TestHolder {
  readonly requests: { url: string; range: string | undefined; authorization: string | undefined }[] = [];
  behave: Behave = serveWell;
  readonly #bytes: Buffer;
  readonly #server: http.Server;

  private constructor(bytes: Buffer) {
    this.#bytes = bytes;
    this.#server = http.createServer((request, response) => {
      const { range, authorization } = request.headers;
      this.requests.push({ url: request.url ?? '', range, authorization });
      this.behave(request, response, this.#bytes);
    });
  }

  static async start(bytes: Buffer): Promise<TestHolder> {
    const holder = new TestHolder(bytes);
    await new Promise<void>((resolve) => holder.#server.listen(0, '127.0.0.1', resolve));
    return holder;
  }

  get url(): string {
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}`;
  }

  async close(): Promise<void> {
    this.#server.closeAllConnections();
    await new Promise((resolve) => this.#server.close(resolve));
  }
}

const serveWell: Behave = (request, response, bytes) => {
  const from = Number(/^bytes=(\d+)-$/.exec(request.headers.range ?? '')?.[1] ?? 0);
  response.writeHead(from > 0 ? 206 : 200, { 'content-length': bytes.length - from });
  response.end(bytes.subarray(from));
};

let dir: string;
let bytes: Buffer;
let holder: TestHolder;
const readers: ExchangeReader[] = [];

beforeEach(async () => {
  dir = await mkdtemp(path.join(os.tmpdir(), 'skein-exchange-'));
  bytes = await readFile(parquetFile);
  holder = await TestHolder.start(bytes);
});
afterEach(async () => {
  await Promise.all(readers.splice(0).map((reader) => reader.close()));
  await holder.close();
  await rm(dir, { recursive: true, force: true });
});

const limits = {
  connectTimeoutMs: 200,
  headersTimeoutMs: 200,
  idleTimeoutMs: 200,
  tries: 3,
  retryDelayMs: 1,
};

async function openReader(options: Partial<ExchangeReaderOptions> = {}): Promise<ExchangeReader> {
  const cache = path.join(dir, `in-${readers.length}`);
  await mkdir(cache);
  const reader = new ExchangeReader({
    dir: cache,
    ownRoot: path.join(dir, 'own'),
    hostId: 'here',
    cacheBytes: 1024 ** 3,
    token: undefined,
    clock: systemClock,
    limits,
    ...options,
  });
  readers.push(reader);
  return reader;
}

let serial = 0;
function ref(
  change: { hostId?: string; url?: string; file?: object; rows?: bigint; path?: string } = {},
): PartitionRef {
  serial += 1;
  return create(PartitionRefSchema, {
    producer: { queryId: 'q_1', stageId: 1, task: serial, attempt: 0 },
    partition: 3,
    workerId: 'w9',
    hostId: change.hostId ?? 'there',
    url: change.url ?? holder.url,
    rows: change.rows ?? parquetRows,
    files: [
      {
        name: 'p3-0.parquet',
        path: change.path ?? '/nowhere/p3-0.parquet',
        bytes: BigInt(bytes.length),
        crc32: crc32(bytes),
        rows: parquetRows,
        ...change.file,
      },
    ],
  });
}

const signal = new AbortController().signal;

async function failure(reader: ExchangeReader, refs: PartitionRef[], by = signal): Promise<SkeinError> {
  const error = await reader.open(refs, by).then(
    () => undefined,
    (reason: unknown) => reason,
  );
  expect(error).toBeInstanceOf(SkeinError);
  return error as SkeinError;
}

async function filesOf(reader: number): Promise<string[]> {
  const entries = await readdir(path.join(dir, `in-${reader}`), { recursive: true, withFileTypes: true });
  return entries.filter((entry) => entry.isFile()).map((entry) => entry.name);
}

describe('ExchangeReader', () => {
  it('fetches a file once for all who read it', async () => {
    const reader = await openReader({ token: 'secret' });
    const wanted = ref();
    const [one, two] = await Promise.all([reader.open([wanted], signal), reader.open([wanted], signal)]);
    using three = await reader.open([wanted], signal);
    expect(one).toMatchObject({ rows: Number(parquetRows), bytes: bytes.length });
    expect(two.paths).toEqual(one.paths);
    expect(three.paths).toEqual(one.paths);
    expect(bytes.equals(await readFile(one.paths[0] ?? ''))).toBe(true);
    expect(holder.requests).toEqual([
      {
        url: `/exchange/q_1/1/${wanted.producer?.task}/0/p3-0.parquet`,
        range: undefined,
        authorization: 'Bearer secret',
      },
    ]);
    expect(reader.cacheStats).toEqual({ bytes: bytes.length, hits: 2, misses: 1 });
    await reader.dropQuery('q_1');
    expect(await filesOf(0)).toEqual([]);
    expect(reader.cacheStats.bytes).toBe(0);
  });

  it('goes on where a broken transfer stopped', async () => {
    holder.behave = (request, response, whole) => {
      if (holder.requests.length > 2) return serveWell(request, response, whole);
      const from = Number(/(\d+)/.exec(request.headers.range ?? '')?.[1] ?? 0);
      response.writeHead(from > 0 ? 206 : 200, { 'content-length': whole.length - from });
      response.write(whole.subarray(from, from + 100_000), () => response.socket?.end());
    };
    const reader = await openReader();
    using opened = await reader.open([ref()], signal);
    expect(bytes.equals(await readFile(opened.paths[0] ?? ''))).toBe(true);
    const [first, second = 0, third = 0] = holder.requests.map(({ range }) =>
      Number(/\d+/.exec(range ?? '0')?.[0]),
    );
    expect(first).toBe(0);
    expect(second).toBeGreaterThan(0);
    expect(third).toBeGreaterThan(second);
  });

  it('reads again what the network changed', async () => {
    holder.behave = (request, response, whole) => {
      const sent = Buffer.from(whole);
      if (holder.requests.length === 1) sent[70_000] = (sent[70_000] ?? 0) ^ 1;
      serveWell(request, response, sent);
    };
    const reader = await openReader();
    using opened = await reader.open([ref()], signal);
    expect(bytes.equals(await readFile(opened.paths[0] ?? ''))).toBe(true);
    expect(holder.requests).toHaveLength(2);
  });

  const damages: [string, Behave, string][] = [
    ['404', (_request, response) => response.writeHead(404).end(), 'status 404'],
    [
      'a short file',
      (request, response, whole) => serveWell(request, response, whole.subarray(1)),
      'bytes instead of',
    ],
    [
      'a changed byte',
      (request, response, whole) => {
        const sent = Buffer.from(whole);
        sent[1000] = (sent[1000] ?? 0) ^ 64;
        serveWell(request, response, sent);
      },
      'checksum',
    ],
    ['500 again and again', (_request, response) => response.writeHead(500).end(), 'status 500'],
    ['no answer', () => {}, 'Headers Timeout'],
    [
      'an answer that never ends',
      (request, response, whole) => {
        const from = Number(/(\d+)/.exec(request.headers.range ?? '')?.[1] ?? 0);
        response.writeHead(from > 0 ? 206 : 200, { 'content-length': whole.length - from });
        response.write(whole.subarray(from, from + 10));
      },
      'Body Timeout',
    ],
    [
      'more than was asked for',
      (request, response, whole) => serveWell(request, response, Buffer.concat([whole, whole])),
      'bytes instead of',
    ],
  ];
  it.each(damages)('loses a partition to %s', async (_name, behave, reason) => {
    holder.behave = behave;
    const reader = await openReader();
    const lost = ref();
    const error = await failure(reader, [lost]);
    expect(error).toBeInstanceOf(LostInputError);
    expect(error).toMatchObject({
      retry: 'stage',
      lost: [{ partition: 3, producer: { task: lost.producer?.task } }],
    });
    expect(error.message).toContain(reason);
    expect(error.message).toContain('on worker w9');
    expect(await filesOf(0)).toEqual([]);
  });

  it('loses a partition to a wrong row count', async () => {
    const reader = await openReader();
    const inFile = await failure(reader, [ref({ rows: 14_999n, file: { rows: 14_999n } })]);
    expect(inFile).toMatchObject({ sqlState: 'XX001', retry: 'stage' });
    expect(inFile.message).toContain('15000 rows instead of 14999');
    const inSum = await failure(reader, [ref({ rows: 15_001n })]);
    expect(inSum).toMatchObject({ sqlState: 'XX001', retry: 'stage' });
  });

  it('names all that is lost at once, and does not wait for a dead holder again', async () => {
    const dead = holder.url;
    await holder.close();
    holder = await TestHolder.start(bytes);
    const reader = await openReader({ concurrency: 1 });
    const refs = [ref({ url: dead }), ref(), ref({ url: dead }), ref({ url: dead })];
    const error = await failure(reader, refs);
    expect((error as LostInputError).lost.map((each) => each.producer?.task)).toEqual(
      [refs[0], refs[2], refs[3]].map((each) => each?.producer?.task),
    );
  });

  it('is refused with a wrong token, which no recomputing changes', async () => {
    holder.behave = (_request, response) => response.writeHead(401).end();
    expect(await failure(await openReader(), [ref()])).toMatchObject({ sqlState: '28000', retry: 'never' });
  });

  it('stops fetching when its task is aborted', async () => {
    let closed = false;
    holder.behave = (_request, response, whole) => {
      response.writeHead(200, { 'content-length': whole.length });
      response.write(whole.subarray(0, 10), () => aborting.abort(new SkeinError('57014', 'enough')));
      response.on('close', () => {
        closed = true;
      });
    };
    const aborting = new AbortController();
    const error = await failure(await openReader(), [ref()], aborting.signal);
    expect(error.message).toBe('enough');
    expect(await filesOf(0)).toEqual([]);
    while (!closed) await new Promise((resolve) => setTimeout(resolve, 1));
  });

  it('fetches for one task what another gave up', async () => {
    const first = new AbortController();
    holder.behave = (request, response, whole) => {
      if (holder.requests.length > 1) serveWell(request, response, whole);
      else first.abort();
    };
    const reader = await openReader();
    const wanted = ref();
    const given = failure(reader, [wanted], first.signal);
    using opened = await reader.open([wanted], signal);
    expect((await given).sqlState).toBe('57014');
    expect(bytes.equals(await readFile(opened.paths[0] ?? ''))).toBe(true);
  });

  it('keeps no more than it may of what nobody uses', async () => {
    const reader = await openReader({ cacheBytes: bytes.length * 1.5 });
    const refs = [ref(), ref(), ref()];
    const opened = await reader.open(refs, signal);
    expect(reader.cacheStats.bytes).toBe(bytes.length * 3);
    opened[Symbol.dispose]();
    expect(reader.cacheStats.bytes).toBe(bytes.length);
    using _last = await reader.open(refs.slice(2), signal);
    expect(holder.requests).toHaveLength(3);
    using _first = await reader.open(refs.slice(0, 1), signal);
    expect(holder.requests).toHaveLength(4);
  });

  it('writes what came inside the message', async () => {
    const reader = await openReader();
    using opened = await reader.open([ref({ url: '', file: { inline: bytes } })], signal);
    expect(bytes.equals(await readFile(opened.paths[0] ?? ''))).toBe(true);
    const damaged = Buffer.from(bytes);
    damaged[5] = (damaged[5] ?? 0) ^ 1;
    const error = await failure(reader, [ref({ url: '', file: { inline: damaged } })]);
    expect(error).toMatchObject({ sqlState: 'XX001', retry: 'stage' });
  });

  it('reads its own files where they lie, and links those of its host', async () => {
    const reader = await openReader();
    const own = path.join(dir, 'own', 'a.parquet');
    const other = path.join(dir, 'other.parquet');
    await mkdir(path.dirname(own));
    await link(parquetFile, own).catch(() => writeFile(own, bytes));
    await writeFile(other, bytes);
    using opened = await reader.open(
      [ref({ hostId: 'here', path: own }), ref({ hostId: 'here', path: other })],
      signal,
    );
    expect(opened.paths[0]).toBe(own);
    const linked = opened.paths[1] ?? '';
    expect(linked).not.toBe(other);
    expect((await stat(linked)).ino).toBe((await stat(other)).ino);
    expect(reader.cacheStats.bytes).toBe(0);
    expect(holder.requests).toEqual([]);
    await rm(other);
    expect(bytes.equals(await readFile(linked))).toBe(true);
  });

  it('verifies the files of its host, and fetches those that are not there', async () => {
    const reader = await openReader();
    const damaged = path.join(dir, 'damaged.parquet');
    const copy = Buffer.from(bytes);
    copy[copy.length >> 1] = (copy[copy.length >> 1] ?? 0) ^ 1;
    await writeFile(damaged, copy);
    const error = await failure(reader, [ref({ hostId: 'here', path: damaged })]);
    expect(error).toMatchObject({ sqlState: 'XX001', retry: 'stage' });
    expect(holder.requests).toEqual([]);
    using opened = await reader.open([ref({ hostId: 'here' })], signal);
    expect(bytes.equals(await readFile(opened.paths[0] ?? ''))).toBe(true);
    const gone = await failure(reader, [ref({ hostId: 'here', url: '' })]);
    expect(gone.message).toContain('/nowhere/p3-0.parquet is gone');
  });

  it('writes nowhere but in its own folder', async () => {
    const reader = await openReader();
    const names = ['../../evil', '..', 'a/b', '.hidden', ''];
    for (const name of names) {
      expect(await failure(reader, [ref({ file: { name } })])).toMatchObject({ sqlState: 'XX000' });
    }
    const foreign = ref();
    if (foreign.producer !== undefined) foreign.producer.queryId = '../q';
    expect(await failure(reader, [foreign])).toMatchObject({ sqlState: 'XX000' });
    await reader.dropQuery('../own');
  });

  it('fails as it is told to', async () => {
    const reader = await openReader({
      faults: {
        async beforeRead(lost) {
          if (lost.producer?.task === wanted[1]?.producer?.task) throw new Error('on purpose');
        },
      },
    });
    const wanted = [ref(), ref()];
    const error = await failure(reader, wanted);
    expect(error).toMatchObject({ lost: [{ producer: { task: wanted[1]?.producer?.task } }] });
  });
});
