import { SkeinError, SqlState } from '../../common/index.ts';
import type { ObjectStore } from '../object-store/object-store.ts';
import type { CommitInfo, DeltaAction, MetadataAction, RemoveAction } from './actions.ts';
import {
  adjustedTimes,
  type CommitTime,
  type InCommitTimes,
  inCommitTime,
  inCommitTimes,
} from './commit-times.ts';
import type { DeltaSnapshot } from './delta-snapshot.ts';
import { commitFingerprint, listFromLastCheckpoint, listLog } from './list-log.ts';
import { loadState, readCommitInfo, readEntries, readEntry, snapshotOf } from './load-snapshot.ts';
import { commitKey, earliestVersion, type LogEntryFile, type LogListing, segmentOf } from './log-files.ts';
import { type MaintainRequest, type MaintainResult, maintainLog, type VersionState } from './maintain-log.ts';
import { filesOf, placesElsewhere } from './named-places.ts';
import type { ParquetRows } from './parquet-rows.ts';
import { isDamaged } from './read-checkpoint.ts';
import { type LogState, Replay } from './replay.ts';

export interface DeltaLogOptions {
  /** Rooted at the table. */
  readonly store: ObjectStore;
  readonly parquet: ParquetRows;
  /** Throws where a table, or a file that its log names, may not be read: a log may have been written by anybody. */
  readonly checkPlace?: CheckPlace | undefined;
}

/** @param location of a folder or a file @throws SkeinError 42501 */
export type CheckPlace = (location: string) => Promise<void>;

export interface SnapshotOptions {
  readonly version?: number;
  /** The latest version that was there at this time, in milliseconds since 1970. */
  readonly timestampMs?: number;
  readonly signal?: AbortSignal | undefined;
}

/** A version and what its commit says of itself. */
export interface CommitSummary {
  readonly version: number;
  readonly timestampMs: number;
  readonly operation: string | undefined;
  readonly operationParameters: Readonly<Record<string, unknown>>;
  readonly operationMetrics: Readonly<Record<string, string>>;
  readonly engineInfo: string | undefined;
  readonly isBlindAppend: boolean | undefined;
  /** Everything else that the writer put there, too. */
  readonly commitInfo: Readonly<Record<string, unknown>>;
}

export interface Commit {
  readonly version: number;
  readonly timestampMs: number;
  readonly actions: readonly DeltaAction[];
}

/** Snapshots of older versions that are kept for the next one who asks. */
const keptVersions = 4;
/** With more new entries than this, a newer checkpoint is the shorter way. */
const maxReplayed = 200;

interface Latest {
  readonly snapshot: DeltaSnapshot;
  /** Of its log entry: another one means another table. */
  readonly fingerprint: string | undefined;
}

/**
 * The log of one Delta table, read. Remembers the latest snapshot, so that the next one costs only what is new;
 * callers that come meanwhile share one load. Snapshots are immutable.
 */
export class DeltaLog {
  readonly #store: ObjectStore;
  readonly #parquet: ParquetRows;
  readonly #checkPlace: CheckPlace | undefined;
  readonly #checked = new WeakSet<DeltaSnapshot>();
  #latest: Latest | undefined;
  #loading: Promise<DeltaSnapshot> | undefined;
  /** Begins when the load that is under way has ended. */
  #following: Promise<DeltaSnapshot> | undefined;
  /** Least recently used first. */
  readonly #kept = new Map<number, DeltaSnapshot>();

  constructor({ store, parquet, checkPlace }: DeltaLogOptions) {
    this.#checkPlace = checkPlace;
    this.#store = store;
    this.#parquet = parquet;
  }

  get location(): string {
    return this.#store.root;
  }

