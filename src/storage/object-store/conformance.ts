import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { beforeEach, describe, expect, it } from 'vitest';
import { canceledError } from '../../common/index.ts';
import { readAll } from './byte-stream.ts';
import { compareKeys } from './object-key.ts';
import type { GetOptions, ListOptions, ObjectStore } from './object-store.ts';

const bytesOf = (text: string): Uint8Array => Buffer.from(text);

async function text(store: ObjectStore, key: string, options?: GetOptions): Promise<string> {
  return Buffer.from(await readAll((await store.get(key, options)).stream)).toString();
}

async function keysOf(store: ObjectStore, prefix: string, options?: ListOptions): Promise<string[]> {
  const keys: string[] = [];
  for await (const { key } of store.list(prefix, options)) keys.push(key);
  return keys;
}

/** Bytes that differ at every place a part or a piece could be lost or doubled. */
function manyBytes(count: number): Buffer {
  const bytes = Buffer.allocUnsafe(count);
  let state = 1;
  for (let index = 0; index < count; index++) {
    state = (Math.imul(state, 1103515245) + 12345) | 0;
    bytes[index] = state >>> 16;
  }
  return bytes;
}

/**
 * What every object store keeps to.
 * @param open gives an empty store each time
 */
export function describeObjectStore(name: string, open: () => Promise<ObjectStore>): void {
  let store: ObjectStore;

  describe(`${name} as an object store`, () => {
    beforeEach(async () => {
      store = await open();
    });
    describeObjects(() => store);
    describeRanges(() => store);
    describeLists(() => store);
    describeRefusals(() => store);
  });
}

function describeObjects(current: () => ObjectStore): void {
  it('gives what was put, until it is replaced or deleted', async () => {
    const store = current();
    expect(await store.stat('a/b')).toBeUndefined();
    const first = await store.put('a/b', bytesOf('one'));
    expect(first).toMatchObject({ key: 'a/b', bytes: 3 });
    expect(await store.stat('a/b')).toEqual(first);
    const { info, stream } = await store.get('a/b');
    expect(info).toEqual(first);
    expect(Buffer.from(await readAll(stream)).toString()).toBe('one');
    const second = await store.put('a/b', bytesOf('two'));
    expect(second.etag).not.toBe(first.etag);
    expect(await text(store, 'a/b')).toBe('two');
    await store.delete(['a/b', 'a/missing', 'nowhere/at/all']);
    expect(await store.stat('a/b')).toBeUndefined();
    await store.delete([]);
    await store.put('a/b', bytesOf('three'));
    expect(await text(store, 'a/b')).toBe('three');
  });

  it('keeps empty objects', async () => {
    const store = current();
    expect(await store.put('empty', new Uint8Array(0))).toMatchObject({ bytes: 0 });
    expect(await text(store, 'empty')).toBe('');
    expect(await text(store, 'empty', { range: { start: -10 } })).toBe('');
    expect(await text(store, 'empty', { range: { start: 0, end: 10 } })).toBe('');
    expect(await store.putIfAbsent('empty', bytesOf('x'))).toBe('exists');
    expect(await keysOf(store, '')).toEqual(['empty']);
  });

  it('keeps large objects, from memory and from files', async () => {
    const store = current();
    const bytes = manyBytes(18 * 1024 * 1024 + 17);
    const folder = await mkdtemp(join(tmpdir(), 'skein-conformance-'));
    try {
      const file = join(folder, 'source');
      await writeFile(file, bytes);
      for (const body of [bytes, { file }]) {
        expect(await store.put('large', body)).toMatchObject({ bytes: bytes.length });
        const { stream } = await store.get('large');
        expect(Buffer.compare(await readAll(stream), bytes)).toBe(0);
      }
      const range = { start: 8 * 1024 * 1024 - 5, end: 8 * 1024 * 1024 + 5 };
      const cut = await readAll((await store.get('large', { range })).stream);
      expect(Buffer.compare(cut, bytes.subarray(range.start, range.end))).toBe(0);
      await expect(store.put('no', { file: join(folder, 'missing') })).rejects.toMatchObject({
        sqlState: '58P01',
      });
    } finally {
      await rm(folder, { recursive: true });
    }
  });

  it('takes any characters in keys', async () => {
    const store = current();
    const keys = [
      'a b',
      'a+b',
      'a%20b',
      'a%2Fb',
      'ä/ü',
      '日本',
      '🧵',
      "q'uote",
      '&<>"',
      'k=v/x#y?z',
      'a\\b',
      '~(*)!',
    ];
    for (const key of keys) await store.put(key, bytesOf(key));
    for (const key of keys) expect(await text(store, key)).toBe(key);
    expect(await keysOf(store, '')).toEqual([...keys].sort(compareKeys));
    await store.delete(keys);
    expect(await keysOf(store, '')).toEqual([]);
  });

  it('creates an object once, whoever else tries', async () => {
    const store = current();
    for (let round = 0; round < 5; round++) {
      const key = `log/${round}`;
      const tries = Array.from({ length: 32 }, (_, index) =>
        store.putIfAbsent(key, bytesOf(`writer ${index}`)),
      );
      const outcomes = await Promise.all(tries);
      expect(outcomes.filter((outcome) => outcome === 'created')).toHaveLength(1);
      expect(await text(store, key)).toBe(`writer ${outcomes.indexOf('created')}`);
    }
    expect(await keysOf(store, 'log/')).toHaveLength(5);
  });

  it('stops when its signal aborts', async () => {
    const store = current();
    await store.put('large', manyBytes(4 * 1024 * 1024));
    const abort = new AbortController();
    const { stream } = await store.get('large', { signal: abort.signal });
    const reader = stream.getReader();
    await reader.read();
    abort.abort(canceledError());
    await expect(drain(reader)).rejects.toMatchObject({ sqlState: '57014' });
    const { signal } = abort;
    await expect(store.get('large', { signal })).rejects.toMatchObject({ sqlState: '57014' });
    await expect(store.put('other', bytesOf('x'), signal)).rejects.toMatchObject({ sqlState: '57014' });
    await expect(store.putIfAbsent('other', bytesOf('x'), signal)).rejects.toMatchObject({
      sqlState: '57014',
    });
    expect(await store.stat('other')).toBeUndefined();
    const putting = new AbortController();
    const put = store.put('other', manyBytes(20 * 1024 * 1024), putting.signal);
    queueMicrotask(() => putting.abort());
    await put.catch((error: unknown) => expect(error).toMatchObject({ sqlState: '57014' }));
    expect([0, 20 * 1024 * 1024]).toContain((await store.stat('other'))?.bytes ?? 0);
    const canceled = (await store.get('large')).stream;
    await canceled.cancel();
  });

  it('removes leftovers without touching objects', async () => {
    const store = current();
    await store.put('a', bytesOf('x'));
    expect(await store.removeLeftovers(8.64e14)).toBe(0);
    expect(await keysOf(store, '')).toEqual(['a']);
  });
}

