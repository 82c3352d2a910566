import { mapConcurrently, SkeinError, SqlState } from '../../common/index.ts';
import type { ObjectStore } from '../object-store/object-store.ts';
import type { CommitInfo, DeltaAction, MetadataAction, ProtocolAction } from './actions.ts';
import { inCommitTime, inCommitTimes } from './commit-times.ts';
import { fieldsToSchema, parseSchemaString } from './delta-schema.ts';
import type { DeltaSnapshot } from './delta-snapshot.ts';
import { corruptLog, parseLogEntry } from './log-entry.ts';
import {
  type Checkpoint,
  commitKey,
  formatVersion,
  type LogEntryFile,
  type LogGap,
  type LogListing,
  type LogSegment,
  logFolder,
  segmentOf,
} from './log-files.ts';
import type { ParquetRows } from './parquet-rows.ts';
import { statsFromParsed } from './parsed-stats.ts';
import { checkReadable, columnMappingMode } from './protocol-gate.ts';
import { isDamaged, readCheckpoint } from './read-checkpoint.ts';
import { readBytes } from './read-object.ts';
import { type LogState, Replay } from './replay.ts';

/** Log entries that are read at once. */
const concurrentReads = 16;

export interface LogSource {
  readonly store: ObjectStore;
  readonly parquet: ParquetRows;
}

/**
 * Puts a version together from the newest checkpoint that is whole and every entry after it.
 * @param listing of the whole log, or of its end from a checkpoint on
 * @param version one of the listing
 * @throws SkeinError XX001 naming the file that is damaged or missing where no other way leads to the version
 */
export async function loadState(
  source: LogSource,
  listing: LogListing,
  version: number,
  signal: AbortSignal | undefined,
  withRemoves = false,
): Promise<LogState> {
  const checkpoints = listing.checkpoints.filter((checkpoint) => checkpoint.version <= version);
  let failure: SkeinError | undefined;
  for (const checkpoint of [...checkpoints, undefined]) {
    const segment = segmentOf(listing, checkpoint, version, true);
    if ('missing' in segment) {
      // Older checkpoints need the entry that is missing, too.
      failure ??= gapError(source.store, listing, segment);
      break;
    }
    try {
      return await loadSegment(source, listing, segment, signal, withRemoves);
    } catch (error) {
      if (!isDamaged(error)) throw error;
      failure ??= error;
    }
  }
  throw failure ?? corruptLog(`${source.store.root}/${logFolder}`, `has no entry of version ${version}`);
}

function gapError(store: ObjectStore, listing: LogListing, { missing, version }: LogGap): SkeinError {
  const where = `${store.root}/${commitKey(missing)}`;
  const entries = listing.commits.has(version)
    ? `the log goes on to version ${version}`
    : 'the log ends there';
  return corruptLog(where, `is missing, and ${entries}`);
}

async function loadSegment(
  source: LogSource,
  listing: LogListing,
  segment: LogSegment,
  signal: AbortSignal | undefined,
  withRemoves: boolean,
): Promise<LogState> {
  const entries = await readEntries(source.store, listing, segment.entries, signal);
  const replay = new Replay({ withRemoves });
  replay.addEntries(entries);
  if (segment.checkpoint !== undefined)
    await addCheckpoint(source, segment.checkpoint, replay, signal, withRemoves);
  const state = replay.state((protocol, metadata) => statsFormatter(source.store, protocol, metadata));
  if (state.protocol !== undefined && state.metadata !== undefined) return state;
  const files = segment.checkpoint?.files ?? segment.entries.map(({ file }) => file);
  throw corruptLog(
    `${source.store.root}/${files[0]?.key ?? logFolder}`,
    `names no ${state.protocol === undefined ? 'protocol' : 'metadata'} of the table`,
  );
}

async function addCheckpoint(
  source: LogSource,
  checkpoint: Checkpoint,
  replay: Replay,
  signal: AbortSignal | undefined,
  withRemoves: boolean,
): Promise<void> {
  const found = { protocol: false, metadata: false, adds: 0 };
  await readCheckpoint({ ...source, withRemoves, signal }, checkpoint, (row) => {
    if ('add' in row.action) found.adds += 1;
    else if ('protocol' in row.action) found.protocol = true;
    else if ('metaData' in row.action) found.metadata = true;
    replay.addCheckpointRow(row);
  });
  const where = `${source.store.root}/${checkpoint.files[0]?.key}`;
  if (!found.protocol || !found.metadata)
    throw corruptLog(where, 'is no whole checkpoint: it names no protocol or no metadata of the table');
  const expected =
    checkpoint.format === 'json' ? await readFileCount(source.store, checkpoint.version, signal) : undefined;
  if (expected !== undefined && expected !== found.adds)
    throw corruptLog(where, `is no whole checkpoint: it names ${found.adds} of ${expected} files`);
}

