import { mkdir, mkdtemp, readdir, rm, symlink, utimes, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, expect, it } from 'vitest';
import { systemRandom } from '../../common/index.ts';
import { describeObjectStore } from './conformance.ts';
import { LocalObjectStore } from './local-object-store.ts';
import type { ObjectStore } from './object-store.ts';
import { fileError } from './store-errors.ts';

const folders: string[] = [];

async function newFolder(): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'skein-local-store-'));
  folders.push(folder);
  return folder;
}

afterAll(async () => {
  for (const folder of folders) await rm(folder, { recursive: true, force: true });
});

describeObjectStore(
  'local disk',
  async () => new LocalObjectStore(join(await newFolder(), 'not/yet'), systemRandom),
);

async function keysOf(store: ObjectStore): Promise<string[]> {
  const keys: string[] = [];
  for await (const { key } of store.list('')) keys.push(key);
  return keys;
}

it('leaves no temporary files and no empty folders', async () => {
  const root = await newFolder();
  const store = new LocalObjectStore(root, systemRandom);
  await store.put('a/b/c', Buffer.from('x'));
  await store.putIfAbsent('a/b/d', Buffer.from('x'));
  await store.putIfAbsent('a/b/d', Buffer.from('y'));
  const aborted = AbortSignal.abort();
  await store.put('a/b/e', Buffer.from('x'), aborted).catch(() => undefined);
  await store.put('a/b/e', { file: '/does/not/exist' }).catch(() => undefined);
  expect(await readdir(join(root, 'a/b'))).toEqual(['c', 'd']);
  await store.delete(['a/b/c']);
  expect(await readdir(join(root, 'a'))).toEqual(['b']);
  await store.delete(['a/b/d']);
  expect(await readdir(root)).toEqual([]);
});

it('hides temporary files, and removes them when they are old', async () => {
  const root = await newFolder();
  const store = new LocalObjectStore(root, systemRandom);
  await store.put('t/_delta_log/0.json', Buffer.from('x'));
  await store.put('t/.part.crc', Buffer.from('x'));
  const [old, fresh] = ['.skein-tmp-old', '.skein-tmp-new'].map((name) => join(root, 't', name));
  for (const path of [old ?? '', fresh ?? '']) await writeFile(path, 'x');
  await utimes(old ?? '', 1000, 1000);
  expect(await keysOf(store)).toEqual(['t/.part.crc', 't/_delta_log/0.json']);
  expect(await store.removeLeftovers(Date.now() - 60_000)).toBe(1);
  expect((await readdir(join(root, 't'))).sort()).toEqual(['.part.crc', '.skein-tmp-new', '_delta_log']);
});

it('follows links within its root only', async () => {
  const root = await newFolder();
  const elsewhere = await newFolder();
  await writeFile(join(elsewhere, 'secret'), 'secret');
  const store = new LocalObjectStore(root, systemRandom);
  await store.put('real', Buffer.from('x'));
  await symlink(join(root, 'real'), join(root, 'inside'));
  await symlink(join(elsewhere, 'secret'), join(root, 'outside'));
  await symlink(elsewhere, join(root, 'folder'));
  await symlink(join(root, 'gone'), join(root, 'dangling'));
  expect(await keysOf(store)).toEqual(['inside', 'real']);
  expect(await store.stat('inside')).toMatchObject({ bytes: 1 });
  const refusal = { sqlState: '42501' };
  await expect(store.get('outside')).rejects.toMatchObject(refusal);
  await expect(store.stat('folder/secret')).rejects.toMatchObject(refusal);
  await expect(store.put('folder/new', Buffer.from('x'))).rejects.toMatchObject(refusal);
  await expect(store.putIfAbsent('folder/new', Buffer.from('x'))).rejects.toMatchObject(refusal);
  await expect(store.delete(['folder/secret'])).rejects.toMatchObject(refusal);
  await expect(store.listFolders('folder/')).rejects.toMatchObject(refusal);
  expect(await readdir(elsewhere)).toEqual(['secret']);
});

it('takes a root that is a link itself', async () => {
  const real = await newFolder();
  const root = join(await newFolder(), 'link');
  await symlink(real, root);
  const store = new LocalObjectStore(root, systemRandom);
  await store.put('a/b', Buffer.from('x'));
  expect(await keysOf(store)).toEqual(['a/b']);
});

it('writers and deleters of one folder do not hinder each other', async () => {
  const store = new LocalObjectStore(await newFolder(), systemRandom);
  await Promise.all(
    Array.from({ length: 8 }, async (_, writer) => {
      for (let round = 0; round < 20; round++) {
        await store.put(`p=1/q/${writer}`, Buffer.from('x'));
        await store.delete([`p=1/q/${writer}`]);
      }
    }),
  );
  expect(await keysOf(store)).toEqual([]);
});

it('a folder is no object, and an object no folder', async () => {
  const root = await newFolder();
  await mkdir(join(root, 'folder'));
  const store = new LocalObjectStore(root, systemRandom);
  await store.put('file', Buffer.from('x'));
  expect(await store.stat('folder')).toBeUndefined();
  await expect(store.get('folder')).rejects.toMatchObject({ sqlState: '58P01' });
  expect(await store.stat('file/below')).toBeUndefined();
  await expect(store.put('folder', Buffer.from('x'))).rejects.toMatchObject({ sqlState: '58030' });
  await expect(store.put('file/below', Buffer.from('x'))).rejects.toMatchObject({ sqlState: '58030' });
  await expect(store.putIfAbsent('folder', Buffer.from('x'))).resolves.toBe('exists');
  await store.delete(['folder', 'file/below']);
});

it.each([
  ['ENOENT', '58P01'],
  ['EACCES', '42501'],
  ['EROFS', '42501'],
  ['ENOSPC', '53100'],
  ['EDQUOT', '53100'],
  ['EIO', '58030'],
])('%s is %s', (code, sqlState) => {
  expect(fileError(Object.assign(new Error('failed'), { code }), '/x')).toMatchObject({ sqlState });
});