function describeRanges(current: () => ObjectStore): void {
  it('reads ranges, as far as the object has them', async () => {
    const store = current();
    await store.put('digits', bytesOf('0123456789'));
    const cases: [GetOptions['range'], string][] = [
      [{ start: 0, end: 3 }, '012'],
      [{ start: 3 }, '3456789'],
      [{ start: 9, end: 10 }, '9'],
      [{ start: 8, end: 100 }, '89'],
      [{ start: -4 }, '6789'],
      [{ start: -100 }, '0123456789'],
      [{ start: 10 }, ''],
      [{ start: 50, end: 60 }, ''],
      [{ start: 4, end: 4 }, ''],
    ];
    for (const [range, expected] of cases) {
      const body = await store.get('digits', range === undefined ? {} : { range });
      expect(body.info.bytes).toBe(10);
      expect(Buffer.from(await readAll(body.stream)).toString(), JSON.stringify(range)).toBe(expected);
    }
    for (const range of [{ start: 5, end: 4 }, { start: -4, end: 8 }, { start: 0.5 }]) {
      await expect(store.get('digits', { range })).rejects.toMatchObject({ sqlState: '22023' });
    }
  });

  it('refuses to read another version than the one asked for', async () => {
    const store = current();
    const { etag } = await store.put('a', bytesOf('old'));
    expect(await text(store, 'a', { ifMatch: etag })).toBe('old');
    expect(await text(store, 'a', { ifMatch: etag, range: { start: 5 } })).toBe('');
    await store.put('a', bytesOf('new'));
    for (const options of [{}, { range: { start: 1 } }, { range: { start: 9 } }]) {
      await expect(store.get('a', { ifMatch: etag, ...options })).rejects.toMatchObject({
        sqlState: '58030',
        retry: 'query',
      });
    }
  });
}

