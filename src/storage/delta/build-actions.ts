import { mapConcurrently, SkeinError, SqlState } from '../../common/index.ts';
import type { ObjectStore } from '../object-store/object-store.ts';
import type { AddAction, CdcAction, DeltaAction, MetadataAction, ProtocolAction } from './actions.ts';
import { encodeDataPath, resolveDataPath } from './data-path.ts';
import { deletionVectorPath } from './deletion-vector.ts';
import type { DeltaSnapshot } from './delta-snapshot.ts';
import { type FileDeletion, replaceDeletionVectors, toRemoveAction } from './file-actions.ts';
import { fileKey } from './replay.ts';
import { neededFeatures, upgradeProtocol } from './table-features.ts';

/** The first commit of a table, with its first rows if it has any. */
export function createTable(
  protocol: ProtocolAction,
  metadata: MetadataAction,
  files: readonly AddAction[] = [],
): DeltaAction[] {
  return [{ protocol }, { metaData: metadata }, ...addAll(files)];
}

export function append(files: readonly AddAction[]): DeltaAction[] {
  return addAll(files);
}

/** Live files that satisfy the condition make room for new ones; without a condition all of them do. */
export function overwrite(
  snapshot: DeltaSnapshot,
  files: readonly AddAction[],
  nowMs: number,
  replaced: (file: AddAction) => boolean = () => true,
): DeltaAction[] {
  return [...removeAll(snapshot.files.filter(replaced), nowMs, true), ...addAll(files)];
}

/**
 * CREATE OR REPLACE: the table keeps its id, its history and what its protocol has, and becomes another one.
 * @param needed features of the new table
 */
export function replaceTable(
  snapshot: DeltaSnapshot,
  metadata: MetadataAction,
  needed: readonly string[],
  files: readonly AddAction[],
  nowMs: number,
): DeltaAction[] {
  return [
    ...changeTable(snapshot, { ...metadata, id: snapshot.metadata.id }, needed),
    ...overwrite(snapshot, files, nowMs),
  ];
}

/** New metadata, and the protocol that they need where that is another one. */
export function changeTable(
  snapshot: DeltaSnapshot,
  metadata: MetadataAction,
  needed: readonly string[],
): DeltaAction[] {
  const protocol = upgradeProtocol(snapshot.protocol, needed);
  return [...(protocol === undefined ? [] : [{ protocol }]), { metaData: metadata }];
}

/** What an UPDATE, DELETE or MERGE did to the files of a table. */
export interface RowChanges {
  /** Live files whose remaining rows are in `written`. */
  readonly rewritten: readonly AddAction[];
  readonly deletions: readonly FileDeletion[];
  readonly written: readonly AddAction[];
  /** Where the table keeps its change data. */
  readonly changes: readonly CdcAction[];
}

export function changeRows(
  { rewritten, deletions, written, changes }: RowChanges,
  nowMs: number,
): DeltaAction[] {
  return [
    ...removeAll(rewritten, nowMs, true),
    ...replaceDeletionVectors(deletions, nowMs),
    ...addAll(written),
    ...changes.map((cdc) => ({ cdc })),
  ];
}

/** OPTIMIZE: the rows of some files move to others. */
export function rearrange(
  removed: readonly AddAction[],
  written: readonly AddAction[],
  nowMs: number,
): DeltaAction[] {
  return [
    ...removeAll(removed, nowMs, false),
    ...written.map((file) => ({ add: { ...file, dataChange: false } })),
  ];
}

/**
 * RESTORE: the live files and the metadata of an older version again. Files of both versions stay as they are; the
 * protocol stays, or grows by what the old metadata needs.
 */
export function restore(current: DeltaSnapshot, target: DeltaSnapshot, nowMs: number): DeltaAction[] {
  const live = new Set(current.files.map(fileKey));
  const wanted = new Set(target.files.map(fileKey));
  const needed = neededFeatures({ fields: target.fields, configuration: target.metadata.configuration });
  const sameTable = JSON.stringify(target.metadata) === JSON.stringify(current.metadata);
  return [
    ...(sameTable ? [] : changeTable(current, target.metadata, needed)),
    ...removeAll(
      current.files.filter((file) => !wanted.has(fileKey(file))),
      nowMs,
      true,
    ),
    ...addAll(target.files.filter((file) => !live.has(fileKey(file)))),
  ];
}

/**
 * Checks that files which a commit adds back were not vacuumed, their deletion vectors too. What lies outside of the table
 * is not looked at.
 * @throws SkeinError 55000 naming a file that is gone
 */
export async function checkFilesExist(
  store: ObjectStore,
  actions: readonly DeltaAction[],
  signal: AbortSignal | undefined,
): Promise<void> {
  const keys = new Set<string>();
  for (const action of actions) {
    if (!('add' in action)) continue;
    const { path, deletionVector } = action.add;
    const vector = deletionVector && deletionVectorPath(store.root, deletionVector);
    for (const place of [resolveDataPath(store.root, path), vector]) {
      if (place?.kind === 'relative') keys.add(place.key);
    }
  }
  await mapConcurrently([...keys], 16, async (key) => {
    if ((await store.stat(key, signal)) !== undefined) return;
    throw new SkeinError(
      SqlState.notInThisState,
      `the version cannot be restored: its file ${key} was vacuumed`,
      { details: { path: `${store.root}/${key}` } },
    );
  });
}

/** A new table over the files of another one: a shallow CLONE. Its files are named by absolute paths. */
export function shallowClone(source: DeltaSnapshot, metadata: MetadataAction): DeltaAction[] {
  const files = source.files.map((file) => {
    const place = resolveDataPath(source.location, file.path);
    const path = place.kind === 'relative' ? absolutePath(source.location, place.key) : file.path;
    const { deletionVector, ...rest } = file;
    const vector = deletionVector && absoluteVector(source.location, deletionVector);
    return { ...rest, path, dataChange: true, ...(vector === undefined ? {} : { deletionVector: vector }) };
  });
  return createTable(source.protocol, metadata, files);
}

function absoluteVector(
  location: string,
  vector: NonNullable<AddAction['deletionVector']>,
): NonNullable<AddAction['deletionVector']> {
  const place = vector.storageType === 'u' ? deletionVectorPath(location, vector) : undefined;
  if (place?.kind !== 'relative') return vector;
  return { ...vector, storageType: 'p', pathOrInlineDv: absolutePath(location, place.key) };
}

/** A URI: `file:///data/t/f.parquet` of a local table, `s3://bucket/t/f.parquet`. */
function absolutePath(location: string, key: string): string {
  const [scheme = '', rest = ''] = location.startsWith('/') ? ['file', location] : location.split('://');
  return `${scheme}://${encodeDataPath(`${rest}/${key}`)}`;
}

function removeAll(files: readonly AddAction[], nowMs: number, dataChange: boolean): DeltaAction[] {
  return files.map((file) => ({ remove: toRemoveAction(file, nowMs, dataChange) }));
}

function addAll(files: readonly AddAction[]): DeltaAction[] {
  return files.map((file) => ({ add: file.dataChange ? file : { ...file, dataChange: true } }));
}
