import { type Random, SkeinError, SqlState } from '../../common/index.ts';
import type { Schema } from '../../types/index.ts';
import type { ObjectStore } from '../object-store/object-store.ts';
import type { AddAction, RemoveAction } from './actions.ts';
import {
  fileColumns,
  manifestColumns,
  parsedPartitionType,
  parsedStatsType,
  tableColumns,
} from './checkpoint-schema.ts';
import type { DeltaSnapshot } from './delta-snapshot.ts';
import { encodeLastCheckpoint, type LastCheckpoint } from './last-checkpoint.ts';
import { formatVersion, lastCheckpointKey, logFolder, sidecarFolder } from './log-files.ts';
import type { ParquetRows } from './parquet-rows.ts';
import { randomUuid } from './random-uuid.ts';
import { readBytes } from './read-object.ts';
import { supportsFeature } from './table-features.ts';
import { deltaProperties } from './table-properties.ts';

export interface CheckpointRequest {
  readonly store: ObjectStore;
  readonly parquet: ParquetRows;
  readonly snapshot: DeltaSnapshot;
  /** Of that version; those that are expired are left out here. */
  readonly tombstones: Iterable<RemoveAction>;
  readonly nowMs: number;
  readonly random: Random;
  readonly signal?: AbortSignal;
}

const rowsPerText = 1000;
const actionsPerSidecar = 100_000;
/** Of so many checkpoints of kind V2 one has the classic name, which old clients know, so that they can refuse it. */
const classicEvery = 10;

/**
 * Writes a checkpoint of the version, and points `_last_checkpoint` to it unless that names a newer one. Kind V1 in
 * one file; kind V2 with the files' actions in sidecars where the table has that feature and policy.
 * @returns what `_last_checkpoint` says of it
 * @see Delta PROTOCOL.md, Checkpoints
 */
export async function writeCheckpoint(request: CheckpointRequest): Promise<LastCheckpoint> {
  const { store, snapshot, signal } = request;
  const { checkpointPolicy, deletedFileRetentionMs } = deltaProperties(snapshot.metadata.configuration);
  const minimum = request.nowMs - deletedFileRetentionMs;
  const tombstones = [...request.tombstones].filter(
    ({ deletionTimestamp }) => (deletionTimestamp ?? 0) > minimum,
  );
  const inManifest = checkpointPolicy === 'v2' && supportsFeature(snapshot.protocol, 'v2Checkpoint');
  const written = await (inManifest ? writeV2(request, tombstones) : writeV1(request, tombstones));
  const last = { version: snapshot.version, ...written, numOfAddFiles: snapshot.files.length };
  if (((await lastCheckpointVersion(store, signal)) ?? -1) <= snapshot.version) {
    await store.put(lastCheckpointKey, encodeLastCheckpoint(last), signal);
  }
  return last;
}

type Written = Pick<LastCheckpoint, 'size' | 'sizeInBytes'>;

async function writeV1(request: CheckpointRequest, tombstones: readonly RemoveAction[]): Promise<Written> {
  const { snapshot } = request;
  const table = tableRows(request);
  const files = fileRows(snapshot, snapshot.files, tombstones);
  const key = `${logFolder}${formatVersion(snapshot.version)}.checkpoint.parquet`;
  const columns = [...tableColumns(snapshot), ...fileColumns(snapshot)];
  const sizeInBytes = await writeParquet(request, key, columns, chain(table, files));
  return { size: table.length + snapshot.files.length + tombstones.length, sizeInBytes };
}

/** Sidecars first: a checkpoint must not name what is not there. */
async function writeV2(request: CheckpointRequest, tombstones: readonly RemoveAction[]): Promise<Written> {
  const { snapshot, random, nowMs } = request;
  const sidecars: string[] = [];
  let sizeInBytes = 0;
  const total = snapshot.files.length + tombstones.length;
  for (let start = 0; start < total; start += actionsPerSidecar) {
    const end = start + actionsPerSidecar;
    const removed = Math.max(0, start - snapshot.files.length);
    const rows = fileRows(
      snapshot,
      snapshot.files.slice(start, end),
      tombstones.slice(removed, Math.max(0, end - snapshot.files.length)),
    );
    const name = `${randomUuid(random)}.parquet`;
    const bytes = await writeParquet(request, sidecarFolder + name, fileColumns(snapshot), rows);
    sizeInBytes += bytes;
    const sidecar = { path: name, sizeInBytes: bytes, modificationTime: Math.floor(nowMs), tags: {} };
    sidecars.push(JSON.stringify({ sidecar }));
  }
  const tags = {
    sidecarNumActions: String(total),
    sidecarSizeInBytes: String(sizeInBytes),
    numOfAddFiles: String(snapshot.files.length),
  };
  const manifest = JSON.stringify({ checkpointMetadata: { version: snapshot.version, tags } });
  const rows = [manifest, ...tableRows(request), ...sidecars];
  const { checkpointInterval } = deltaProperties(snapshot.metadata.configuration);
  const isClassic = Math.floor(snapshot.version / checkpointInterval) % classicEvery === 0;
  const suffix = isClassic ? '' : `.${randomUuid(random)}`;
  const key = `${logFolder}${formatVersion(snapshot.version)}.checkpoint${suffix}.parquet`;
  const columns = [...tableColumns(snapshot), ...manifestColumns];
  sizeInBytes += await writeParquet(request, key, columns, rows);
  return { size: rows.length + total, sizeInBytes };
}

