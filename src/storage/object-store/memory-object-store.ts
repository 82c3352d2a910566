import { readFile } from 'node:fs/promises';
import { abortReason, type Clock } from '../../common/index.ts';
import { bytesStream } from './byte-stream.ts';
import { checkKey, checkPrefix, checkRange, compareKeys, resolveRange } from './object-key.ts';
import type {
  GetOptions,
  ListOptions,
  ObjectBody,
  ObjectInfo,
  ObjectStore,
  PutBody,
} from './object-store.ts';
import { changedObject, fileError, missingObject } from './store-errors.ts';

interface MemoryObject {
  readonly bytes: Uint8Array;
  readonly info: Omit<ObjectInfo, 'key'>;
}

/** What memory stores hold, by whole key: stores that share it see each other's objects. */
export type MemoryObjects = Map<string, MemoryObject>;

/** Objects in this process's memory, for tests. */
export class MemoryObjectStore implements ObjectStore {
  readonly root: string;
  readonly #objects: MemoryObjects;
  readonly #prefix: string;
  readonly #clock: Clock;

  /** @param prefix folder within `objects`, without slashes at its ends; empty for all of them */
  constructor(root: string, objects: MemoryObjects, prefix: string, clock: Clock) {
    this.root = root;
    this.#objects = objects;
    this.#prefix = prefix === '' ? '' : `${prefix}/`;
    this.#clock = clock;
  }

  async get(key: string, options: GetOptions = {}): Promise<ObjectBody> {
    checkKey(key);
    checkRange(options.range);
    throwIfAborted(options.signal);
    const found = this.#objects.get(this.#prefix + key);
    if (found === undefined) throw missingObject(`${this.root}/${key}`);
    if (options.ifMatch !== undefined && options.ifMatch !== found.info.etag) {
      throw changedObject(`${this.root}/${key}`);
    }
    const { start, end } = resolveRange(options.range, found.bytes.byteLength);
    return {
      info: { ...found.info, key },
      stream: bytesStream(found.bytes.slice(start, end), options.signal),
    };
  }

  async stat(key: string, signal?: AbortSignal): Promise<ObjectInfo | undefined> {
    checkKey(key);
    throwIfAborted(signal);
    return this.#info(key);
  }

  async put(key: string, body: PutBody, signal?: AbortSignal): Promise<ObjectInfo> {
    checkKey(key);
    throwIfAborted(signal);
    return this.#set(key, body instanceof Uint8Array ? body.slice() : await readSource(body.file, signal));
  }

  async putIfAbsent(key: string, body: Uint8Array, signal?: AbortSignal): Promise<'created' | 'exists'> {
    checkKey(key);
    throwIfAborted(signal);
    if (this.#objects.has(this.#prefix + key)) return 'exists';
    this.#set(key, body.slice());
    return 'created';
  }

  async *list(prefix: string, options: ListOptions = {}): AsyncIterable<ObjectInfo> {
    checkPrefix(prefix);
    const after = options.startAfter;
    for (const key of this.#keys(prefix)) {
      throwIfAborted(options.signal);
      if (after !== undefined && compareKeys(key, after) <= 0) continue;
      if (options.shallow && key.indexOf('/', prefix.length) >= 0) continue;
      const info = this.#info(key);
      if (info !== undefined) yield info;
    }
  }

  async listFolders(prefix: string, signal?: AbortSignal): Promise<readonly string[]> {
    checkPrefix(prefix);
    throwIfAborted(signal);
    const names = new Set<string>();
    for (const key of this.#keys(prefix)) {
      const slash = key.indexOf('/', prefix.length);
      if (slash >= 0) names.add(key.slice(prefix.length, slash));
    }
    return [...names].sort(compareKeys);
  }

  async delete(keys: readonly string[], signal?: AbortSignal): Promise<void> {
    keys.forEach(checkKey);
    throwIfAborted(signal);
    for (const key of keys) this.#objects.delete(this.#prefix + key);
  }

  async removeLeftovers(): Promise<number> {
    return 0;
  }

  async locations(): Promise<readonly string[]> {
    return [];
  }

  #info(key: string): ObjectInfo | undefined {
    const found = this.#objects.get(this.#prefix + key);
    return found === undefined ? undefined : { ...found.info, key };
  }

  #set(key: string, bytes: Uint8Array): ObjectInfo {
    nextEtag += 1;
    const info = { bytes: bytes.byteLength, modifiedMs: this.#clock.now(), etag: String(nextEtag) };
    this.#objects.set(this.#prefix + key, { bytes, info });
    return { ...info, key };
  }

  /** Keys below the store's root that begin with `prefix`, in order. */
  #keys(prefix: string): string[] {
    return [...this.#objects.keys()]
      .filter((key) => key.startsWith(this.#prefix + prefix))
      .map((key) => key.slice(this.#prefix.length))
      .sort(compareKeys);
  }
}

let nextEtag = 0;

function throwIfAborted(signal: AbortSignal | undefined): void {
  if (signal?.aborted) throw abortReason(signal);
}

async function readSource(file: string, signal: AbortSignal | undefined): Promise<Uint8Array> {
  try {
    return await readFile(file, { signal });
  } catch (error) {
    throwIfAborted(signal);
    throw fileError(error, file);
  }
}
