import { randomUUID } from 'node:crypto';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { FakeS3 } from '../../../test/support/fake-s3.ts';
import { type MotoServer, motoMissing, startMoto } from '../../../test/support/moto-server.ts';
import { systemClock, systemRandom } from '../../common/index.ts';
import { readAll } from './byte-stream.ts';
import { describeObjectStore } from './conformance.ts';
import type { ObjectStore } from './object-store.ts';
import { ObjectStores } from './object-stores.ts';
import type { S3Limits } from './s3-connection.ts';

process.env.AWS_ACCESS_KEY_ID = 'AKIAOFTHETEST';
process.env.AWS_SECRET_ACCESS_KEY = 'secret-of-the-test';

const quick: Partial<S3Limits> = {
  firstDelayMs: 1,
  maxDelayMs: 20,
  requestTimeoutMs: 1500,
  idleTimeoutMs: 1500,
};
const put = ({ method }: { readonly method: string }): boolean => method === 'PUT';
const get = ({ method }: { readonly method: string }): boolean => method === 'GET';
const slowDown = { kind: 'status', status: 503, code: 'SlowDown' } as const;
const bytes = Buffer.from('body');

let fake: FakeS3;
let stores: ObjectStores;

function connect(limits: Partial<S3Limits> = {}): ObjectStores {
  return new ObjectStores({
    clock: systemClock,
    random: systemRandom,
    s3: { endpoint: fake.endpoint },
    s3Limits: { ...quick, ...limits },
  });
}

beforeAll(async () => {
  fake = await FakeS3.start();
  stores = connect();
});

afterAll(async () => {
  await stores.close();
  await fake.close();
});

describeObjectStore('a fake S3', async () => stores.open(`s3://bucket/${randomUUID()}`));
describeObjectStore('a whole bucket of a fake S3', async () => {
  fake.objects.clear();
  return stores.open('s3://bucket');
});

const missing = motoMissing();
describe.skipIf(missing !== undefined)(
  `a real S3 server${missing === undefined ? '' : ` (${missing})`}`,
  () => {
    let moto: MotoServer;
    let real: ObjectStores;

    beforeAll(async () => {
      moto = await startMoto();
      const s3 = { endpoint: moto.endpoint };
      real = new ObjectStores({ clock: systemClock, random: systemRandom, s3 });
    });

    afterAll(async () => {
      await real.close();
      await moto.close();
    });

    describeObjectStore("moto's S3", async () => real.open(`s3://${moto.bucket}/${randomUUID()}`));

    it('says that a bucket is missing', async () => {
      await expect(real.open('s3://no-such-bucket').get('x')).rejects.toMatchObject({ sqlState: '58P01' });
    });
  },
);

