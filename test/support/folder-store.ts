import { copyFile, mkdir, rm, stat, writeFile } from 'node:fs/promises';
import path from 'node:path';
import type { ObjectInfo, ObjectStore, PutBody } from '../../src/storage/index.ts';

/** The parts of a store that writes use, over a folder. */
export class FolderStore implements ObjectStore {
  readonly root: string;
  /** Called before each put; what it throws is the put's error. */
  beforePut: (key: string, count: number) => Promise<void> | void = () => {};
  #puts = 0;

  constructor(root: string) {
    this.root = root;
  }

  async put(key: string, body: PutBody, signal?: AbortSignal): Promise<ObjectInfo> {
    this.#puts += 1;
    await this.beforePut(key, this.#puts);
    signal?.throwIfAborted();
    const target = path.join(this.root, key);
    await mkdir(path.dirname(target), { recursive: true });
    if (body instanceof Uint8Array) await writeFile(target, body);
    else await copyFile(body.file, target);
    const info = await this.stat(key);
    if (info === undefined) throw new Error(`${key} is gone`);
    return info;
  }

  async stat(key: string): Promise<ObjectInfo | undefined> {
    const found = await stat(path.join(this.root, key)).catch(() => undefined);
    if (found === undefined) return undefined;
    return { key, bytes: found.size, modifiedMs: found.mtimeMs, etag: `${found.size}-${found.mtimeMs}` };
  }

  async delete(keys: readonly string[]): Promise<void> {
    for (const key of keys) await rm(path.join(this.root, key), { force: true });
  }

  async removeLeftovers(): Promise<number> {
    return 0;
  }

  async locations(): Promise<readonly string[]> {
    return [];
  }

  get(): never {
    throw new Error('not for this test');
  }

  putIfAbsent(): never {
    throw new Error('not for this test');
  }

  list(): never {
    throw new Error('not for this test');
  }

  listFolders(): never {
    throw new Error('not for this test');
  }
}