  /** Whether there is a version: an empty folder `_delta_log` is no table. */
  async exists(signal?: AbortSignal): Promise<boolean> {
    if (this.#latest !== undefined && (await this.#fingerprint(this.#latest.snapshot.version, signal)))
      return true;
    return (await listFromLastCheckpoint(this.#store, signal)).latest !== undefined;
  }

  /**
   * One version of the table, whole or not at all.
   * @throws SkeinError 42P01 where there is no table; 22023 for a version or time outside of what is there, naming the
   *   range; 0A000 for a table that needs what this reader does not know; XX001 naming a file that is damaged or missing;
   *   42501 where its log names files that may not be read
   */
  async snapshot(options: SnapshotOptions = {}): Promise<DeltaSnapshot> {
    const snapshot = await this.#snapshot(options);
    if (this.#checkPlace !== undefined && !this.#checked.has(snapshot)) {
      await this.#checkFiles([this.location], snapshot.files);
      this.#checked.add(snapshot);
    }
    return snapshot;
  }

  async #checkFiles(first: readonly string[], files: Parameters<typeof placesElsewhere>[1]): Promise<void> {
    const check = this.#checkPlace;
    if (check === undefined) return;
    for (const place of [...first, ...placesElsewhere(this.location, files)]) await check(place);
  }

  async #snapshot({ version, timestampMs, signal }: SnapshotOptions): Promise<DeltaSnapshot> {
    signal?.throwIfAborted();
    if (timestampMs !== undefined) return await this.#asOf(timestampMs, signal);
    if (version !== undefined) return await this.#versioned(version, signal);
    return await waitFor(this.#joinLoad(), signal);
  }

  /**
   * The newest commits, newest first.
   * @param limit undefined: all that are there
   */
  async history({
    limit,
    signal,
  }: {
    readonly limit?: number;
    readonly signal?: AbortSignal;
  } = {}): Promise<readonly CommitSummary[]> {
    const latest = await this.snapshot({ signal });
    const listing = await listLog(this.#store, 0, latest.version, signal);
    const times = modifiedTimes(listing);
    const chosen = times.slice(limit === undefined ? 0 : Math.max(0, times.length - limit));
    const files = chosen.flatMap(({ version }) => entryFile(listing, version));
    const entries = await readEntries(this.#store, listing, files, signal);
    const inCommit = inCommitTimes(latest.metadata);
    return chosen
      .map(({ version, timestampMs }, index) =>
        summaryOf({ version, timestampMs, actions: entries[index] ?? [] }, inCommit),
      )
      .reverse();
  }

  /**
   * The actions of each version, in order; read as they are asked for.
   * @param from the first version
   * @param to the last one
   * @throws SkeinError 22023 where a version has no log entry, or none any more, naming the range
   */
  async *commits(from: number, to: number, signal?: AbortSignal): AsyncIterable<Commit> {
    const listing = await listLog(this.#store, from, to, signal);
    const times = new Map(modifiedTimes(listing).map(({ version, timestampMs }) => [version, timestampMs]));
    for (let version = from; version <= to; version++) {
      if (!listing.commits.has(version)) throw await this.#noVersion(version, signal);
      const actions = await readEntry(this.#store, commitKey(version), signal);
      await this.#checkFiles([], filesOf(actions));
      const timestampMs = commitInfoOf(actions)?.inCommitTimestamp ?? times.get(version) ?? 0;
      yield { version, timestampMs, actions };
    }
  }

  /** Files that were removed and are not forgotten yet, as of a version: for checkpoints and VACUUM. */
  async tombstones(version: number, signal?: AbortSignal): Promise<readonly RemoveAction[]> {
    return (await this.#load(version, signal, true)).state.removes;
  }

  /**
   * After a commit: writes a checkpoint and cleans up the log where that is due. Never throws.
   * @param version the one that was committed
   */
  async maintain(
    version: number,
    { configuration, clock, random, signal }: Omit<MaintainRequest, 'store' | 'parquet' | 'version' | 'load'>,
  ): Promise<MaintainResult> {
    return await maintainLog({
      store: this.#store,
      parquet: this.#parquet,
      version,
      configuration,
      load: (wanted, by) => this.#whole(wanted, by),
      clock,
      random,
      ...(signal === undefined ? {} : { signal }),
    });
  }

  async #whole(version: number, signal: AbortSignal | undefined): Promise<VersionState> {
    const { listing, state } = await this.#load(version, signal, true);
    const snapshot = await snapshotOf(this.#store, listing, version, state, signal);
    return { snapshot, tombstones: state.removes };
  }

  /** A load that is under way may have passed the log's end before the caller came: that one waits for the next. */
  #joinLoad(): Promise<DeltaSnapshot> {
    if (this.#loading === undefined) return this.#beginLoad();
    this.#following ??= this.#loading
      .catch(() => undefined)
      .then(() => {
        this.#following = undefined;
        return this.#beginLoad();
      });
    return this.#following;
  }

  #beginLoad(): Promise<DeltaSnapshot> {
    const loading = this.#update().finally(() => {
      this.#loading = undefined;
    });
    this.#loading = loading;
    return loading;
  }

  async #versioned(version: number, signal: AbortSignal | undefined): Promise<DeltaSnapshot> {
    const known = [this.#latest?.snapshot, this.#kept.get(version)].find((each) => each?.version === version);
    if (known !== undefined) {
      if (this.#kept.delete(version)) this.#kept.set(version, known);
      return known;
    }
    const { listing, state } = await this.#load(version, signal, false);
    const snapshot = await snapshotOf(this.#store, listing, version, state, signal);
    this.#kept.set(version, snapshot);
    const [oldest] = this.#kept.keys();
    if (this.#kept.size > keptVersions && oldest !== undefined) this.#kept.delete(oldest);
    return snapshot;
  }

  async #load(
    version: number,
    signal: AbortSignal | undefined,
    withRemoves: boolean,
  ): Promise<{ readonly listing: LogListing; readonly state: LogState }> {
    const isVersion = Number.isSafeInteger(version) && version >= 0;
    const listing = await listLog(this.#store, 0, isVersion ? version : undefined, signal);
    if (!isVersion || listing.latest !== version) throw await this.#noVersion(version, signal);
    // A version before all that are left is not there; an entry that is missing for all of them is lost.
    if (earliestVersion(listing) === undefined) {
      const all = await listLog(this.#store, 0, undefined, signal);
      if (earliestVersion(all) !== undefined) throw await this.#noVersion(version, signal);
    }
    const source = { store: this.#store, parquet: this.#parquet };
    return { listing, state: await loadState(source, listing, version, signal, withRemoves) };
  }

  async #noVersion(version: number, signal: AbortSignal | undefined): Promise<SkeinError> {
    const listing = await listLog(this.#store, 0, undefined, signal);
    const last = latestOf(listing, this.location);
    return new SkeinError(
      SqlState.invalidParameterValue,
      `the table at ${this.location} has no version ${version}: it has ${earliestVersion(listing) ?? last} to ${last}`,
      { details: { path: this.location } },
    );
  }

  /** The latest snapshot, from the one before where that is still a version of this table. */
  async #update(): Promise<DeltaSnapshot> {
    const before = this.#latest;
    if (before !== undefined) {
      const [same, next] = await this.#probe(before.snapshot.version, undefined);
      if (same && !next) return before.snapshot;
      const snapshot = same ? await this.#advance(before.snapshot) : undefined;
      if (snapshot !== undefined) return await this.#remember(snapshot);
      this.#forget();
    }
    return await this.#remember(await this.#loadLatest());
  }

  /** Undefined where the log is better read anew. */
  async #advance(before: DeltaSnapshot): Promise<DeltaSnapshot | undefined> {
    const listing = await listLog(this.#store, before.version + 1, undefined, undefined);
    const { latest } = listing;
    if (latest === undefined || latest - before.version > maxReplayed) return undefined;
    const basis = { version: before.version, format: 'parquet', files: [] } as const;
    const segment = segmentOf(listing, basis, latest, true);
    if ('missing' in segment) return undefined;
    const entries = await readEntries(this.#store, listing, segment.entries, undefined);
    const replay = new Replay();
    replay.addEntries(entries);
    replay.addState({ ...before, commitInfo: undefined, removes: [] });
    const state = replay.state(() => (text) => text);
    return await snapshotOf(this.#store, listing, latest, state, undefined, before);
  }

  async #loadLatest(): Promise<DeltaSnapshot> {
    const source = { store: this.#store, parquet: this.#parquet };
    const load = async (listing: LogListing): Promise<DeltaSnapshot> => {
      const version = latestOf(listing, this.location);
      const state = await loadState(source, listing, version, undefined);
      return await snapshotOf(this.#store, listing, version, state, undefined);
    };
    try {
      return await load(await listFromLastCheckpoint(this.#store, undefined));
    } catch (error) {
      // Only the log's end was listed, or files went while they were read: older ones may lead there, too.
      if (!isDamaged(error)) throw error;
      return await load(await listLog(this.#store, 0, undefined, undefined));
    }
  }

  async #remember(snapshot: DeltaSnapshot): Promise<DeltaSnapshot> {
    this.#latest = { snapshot, fingerprint: await this.#fingerprint(snapshot.version, undefined) };
    return snapshot;
  }

  #forget(): void {
    this.#latest = undefined;
    this.#kept.clear();
  }

  /** Whether the entry of a known version is still the same one, and whether there is a next one. */
  async #probe(version: number, signal: AbortSignal | undefined): Promise<readonly [boolean, boolean]> {
    const [same, next] = await Promise.all([
      this.#fingerprint(version, signal),
      this.#fingerprint(version + 1, signal),
    ]);
    return [same === this.#latest?.fingerprint, next !== undefined];
  }

  #fingerprint(version: number, signal: AbortSignal | undefined): Promise<string | undefined> {
    return commitFingerprint(this.#store, version, signal);
  }

  /** @see Delta PROTOCOL.md, Recommendations for Readers of Tables with In-Commit Timestamps */
  async #asOf(timestampMs: number, signal: AbortSignal | undefined): Promise<DeltaSnapshot> {
    const latest = await this.snapshot({ signal });
    const listing = await listLog(this.#store, 0, latest.version, signal);
    const earliest = earliestVersion(listing) ?? latest.version;
    const times = modifiedTimes(listing).filter(({ version }) => version >= earliest);
    const timeAt = await this.#timesAt(times, latest.metadata, signal);
    const first = await timeAt(0);
    const last = await timeAt(times.length - 1);
    if (times.length === 0 || timestampMs < first || timestampMs > last)
      throw new SkeinError(
        SqlState.invalidParameterValue,
        `the table at ${this.location} has versions from ${isoTime(first)} to ${isoTime(last)}, none as of ${isoTime(timestampMs)}`,
        { details: { path: this.location } },
      );
    let low = 0;
    let high = times.length - 1;
    while (low < high) {
      const middle = Math.ceil((low + high) / 2);
      if ((await timeAt(middle)) <= timestampMs) low = middle;
      else high = middle - 1;
    }
    return await this.snapshot({ version: times[low]?.version ?? latest.version, signal });
  }

  /** The time of a commit by its place in the list: times ascend. */
  async #timesAt(
    times: readonly CommitTime[],
    metadata: MetadataAction,
    signal: AbortSignal | undefined,
  ): Promise<(index: number) => Promise<number>> {
    const inCommit = inCommitTimes(metadata);
    return async (index) => {
      const commit = times[index];
      if (commit === undefined) return Number.NaN;
      if (inCommit === undefined || commit.version < inCommit.fromVersion)
        return Math.min(commit.timestampMs, (inCommit?.fromMs ?? Number.POSITIVE_INFINITY) - 1);
      const info = await readCommitInfo(this.#store, commit.version, signal);
      return inCommitTime(commit.version, inCommit, info) ?? commit.timestampMs;
    };
  }
}

/** The load is for all who wait; who gives up leaves it to the others. */
async function waitFor<T>(work: Promise<T>, signal: AbortSignal | undefined): Promise<T> {
  if (signal === undefined) return await work;
  // Whoever is left hears of a failure; nobody may be.
  work.catch(() => undefined);
  let stop = (): void => {};
  const aborted = new Promise<never>((_, reject) => {
    stop = () => reject(signal.reason as Error);
    signal.addEventListener('abort', stop, { once: true });
  });
  try {
    return await Promise.race([work, aborted]);
  } finally {
    signal.removeEventListener('abort', stop);
  }
}

function latestOf({ latest }: LogListing, location: string): number {
  if (latest !== undefined) return latest;
  throw new SkeinError(SqlState.undefinedTable, `there is no Delta table at ${location}`, {
    details: { path: location },
  });
}

function modifiedTimes({ commits }: LogListing): readonly CommitTime[] {
  return adjustedTimes([...commits].map(([version, { modifiedMs }]) => ({ version, modifiedMs })));
}

function entryFile({ commits }: LogListing, version: number): readonly LogEntryFile[] {
  const file = commits.get(version);
  return file === undefined ? [] : [{ first: version, last: version, file }];
}

function commitInfoOf(actions: readonly DeltaAction[]): CommitInfo | undefined {
  for (const action of actions) if ('commitInfo' in action) return action.commitInfo;
  return undefined;
}

function summaryOf(
  { version, timestampMs, actions }: Commit,
  inCommit: InCommitTimes | undefined,
): CommitSummary {
  const info = commitInfoOf(actions) ?? {};
  return {
    version,
    timestampMs: inCommitTime(version, inCommit, info) ?? timestampMs,
    operation: info.operation,
    operationParameters: info.operationParameters ?? {},
    operationMetrics: info.operationMetrics ?? {},
    engineInfo: info.engineInfo,
    isBlindAppend: info.isBlindAppend,
    commitInfo: info,
  };
}

function isoTime(ms: number): string {
  return Number.isNaN(ms) ? 'no time' : new Date(ms).toISOString();
}
