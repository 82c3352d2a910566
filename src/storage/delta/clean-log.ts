import { SkeinError, SqlState } from '../../common/index.ts';
import type { ObjectInfo, ObjectStore } from '../object-store/object-store.ts';
import type { DeltaSnapshot } from './delta-snapshot.ts';
import { commitKey, logFolder, parseLogKey } from './log-keys.ts';
import type { ParquetRows } from './parquet-rows.ts';
import { readBytes } from './read-object.ts';
import { supportsFeature } from './table-features.ts';
import { deltaProperties } from './table-properties.ts';
import { sidecarFolder } from './write-checkpoint.ts';

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
  const left = objects.map(({ key }) => key).filter((key) => !gone.has(key));
  return [...expired, ...(await cleanSidecars(request, left))];
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
  const files = objects
    .flatMap((object) => {
      const file = parseLogKey(object.key);
      return file === undefined ? [] : [{ ...file, key: object.key, modifiedMs: object.modifiedMs }];
    })
    .sort((a, b) => a.version - b.version || (a.key < b.key ? -1 : 1));
  // Clocks of writers differ: a version is not older than those before it.
  let timeMs = Number.NEGATIVE_INFINITY;
  let cutoff = -1;
  for (const file of files) {
    if (file.kind !== 'commit') continue;
    timeMs = Math.max(timeMs + 1, file.modifiedMs);
    if (timeMs > cutoffMs) break;
    cutoff = file.version;
  }
  const checkpoint = newestCheckpoint(objects, cutoff);
  if (checkpoint === undefined) return [];
  return files
    .filter((file) => (file.kind === 'compacted' ? file.version <= checkpoint : file.version < checkpoint))
    .map(({ key }) => key);
}

/** The newest complete checkpoint of a version up to `cutoff`, whose entry is there too. */
function newestCheckpoint(objects: readonly ObjectInfo[], cutoff: number): number | undefined {
  const keys = new Set(objects.map(({ key }) => key));
  const parts = new Map<string, number>();
  let newest: number | undefined;
  for (const { key, bytes } of objects) {
    const file = parseLogKey(key);
    if (file?.kind !== 'checkpoint' || file.version > cutoff || bytes === 0) continue;
    if (!keys.has(commitKey(file.version))) continue;
    if (file.form.kind === 'part') {
      const group = `${file.version}/${file.form.parts}`;
      const count = (parts.get(group) ?? 0) + 1;
      parts.set(group, count);
      if (count < file.form.parts) continue;
    }
    newest = Math.max(newest ?? 0, file.version);
  }
  return newest;
}

/** Young sidecars may belong to a checkpoint that is being written. */
async function cleanSidecars(request: CleanRequest, logKeys: readonly string[]): Promise<readonly string[]> {
  const { store, nowMs, signal } = request;
  const cutoffMs = Math.floor(nowMs / dayMs) * dayMs - dayMs;
  const old: string[] = [];
  for await (const { key, modifiedMs } of store.list(sidecarFolder, signal === undefined ? {} : { signal })) {
    if (modifiedMs < cutoffMs) old.push(key);
  }
  if (old.length === 0) return [];
  const named = new Set<string>();
  for (const key of logKeys) {
    for (const name of await sidecarsOf(request, key)) named.add(name);
  }
  const unused = old.filter((key) => !named.has(key.slice(sidecarFolder.length)));
  if (unused.length > 0) await store.delete(unused, signal);
  return unused;
}

/** Names of the sidecars of a checkpoint; none of other files. */
async function sidecarsOf(request: CleanRequest, key: string): Promise<readonly string[]> {
  const { store, parquet, signal } = request;
  const file = parseLogKey(key);
  if (file?.kind !== 'checkpoint' || file.form.kind === 'part') return [];
  if (file.form.kind === 'uuid' && file.form.format === 'json') {
    const text = Buffer.from(await readBytes(store, key, undefined, signal)).toString('utf8');
    return text
      .split('\n')
      .filter((line) => line.trim() !== '')
      .flatMap((line) => sidecarNames(JSON.parse(line), key));
  }
  const names: string[] = [];
  for await (const text of parquet.readRows({ store, key }, [{ name: 'sidecar' }], signal)) {
    const rows: unknown = JSON.parse(text);
    if (Array.isArray(rows)) names.push(...rows.flatMap((row: unknown) => sidecarNames(row, key)));
  }
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
