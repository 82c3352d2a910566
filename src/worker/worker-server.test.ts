import { truncate } from 'node:fs/promises';
import http from 'node:http';
import type { AddressInfo } from 'node:net';
import { create } from '@bufbuild/protobuf';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import {
  columns,
  lineitem,
  lineitemRows,
  stageInput,
  TaskFixture,
  tpchDir,
} from '../../test/support/task-fixture.ts';
import { SkeinError, systemClock, systemRandom, workerId } from '../common/index.ts';
import { DuckDb } from '../duckdb/index.ts';
import {
  type CoordinatorClient,
  coordinatorHttpHandler,
  createHttpCoordinatorClient,
  createHttpWorkerClient,
  HeartbeatResponseSchema,
  type RegisterRequest,
  RegisterResponseSchema,
  type RunTaskResponse,
  type WorkerStatus,
} from '../rpc/index.ts';
import { startWorkerServer, type WorkerServer, type WorkerServerOptions } from './worker-server.ts';

const token = 'a shared secret';
const signal = new AbortController().signal;

/** A coordinator's port that remembers who called. */
class TestCoordinator implements CoordinatorClient {
  readonly registered: RegisterRequest[] = [];
  readonly heartbeats: WorkerStatus[] = [];
  readonly left: string[] = [];
  known = true;
  dataRoots = [tpchDir];
  refusal: SkeinError | undefined;
  readonly #server = http.createServer(coordinatorHttpHandler(this, token));

