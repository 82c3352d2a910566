import { type Clock, mapConcurrently, type Random, SkeinError } from '../common/index.ts';
import type { ObjectStore, TableSnapshot } from '../storage/index.ts';
import type {
  Catalog,
  CatalogComment,
  CatalogFiles,
  CatalogNames,
  CatalogSnapshot,
  SnapshotOptions,
  TableVersion,
} from './catalog.ts';
import type { CatalogDocument } from './catalog-document.ts';
import { CatalogLog } from './catalog-log.ts';
import { DeltaTables, noVersions, type OpenDeltaLog } from './delta-tables.ts';
import { checkExternalLocation } from './external-location.node.ts';
import { FileTables, type InspectFiles } from './file-tables.ts';
import { type Listing, listLocation, listTables } from './list-tables.ts';
import { nameTables, type TablePlace, tablePlaces } from './name-tables.ts';
import { SharedLook } from './shared-look.ts';
import { type SnapshotParts, sameParts } from './snapshot-parts.ts';
import { WarehouseFiles } from './warehouse-files.ts';
import { undefinedTable, WarehouseNames } from './warehouse-names.ts';

export interface WarehouseOptions {
  /** Rooted at the warehouse: the data folder, or `s3://bucket/prefix`. */
  readonly store: ObjectStore;
  /** The store of another location. */
  readonly openStore: (location: string) => ObjectStore;
  readonly openLog: OpenDeltaLog;
  readonly inspect: InspectFiles;
  /** Locations besides the warehouse that tables may lie below. */
  readonly externalRoots: readonly string[];
  readonly clock: Clock;
  readonly random: Random;
}

/** Looking again costs at most this share of the time: a folder that lists in 1 ms is listed at most every 10 ms. */
const refreshCostRatio = 10;
/** Tables that are looked at side by side. */
const loadsAtOnce = 8;

/**
 * The tables of a warehouse: those that its document names, and its files and folders, which are tables of `main`. Any
 * number of processes may have one warehouse.
 */
export class WarehouseCatalog implements Catalog {
  readonly roots: readonly string[];
  readonly names: CatalogNames;
  readonly files: CatalogFiles;
  readonly #options: WarehouseOptions;
  readonly #log: CatalogLog;
  readonly #fileTables: FileTables;
  readonly #delta: DeltaTables;
  readonly #looking: SharedLook<Listing>;
  #listing: Listing | undefined;
  #nextLook = 0;
  #current: CatalogSnapshot | undefined;

