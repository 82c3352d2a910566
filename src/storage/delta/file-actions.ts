import { assert } from '../../common/index.ts';
import type { WrittenFile } from '../table-write.ts';
import type { AddAction, CdcAction, DeletionVectorDescriptor, DeltaAction, RemoveAction } from './actions.ts';
import { numRecordsOf } from './check-actions.ts';
import { limitStats, type StatsColumn, widenStats } from './file-stats.ts';

/**
 * Tags of data files: the shard that the rows belong to, the CRC-32 of all bytes as eight hex digits, and the ETag of the
 * object as it was written.
 */
const shardTag = 'skein.shard';
const crc32Tag = 'skein.crc32';
const etagTag = 'skein.etag';

export interface AddOptions {
  readonly nowMs: number;
  /** False where the rows were in the table before. */
  readonly dataChange: boolean;
  /** Columns that the table keeps statistics of; undefined: all that the file has. */
  readonly statsColumns?: readonly StatsColumn[];
}

/** The action that makes a written file part of a table. */
export function toAddAction(file: WrittenFile, options: AddOptions): AddAction {
  const { statsColumns } = options;
  const stats = statsColumns === undefined ? file.stats : limitStats(file.stats, statsColumns);
  return {
    path: file.path,
    partitionValues: file.partitionValues,
    size: file.bytes,
    modificationTime: Math.floor(options.nowMs),
    dataChange: options.dataChange,
    ...(stats === undefined ? {} : { stats }),
    tags: {
      ...(file.shard === undefined ? {} : { [shardTag]: String(file.shard) }),
      [crc32Tag]: file.crc32.toString(16).padStart(8, '0'),
      ...(file.etag === undefined ? {} : { [etagTag]: file.etag }),
    },
  };
}

/** The action of a file of changed rows. */
export function toCdcAction(file: WrittenFile): CdcAction {
  return { path: file.path, partitionValues: file.partitionValues, size: file.bytes, dataChange: false };
}

/** The shard that a file's tags name; undefined where they name none. */
export function shardOf({ tags }: Pick<AddAction, 'tags'>): number | undefined {
  const text = tags?.[shardTag];
  return text !== undefined && /^\d{1,9}$/.test(text) ? Number(text) : undefined;
}

/** The checksum that a file's tags name; undefined where they name none. */
export function crc32Of({ tags }: Pick<AddAction, 'tags'>): number | undefined {
  const text = tags?.[crc32Tag];
  return text !== undefined && /^[0-9a-f]{8}$/.test(text) ? Number.parseInt(text, 16) : undefined;
}

/** The ETag that a file's tags name; undefined where they name none. */
export function etagOf({ tags }: Pick<AddAction, 'tags'>): string | undefined {
  return tags?.[etagTag];
}

/** The tombstone of a live file. */
export function toRemoveAction(file: AddAction, nowMs: number, dataChange: boolean): RemoveAction {
  const { path, partitionValues, size, stats, tags, deletionVector, baseRowId, defaultRowCommitVersion } =
    file;
  return {
    path,
    deletionTimestamp: Math.floor(nowMs),
    dataChange,
    extendedFileMetadata: true,
    partitionValues,
    size,
    ...(stats === undefined ? {} : { stats }),
    ...(tags === undefined ? {} : { tags }),
    ...(deletionVector === undefined ? {} : { deletionVector }),
    ...(baseRowId === undefined ? {} : { baseRowId }),
    ...(defaultRowCommitVersion === undefined ? {} : { defaultRowCommitVersion }),
  };
}

/** Rows of a live file that a statement deletes. */
export interface FileDeletion {
  readonly file: AddAction;
  /** All deleted rows of the file: those of its vector so far, too. */
  readonly deletionVector: DeletionVectorDescriptor;
}

/**
 * Replaces deletion vectors. A file of which no row is left is removed whole.
 * @see Delta PROTOCOL.md, Add File and Remove File: both a remove and an add of the path, with different vectors
 */
export function replaceDeletionVectors(deletions: readonly FileDeletion[], nowMs: number): DeltaAction[] {
  return deletions.flatMap(({ file, deletionVector }): DeltaAction[] => {
    const remove: DeltaAction = { remove: toRemoveAction(file, nowMs, true) };
    const rows = numRecordsOf(file);
    assert(rows !== undefined, `${file.path} gets a deletion vector but has no number of rows`);
    if (deletionVector.cardinality >= rows) return [remove];
    const { stats: before, ...rest } = file;
    const stats = widenStats(before);
    const add = { ...rest, dataChange: true, ...(stats === undefined ? {} : { stats }), deletionVector };
    return [remove, { add }];
  });
}
