import { createHash } from 'node:crypto';
import { type FileHandle, mkdir, open, readdir, rm } from 'node:fs/promises';
import path from 'node:path';
import { crc32 } from 'node:zlib';
import {
  type Clock,
  type Random,
  Semaphore,
  SkeinError,
  SqlState,
  unlessAborted,
} from '../../common/index.ts';
import {
  changedObject,
  fileError,
  missingObject,
  type ObjectStore,
  type ObjectStores,
  parseLocation,
  shortObject,
  splitLocation,
} from '../object-store/index.ts';
import { CachedObject, type Fetching } from './cached-object.ts';
import { columnSpans, footerStart, type ParquetRowGroup, parquetLayout } from './parquet-layout.ts';
import { cutSpans, joinSpans, overlap, type Span, subtractSpans } from './spans.ts';

/** Enough for most footers. */
const tailBytes = 64 * 1024;
/** Fetching so many bytes too many takes less than another request. */
const gapBytes = 128 * 1024;
const pieceBytes = 8 * 1024 * 1024;
const requestsAtOnce = 16;
/** One in so many uses of bytes that were checked before checks them again. */
const recheckOneIn = 64;
/** Rounds in which bytes found corrupt are fetched again. */
const repairs = 3;

export interface RangeCacheOptions {
  /** Of this cache alone: what else lies there is removed. One process at a time. */
  readonly folder: string;
  /** Bytes on disk, without index files. */
  readonly maxBytes: number;
  readonly stores: ObjectStores;
  readonly clock: Clock;
  readonly random: Random;
}

/** Which bytes of an object are needed. */
export interface WantedBytes {
  /**
   * Top-level columns of a Parquet file by name and by field id; those that it has not are passed over. Both undefined:
   * the whole file, as with a file that is not Parquet.
   */
  readonly columns?: readonly string[];
  readonly fieldIds?: readonly number[];
  /** Of a Parquet file, which row groups are needed, by position. Default: all. Not asked where the whole file is. */
  readonly groups?: (groups: readonly ParquetRowGroup[]) => readonly boolean[];
  /** The version to read. Undefined: objects never change under their name, as Delta's data files. */
  readonly etag?: string;
}

/** A local file whose wanted bytes are the object's; all others may be holes. To be released. */
export interface CachedFile extends AsyncDisposable {
  readonly localPath: string;
  /** Of a remote object: its version, and whether all of its bytes are here. */
  readonly remote?: { readonly etag: string; readonly isWhole: boolean };
  /** As `release`, of bytes that turned out not to be what was written: the next `open` fetches them again. */
  reject(): Promise<void>;
  /** Lets the cache remove the file. */
  release(): Promise<void>;
}

export interface RangeCacheStats {
  /** On disk now, of `maxBytes`. */
  readonly bytes: number;
  readonly maxBytes: number;
  readonly files: number;
  /** Calls of `open` that found all they wanted here, and those that did not. */
  readonly hits: number;
  readonly misses: number;
  readonly fetchedBytes: number;
  /** Bytes that had changed on disk and were fetched again. */
  readonly repairedBytes: number;
}

/**
 * Remote objects on this node's disk, as far as they were needed: by byte range, checksummed, the least recently used
 * removed first. A new cache on the folder of an old one goes on with what lies there.
 */
export class RangeCache {
  readonly #options: RangeCacheOptions;
  readonly #objects = new Map<string, CachedObject>();
  readonly #opening = new Map<string, Promise<CachedObject>>();
  readonly #requests = new Semaphore(requestsAtOnce);
  readonly #run: string;
  #names = 0;
  #bytes = 0;
  #reserved = 0;
  #hits = 0;
  #misses = 0;
  #fetchedBytes = 0;
  #repairedBytes = 0;

  private constructor(options: RangeCacheOptions) {
    this.#options = options;
    this.#run = options.random.token(10);
  }

  /** @throws SkeinError where the folder cannot be used */
  static async open(options: RangeCacheOptions): Promise<RangeCache> {
    const cache = new RangeCache(options);
    try {
      await cache.#load();
    } catch (error) {
      throw fileError(error, options.folder);
    }
    return cache;
  }