/**
 * How many files a version has, by its checksum file. JSON that ends early between two lines looks whole; Parquet never
 * does.
 * @returns undefined where there is no such file, or it does not say
 */
async function readFileCount(
  store: ObjectStore,
  version: number,
  signal: AbortSignal | undefined,
): Promise<number | undefined> {
  try {
    const bytes = await readBytes(store, `${logFolder}${formatVersion(version)}.crc`, undefined, signal);
    const checksum: unknown = JSON.parse(new TextDecoder().decode(bytes));
    const count =
      typeof checksum === 'object' && checksum !== null && 'numFiles' in checksum
        ? checksum.numFiles
        : undefined;
    return typeof count === 'number' ? count : undefined;
  } catch (error) {
    if (error instanceof SyntaxError || isDamaged(error)) return undefined;
    throw error;
  }
}

/** The actions of each file. A compaction that is damaged gives way to the entries that it stands for. */
export async function readEntries(
  store: ObjectStore,
  listing: LogListing,
  files: readonly LogEntryFile[],
  signal: AbortSignal | undefined,
): Promise<readonly (readonly DeltaAction[])[]> {
  return await mapConcurrently(files, concurrentReads, async ({ first, last, file }) => {
    try {
      return await readEntry(store, file.key, signal);
    } catch (error) {
      if (first === last || !isDamaged(error)) throw error;
      const segment = segmentOf(listing, { version: first - 1, format: 'parquet', files: [] }, last, false);
      if ('missing' in segment) throw error;
      return (await readEntries(store, listing, segment.entries, signal)).flat();
    }
  });
}

export async function readEntry(
  store: ObjectStore,
  key: string,
  signal: AbortSignal | undefined,
): Promise<readonly DeltaAction[]> {
  return parseLogEntry(await readBytes(store, key, undefined, signal), `${store.root}/${key}`);
}

function statsFormatter(
  store: ObjectStore,
  protocol: ProtocolAction,
  metadata: MetadataAction,
): (text: string) => string {
  const mode = columnMappingMode(protocol, metadata, store.root);
  const fields = parseSchemaString(metadata.schemaString, mode, store.root);
  return (text) => statsFromParsed(text, fields);
}

/**
 * A snapshot from the state of the log.
 * @throws SkeinError 0A000 where the table needs what this reader does not know
 */
export async function snapshotOf(
  store: ObjectStore,
  listing: LogListing,
  version: number,
  state: LogState,
  signal: AbortSignal | undefined,
  before?: DeltaSnapshot,
): Promise<DeltaSnapshot> {
  const { protocol, metadata } = state;
  if (protocol === undefined || metadata === undefined)
    throw new SkeinError(SqlState.internalError, 'the state of a log lacks its protocol or metadata');
  checkReadable(protocol, metadata, store.root);
  const columnMapping = columnMappingMode(protocol, metadata, store.root);
  const isSameSchema =
    before?.metadata.schemaString === metadata.schemaString && before.columnMapping === columnMapping;
  const fields = isSameSchema
    ? before.fields
    : parseSchemaString(metadata.schemaString, columnMapping, store.root);
  return {
    location: store.root,
    version,
    timestampMs: await timestampOf(store, listing, version, metadata, state.commitInfo, signal),
    protocol,
    metadata,
    fields,
    schema: isSameSchema ? before.schema : fieldsToSchema(fields),
    columnMapping,
    files: state.files,
    transactions: state.transactions,
    domains: state.domains,
  };
}

async function timestampOf(
  store: ObjectStore,
  listing: LogListing,
  version: number,
  metadata: MetadataAction,
  known: CommitInfo | undefined,
  signal: AbortSignal | undefined,
): Promise<number> {
  const times = inCommitTimes(metadata);
  const commit = listing.commits.get(version);
  // Neither a checkpoint nor a compaction keeps what a commit says of itself.
  const info =
    times !== undefined && known === undefined && commit !== undefined
      ? await readCommitInfo(store, version, signal)
      : known;
  const modified = commit ?? listing.checkpoints.find((each) => each.version === version)?.files[0];
  return inCommitTime(version, times, info) ?? Math.floor(modified?.modifiedMs ?? 0);
}

export async function readCommitInfo(
  store: ObjectStore,
  version: number,
  signal: AbortSignal | undefined,
): Promise<CommitInfo | undefined> {
  const actions = await readEntry(store, commitKey(version), signal);
  for (const action of actions) if ('commitInfo' in action) return action.commitInfo;
  return undefined;
}
