import { type BigIntStats, constants } from 'node:fs';
import {
  type FileHandle,
  link,
  lstat,
  open,
  realpath,
  rename,
  rm,
  rmdir,
  stat,
  unlink,
} from 'node:fs/promises';
import path from 'node:path';
import { abortReason, mapConcurrently, type Random, SkeinError, SqlState } from '../../common/index.ts';
import { type ByteSource, byteStream } from './byte-stream.ts';
import { DurableFolders, syncFolder } from './durable-folders.ts';
import { type FolderEntry, folderEntries } from './list-folder.ts';
import { checkKey, checkPrefix, checkRange, compareKeys, resolveRange } from './object-key.ts';
import type {
  GetOptions,
  ListOptions,
  ObjectBody,
  ObjectInfo,
  ObjectStore,
  PutBody,
} from './object-store.ts';
import { changedObject, fileError, missingObject, shortObject } from './store-errors.ts';

/** Begins the names of files that are being written. They are no objects. */
const temporaryPrefix = '.skein-tmp-';
const isTemporary = (name: string): boolean => name.startsWith(temporaryPrefix);
const pieceBytes = 256 * 1024;
const filesAtOnce = 16;
/** Tries at a write whose folder is removed again and again between being made and being used. */
const folderTries = 10;

/**
 * Objects as files below a folder. An object is written to a temporary file beside it, fsynced, renamed or linked into
 * place, then the folder is fsynced. Folders come and go with the objects in them. Links may lead to files within the
 * root only, and listings do not enter linked folders.
 */
export class LocalObjectStore implements ObjectStore {
  readonly root: string;
  readonly #random: Random;
  readonly #folders: DurableFolders;
  #realRoot: string | undefined;

  /** @param root absolute; made when the first object is written */
  constructor(root: string, random: Random) {
    this.root = root;
    this.#random = random;
    this.#folders = new DurableFolders(root);
  }

