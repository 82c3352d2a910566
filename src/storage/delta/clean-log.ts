import { SkeinError, SqlState } from '../../common/index.ts';
import type { ObjectInfo, ObjectStore } from '../object-store/object-store.ts';
import type { DeltaSnapshot } from './delta-snapshot.ts';
import { eachLine } from './log-entry.ts';
import { type Checkpoint, LogListingBuilder, logFolder, sidecarFolder } from './log-files.ts';
import type { ParquetRows } from './parquet-rows.ts';
import { readBytes } from './read-object.ts';
import { supportsFeature } from './table-features.ts';
import { deltaProperties } from './table-properties.ts';

const dayMs = 86_400_000;

export interface CleanRequest {
  readonly store: ObjectStore;
  readonly parquet: ParquetRows;
  readonly snapshot: DeltaSnapshot;
  readonly nowMs: number;
  readonly signal?: AbortSignal;
}

/**
 * Deletes what the log's retention lets go: entries and checkpoints before the newest checkpoint that still covers all
 * kept versions, and sidecars that no checkpoint names. Does nothing where the table does not want it.
 * @returns the deleted keys
 * @see Delta PROTOCOL.md, Metadata Cleanup
 */
export async function cleanLog(request: CleanRequest): Promise<readonly string[]> {
  const { store, snapshot, nowMs, signal } = request;
  const { enableExpiredLogCleanup, logRetentionMs } = deltaProperties(snapshot.metadata.configuration);
  // Such a table lets the log be cut only by who understands all features of its older versions.
  if (!enableExpiredLogCleanup || supportsFeature(snapshot.protocol, 'checkpointProtection')) return [];
  const options = { shallow: true, ...(signal === undefined ? {} : { signal }) };
  const objects: ObjectInfo[] = [];
  for await (const object of store.list(logFolder, options)) objects.push(object);
  const expired = planLogCleanup(objects, nowMs, logRetentionMs);
  if (expired.length > 0) await store.delete(expired, signal);
  const gone = new Set(expired);
  const left = listingOf(objects.filter(({ key }) => !gone.has(key)));
  return [...expired, ...(await cleanSidecars(request, left.checkpoints))];
}

/**
 * The objects of a log that may go, oldest first.
 * @param objects of `_delta_log/` itself
 */
export function planLogCleanup(
  objects: readonly ObjectInfo[],
  nowMs: number,
  retentionMs: number,
): readonly string[] {
  const cutoffMs = Math.floor((nowMs - retentionMs) / dayMs) * dayMs;
  const { commits, checkpoints } = listingOf(objects);
  // Clocks of writers differ: a version is not older than those before it.
  let timeMs = Number.NEGATIVE_INFINITY;
  let cutoff = -1;
  for (const [version, { modifiedMs }] of [...commits].sort(([a], [b]) => a - b)) {
    timeMs = Math.max(timeMs + 1, modifiedMs);
    if (timeMs > cutoffMs) break;
    cutoff = version;
  }
  const basis = checkpoints.find(
    ({ version, files }) =>
      version <= cutoff && commits.has(version) && files.every((file) => file.bytes > 0),
  );
  if (basis === undefined) return [];
  return objects
    .flatMap(({ key }) => {
      const file = versionOf(key);
      if (file === undefined) return [];
      const isExpired = file.isCompaction ? file.version <= basis.version : file.version < basis.version;
      return isExpired ? [{ key, version: file.version }] : [];
    })
    .sort((a, b) => a.version - b.version)
    .map(({ key }) => key);
}

function listingOf(objects: readonly ObjectInfo[]): ReturnType<LogListingBuilder['build']> {
  const builder = new LogListingBuilder();
  for (const object of objects) builder.add(object);
  return builder.build();
}

const expiring = /^(\d{20})\.(?:json|crc|checkpoint\..*(?:parquet|json)|(\d{20})\.compacted\.json)$/;

/** Of a file that goes with its version: checkpoints without all their parts, too. */
function versionOf(key: string): { readonly version: number; readonly isCompaction: boolean } | undefined {
  const [, version, last] = expiring.exec(key.slice(logFolder.length)) ?? [];
  return version === undefined ? undefined : { version: Number(version), isCompaction: last !== undefined };
}

/** Young sidecars may belong to a checkpoint that is being written. */
async function cleanSidecars(
  request: CleanRequest,
  checkpoints: readonly Checkpoint[],
): Promise<readonly string[]> {
  const { store, nowMs, signal } = request;
  const cutoffMs = Math.floor(nowMs / dayMs) * dayMs - dayMs;
  const old: string[] = [];
  for await (const { key, modifiedMs } of store.list(sidecarFolder, signal === undefined ? {} : { signal })) {
    if (modifiedMs < cutoffMs) old.push(key);
  }
  if (old.length === 0) return [];
  const named = new Set<string>();
  for (const checkpoint of checkpoints) {
    for (const name of await sidecarsOf(request, checkpoint)) named.add(name);
  }
  const unused = old.filter((key) => !named.has(key.slice(sidecarFolder.length)));
  if (unused.length > 0) await store.delete(unused, signal);
  return unused;
}

/** Names of the sidecars of a checkpoint; one in parts has none. */
async function sidecarsOf(request: CleanRequest, { format, files }: Checkpoint): Promise<readonly string[]> {
  const { store, parquet, signal } = request;
  const [file] = files;
  if (file === undefined || files.length > 1) return [];
  const { key } = file;
  if (format === 'json') {
    const names: string[] = [];
    const bytes = await readBytes(store, key, undefined, signal);
    eachLine(bytes, `${store.root}/${key}`, (row) => names.push(...sidecarNames(row, key)));
    return names;
  }
  const names: string[] = [];
  for await (const { columns } of parquet.readRows(
    { store, key },
    [{ column: 'sidecar', as: 'json' }],
    signal,
  ))
    names.push(...(columns[0] ?? []).flatMap((sidecar) => sidecarNames({ sidecar }, key)));
  return names;
}

function sidecarNames(row: unknown, key: string): readonly string[] {
  const sidecar = (row as { sidecar?: { path?: unknown } | null } | null)?.sidecar;
  if (sidecar === undefined || sidecar === null) return [];
  if (typeof sidecar.path !== 'string') {
    throw new SkeinError(SqlState.dataCorrupted, `${key} names a sidecar without a path`);
  }
  return [decodeURIComponent(sidecar.path).replace(/^.*\//, '')];
}