describe('S3 when it fails', () => {
  let store: ObjectStore;

  beforeEach(async () => {
    store = stores.open(`s3://bucket/${randomUUID()}`);
    await store.putIfAbsent('probed', bytes);
  });

  afterEach(() => {
    fake.ignoresConditions = false;
    fake.keepsMetadata = true;
  });

  it('tries again when it is asked to slow down', async () => {
    fake.inject(slowDown, () => true, 5);
    await store.put('a', bytes);
    fake.inject(slowDown, () => true, 3);
    expect(await store.stat('a')).toMatchObject({ bytes: 4 });
    fake.inject({ kind: 'silence', applied: false }, get);
    expect(Buffer.from(await readAll((await store.get('a')).stream)).toString()).toBe('body');
  });

  it('gives up on a long outage, with an error for another time', async () => {
    const own = connect({ retryForMs: 200 });
    fake.inject(slowDown, () => true, Number.POSITIVE_INFINITY);
    try {
      const doing = own.open('s3://bucket/x');
      await expect(doing.get('a')).rejects.toMatchObject({ sqlState: '58030', retry: 'task' });
      await expect(doing.put('a', bytes)).rejects.toMatchObject({ sqlState: '58030', retry: 'task' });
    } finally {
      fake.stopFaults();
      await own.close();
    }
  });

  it.each([
    ['was applied, and its answer lost', { kind: 'silence', applied: true }],
    ['was not applied, and not answered', { kind: 'silence', applied: false }],
    [
      'was applied, and answered by an error',
      { kind: 'status', status: 500, code: 'InternalError', applied: true },
    ],
    ['met another one', { kind: 'status', status: 409, code: 'ConditionalRequestConflict' }],
    ['met a slow store', slowDown],
  ] as const)('commits once where a try %s', async (_, fault) => {
    for (const keepsMetadata of [true, false]) {
      fake.keepsMetadata = keepsMetadata;
      const key = `log/${keepsMetadata}`;
      fake.inject(fault, put);
      expect(await store.putIfAbsent(key, bytes)).toBe('created');
      fake.inject(fault, put);
      expect(await store.putIfAbsent(key, Buffer.from('else'))).toBe('exists');
      expect(Buffer.from(await readAll((await store.get(key)).stream)).toString()).toBe('body');
    }
  });

  it('tells writers of equal bytes apart', async () => {
    fake.inject({ kind: 'silence', applied: false }, put, 8);
    fake.inject({ kind: 'status', status: 500, code: 'InternalError', applied: true }, put, 8);
    const outcomes = await Promise.all(Array.from({ length: 24 }, () => store.putIfAbsent('same', bytes)));
    expect(outcomes.filter((outcome) => outcome === 'created')).toHaveLength(1);
  });

  it('says so where it cannot know whether it committed', async () => {
    const own = connect({ retryForMs: 300, requestTimeoutMs: 100 });
    const other = own.open(store.root);
    await other.putIfAbsent('probed', bytes);
    fake.inject({ kind: 'silence', applied: false }, put, 100);
    await expect(other.putIfAbsent('unknown', bytes)).rejects.toMatchObject({
      sqlState: '58030',
      retry: 'never',
      details: { outcome: 'unknown' },
    });
    fake.stopFaults();
    await own.close();
  });

  it('goes on with a body that ended early, and refuses another version', async () => {
    const large = Buffer.alloc(300_000, 'x');
    await store.put('a', large);
    for (const cut of [0, 1000, 250_000]) {
      fake.inject({ kind: 'truncate', bytes: cut }, get, 2);
      expect(Buffer.compare(await readAll((await store.get('a')).stream), large)).toBe(0);
    }
    fake.inject({ kind: 'truncate', bytes: 1000 }, get);
    const { stream } = await store.get('a');
    await store.put('a', Buffer.alloc(300_000, 'y'));
    await expect(readAll(stream)).rejects.toMatchObject({ sqlState: '58030', retry: 'query' });
  });

  it('begins an upload anew that the store lost, and leaves none behind', async () => {
    const large = Buffer.alloc(20 * 1024 * 1024, 'x');
    const completing = ({
      method,
      query,
    }: {
      readonly method: string;
      readonly query: URLSearchParams;
    }): boolean => method === 'POST' && query.has('uploadId');
    for (const fault of [
      { kind: 'status', status: 404, code: 'NoSuchUpload' },
      { kind: 'status', status: 409, code: 'ConditionalRequestConflict' },
      { kind: 'silence', applied: true },
      { kind: 'status', status: 503, code: 'SlowDown' },
    ] as const) {
      fake.inject(fault, completing);
      expect(await store.put('large', large)).toMatchObject({ bytes: large.length });
      expect(fake.uploads.size).toBe(0);
    }
    fake.inject(
      { kind: 'status', status: 403, code: 'AccessDenied' },
      ({ query }) => query.get('partNumber') === '2',
    );
    await expect(store.put('large', large)).rejects.toMatchObject({ sqlState: '42501' });
    expect(fake.uploads.size).toBe(0);
    const abort = new AbortController();
    fake.inject({ kind: 'silence', applied: false }, ({ query }) => {
      const third = query.get('partNumber') === '3';
      if (third) abort.abort();
      return third;
    });
    const putting = store.put('large', large, abort.signal);
    await expect(putting).rejects.toMatchObject({ sqlState: '57014' });
    expect(fake.uploads.size).toBe(0);
  });

  it('removes uploads that nobody goes on with', async () => {
    const key = `${store.root.slice('s3://bucket/'.length)}/x`;
    fake.uploads.set('old', { key, metadata: {}, begun: new Date(0), parts: new Map() });
    expect(await store.removeLeftovers(1000)).toBe(1);
    expect(fake.uploads.size).toBe(0);
  });

  it('refuses to commit to a store that ignores the condition', async () => {
    const own = connect();
    fake.ignoresConditions = true;
    const other = own.open('s3://careless/x');
    await expect(other.putIfAbsent('a', bytes)).rejects.toMatchObject({ sqlState: '0A000' });
    await expect(other.putIfAbsent('a', bytes)).rejects.toMatchObject({ sqlState: '0A000' });
    expect([...fake.objects.keys()].filter((key) => key.startsWith('x/'))).toEqual([]);
    await other.put('a', bytes);
    await own.close();
  });

  it('names the key that was not deleted', async () => {
    await store.put('a', bytes);
    const prefix = store.root.slice('s3://bucket/'.length);
    fake.failDeletes(`${prefix}/a`, 'AccessDenied');
    await expect(store.delete(['a'])).rejects.toMatchObject({
      sqlState: '42501',
      details: { path: `${store.root}/a` },
    });
    fake.failDeletes('', '');
    fake.inject({ kind: 'status', status: 501, code: 'NotImplemented' }, ({ query }) => query.has('delete'));
    await store.put('b', bytes);
    await store.delete(['a', 'b']);
    expect(await store.stat('b')).toBeUndefined();
  });

  it('gives nothing of the credentials or of the store in errors', async () => {
    fake.inject({ kind: 'status', status: 403, code: 'SignatureDoesNotMatch' }, get);
    const error = await store.get('a').catch((thrown: unknown) => thrown);
    expect(error).toMatchObject({
      sqlState: '42501',
      message: expect.stringContaining('403 SignatureDoesNotMatch'),
    });
    expect(JSON.stringify(error, Object.getOwnPropertyNames(error))).not.toMatch(/AKIA|secret|Signature=/);
  });
});