  async get(key: string, options: GetOptions = {}): Promise<ObjectBody> {
    checkRange(options.range);
    const { signal } = options;
    return this.#attempt(key, signal, async (place) => {
      await this.#checkLinks(place);
      // Without waiting: a pipe would hold a thread until somebody writes to it.
      const file = await open(place, constants.O_RDONLY | constants.O_NONBLOCK);
      try {
        const info = toInfo(key, await file.stat({ bigint: true }));
        if (info === undefined) throw missingObject(place);
        if (options.ifMatch !== undefined && options.ifMatch !== info.etag) throw changedObject(place);
        const { start, end } = resolveRange(options.range, info.bytes);
        return { info, stream: byteStream(new FileSource(file, place, start, end), signal) };
      } catch (error) {
        await file.close();
        throw error;
      }
    });
  }

  async stat(key: string, signal?: AbortSignal): Promise<ObjectInfo | undefined> {
    try {
      return await this.#attempt(key, signal, async (place) => {
        await this.#checkLinks(place);
        return toInfo(key, await stat(place, { bigint: true }));
      });
    } catch (error) {
      if (error instanceof SkeinError && error.sqlState === SqlState.undefinedFile) return undefined;
      throw error;
    }
  }

  async put(key: string, body: PutBody, signal?: AbortSignal): Promise<ObjectInfo> {
    return this.#attempt(key, signal, (place) =>
      this.#withTemporary(place, body, signal, async (temporary, info) => {
        await rename(temporary, place);
        return { ...info, key };
      }),
    );
  }

  async putIfAbsent(key: string, body: Uint8Array, signal?: AbortSignal): Promise<'created' | 'exists'> {
    return this.#attempt(key, signal, (place) =>
      this.#withTemporary(place, body, signal, async (temporary, info) => {
        const outcome = await linkIfAbsent(temporary, place, info.etag);
        await unlink(temporary).catch(() => undefined);
        return outcome;
      }),
    );
  }

  async *list(prefix: string, options: ListOptions = {}): AsyncIterable<ObjectInfo> {
    checkPrefix(prefix);
    const slash = prefix.lastIndexOf('/');
    const folder = prefix.slice(0, slash + 1);
    if (!(await this.#isInside(path.join(this.root, folder)))) return;
    yield* this.#walk(folder, prefix.slice(slash + 1), options);
  }

  async listFolders(prefix: string, signal?: AbortSignal): Promise<readonly string[]> {
    checkPrefix(prefix);
    const folder = path.join(this.root, prefix);
    if (!(await this.#isInside(folder))) return [];
    const names: string[] = [];
    try {
      for await (const entry of folderEntries(folder, { namePrefix: '', from: '', hides: isTemporary })) {
        throwIfAborted(signal);
        if (entry.kind === 'folder') names.push(entry.name);
      }
    } catch (error) {
      throw fileError(error, folder);
    }
    return names.sort(compareKeys);
  }

  async delete(keys: readonly string[], signal?: AbortSignal): Promise<void> {
    keys.forEach(checkKey);
    const folders = new Set<string>();
    await mapConcurrently(keys, filesAtOnce, async (key) => {
      throwIfAborted(signal);
      const place = path.join(this.root, key);
      try {
        if (!(await this.#isInside(path.dirname(place)))) return;
        await unlink(place);
        folders.add(path.dirname(place));
      } catch (error) {
        if (!isMissing(error)) throw fileError(error, place);
      }
    });
    await mapConcurrently([...folders], filesAtOnce, (folder) => this.#settleFolder(folder));
  }

  async removeLeftovers(beforeMs: number, signal?: AbortSignal): Promise<number> {
    let removed = 0;
    const visit = async (folder: string): Promise<void> => {
      for await (const entry of folderEntries(folder, { namePrefix: '', from: '', hides: () => false })) {
        throwIfAborted(signal);
        const place = path.join(folder, entry.name);
        if (entry.kind === 'folder') await visit(place);
        else if (isTemporary(entry.name) && (await removeIfOlder(place, beforeMs))) removed += 1;
      }
    };
    try {
      await visit(this.root);
    } catch (error) {
      throw fileError(error, this.root);
    }
    return removed;
  }

  async locations(): Promise<readonly string[]> {
    return [];
  }

  /** Checks key and signal; gives errors of node:fs as the store's. */
  async #attempt<T>(
    key: string,
    signal: AbortSignal | undefined,
    work: (place: string) => Promise<T>,
  ): Promise<T> {
    checkKey(key);
    throwIfAborted(signal);
    const place = path.join(this.root, key);
    try {
      return await work(place);
    } catch (error) {
      throwIfAborted(signal);
      throw fileError(error, place);
    }
  }

  /** Writes and fsyncs a temporary file, lets `publish` take it into place, and fsyncs the folder. */
  async #withTemporary<T>(
    place: string,
    body: PutBody,
    signal: AbortSignal | undefined,
    publish: (temporary: string, info: Omit<ObjectInfo, 'key'>) => Promise<T>,
  ): Promise<T> {
    const folder = path.dirname(place);
    const temporary = path.join(folder, temporaryPrefix + this.#random.token(20));
    const file = await this.#create(folder, temporary);
    try {
      const info = await writeDurably(file, body, signal);
      const outcome = await publish(temporary, info);
      await syncFolder(folder);
      return outcome;
    } catch (error) {
      await rm(temporary, { force: true }).catch(() => undefined);
      throw writeError(error, place);
    }
  }

  /** Another process's `delete` may remove the folder, as empty, before the file is in it. */
  async #create(folder: string, temporary: string): Promise<FileHandle> {
    for (let attempt = 1; ; attempt++) {
      try {
        await this.#folders.make(folder);
        await this.#checkLinks(folder);
        return await open(temporary, 'wx');
      } catch (error) {
        if ((error as NodeJS.ErrnoException).code !== 'ENOENT' || attempt >= folderTries) {
          throw writeError(error, folder);
        }
      }
    }
  }

  async *#walk(folder: string, namePrefix: string, options: ListOptions): AsyncGenerator<ObjectInfo> {
    const { startAfter = '', signal } = options;
    const within = startAfter.startsWith(folder);
    if (!within && compareKeys(folder, startAfter) < 0) return;
    const from = within ? startAfter.slice(folder.length).split('/', 1)[0] : '';
    const query = { namePrefix, from: from ?? '', hides: isTemporary };
    let batch: FolderEntry[] = [];
    try {
      for await (const entry of folderEntries(path.join(this.root, folder), query)) {
        throwIfAborted(signal);
        if (entry.kind !== 'folder') {
          batch.push(entry);
          if (batch.length < filesAtOnce) continue;
        }
        yield* this.#infos(folder, batch, startAfter);
        batch = [];
        if (entry.kind === 'folder' && !options.shallow)
          yield* this.#walk(folder + entry.sortName, '', options);
      }
      yield* this.#infos(folder, batch, startAfter);
    } catch (error) {
      throw fileError(error, path.join(this.root, folder));
    }
  }

  async *#infos(
    folder: string,
    entries: readonly FolderEntry[],
    startAfter: string,
  ): AsyncGenerator<ObjectInfo> {
    const wanted = entries.filter(({ name }) => compareKeys(folder + name, startAfter) > 0);
    const infos = await mapConcurrently(wanted, filesAtOnce, async ({ name, kind }) => {
      const place = path.join(this.root, folder, name);
      try {
        if (kind === 'link') await this.#checkLinks(place);
        return toInfo(folder + name, await stat(place, { bigint: true }));
      } catch (error) {
        // Gone meanwhile, or a link that leads nowhere, or out of the root.
        if (isMissing(error) || error instanceof SkeinError) return undefined;
        throw error;
      }
    });
    for (const info of infos) if (info !== undefined) yield info;
  }

  /** Throws what node:fs throws where there is nothing; SkeinError 42501 where links lead out of the root. */
  async #checkLinks(place: string): Promise<void> {
    this.#realRoot ??= await realpath(this.root);
    const real = await realpath(place);
    if (!isBelow(real, this.#realRoot)) throw outside(place);
  }

  /** False where the folder is not there. */
  async #isInside(folder: string): Promise<boolean> {
    try {
      await this.#checkLinks(folder);
      return true;
    } catch (error) {
      if (isMissing(error)) return false;
      throw fileError(error, folder);
    }
  }

  /** Makes deletions durable, and removes the folders that they left empty, up to the root. */
  async #settleFolder(folder: string): Promise<void> {
    for (let at = folder; isBelow(at, this.root); at = path.dirname(at)) {
      try {
        await syncFolder(at);
        if (at === this.root) return;
        await rmdir(at);
      } catch (error) {
        const { code } = error as NodeJS.ErrnoException;
        if (code === 'ENOTEMPTY' || code === 'EEXIST') return;
        if (code !== 'ENOENT') throw fileError(error, at);
      }
    }
  }
}

/** Bytes `at` to `end` of an open file. */
class FileSource implements ByteSource {
  readonly #file: FileHandle;
  readonly #place: string;
  readonly #end: number;
  #at: number;

  constructor(file: FileHandle, place: string, start: number, end: number) {
    this.#file = file;
    this.#place = place;
    this.#at = start;
    this.#end = end;
  }

  async next(): Promise<Uint8Array | undefined> {
    const missing = this.#end - this.#at;
    if (missing <= 0) return undefined;
    const buffer = Buffer.allocUnsafe(Math.min(pieceBytes, missing));
    let bytesRead: number;
    try {
      ({ bytesRead } = await this.#file.read(buffer, 0, buffer.length, this.#at));
    } catch (error) {
      throw fileError(error, this.#place);
    }
    if (bytesRead === 0) throw shortObject(this.#place, missing);
    this.#at += bytesRead;
    return buffer.subarray(0, bytesRead);
  }

  async close(): Promise<void> {
    await this.#file.close();
  }
}

async function writeDurably(
  file: FileHandle,
  body: PutBody,
  signal: AbortSignal | undefined,
): Promise<Omit<ObjectInfo, 'key'>> {
  try {
    if (body instanceof Uint8Array) await file.writeFile(body, { signal });
    else await copyInto(file, body.file, signal);
    throwIfAborted(signal);
    await file.sync();
    const { bytes, modifiedMs, etag } = fileInfo(await file.stat({ bigint: true }));
    return { bytes, modifiedMs, etag };
  } finally {
    await file.close();
  }
}

async function copyInto(target: FileHandle, from: string, signal: AbortSignal | undefined): Promise<void> {
  await using source = await open(from, 'r').catch((error: unknown) => {
    throw fileError(error, from);
  });
  const buffer = Buffer.allocUnsafe(4 * pieceBytes);
  for (;;) {
    throwIfAborted(signal);
    const { bytesRead } = await source.read(buffer, 0, buffer.length);
    if (bytesRead === 0) return;
    await target.writeFile(buffer.subarray(0, bytesRead));
  }
}

/**
 * Where an answer of a network file system was lost and the call was made again, `EEXIST` may be of our own making: the
 * inode tells.
 */
async function linkIfAbsent(temporary: string, place: string, etag: string): Promise<'created' | 'exists'> {
  try {
    await link(temporary, place);
    return 'created';
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    const found = await lstat(place, { bigint: true }).catch(() => undefined);
    if (found !== undefined && fileInfo(found).etag === etag) return 'created';
    if (code === 'EEXIST') return 'exists';
    if (code !== 'EPERM' && code !== 'ENOTSUP' && code !== 'ENOSYS') throw error;
    throw new SkeinError(
      SqlState.featureNotSupported,
      `the file system cannot link files, so that nothing can be committed there: ${place}`,
      { details: { path: place }, cause: error },
    );
  }
}

async function removeIfOlder(place: string, beforeMs: number): Promise<boolean> {
  const found = await lstat(place).catch(() => undefined);
  if (found === undefined || found.mtimeMs >= beforeMs) return false;
  await rm(place, { force: true });
  return true;
}

/** Undefined for what is no file. */
function toInfo(key: string, stats: BigIntStats): ObjectInfo | undefined {
  return stats.isFile() ? { key, ...fileInfo(stats) } : undefined;
}

function fileInfo(stats: BigIntStats): Omit<ObjectInfo, 'key'> {
  return {
    bytes: Number(stats.size),
    modifiedMs: Number(stats.mtimeNs / 1000n) / 1000,
    etag: `${stats.size}-${stats.mtimeNs.toString(36)}-${stats.ino.toString(36)}`,
  };
}

function isBelow(place: string, root: string): boolean {
  return place === root || place.startsWith(root === '/' ? '/' : `${root}/`);
}

function outside(place: string): SkeinError {
  return new SkeinError(SqlState.insufficientPrivilege, `a link leads out of the folder: ${place}`, {
    details: { path: place },
  });
}

function isMissing(error: unknown): boolean {
  const { code } = error as NodeJS.ErrnoException;
  return code === 'ENOENT' || code === 'ENOTDIR' || code === 'EISDIR';
}

/** A folder in the way of a file, or the reverse, is no missing file when writing. */
function writeError(error: unknown, place: string): unknown {
  const { code } = error as NodeJS.ErrnoException;
  if (code !== 'EISDIR' && code !== 'ENOTDIR' && code !== 'EEXIST' && code !== 'ENAMETOOLONG') return error;
  return new SkeinError(SqlState.ioError, `no file can be written there: ${place} (${code})`, {
    details: { path: place },
    cause: error,
  });
}

function throwIfAborted(signal: AbortSignal | undefined): void {
  if (signal?.aborted) throw abortReason(signal);
}
