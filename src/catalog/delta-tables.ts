import { SkeinError, SqlState, toSkeinError } from '../common/index.ts';
import {
  type AnalyzedStatistics,
  type CheckPlace,
  DeltaFileCache,
  type DeltaLog,
  type DeltaSnapshot,
  deltaTableSnapshot,
  type MetadataAction,
  type ObjectStore,
  StatisticsFile,
  type TableSnapshot,
} from '../storage/index.ts';
import type { CatalogComment, OpenedDeltaTable, TableVersion } from './catalog.ts';
import type { InspectFiles } from './file-tables.ts';
import { type FooterSample, isStale, sampleFooters } from './sample-footers.ts';
import { SharedLook } from './shared-look.ts';

/** Opens the log of a table. @param store rooted at the table */
export type OpenDeltaLog = (store: ObjectStore, checkPlace: CheckPlace) => DeltaLog;

interface DeltaTable {
  readonly store: ObjectStore;
  readonly log: DeltaLog;
  readonly files: DeltaFileCache;
  readonly statistics: StatisticsFile;
  readonly latest: SharedLook<DeltaSnapshot>;
  known: DeltaSnapshot | SkeinError | undefined;
  sample: FooterSample | undefined;
  /** By key: of the known version, with these statistics. */
  readonly tables: Map<string, TableSnapshot>;
  madeWith: { readonly analyzed: AnalyzedStatistics | undefined; readonly sample: FooterSample | undefined };
}

/** Delta tables by their location; each has one log in this process, whoever reads or writes it. */
export class DeltaTables {
  readonly #openStore: (location: string) => ObjectStore;
  readonly #openLog: (store: ObjectStore) => DeltaLog;
  readonly #inspect: InspectFiles;
  readonly #tables = new Map<string, DeltaTable>();
  readonly #comments = new WeakMap<MetadataAction, readonly Omit<CatalogComment, 'schema' | 'name'>[]>();

  constructor(
    openStore: (location: string) => ObjectStore,
    openLog: (store: ObjectStore) => DeltaLog,
    inspect: InspectFiles,
  ) {
    this.#inspect = inspect;
    this.#openStore = openStore;
    this.#openLog = openLog;
  }

  open(location: string): Pick<OpenedDeltaTable, 'log' | 'store' | 'statistics'> {
    return this.#open(location);
  }

  /** As of the last look at it, if there was one. */
  known(location: string, key: string): TableSnapshot | SkeinError | undefined {
    const table = this.#tables.get(location);
    if (table?.known === undefined || table.known instanceof SkeinError) return table?.known;
    return this.#snapshot(table, table.known, key);
  }

  /** The latest version, or why it cannot be read. */
  async load(location: string, key: string): Promise<TableSnapshot | SkeinError> {
    const table = this.#open(location);
    try {
      const found = await table.latest.look();
      if (!isSnapshot(table.known) || table.known.version !== found.version) await table.statistics.load();
      table.known = newer(table.known, found);
      const made = this.#snapshot(table, table.known, key);
      if (!isStale(table.sample, table.known, made.rowCount)) return made;
      table.sample = await sampleFooters(this.#inspect, table.known, made);
      return this.#snapshot(table, table.known, key);
    } catch (error) {
      table.known = toSkeinError(error);
      return table.known;
    }
  }

  async at(location: string, key: string, at: TableVersion, signal: AbortSignal): Promise<TableSnapshot> {
    const table = this.#open(location);
    const latest = 'timestampMs' in at ? await table.latest.look() : undefined;
    // After its last commit a table is as that left it.
    const isLatest = latest !== undefined && 'timestampMs' in at && at.timestampMs >= latest.timestampMs;
    const snapshot = isLatest ? latest : await table.log.snapshot({ ...at, signal });
    return deltaTableSnapshot(snapshot, `${key}@v${snapshot.version}`, table.files);
  }

  /** Remarks that the table's own log has on it and its columns. */
  comments(location: string): readonly Omit<CatalogComment, 'schema' | 'name'>[] {
    const known = this.#tables.get(location)?.known;
    if (known === undefined || known instanceof SkeinError) return [];
    let comments = this.#comments.get(known.metadata);
    if (comments === undefined) {
      const { description } = known.metadata;
      comments = [
        ...(description === undefined ? [] : [{ column: undefined, text: description }]),
        ...known.fields.flatMap(({ name, metadata }) =>
          typeof metadata.comment === 'string' ? [{ column: name, text: metadata.comment }] : [],
        ),
      ];
      this.#comments.set(known.metadata, comments);
    }
    return comments;
  }

  /** Locations of tables that are known to have a version. */
  locations(): ReadonlySet<string> {
    return new Set(
      [...this.#tables].filter(([, { known }]) => isSnapshot(known)).map(([location]) => location),
    );
  }

  /** Forgets tables that are gone. */
  retain(locations: ReadonlySet<string>): void {
    for (const location of this.#tables.keys()) {
      if (!locations.has(location)) this.#tables.delete(location);
    }
  }

  #open(location: string): DeltaTable {
    let table = this.#tables.get(location);
    if (table === undefined) {
      const store = this.#openStore(location);
      const log = this.#openLog(store);
      const latest = new SharedLook(() => log.snapshot());
      table = {
        store,
        log,
        files: new DeltaFileCache(),
        statistics: new StatisticsFile(store),
        latest,
        known: undefined,
        sample: undefined,
        tables: new Map(),
        madeWith: { analyzed: undefined, sample: undefined },
      };
      this.#tables.set(location, table);
    }
    return table;
  }

  #snapshot(table: DeltaTable, snapshot: DeltaSnapshot, key: string): TableSnapshot {
    const made = table.tables.get(key);
    const analyzed = table.statistics.of(snapshot.metadata.id);
    const { sample, madeWith } = table;
    const isSame = madeWith.analyzed === analyzed && madeWith.sample === sample;
    if (made?.delta?.version === snapshot.version && isSame) return made;
    const next = deltaTableSnapshot(snapshot, key, table.files, {
      counted: analyzed?.distinct,
      sampled: sample?.distinct,
    });
    table.madeWith = { analyzed, sample };
    table.tables.clear();
    table.tables.set(key, next);
    return next;
  }
}

function isSnapshot(known: DeltaTable['known']): known is DeltaSnapshot {
  return known !== undefined && !(known instanceof SkeinError);
}

/** Looks that end out of order take no version back. */
function newer(known: DeltaTable['known'], found: DeltaSnapshot): DeltaSnapshot {
  const isSame = isSnapshot(known) && known.metadata.id === found.metadata.id;
  return isSame && known.version >= found.version ? known : found;
}

/** The error of a table that has no versions. */
export function noVersions(key: string): SkeinError {
  return new SkeinError(SqlState.wrongObjectType, `${key} is no Delta table: it has no versions`);
}