/** Actions that are no files, as JSON. */
function tableRows({ snapshot, nowMs }: CheckpointRequest): readonly string[] {
  const { protocol, metadata, transactions, domains } = snapshot;
  const { transactionRetentionMs = Number.POSITIVE_INFINITY } = deltaProperties(metadata.configuration);
  const live = [...transactions.values()].filter(
    ({ lastUpdated }) => lastUpdated === undefined || lastUpdated > nowMs - transactionRetentionMs,
  );
  return [
    { protocol },
    { metaData: metadata },
    ...live.map((txn) => ({ txn })),
    ...[...domains.values()].map((domainMetadata) => ({ domainMetadata })),
  ].map((row) => JSON.stringify(row));
}

function* fileRows(
  snapshot: DeltaSnapshot,
  files: readonly AddAction[],
  tombstones: readonly RemoveAction[],
): Generator<string> {
  const format = addFormatter(snapshot);
  for (const file of files) yield format(file);
  for (const tombstone of tombstones) {
    const { stats: _stats, tags: _tags, ...remove } = tombstone;
    yield JSON.stringify({ remove: { ...remove, dataChange: false } });
  }
}

/** Of the state of a table no file is a change: `dataChange` is false. */
function addFormatter(snapshot: DeltaSnapshot): (file: AddAction) => string {
  const { writeStatsAsJson } = deltaProperties(snapshot.metadata.configuration);
  const parsesStats = parsedStatsType(snapshot) !== undefined;
  const parsesPartitions = parsedPartitionType(snapshot) !== undefined;
  return (file) => {
    const { stats, ...rest } = file;
    const add = {
      ...rest,
      dataChange: false,
      ...(writeStatsAsJson && stats !== undefined ? { stats } : {}),
      ...(parsesPartitions ? { partitionValues_parsed: emptyToNull(file.partitionValues) } : {}),
    };
    const json = JSON.stringify(add);
    // The statistics are taken over as the text that they are, so that no digit is lost.
    const parsed = parsesStats && stats !== undefined && isJson(stats) ? `,"stats_parsed":${stats}` : '';
    return `{"add":${json.slice(0, -1)}${parsed}}}`;
  };
}

function emptyToNull(values: AddAction['partitionValues']): Record<string, string | null> {
  return Object.fromEntries(Object.entries(values).map(([name, value]) => [name, value || null]));
}

function isJson(text: string): boolean {
  try {
    JSON.parse(text);
    return true;
  } catch {
    return false;
  }
}

async function writeParquet(
  { store, parquet, signal }: CheckpointRequest,
  key: string,
  columns: Schema,
  rows: Iterable<string>,
): Promise<number> {
  await using file = await parquet.writeRows(columns, inArrays(rows), signal);
  await store.put(key, { file: file.path }, signal);
  return file.bytes;
}

function* chain(first: Iterable<string>, second: Iterable<string>): Generator<string> {
  yield* first;
  yield* second;
}

function* inArrays(rows: Iterable<string>): Generator<string> {
  let texts: string[] = [];
  for (const row of rows) {
    texts.push(row);
    if (texts.length < rowsPerText) continue;
    yield `[${texts.join(',')}]`;
    texts = [];
  }
  if (texts.length > 0) yield `[${texts.join(',')}]`;
}

/** Undefined where there is no `_last_checkpoint`, or nothing that could be read. */
async function lastCheckpointVersion(
  store: ObjectStore,
  signal: AbortSignal | undefined,
): Promise<number | undefined> {
  let bytes: Uint8Array;
  try {
    bytes = await readBytes(store, lastCheckpointKey, undefined, signal);
  } catch (error) {
    if (error instanceof SkeinError && error.sqlState === SqlState.undefinedFile) return undefined;
    throw error;
  }
  try {
    const parsed = JSON.parse(Buffer.from(bytes).toString('utf8')) as { version?: unknown } | null;
    return typeof parsed?.version === 'number' ? parsed.version : undefined;
  } catch {
    return undefined;
  }
}
