import { link, mkdir, open, readFile, rename, rm, stat, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { crc32 } from 'node:zlib';
import { assert } from '../../common/index.ts';
import type { ParquetLayout } from './parquet-layout.ts';
import { joinSpans, overlap, type Span, subtractSpans, totalBytes } from './spans.ts';

const readBytes = 1024 * 1024;
/** Endings by which DuckDB knows how a file is compressed, kept in local names. */
const knownEnding = /(?:\.[a-z0-9]{1,8}){0,2}$/i;

/** Bytes that lie in the local file, with their CRC-32, which begins with whose bytes they are. */
interface Segment extends Span {
  readonly crc32: number;
}

/** Somebody fetches these bytes. */
export interface Fetching extends Span {
  readonly done: Promise<void>;
  readonly abort: AbortController;
  waiters: number;
}

/** A name of the local file, to be used once `ready`. */
export interface Alias {
  readonly path: string;
  /** The file, or the folder that was made for it. */
  readonly place: string;
  readonly generation: number;
  readonly ready: Promise<void>;
  users: number;
}

/**
 * One version of a remote object, of which some bytes lie in a sparse local file. DuckDB keeps pieces of files that it
 * read, by path and time, and might keep holes; so the file gets a new name whenever bytes were added.
 */
export class CachedObject {
  readonly location: string;
  readonly etag: string;
  readonly bytes: number;
  readonly fetching = new Set<Fetching>();
  lastUsedMs: number;
  pins = 0;
  /** Not to be found any more: to be removed when nobody uses it. */
  isStale = false;
  isRemoved = false;
  layout: ParquetLayout | undefined;
  readonly #stem: string;
  readonly #seed: string;
  #segments: Segment[] = [];
  readonly #verified = new Set<Segment>();
  #generation = 0;
  #alias: Alias | undefined;
  #saving: Promise<void> | undefined;
  #dirty = false;

  /** @param stem where the local files lie, without their endings; no other object had it before */
  constructor(
    stem: string,
    info: { readonly location: string; readonly etag: string; readonly bytes: number },
    nowMs: number,
  ) {
    this.location = info.location;
    this.etag = info.etag;
    this.bytes = info.bytes;
    this.lastUsedMs = nowMs;
    this.#seed = `${info.location}\0${info.etag}\0${info.bytes}`;
    this.#stem = stem;
  }

  /**
   * Reads back what `save` left.
   * @returns undefined where it is damaged, or the file is not there
   */
  static async load(folder: string, indexName: string): Promise<CachedObject | undefined> {
    const read = parseIndex(await readFile(path.join(folder, indexName), 'utf8').catch(() => ''));
    if (read === undefined) return undefined;
    const stem = path.join(folder, path.basename(indexName, '.json'));
    const object = new CachedObject(stem, read, read.lastUsedMs);
    const found = await stat(object.dataPath).catch(() => undefined);
    if (found?.size !== read.bytes) return undefined;
    object.#segments = read.segments.map(([start, end, crc]) => ({ start, end, crc32: crc }));
    return object;
  }

  get dataPath(): string {
    return `${this.#stem}.data`;
  }

  get #indexPath(): string {
    return `${this.#stem}.json`;
  }

  /** Bytes that are here. */
  get cachedBytes(): number {
    return totalBytes(this.#segments);
  }

  missing(spans: readonly Span[]): Span[] {
    return subtractSpans(spans, this.#segments);
  }

  /** Makes the file, all of it a hole. */
  async create(): Promise<void> {
    await using file = await open(this.dataPath, 'w', 0o600);
    await file.truncate(this.bytes);
  }

  /**
   * Notes bytes that were written to `dataPath`.
   * @param crc of the bytes, begun with `seedOf`
   * @returns how many are new
   */
  add(span: Span, crc: number): number {
    if (this.missing([span]).length === 0) return 0;
    const segment = { start: span.start, end: span.end, crc32: crc };
    const before = this.cachedBytes;
    // Two fetches of the same bytes, one of them given up by all who waited, can both arrive.
    const kept = this.#segments.filter((other) => !overlap(other, span));
    this.#segments = [...kept, segment].sort((a, b) => a.start - b.start);
    this.#verified.add(segment);
    this.#generation += 1;
    return this.cachedBytes - before;
  }

  /** What a checksum of bytes from `span` begins with: bytes of another file, version or place do not match. */
  seedOf(span: Span): number {
    return crc32(`${this.#seed}\0${span.start}`);
  }

  /**
   * Checks the bytes of `spans` against their checksums, those that were not checked before, and others by chance.
   * @returns bytes dropped because they had changed
   */
  async verify(spans: readonly Span[], again: () => boolean): Promise<number> {
    const wanted = joinSpans(spans);
    const suspects = this.#segments.filter(
      (segment) => wanted.some((span) => overlap(span, segment)) && (!this.#verified.has(segment) || again()),
    );
    if (suspects.length === 0) return 0;
    const bad = new Set<Segment>();
    for (const segment of suspects) {
      const actual = await this.#crcOf(segment).catch(() => undefined);
      if (actual === segment.crc32) this.#verified.add(segment);
      else bad.add(segment);
    }
    if (bad.size === 0) return 0;
    const before = this.cachedBytes;
    this.#segments = this.#segments.filter((segment) => !bad.has(segment));
    for (const segment of bad) this.#verified.delete(segment);
    this.layout = undefined;
    return before - this.cachedBytes;
  }

  async read(span: Span): Promise<Uint8Array> {
    await using file = await open(this.dataPath, 'r');
    const buffer = Buffer.allocUnsafe(span.end - span.start);
    const { bytesRead } = await file.read(buffer, 0, buffer.length, span.start);
    assert(bytesRead === buffer.length, 'a cached file is as long as its object');
    return buffer;
  }

  /**
   * A name of the file as it is now, held until `dropAlias`.
   * @param newName no file had it before
   */
  async holdAlias(newName: () => string): Promise<Alias> {
    const current = this.#alias;
    if (current?.generation === this.#generation) {
      current.users += 1;
      await current.ready;
      return current;
    }
    const ending = knownEnding.exec(path.posix.basename(this.location))?.[0] ?? '';
    const folders = valueFolders(this.location);
    const unique = `${this.#stem}-${newName()}`;
    const place = folders.length === 0 ? `${unique}${ending}` : unique;
    const name = folders.length === 0 ? place : path.join(place, ...folders, `file${ending}`);
    const ready = this.#link(name);
    const alias = { path: name, place, generation: this.#generation, ready, users: 1 };
    this.#alias = alias;
    try {
      await ready;
    } catch (error) {
      if (this.#alias === alias) this.#alias = undefined;
      throw error;
    }
    if (current !== undefined && current.users === 0) await removeAlias(current);
    return alias;
  }

  async dropAlias(alias: Alias): Promise<void> {
    alias.users -= 1;
    if (alias.users === 0 && alias !== this.#alias) await removeAlias(alias);
  }

  /** Writes down what is here. What cannot be written is fetched again after a restart. */
  save(): Promise<void> {
    this.#dirty = true;
    this.#saving ??= this.#saveAll().finally(() => {
      this.#saving = undefined;
    });
    return this.#saving;
  }

  async remove(): Promise<void> {
    await this.#saving;
    for (const place of [this.#indexPath, this.dataPath]) await rm(place, { force: true });
    if (this.#alias !== undefined) await removeAlias(this.#alias);
  }

  async #saveAll(): Promise<void> {
    const temporary = `${this.#stem}.tmp`;
    while (this.#dirty) {
      this.#dirty = false;
      try {
        await writeFile(temporary, this.#index(), { mode: 0o600 });
        await rename(temporary, this.#indexPath);
      } catch {
        await rm(temporary, { force: true }).catch(() => undefined);
      }
    }
  }

  async #link(name: string): Promise<void> {
    await mkdir(path.dirname(name), { recursive: true, mode: 0o700 });
    await link(this.dataPath, name);
  }

  #index(): string {
    const { location, etag, bytes, lastUsedMs } = this;
    const segments = this.#segments.map(({ start, end, crc32: crc }) => [start, end, crc]);
    const content = JSON.stringify({ location, etag, bytes, lastUsedMs, segments });
    return `${crc32(content)} ${content}`;
  }

  async #crcOf(segment: Segment): Promise<number> {
    await using file = await open(this.dataPath, 'r');
    const buffer = Buffer.allocUnsafe(Math.min(readBytes, segment.end - segment.start));
    let crc = this.seedOf(segment);
    for (let at = segment.start; at < segment.end; ) {
      const { bytesRead } = await file.read(buffer, 0, Math.min(buffer.length, segment.end - at), at);
      if (bytesRead === 0) return -1;
      crc = crc32(buffer.subarray(0, bytesRead), crc);
      at += bytesRead;
    }
    return crc;
  }
}

const longestName = 255;

/** `key=value` folders, from whose names DuckDB takes columns; without those that no disk can have. */
function valueFolders(location: string): readonly string[] {
  const folders = location.split('/').slice(0, -1);
  return folders.filter((name) => name.includes('=') && Buffer.byteLength(name) <= longestName);
}

async function removeAlias({ place }: Alias): Promise<void> {
  await rm(place, { recursive: true, force: true });
}

interface SavedIndex {
  readonly location: string;
  readonly etag: string;
  readonly bytes: number;
  readonly lastUsedMs: number;
  readonly segments: readonly (readonly [number, number, number])[];
}

/** Only what this code wrote has the right checksum; so its shape is known. */
function parseIndex(text: string): SavedIndex | undefined {
  const space = text.indexOf(' ');
  const content = text.slice(space + 1);
  if (space < 1 || String(crc32(content)) !== text.slice(0, space)) return undefined;
  return JSON.parse(content) as SavedIndex;
}