  constructor(options: WarehouseOptions) {
    this.#options = options;
    this.roots = [options.store.root, ...options.externalRoots];
    this.#log = new CatalogLog(options);
    this.#fileTables = new FileTables(options.inspect);
    const { openStore, openLog } = options;
    const checkPlace = (location: string): Promise<void> => checkExternalLocation(location, this.roots);
    this.#delta = new DeltaTables(openStore, (store) => openLog(store, checkPlace), options.inspect);
    this.#looking = new SharedLook(() => this.#look());
    this.files = new WarehouseFiles({ ...options, root: options.store.root, roots: this.roots });
    this.names = new WarehouseNames({
      root: options.store.root,
      store: options.store,
      roots: this.roots,
      random: options.random,
      log: this.#log,
      places: async (signal) => {
        const listing = await this.#seen(true, signal);
        return tablePlaces(options.store.root, this.#log.current, listing);
      },
      openDelta: (location) => this.#delta.open(location),
    });
  }

  async snapshot(signal: AbortSignal, options: SnapshotOptions = {}): Promise<CatalogSnapshot> {
    const { fresh = false, names } = options;
    signal.throwIfAborted();
    const listing = await this.#seen(fresh, signal);
    const document = this.#log.current;
    const { places, broken } = nameTables(this.#options.store.root, document, listing);
    const wanted = names === undefined ? undefined : withViews(names, document);
    const isWanted = (place: TablePlace): boolean => wanted?.has(place.name.toLowerCase()) ?? true;
    const found = await mapConcurrently(places, loadsAtOnce, async (place) =>
      isWanted(place) ? await this.#load(place) : this.#known(place),
    );
    signal.throwIfAborted();
    return this.#next(document, places, found, broken);
  }

  async table(key: string, at: TableVersion, signal: AbortSignal): Promise<TableSnapshot> {
    const listing = await this.#seen(false, signal);
    const places = tablePlaces(this.#options.store.root, this.#log.current, listing);
    const place = places.find((each) => each.key === key);
    if (place === undefined) throw undefinedTable(key, places);
    if (place.format !== 'delta') throw noVersions(key);
    return await this.#delta.at(place.location, key, at, signal);
  }

  /** What the warehouse lists, as of a moment ago; the document is then as new. */
  async #seen(fresh: boolean, signal: AbortSignal): Promise<Listing> {
    const isDue = fresh || this.#options.clock.monotonic() >= this.#nextLook;
    const listing = this.#listing === undefined || isDue ? await this.#looking.look() : this.#listing;
    signal.throwIfAborted();
    return listing;
  }

  async #look(): Promise<Listing> {
    const started = this.#options.clock.monotonic();
    const { signal } = new AbortController();
    const [listing] = await Promise.all([
      listTables(this.#options.store, this.#delta.locations(), signal),
      this.#log.latest(signal),
    ]);
    const tookMs = this.#options.clock.monotonic() - started;
    this.#listing = listing;
    this.#nextLook = this.#options.clock.monotonic() + tookMs * refreshCostRatio;
    return listing;
  }

  #known({ key, location, content }: TablePlace): TableSnapshot | SkeinError | undefined {
    return content.kind === 'delta' ? this.#delta.known(location, key) : this.#fileTables.known(key);
  }

  async #load({ key, location, content }: TablePlace): Promise<TableSnapshot | SkeinError> {
    switch (content.kind) {
      case 'delta':
        return await this.#delta.load(location, key);
      case 'listed':
        return await this.#fileTables.load(key, content.listed, {});
      case 'files': {
        try {
          const { signal } = new AbortController();
          await checkExternalLocation(location, this.roots);
          const listed = await listLocation(this.#options.openStore, location, content.format, signal);
          return await this.#fileTables.load(key, listed, content.options);
        } catch (error) {
          if (error instanceof SkeinError) return error;
          throw error;
        }
      }
    }
  }

  #next(
    document: CatalogDocument,
    places: readonly TablePlace[],
    found: readonly (TableSnapshot | SkeinError | undefined)[],
    ambiguous: ReadonlyMap<string, SkeinError>,
  ): CatalogSnapshot {
    const tables = new Map<string, TableSnapshot>();
    const broken = new Map<string, Error>(ambiguous);
    places.forEach(({ key }, index) => {
      const table = found[index];
      if (table instanceof SkeinError) broken.set(key, table);
      else if (table !== undefined) tables.set(key, table);
    });
    this.#fileTables.retain(new Set(places.map(({ key }) => key)));
    this.#delta.retain(new Set(places.map(({ location }) => location)));
    const parts: SnapshotParts = {
      tables,
      broken,
      views: new Map(document.views.map((view) => [`${view.schema}.${view.name}`, view])),
      schemas: ['main', ...document.schemas],
      comments: this.#comments(document, places),
      origins: new Map(places.map((place) => [place.key, place])),
    };
    const current = this.#current;
    if (current !== undefined && sameParts(current, parts)) return current;
    this.#current = { version: (current?.version ?? 0) + 1, ...parts };
    return this.#current;
  }

  /** The document's remarks go before those of the tables' own logs. */
  #comments(document: CatalogDocument, places: readonly TablePlace[]): readonly CatalogComment[] {
    const own = places.flatMap(({ schema, name, location, content }): readonly CatalogComment[] =>
      content.kind === 'delta'
        ? this.#delta.comments(location).map((comment) => ({ schema, name, ...comment }))
        : [],
    );
    return [...own, ...document.comments];
  }
}

const identifier = /"((?:[^"]|"")+)"|[\p{L}_][\p{L}\p{N}_$]*/gu;

/** The names, and all that the views among them mention, in lower case. */
function withViews(names: ReadonlySet<string>, { views }: CatalogDocument): ReadonlySet<string> {
  if (views.length === 0) return names;
  const all = new Set(names);
  const left = new Set(views);
  for (let grew = true; grew; ) {
    grew = false;
    for (const view of left) {
      if (!all.has(view.name.toLowerCase())) continue;
      left.delete(view);
      grew = true;
      for (const [word, quoted] of view.sql.matchAll(identifier)) {
        all.add((quoted?.replaceAll('""', '"') ?? word).toLowerCase());
      }
    }
  }
  return all;
}
