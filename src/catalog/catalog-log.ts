import { type Clock, type Random, SkeinError, SqlState, sleep, toSkeinError } from '../common/index.ts';
import type { ObjectStore } from '../storage/index.ts';
import { type CatalogDocument, emptyDocument, formatDocument, parseDocument } from './catalog-document.ts';
import type { DocumentChange } from './edit-document.ts';

export interface CatalogLogOptions {
  /** The warehouse's. */
  readonly store: ObjectStore;
  readonly clock: Clock;
  readonly random: Random;
}

const folder = '_skein/catalog/';
/** Tries of a commit that others get ahead of. */
const maxTries = 30;
/** Old versions that stay, and how long: nobody commits on top of a version that was read longer ago. */
const keptVersions = 20;
const keptMs = 24 * 3_600_000;

/**
 * The versions of a warehouse's document, `_skein/catalog/<20 digits>.json`. Any number of processes read and commit:
 * whoever creates the next version's file has committed it.
 */
export class CatalogLog {
  readonly #options: CatalogLogOptions;
  #current: CatalogDocument = emptyDocument;

  constructor(options: CatalogLogOptions) {
    this.#options = options;
  }

  /** The newest version as of the last look. */
  get current(): CatalogDocument {
    return this.#current;
  }

  /**
   * Looks for versions after the last known one.
   * @throws SkeinError XX001 or 0A000 naming the newest version's file where it cannot be read; an older version is never
   * taken for it
   */
  async latest(signal?: AbortSignal): Promise<CatalogDocument> {
    for (let attempt = 1; ; attempt += 1) {
      const newest = await this.#newestKey(signal);
      if (newest === undefined) return this.#current;
      try {
        const text = await this.#read(newest, signal);
        const document = parseDocument(text, `${this.#options.store.root}/${newest}`);
        if (document.version !== versionOf(newest)) {
          const file = `${this.#options.store.root}/${newest}`;
          const problem = `it says that it is version ${document.version}`;
          throw new SkeinError(SqlState.dataCorrupted, `the catalog file ${file} is corrupt: ${problem}`);
        }
        if (document.version > this.#current.version) this.#current = document;
        return this.#current;
      } catch (error) {
        // It was pruned since it was listed: there are newer ones.
        if (toSkeinError(error).sqlState !== SqlState.undefinedFile || attempt === maxTries) throw error;
      }
    }
  }

  /**
   * Commits what `change` makes of the newest version, which is made of a newer one again where others get ahead. A
   * change that gives the same document back commits nothing.
   * @param change pure; what it throws ends the commit
   * @throws SkeinError 40001 where others kept getting ahead
   */
  async commit(change: DocumentChange, signal?: AbortSignal): Promise<CatalogDocument> {
    const { store, clock, random } = this.#options;
    for (let attempt = 0; attempt < maxTries; attempt += 1) {
      const before = await this.latest(signal);
      const changed = change(before);
      if (changed === before) return before;
      const next = { ...changed, version: before.version + 1 };
      const bytes = new TextEncoder().encode(formatDocument(next, random.token(16)));
      if ((await store.putIfAbsent(keyOf(next.version), bytes, signal)) === 'created') {
        this.#current = next;
        if (next.version % keptVersions === 0) await this.#prune(next.version, signal);
        return next;
      }
      await sleep(clock, random.next() * Math.min(200, 5 * 2 ** attempt), signal);
    }
    throw new SkeinError(
      SqlState.serializationFailure,
      `the catalog could not be changed: others changed it first, ${maxTries} times`,
      { retry: 'query' },
    );
  }

  async #read(key: string, signal: AbortSignal | undefined): Promise<string> {
    const { stream } = await this.#options.store.get(key, signal === undefined ? {} : { signal });
    return await new Response(stream).text();
  }

  async #newestKey(signal: AbortSignal | undefined): Promise<string | undefined> {
    let newest: string | undefined;
    const { version } = this.#current;
    const after = version === 0 ? {} : { startAfter: keyOf(version) };
    const options = { ...after, shallow: true, ...(signal === undefined ? {} : { signal }) };
    for await (const { key } of this.#options.store.list(folder, options)) {
      if (versionOf(key) !== undefined) newest = key;
    }
    return newest;
  }

  /** Old versions are of no use to anybody; failing to delete them does no harm. */
  async #prune(version: number, signal: AbortSignal | undefined): Promise<void> {
    const { store, clock } = this.#options;
    try {
      const old: string[] = [];
      for await (const { key, modifiedMs } of store.list(folder, { shallow: true })) {
        const isOld = (versionOf(key) ?? version) <= version - keptVersions;
        if (isOld && modifiedMs < clock.now() - keptMs) old.push(key);
      }
      await store.delete(old, signal);
    } catch (error) {
      signal?.throwIfAborted();
      if (!(error instanceof SkeinError)) throw error;
    }
  }
}

function keyOf(version: number): string {
  return `${folder}${String(version).padStart(20, '0')}.json`;
}

function versionOf(key: string): number | undefined {
  const match = /^(\d{20})\.json$/.exec(key.slice(folder.length));
  return match === null ? undefined : Number(match[1]);
}