  async listen(): Promise<string> {
    await new Promise<void>((resolve) => this.#server.listen(0, '127.0.0.1', resolve));
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}`;
  }

  async register(request: RegisterRequest) {
    if (this.refusal !== undefined) throw this.refusal;
    this.registered.push(request);
    this.known = true;
    return create(RegisterResponseSchema, { dataRoots: this.dataRoots, heartbeatMs: 10 });
  }

  async heartbeat(status: WorkerStatus) {
    this.heartbeats.push(status);
    return create(HeartbeatResponseSchema, { known: this.known });
  }

  async leave(id: string): Promise<void> {
    this.left.push(id);
  }

  async close(): Promise<void> {
    this.#server.closeAllConnections();
    await new Promise((resolve) => this.#server.close(resolve));
  }
}

let fixture: TaskFixture;
let coordinator: TestCoordinator;
let coordinatorUrl: string;
const servers: WorkerServer[] = [];

beforeEach(async () => {
  fixture = await TaskFixture.create();
  coordinator = new TestCoordinator();
  coordinatorUrl = await coordinator.listen();
});
afterEach(async () => {
  await Promise.all(servers.splice(0).map((server) => server.close()));
  await coordinator.close();
  await fixture[Symbol.asyncDispose]();
});

async function start(id: string, options: Partial<WorkerServerOptions> = {}): Promise<WorkerServer> {
  const server = await startWorkerServer({
    coordinatorUrl,
    host: '127.0.0.1',
    port: 0,
    workerId: workerId(id),
    spoolDir: fixture.spoolDir,
    threads: 1,
    memoryBytes: 256 * 1024 ** 2,
    token,
    drainMs: 100,
    clock: systemClock,
    random: systemRandom,
    ...options,
  });
  servers.push(server);
  return server;
}

async function writeLineitem(url: string): Promise<RunTaskResponse> {
  const request = fixture.task({
    sql: 'SELECT l_orderkey AS c0, l_comment AS c1 FROM lineitem',
    inputs: [lineitem()],
    columns: columns('BIGINT', 'VARCHAR'),
    output: { hashKeys: ['c0'], partitions: 2 },
  });
  return createHttpWorkerClient(url, token).runTask(request, signal);
}

async function failure(promise: Promise<unknown>): Promise<SkeinError> {
  const error = await promise.then(
    () => undefined,
    (reason: unknown) => reason,
  );
  expect(error).toBeInstanceOf(SkeinError);
  return error as SkeinError;
}

async function until(holds: () => boolean | Promise<boolean>): Promise<void> {
  while (!(await holds())) await new Promise((resolve) => setTimeout(resolve, 5));
}

/** Raw, since clients tidy paths up before they send them. */
function get(
  url: string,
  path: string,
  headers: http.OutgoingHttpHeaders = {},
): Promise<{ status: number; body: Buffer; headers: http.IncomingHttpHeaders }> {
  const { hostname, port } = new URL(url);
  return new Promise((resolve, reject) => {
    http
      .get(
        { hostname, port, path, headers: { authorization: `Bearer ${token}`, ...headers } },
        (response) => {
          const chunks: Buffer[] = [];
          response.on('data', (chunk: Buffer) => chunks.push(chunk));
          response.on('end', () =>
            resolve({
              status: response.statusCode ?? 0,
              body: Buffer.concat(chunks),
              headers: response.headers,
            }),
          );
        },
      )
      .on('error', reject);
  });
}

describe('worker server', () => {
  it('registers, sends heartbeats, and says that it leaves', async () => {
    const server = await start('w1');
    await server.registered;
    expect(coordinator.registered).toMatchObject([
      { workerId: 'w1', url: server.url, threads: 1, duckdbVersion: DuckDb.version(), pid: process.pid },
    ]);
    await until(() => coordinator.heartbeats.length > 1);
    expect(coordinator.heartbeats[0]).toMatchObject({ workerId: 'w1', runningTasks: 0, draining: false });
    expect(Number(coordinator.heartbeats[0]?.residentBytes)).toBeGreaterThan(1024 ** 2);
    await server.close();
    expect(coordinator.left).toEqual(['w1']);
  });

  it('runs tasks, and hands its rows to another host', async () => {
    const one = await start('w1', { hostId: 'host-1' });
    const two = await start('w2', { hostId: 'host-2' });
    const { partitions } = await writeLineitem(one.url);
    expect(partitions[0]?.url).toBe(one.url);
    const response = await createHttpWorkerClient(two.url, token).runTask(
      fixture.task({
        sql: 'SELECT count(*) AS c0 FROM t',
        inputs: [stageInput('t', partitions, 'BIGINT', 'VARCHAR')],
        columns: columns('BIGINT'),
      }),
      signal,
    );
    expect(response.stats).toMatchObject({ inputRows: BigInt(lineitemRows), outputRows: 1n });
    const status = await createHttpWorkerClient(two.url, token).getStatus(signal);
    expect(status).toMatchObject({ cacheMisses: 2n, cacheHits: 0n, finishedTasks: 1n });
    expect(status.cacheBytes).toBe(response.stats?.inputBytes);
  });

  it('gives typed errors over the network', async () => {
    const { url } = await start('w1');
    const client = createHttpWorkerClient(url, token);
    const request = fixture.task({ sql: `SELECT 'é'::INTEGER AS c0`, columns: columns('INTEGER') });
    expect(await failure(client.runTask(request, signal))).toMatchObject({
      sqlState: '22P02',
      retry: 'never',
    });
    const lost = await writeLineitem(url);
    await truncate(lost.partitions[0]?.files[0]?.path ?? '', 100);
    const inputs = [stageInput('t', lost.partitions, 'BIGINT', 'VARCHAR')];
    const reader = fixture.task({ sql: 'SELECT count(*) AS c0 FROM t', inputs, columns: columns('BIGINT') });
    expect(await failure(client.runTask(reader, signal))).toMatchObject({
      sqlState: 'XX001',
      retry: 'stage',
      lost: [{ partition: 0, workerId: 'w1' }],
    });
  });

  it('stops a task when its caller hangs up', async () => {
    const { url } = await start('w1');
    const client = createHttpWorkerClient(url, token);
    const caller = new AbortController();
    const call = client.runTask(
      fixture.task({
        sql: 'SELECT count(*) AS c0 FROM range(1000000) a, range(1000000) b WHERE hash(a.range, b.range) = 42',
        columns: columns('BIGINT'),
      }),
      caller.signal,
    );
    await until(async () => (await client.getStatus(signal)).runningTasks === 1);
    caller.abort(new SkeinError('57014', 'changed my mind'));
    expect((await failure(call)).message).toBe('changed my mind');
    await until(async () => (await client.getStatus(signal)).runningTasks === 0);
  });

  it('is refused without the token, on every path', async () => {
    const { url } = await start('w1');
    const { partitions } = await writeLineitem(url);
    for (const wrong of [undefined, 'another secret', `${token}x`]) {
      const client = createHttpWorkerClient(url, wrong);
      expect(await failure(client.getStatus(signal))).toMatchObject({ sqlState: '28000', retry: 'never' });
      expect(await failure(client.dropQuery('q_1', signal))).toMatchObject({ sqlState: '28000' });
    }
    const path = `/exchange/q_1/${partitions[0]?.producer?.stageId}/0/0/p0-0.parquet`;
    expect((await get(url, path)).status).toBe(200);
    expect((await get(url, path, { authorization: '' })).status).toBe(401);
    expect((await get(url, path, { authorization: 'Bearer x' })).status).toBe(401);
    const stranger = createHttpCoordinatorClient(coordinatorUrl, undefined);
    expect(await failure(stranger.leave('w1', signal))).toMatchObject({ sqlState: '28000' });
    expect(coordinator.left).toEqual([]);
  });

  it('serves whole files and parts of them, and nothing else', async () => {
    const { url } = await start('w1');
    const { partitions } = await writeLineitem(url);
    const file = partitions[0]?.files[0];
    const base = `/exchange/q_1/${partitions[0]?.producer?.stageId}/0/0`;
    const whole = await get(url, `${base}/p0-0.parquet`);
    expect(whole).toMatchObject({ status: 200, headers: { 'content-length': String(file?.bytes) } });
    const part = await get(url, `${base}/p0-0.parquet`, { range: 'bytes=10-19' });
    expect(part).toMatchObject({ status: 206, body: whole.body.subarray(10, 20) });
    const rest = await get(url, `${base}/p0-0.parquet`, { range: `bytes=${Number(file?.bytes) - 4}-` });
    expect(rest.body.toString()).toBe('PAR1');
    for (const range of [`bytes=${file?.bytes}-`, 'bytes=5-4', 'bytes=-5', 'bytes=0-1,3-4', 'lines=1-2']) {
      expect((await get(url, `${base}/p0-0.parquet`, { range })).status).toBe(416);
    }
    const paths = [
      `${base}/p9-0.parquet`,
      `${base}/../../../../../owner.json`,
      `${base}/..%2F..%2F..%2F..%2F..%2Fowner.json`,
      `${base}/%2e%2e`,
      `/exchange/..%2F/1/0/0/owner.json`,
      `/exchange/q_1/1/0/0/`,
      `/exchange//etc/passwd`,
      '/exchange',
      '/',
      '/%',
      `${base}/p0-0.parquet?x=1`,
      `${base}/p0-0.parquet%00`,
    ];
    for (const path of paths) expect((await get(url, path)).status, path).toBe(404);
    await createHttpWorkerClient(url, token).dropQuery('q_1', signal);
    expect((await get(url, `${base}/p0-0.parquet`)).status).toBe(404);
  });

  it('registers again when it was forgotten, without what was written off', async () => {
    const { url } = await start('w1');
    const { partitions } = await writeLineitem(url);
    coordinator.known = false;
    await until(() => coordinator.registered.length === 2);
    const path = `/exchange/q_1/${partitions[0]?.producer?.stageId}/0/0/p0-0.parquet`;
    expect((await get(url, path)).status).toBe(404);
    expect((await writeLineitem(url)).partitions).toHaveLength(2);
  });

  it('keeps trying to register, but not where it is refused for good', async () => {
    coordinator.refusal = new SkeinError('57P03', 'starting', { retry: 'task' });
    const patient = await start('w1');
    await new Promise((resolve) => setTimeout(resolve, 20));
    coordinator.refusal = undefined;
    await patient.registered;
    coordinator.refusal = new SkeinError('0A000', 'another version');
    const refused = await start('w2');
    expect((await failure(refused.registered)).message).toBe('another version');
  });

  it('leaves again where it does not have the data', async () => {
    coordinator.dataRoots = ['/no/such/folder'];
    const server = await start('w1');
    const error = await failure(server.registered);
    expect(error).toMatchObject({ sqlState: '58P01', details: { path: '/no/such/folder' } });
    expect(coordinator.left).toEqual(['w1']);
  });

  it('is a failed connection once it is gone', async () => {
    const { url, close } = await start('w1');
    await close();
    const error = await failure(createHttpWorkerClient(url, token).getStatus(signal));
    expect(error).toMatchObject({ sqlState: '08006', retry: 'task' });
  });
});
