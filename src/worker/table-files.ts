import { mkdir } from 'node:fs/promises';
import path from 'node:path';
import type { Clock, Random } from '../common/index.ts';
import { type ObjectStore, ObjectStores, RangeCache, type RangeCacheStats } from '../storage/index.ts';
import { DeltaFiles } from './delta/index.ts';
import type { RemoteFiles } from './remote-files.ts';
import { ScanFiles } from './scan-files.ts';

export interface TableFilesOptions {
  /** Default: some of its own, for S3 as the environment says. */
  readonly stores?: ObjectStores | undefined;
  readonly cache: {
    /** For the cache alone. DuckDB has to be allowed to read it. */
    readonly folder: string;
    readonly maxBytes: number;
  };
  readonly clock: Clock;
  readonly random: Random;
}

/** How a node reads the files of tables, wherever they lie. */
export class TableFiles implements AsyncDisposable {
  readonly scanFiles: ScanFiles;
  readonly deltaFiles: DeltaFiles;
  /** The store of a location. */
  readonly openStore: (location: string) => ObjectStore;
  readonly #ownStores: ObjectStores | undefined;
  readonly #cache: RangeCache;

  private constructor(stores: ObjectStores, ownStores: ObjectStores | undefined, cache: RangeCache) {
    this.#ownStores = ownStores;
    this.#cache = cache;
    this.openStore = (location) => stores.open(location);
    this.scanFiles = new ScanFiles(cache);
    this.deltaFiles = new DeltaFiles({ stores, remoteFiles: cache });
  }

  /** @throws SkeinError where the cache's folder cannot be used */
  static async open({ stores, cache, clock, random }: TableFilesOptions): Promise<TableFiles> {
    await mkdir(path.dirname(cache.folder), { recursive: true });
    const used = stores ?? new ObjectStores({ clock, random });
    const opened = await RangeCache.open({ ...cache, stores: used, clock, random });
    return new TableFiles(used, stores === undefined ? used : undefined, opened);
  }

  get remoteFiles(): RemoteFiles {
    return this.#cache;
  }

  get cacheStats(): RangeCacheStats {
    return this.#cache.stats();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#cache.close();
    await this.#ownStores?.close();
  }
}