  /**
   * Brings the wanted bytes of an object to the local disk. Local files are given as they are.
   * @param location `s3://bucket/key`, `memory://name/key` or `/absolute/file`
   * @throws SkeinError 58030 (retry `query`) where the object is not the wanted version any more; 53100 where neither
   * the cache nor the disk has room; else as the object store
   */
  async open(location: string, wanted: WantedBytes, signal: AbortSignal): Promise<CachedFile> {
    const parsed = parseLocation(location);
    if (parsed.kind === 'local') return localFile(parsed.path);
    const object = await this.#pin(location, wanted.etag, signal);
    try {
      const complete = await this.#bring(object, wanted, signal);
      if (complete) this.#hits += 1;
      else this.#misses += 1;
      object.lastUsedMs = this.#options.clock.now();
      const alias = await object.holdAlias(() => this.#newName());
      let released: Promise<void> | undefined;
      const release = (): Promise<void> => {
        released ??= object.dropAlias(alias).finally(() => this.#unpin(object));
        return released;
      };
      const reject = async (): Promise<void> => {
        await this.#forget(object);
        await release();
      };
      const isWhole = object.missing([{ start: 0, end: object.bytes }]).length === 0;
      const remote = { etag: object.etag, isWhole };
      return { localPath: alias.path, remote, release, reject, [Symbol.asyncDispose]: release };
    } catch (error) {
      // What a broken-off fetch wrote takes room, too, and nobody counts it.
      if (hasChanged(error) || object.cachedBytes === 0) await this.#forget(object);
      await this.#unpin(object);
      throw fileError(error, location);
    }
  }

  /** Bytes of an object that are here: what eviction left of it. */
  cachedBytes(location: string): number {
    return this.#objects.get(location)?.cachedBytes ?? 0;
  }

  stats(): RangeCacheStats {
    return {
      bytes: this.#bytes,
      maxBytes: this.#options.maxBytes,
      files: this.#objects.size,
      hits: this.#hits,
      misses: this.#misses,
      fetchedBytes: this.#fetchedBytes,
      repairedBytes: this.#repairedBytes,
    };
  }

  /** Writes down what is here. Nothing may be open. */
  async close(): Promise<void> {
    for (const object of this.#objects.values()) await object.save();
  }

  async #load(): Promise<void> {
    const { folder } = this.#options;
    await mkdir(folder, { recursive: true, mode: 0o700 });
    const names = await readdir(folder);
    const loaded: CachedObject[] = [];
    for (const name of names.filter((each) => each.endsWith('.json'))) {
      const object = await CachedObject.load(folder, name);
      if (object !== undefined) loaded.push(object);
    }
    const kept = new Set<string>();
    for (const object of loaded.sort((a, b) => a.lastUsedMs - b.lastUsedMs)) {
      const older = this.#objects.get(object.location);
      if (older !== undefined) kept.delete(older.dataPath);
      this.#objects.set(object.location, object);
      kept.add(object.dataPath);
    }
    for (const name of names) {
      const place = path.join(folder, name);
      if (!kept.has(place) && !kept.has(place.replace(/\.json$/, '.data'))) {
        await rm(place, { force: true, recursive: true });
      }
    }
    for (const object of this.#objects.values()) this.#bytes += object.cachedBytes;
    while (this.#bytes > this.#options.maxBytes && (await this.#evictOne()));
  }

  /** The entry of an object in the wanted version, kept until `#unpin`. */
  async #pin(location: string, etag: string | undefined, signal: AbortSignal): Promise<CachedObject> {
    for (;;) {
      const known = this.#objects.get(location);
      if (known !== undefined && (etag === undefined || etag === known.etag)) {
        known.pins += 1;
        return known;
      }
      if (known !== undefined) await this.#forget(known);
      let opening = this.#opening.get(location);
      if (opening === undefined) {
        // Whoever else waits for it must not be stopped by this caller's signal; retries are bounded.
        opening = this.#create(location, etag).finally(() => this.#opening.delete(location));
        this.#opening.set(location, opening);
      }
      const created = await unlessAborted(opening, signal);
      if (etag !== undefined && created.etag !== etag) throw changedObject(location);
    }
  }

  async #create(location: string, etag: string | undefined): Promise<CachedObject> {
    const { folder, clock } = this.#options;
    const { store, key } = this.#storeOf(location);
    const info = await store.stat(key);
    if (info === undefined) throw missingObject(location);
    if (etag !== undefined && info.etag !== etag) throw changedObject(location);
    const name = createHash('sha256').update(location).digest('hex').slice(0, 40);
    const stem = path.join(folder, `${name}-${this.#newName()}`);
    const object = new CachedObject(stem, { location, etag: info.etag, bytes: info.bytes }, clock.now());
    await object.create().catch((error: unknown) => {
      throw fileError(error, folder);
    });
    this.#objects.set(location, object);
    return object;
  }

  /** @returns whether everything was here already */
  async #bring(object: CachedObject, wanted: WantedBytes, signal: AbortSignal): Promise<boolean> {
    const whole = [{ start: 0, end: object.bytes }];
    const { columns, fieldIds } = wanted;
    if (columns === undefined && fieldIds === undefined) return this.#ensure(object, whole, signal);
    const tail = { start: Math.max(0, object.bytes - tailBytes), end: object.bytes };
    let complete = await this.#ensure(object, [tail], signal);
    const start = footerStart(await object.read(tail), object.bytes);
    if (start === undefined) return (await this.#ensure(object, whole, signal)) && complete;
    const footer = { start, end: object.bytes };
    complete = (await this.#ensure(object, [footer], signal)) && complete;
    object.layout ??= parquetLayout(await object.read(footer), object.bytes);
    const { layout } = object;
    if (layout === undefined) return (await this.#ensure(object, whole, signal)) && complete;
    const groups = wanted.groups?.(layout.groups) ?? layout.groups.map(() => true);
    const spans = [tail, footer, ...columnSpans(layout, columns ?? [], fieldIds ?? [], groups)];
    return (await this.#ensure(object, spans, signal)) && complete;
  }

  /** Makes `spans` be here and right. */
  async #ensure(object: CachedObject, spans: readonly Span[], signal: AbortSignal): Promise<boolean> {
    let complete = true;
    for (let round = 0; ; round++) {
      const { random } = this.#options;
      const dropped = await object.verify(spans, () => random.next() * recheckOneIn < 1);
      this.#bytes -= dropped;
      this.#repairedBytes += dropped;
      const missing = object.missing(spans);
      if (missing.length === 0) return complete;
      if (round >= repairs) {
        throw new SkeinError(SqlState.dataCorrupted, `the cache on disk does not keep ${object.location}`, {
          retry: 'task',
          details: { path: object.location },
        });
      }
      complete = false;
      await this.#fetchMissing(object, missing, signal);
      void object.save();
    }
  }

  /** Fetches what nobody else fetches yet, and waits for all of it. */
  async #fetchMissing(object: CachedObject, missing: readonly Span[], signal: AbortSignal): Promise<void> {
    const joinable = [...object.fetching].filter(({ abort }) => !abort.signal.aborted);
    const joined = object.missing(joinSpans(missing, gapBytes));
    const needed = missing.filter((span) => span.end > span.start);
    const toFetch = subtractSpans(joined, joinable).filter((span) =>
      needed.some((other) => overlap(span, other)),
    );
    const begun = cutSpans(toFetch, pieceBytes).map((span) => this.#begin(object, span));
    const awaited = [...joinable, ...begun].filter((each) => needed.some((span) => overlap(span, each)));
    for (const each of awaited) each.waiters += 1;
    try {
      await unlessAborted(Promise.all(awaited.map(({ done }) => done)), signal);
    } finally {
      for (const each of awaited) {
        each.waiters -= 1;
        // Nobody wants it any more; where it is finished, this does nothing.
        if (each.waiters === 0) each.abort.abort();
      }
    }
  }

  #begin(object: CachedObject, span: Span): Fetching {
    const abort = new AbortController();
    object.pins += 1;
    const done = this.#requests
      .run(() => this.#fetch(object, span, abort.signal), abort.signal)
      .finally(async () => {
        object.fetching.delete(fetching);
        await this.#unpin(object);
      });
    // Its waiters may all have gone.
    done.catch(() => undefined);
    const fetching: Fetching = { ...span, done, abort, waiters: 0 };
    object.fetching.add(fetching);
    return fetching;
  }

  async #fetch(object: CachedObject, span: Span, signal: AbortSignal): Promise<void> {
    const bytes = span.end - span.start;
    await this.#reserve(bytes);
    try {
      const { store, key } = this.#storeOf(object.location);
      const { info, stream } = await store.get(key, { range: span, ifMatch: object.etag, signal });
      if (info.bytes !== object.bytes) {
        await stream.cancel();
        throw changedObject(object.location);
      }
      await using file = await open(object.dataPath, 'r+');
      let crc = object.seedOf(span);
      let at = span.start;
      for await (const piece of stream) {
        await this.#write(file, piece, at, object.dataPath);
        crc = crc32(piece, crc);
        at += piece.byteLength;
      }
      if (at !== span.end) throw shortObject(object.location, span.end - at);
      this.#fetchedBytes += bytes;
      this.#bytes += object.add(span, crc);
    } catch (error) {
      throw fileError(error, object.location);
    } finally {
      this.#reserved -= bytes;
    }
  }

  /** Writes all of `piece`; where the disk is full, other files make room. */
  async #write(file: FileHandle, piece: Uint8Array, at: number, where: string): Promise<void> {
    for (let done = 0; done < piece.byteLength; ) {
      try {
        const { bytesWritten } = await file.write(piece, done, piece.byteLength - done, at + done);
        done += bytesWritten;
      } catch (error) {
        const failure = fileError(error, where);
        if (failure.sqlState !== SqlState.diskFull || !(await this.#evictOne())) throw failure;
      }
    }
  }

  /** Makes room in the cache for bytes to come. */
  async #reserve(bytes: number): Promise<void> {
    this.#reserved += bytes;
    try {
      while (this.#bytes + this.#reserved > this.#options.maxBytes) {
        if (await this.#evictOne()) continue;
        throw new SkeinError(SqlState.diskFull, 'the cache of remote files is full of files in use', {
          retry: 'task',
          hint: 'Give the cache more room, or read fewer columns at once.',
        });
      }
    } catch (error) {
      this.#reserved -= bytes;
      throw error;
    }
  }

  /** Removes the least recently used file that nobody uses. @returns false where there is none */
  async #evictOne(): Promise<boolean> {
    let oldest: CachedObject | undefined;
    for (const object of this.#objects.values()) {
      if (object.pins === 0 && (oldest === undefined || object.lastUsedMs < oldest.lastUsedMs))
        oldest = object;
    }
    if (oldest === undefined) return false;
    await this.#forget(oldest);
    return true;
  }

  /** The next `open` of the location begins anew. */
  async #forget(object: CachedObject): Promise<void> {
    if (this.#objects.get(object.location) === object) this.#objects.delete(object.location);
    object.isStale = true;
    if (object.pins === 0) await this.#removeUnused(object);
  }

  /** Names are never given twice: what DuckDB remembers of a file by its path must not be met by another. */
  #newName(): string {
    this.#names += 1;
    return `${this.#run}${this.#names.toString(36)}`;
  }

  async #unpin(object: CachedObject): Promise<void> {
    object.pins -= 1;
    if (object.isStale && object.pins === 0) await this.#removeUnused(object);
  }

  async #removeUnused(object: CachedObject): Promise<void> {
    if (object.isRemoved) return;
    object.isRemoved = true;
    this.#bytes -= object.cachedBytes;
    // A file that cannot be removed is removed at the next start.
    await object.remove().catch(() => undefined);
  }

  #storeOf(location: string): { readonly store: ObjectStore; readonly key: string } {
    const { root, key } = splitLocation(location);
    return { store: this.#options.stores.open(root), key };
  }
}

function localFile(localPath: string): CachedFile {
  const release = async (): Promise<void> => undefined;
  return { localPath, release, reject: release, [Symbol.asyncDispose]: release };
}

/** The object is another one, or gone. */
function hasChanged(error: unknown): boolean {
  if (!(error instanceof SkeinError)) return false;
  return error.retry === 'query' || error.sqlState === SqlState.undefinedFile;
}
