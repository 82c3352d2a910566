import { mkdir, open, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { SkeinError, SqlState } from '../common/index.ts';
import type { ListOptions, ObjectBody, ObjectInfo, ObjectStore, PutBody } from '../storage/index.ts';

/** For tests: a folder as an object store, without its promises about crashes. */
export class FakeObjectStore implements ObjectStore {
  readonly root: string;

  constructor(root: string) {
    this.root = root;
  }

  async get(key: string): Promise<ObjectBody> {
    const info = await this.stat(key);
    if (info === undefined) throw new SkeinError(SqlState.undefinedFile, `there is no ${this.root}/${key}`);
    const bytes = await readFile(join(this.root, key));
    return { info, stream: new Blob([bytes]).stream() };
  }

  async stat(key: string): Promise<ObjectInfo | undefined> {
    const info = await stat(join(this.root, key)).catch(() => undefined);
    if (info?.isFile() !== true) return undefined;
    return { key, bytes: info.size, modifiedMs: info.mtimeMs, etag: `${info.size}-${info.mtimeMs}` };
  }

  async put(key: string, body: PutBody): Promise<ObjectInfo> {
    const path = join(this.root, key);
    await mkdir(dirname(path), { recursive: true });
    await writeFile(path, body instanceof Uint8Array ? body : await readFile(body.file));
    return (await this.stat(key)) ?? Promise.reject(new Error('gone'));
  }

  async putIfAbsent(key: string, body: Uint8Array): Promise<'created' | 'exists'> {
    const path = join(this.root, key);
    await mkdir(dirname(path), { recursive: true });
    try {
      await using file = await open(path, 'wx');
      await file.writeFile(body);
      return 'created';
    } catch {
      return 'exists';
    }
  }

  async *list(prefix: string, options: ListOptions = {}): AsyncIterable<ObjectInfo> {
    const { startAfter = '', shallow = false } = options;
    const folder = prefix.slice(0, prefix.lastIndexOf('/') + 1);
    const entries = await readdir(join(this.root, folder), {
      withFileTypes: true,
      recursive: !shallow,
    }).catch((error: NodeJS.ErrnoException) => (error.code === 'ENOENT' ? [] : Promise.reject(error)));
    const keys = entries
      .map((entry) => join(entry.parentPath, entry.name).slice(this.root.length + 1))
      .sort();
    for (const key of keys) {
      if (!key.startsWith(prefix) || key <= startAfter) continue;
      const info = await this.stat(key);
      if (info !== undefined) yield info;
    }
  }

  async listFolders(prefix: string): Promise<readonly string[]> {
    const entries = await readdir(join(this.root, prefix), { withFileTypes: true }).catch(
      (cause: unknown) => {
        throw new SkeinError(SqlState.undefinedFile, `there is no folder ${this.root}/${prefix}`, { cause });
      },
    );
    return entries
      .filter((entry) => entry.isDirectory())
      .map(({ name }) => name)
      .sort();
  }

  async delete(keys: readonly string[]): Promise<void> {
    for (const key of keys) await rm(join(this.root, key), { force: true });
  }

  async removeLeftovers(): Promise<number> {
    return 0;
  }

  async locations(): Promise<readonly string[]> {
    return [];
  }
}