function describeLists(current: () => ObjectStore): void {
  it('lists in the byte order of the keys', async () => {
    const store = current();
    const keys = ['a', 'a-b', 'a.b', 'a/b', 'a/b.c', 'a/b/c', 'a0', 'b/x', '\uffee', '🧵'];
    // A file and a folder of one name cannot both be on a disk.
    const wanted = keys.filter((key) => !keys.some((other) => other.startsWith(`${key}/`)));
    for (const key of wanted.toReversed()) await store.put(key, bytesOf(key));
    expect(await keysOf(store, '')).toEqual(wanted);
    for (const after of [...keys, 'a/', 'a/z', '0', 'zz']) {
      const expected = wanted.filter((key) => compareKeys(key, after) > 0);
      expect(await keysOf(store, '', { startAfter: after }), after).toEqual(expected);
    }
    expect(await keysOf(store, 'a/')).toEqual(['a/b.c', 'a/b/c']);
    expect(await keysOf(store, 'a/b')).toEqual(['a/b.c', 'a/b/c']);
    expect(await keysOf(store, 'a/', { startAfter: 'a/b.c' })).toEqual(['a/b/c']);
    expect(await keysOf(store, '', { shallow: true })).toEqual(wanted.filter((key) => !key.includes('/')));
    expect(await keysOf(store, 'a/', { shallow: true })).toEqual(['a/b.c']);
    expect(await keysOf(store, 'nothing/')).toEqual([]);
    expect(await store.listFolders('')).toEqual(['a', 'b']);
    expect(await store.listFolders('a/')).toEqual(['b']);
    expect(await store.listFolders('nothing/')).toEqual([]);
    await store.delete(['b/x']);
    expect(await store.listFolders('')).toEqual(['a']);
  });

  it('lists more than a page of keys and folders', async () => {
    const store = current();
    const keys = Array.from({ length: 1103 }, (_, index) => `log/${String(index).padStart(20, '0')}/x`);
    await inBatches(keys, (key) => store.putIfAbsent(key, bytesOf('x')));
    expect(await keysOf(store, 'log/')).toEqual(keys);
    const [after = ''] = keys.slice(1010);
    expect(await keysOf(store, 'log/', { startAfter: after })).toEqual(keys.slice(1011));
    const folders = keys.map((key) => key.split('/')[1]);
    expect(await store.listFolders('log/')).toEqual(folders);
    await store.delete(keys);
    expect(await keysOf(store, '')).toEqual([]);
    expect(await store.listFolders('')).toEqual([]);
    // A server that answers a request at a time needs a while on a busy machine.
  }, 300_000);
}

function describeRefusals(current: () => ObjectStore): void {
  it('says what is not there', async () => {
    const store = current();
    for (const options of [{}, { range: { start: 3 } }, { range: { start: 3, end: 3 } }, { ifMatch: 'x' }]) {
      await expect(store.get('missing/object', options)).rejects.toMatchObject({ sqlState: '58P01' });
    }
  });

  it('refuses keys that could lead elsewhere', async () => {
    const store = current();
    for (const key of ['', '/etc/passwd', '../x', 'a/../../x', 'a//b', './a', 'a/', 'a\0b', 'a\ud800']) {
      const refusal = { sqlState: '42501' };
      await expect(store.get(key), key).rejects.toMatchObject(refusal);
      await expect(store.stat(key)).rejects.toMatchObject(refusal);
      await expect(store.put(key, bytesOf('x'))).rejects.toMatchObject(refusal);
      await expect(store.putIfAbsent(key, bytesOf('x'))).rejects.toMatchObject(refusal);
      await expect(store.delete([key])).rejects.toMatchObject(refusal);
    }
    for (const prefix of ['../', '/', 'a/../../']) {
      await expect(keysOf(store, prefix)).rejects.toMatchObject({ sqlState: '42501' });
      await expect(store.listFolders(prefix)).rejects.toMatchObject({ sqlState: '42501' });
    }
  });
}

async function drain(reader: ReadableStreamDefaultReader<Uint8Array>): Promise<void> {
  while (!(await reader.read()).done);
}

async function inBatches<T>(items: readonly T[], work: (item: T) => Promise<unknown>): Promise<void> {
  for (let at = 0; at < items.length; at += 32) await Promise.all(items.slice(at, at + 32).map(work));
}
