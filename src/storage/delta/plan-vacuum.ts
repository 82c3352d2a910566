import { SkeinError, SqlState } from '../../common/index.ts';
import type { ObjectInfo } from '../object-store/object-store.ts';
import type { AddAction, DeletionVectorDescriptor, RemoveAction } from './actions.ts';
import { resolveDataPath } from './data-path.ts';
import { deletionVectorPath } from './deletion-vector.ts';
import type { DeltaSnapshot } from './delta-snapshot.ts';
import { checkWritable } from './table-features.ts';
import { deltaProperties } from './table-properties.ts';

export interface VacuumRequest {
  /** The latest version. */
  readonly snapshot: DeltaSnapshot;
  /** Of that version: all that the log has, expired or not. */
  readonly tombstones: readonly RemoveAction[];
  /** Objects below the table's root. */
  readonly objects: Iterable<ObjectInfo>;
  readonly nowMs: number;
  /** Undefined: what the table's properties say. */
  readonly retentionMs?: number;
  /** Lets the retention be shorter than that: readers of old versions, and writers at work, lose their files. */
  readonly force?: boolean;
}

export interface VacuumPlan {
  /** Objects to be deleted, in the order of the listing. */
  readonly keys: readonly string[];
  readonly bytes: number;
  readonly cutoffMs: number;
}

/**
 * What VACUUM deletes: objects older than the retention that neither the latest version nor a younger tombstone needs.
 * Files of writers that are still at work are young. Hidden folders and files (`_` or `.` at the beginning of a name)
 * are left alone but for change data, and folders of partitions, whatever their column is called.
 * @throws SkeinError 0A000 as `checkWritable`, which VACUUM must ask of every table; 22023 for too short a retention
 * @see Delta PROTOCOL.md, VACUUM Protocol Check
 */
export function planVacuum(request: VacuumRequest): VacuumPlan {
  const { snapshot, tombstones, nowMs } = request;
  checkWritable(snapshot.protocol, snapshot.metadata);
  const cutoffMs = nowMs - retentionOf(request);
  const needed = new Set<string>();
  for (const file of snapshot.files) markNeeded(needed, snapshot.location, file);
  for (const tombstone of tombstones) {
    if ((tombstone.deletionTimestamp ?? 0) >= cutoffMs) markNeeded(needed, snapshot.location, tombstone);
  }
  const partitions = partitionPrefixes(snapshot);
  const keys: string[] = [];
  let bytes = 0;
  for (const object of request.objects) {
    if (object.modifiedMs >= cutoffMs || needed.has(object.key)) continue;
    if (isHidden(object.key, partitions)) continue;
    keys.push(object.key);
    bytes += object.bytes;
  }
  return { keys, bytes, cutoffMs };
}

function retentionOf({ snapshot, retentionMs, force = false }: VacuumRequest): number {
  const { deletedFileRetentionMs } = deltaProperties(snapshot.metadata.configuration);
  if (retentionMs === undefined) return deletedFileRetentionMs;
  if (!(retentionMs >= 0)) {
    throw new SkeinError(SqlState.invalidParameterValue, 'the retention of VACUUM must not be negative');
  }
  if (retentionMs >= deletedFileRetentionMs || force) return retentionMs;
  throw new SkeinError(
    SqlState.invalidParameterValue,
    'the retention of VACUUM is shorter than delta.deletedFileRetentionDuration of the table',
    {
      hint:
        'A shorter one takes files away from readers of older versions and from writers at work. If there are none, ' +
        "ALTER TABLE ... SET TBLPROPERTIES ('delta.deletedFileRetentionDuration' = 'interval 0 hours') allows it.",
    },
  );
}

function markNeeded(
  needed: Set<string>,
  location: string,
  { path, deletionVector }: Pick<AddAction | RemoveAction, 'path' | 'deletionVector'>,
): void {
  const place = resolveDataPath(location, path);
  if (place.kind === 'relative') needed.add(place.key);
  const vector = deletionVector && vectorKey(location, deletionVector);
  if (vector !== undefined) needed.add(vector);
}

function vectorKey(location: string, vector: DeletionVectorDescriptor): string | undefined {
  const place = deletionVectorPath(location, vector);
  return place?.kind === 'relative' ? place.key : undefined;
}

/** Beginnings of the folders of partitions: `_year=`. */
function partitionPrefixes({ metadata, fields }: DeltaSnapshot): readonly string[] {
  return metadata.partitionColumns.flatMap((column) => {
    const physical = fields.find(({ name }) => name === column)?.physicalName;
    return physical === undefined || physical === column ? [`${column}=`] : [`${column}=`, `${physical}=`];
  });
}

function isHidden(key: string, partitions: readonly string[]): boolean {
  return key.split('/').some((part, position) => {
    if (!/^[._]/.test(part)) return false;
    if (position === 0 && part === '_change_data') return false;
    return !partitions.some((prefix) => part.startsWith(prefix));
  });
}
