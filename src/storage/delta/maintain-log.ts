import { type Clock, type Random, type SkeinError, toSkeinError } from '../../common/index.ts';
import type { ObjectStore } from '../object-store/object-store.ts';
import type { RemoveAction } from './actions.ts';
import { cleanLog } from './clean-log.ts';
import type { DeltaSnapshot } from './delta-snapshot.ts';
import type { LastCheckpoint } from './last-checkpoint.ts';
import type { ParquetRows } from './parquet-rows.ts';
import { deltaProperties } from './table-properties.ts';
import { writeCheckpoint } from './write-checkpoint.ts';

/** All that a log says of a version. */
export interface VersionState {
  readonly snapshot: DeltaSnapshot;
  /** Removed files that the log still names. */
  readonly tombstones: readonly RemoveAction[];
}

export interface MaintainRequest {
  readonly store: ObjectStore;
  readonly parquet: ParquetRows;
  /** The version that was just committed. */
  readonly version: number;
  /** The table's properties as of that version. */
  readonly configuration: Readonly<Record<string, string>>;
  readonly load: (version: number, signal: AbortSignal | undefined) => Promise<VersionState>;
  readonly clock: Clock;
  readonly random: Random;
  readonly signal?: AbortSignal;
}

export type MaintainResult =
  | { readonly kind: 'notDue' }
  | {
      readonly kind: 'done';
      readonly checkpoint: LastCheckpoint;
      /** Keys of the log that were deleted. */
      readonly cleaned: readonly string[];
    }
  /** The commit stands all the same. */
  | { readonly kind: 'failed'; readonly error: SkeinError };

/**
 * After a commit: every so many versions a checkpoint, and then the cleanup of the log. Never throws: the commit is
 * done, and the next one that is due does what failed here.
 */
export async function maintainLog(request: MaintainRequest): Promise<MaintainResult> {
  try {
    const { checkpointInterval } = deltaProperties(request.configuration);
    if (request.version === 0 || request.version % checkpointInterval !== 0) return { kind: 'notDue' };
    const { store, parquet, clock, random, signal } = request;
    const { snapshot, tombstones } = await request.load(request.version, signal);
    const nowMs = clock.now();
    const common = { store, parquet, snapshot, nowMs, ...(signal === undefined ? {} : { signal }) };
    const checkpoint = await writeCheckpoint({ ...common, tombstones, random });
    return { kind: 'done', checkpoint, cleaned: await cleanLog(common) };
  } catch (error) {
    return { kind: 'failed', error: toSkeinError(error) };
  }
}
