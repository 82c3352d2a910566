import { readdirSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { crc32 } from 'node:zlib';
import { SkeinError, SqlState } from '../../common/index.ts';
import type {
  GetOptions,
  ListOptions,
  ObjectBody,
  ObjectInfo,
  ObjectStore,
} from '../object-store/object-store.ts';

/** Objects in memory, for tests: counts what is asked of it. */
export class FakeStore implements ObjectStore {
  readonly root: string;
  readonly gets: string[] = [];
  lists = 0;
  readonly #objects = new Map<string, { bytes: Uint8Array; modifiedMs: number }>();

  constructor(root = 'memory://table') {
    this.root = root;
  }

  /** The files of a folder as they are now. */
  static of(folder: string): FakeStore {
    const store = new FakeStore(folder);
    for (const key of readdirSync(folder, { recursive: true, encoding: 'utf8' })) {
      const path = join(folder, key);
      if (statSync(path).isFile()) store.set(key, readFileSync(path), statSync(path).mtimeMs);
    }
    return store;
  }

  set(key: string, bytes: Uint8Array | string, modifiedMs = 0): void {
    this.#objects.set(key, { bytes: typeof bytes === 'string' ? Buffer.from(bytes) : bytes, modifiedMs });
  }

  remove(key: string): void {
    this.#objects.delete(key);
  }

  keys(): readonly string[] {
    return [...this.#objects.keys()].sort();
  }

  bytesOf(key: string): Uint8Array {
    return this.#objects.get(key)?.bytes ?? new Uint8Array();
  }

  async get(key: string, { range }: GetOptions = {}): Promise<ObjectBody> {
    this.gets.push(key);
    const info = await this.stat(key);
    if (info === undefined) throw new SkeinError(SqlState.undefinedFile, `no object ${this.root}/${key}`);
    const bytes = this.bytesOf(key);
    const body = range === undefined ? bytes : bytes.slice(range.start, range.end ?? bytes.length);
    return { info, stream: new Blob([new Uint8Array(body)]).stream() };
  }

  async stat(key: string): Promise<ObjectInfo | undefined> {
    const object = this.#objects.get(key);
    return (
      object && {
        key,
        bytes: object.bytes.length,
        modifiedMs: object.modifiedMs,
        etag: `${crc32(object.bytes)}`,
      }
    );
  }

  async *list(
    prefix: string,
    { startAfter = '', shallow = false }: ListOptions = {},
  ): AsyncIterable<ObjectInfo> {
    this.lists += 1;
    for (const key of this.keys()) {
      if (!key.startsWith(prefix) || key <= startAfter) continue;
      if (shallow && key.slice(prefix.length).includes('/')) continue;
      const info = await this.stat(key);
      if (info !== undefined) yield info;
    }
  }

  put(): Promise<ObjectInfo> {
    throw new Error('not in this fake');
  }

  putIfAbsent(): Promise<'created' | 'exists'> {
    throw new Error('not in this fake');
  }

  async listFolders(): Promise<readonly string[]> {
    return [];
  }

  async delete(keys: readonly string[]): Promise<void> {
    for (const key of keys) this.#objects.delete(key);
  }

  async locations(): Promise<readonly string[]> {
    return [];
  }

  async removeLeftovers(): Promise<number> {
    return 0;
  }
}
