import { SkeinError, SqlState } from '../../common/index.ts';
import { scalar } from '../../types/index.ts';
import type { ObjectStore } from '../object-store/object-store.ts';
import type { DeltaColumn, DeltaFile, TableFile, TableSnapshot } from '../table.ts';
import { repeatedPath } from '../table-file-path.ts';
import type { AddAction, DeletionVectorDescriptor, DeltaAction, RemoveAction } from './actions.ts';
import { numRecordsOf } from './check-actions.ts';
import { resolveDataPath } from './data-path.ts';
import { deletionVectorId, inlineDeletionVector, readDeletionVector } from './deletion-vector.ts';
import type { DeltaLog } from './delta-log.ts';
import { storedField } from './delta-table-snapshot.ts';
import { crc32Of, etagOf } from './file-actions.ts';
import { type RowRuns, RowRunsBuilder, rowRunsBetween } from './row-runs.ts';
import { deltaProperties } from './table-properties.ts';

/** A version, or a time in milliseconds since 1970. */
type ChangePoint = { readonly version: number } | { readonly timestampMs: number };

export interface ChangesRequest {
  readonly log: DeltaLog;
  readonly store: ObjectStore;
  /** Of the relation. */
  readonly name: string;
  readonly from: ChangePoint;
  /** Undefined: the latest version. */
  readonly to: ChangePoint | undefined;
  readonly signal: AbortSignal;
}

type ChangeType = 'insert' | 'delete';

/** A file with the rows of one kind of change, or with rows that say themselves how they changed. */
interface ChangedFile {
  readonly file: Pick<AddAction, 'path' | 'partitionValues' | 'stats' | 'tags'> & { readonly size: number };
  readonly rowCount: number | undefined;
  readonly deletionVector: DeletionVectorDescriptor | undefined;
  readonly type: ChangeType | undefined;
}

/**
 * The rows that changed from one version to another, both included: the columns of the later one, then `_change_type`,
 * `_commit_version` and `_commit_timestamp`.
 * @throws SkeinError 22023 for versions that are not there; 55000 where one of them did not record its changes
 * @see Delta PROTOCOL.md, Change Data Files
 */
export async function tableChanges(request: ChangesRequest): Promise<TableSnapshot> {
  const { log, signal, name } = request;
  const latest = await log.snapshot({ signal });
  const from = await firstVersion(request);
  const to = request.to === undefined ? latest : await log.snapshot({ ...request.to, signal });
  if (from > to.version) {
    throw new SkeinError(
      SqlState.invalidParameterValue,
      `changes go from an earlier version to a later one, not from ${from} to ${to.version}`,
    );
  }
  const partitions = to.metadata.partitionColumns.map((column) =>
    to.fields.find((each) => each.name === column),
  );
  const partitionNames = partitions.map((field) => field?.physicalName ?? '');
  const start = await log.snapshot({ version: from, signal });
  let recorded = deltaProperties(start.metadata.configuration).enableChangeDataFeed;
  const files: TableFile[] = [];
  const paths = new Map<string, number>();
  for await (const { version, timestampMs, actions } of log.commits(from, to.version, signal)) {
    for (const action of actions) {
      if ('metaData' in action)
        recorded = deltaProperties(action.metaData.configuration).enableChangeDataFeed;
    }
    if (!recorded) throw notRecorded(version);
    for (const changed of await changedFiles(actions, request)) {
      const values = partitionNames.map((column) => changed.file.partitionValues[column] || null);
      const about = [changed.type ?? null, String(version), new Date(timestampMs).toISOString()];
      files.push(tableFile(changed, log.location, [...values, ...about], paths));
    }
  }
  const count = partitions.length;
  const columns = to.fields.map((field): DeltaColumn => {
    const index = partitions.indexOf(field);
    // By name: files of changes have a column that has no id.
    const stored = storedField(field, to.columnMapping === 'none' ? 'none' : 'name');
    return index >= 0 ? { kind: 'partition', index } : { kind: 'data', stored };
  });
  const rows = files.map(({ bytes, delta }) => delta?.rowCount ?? Math.ceil(bytes / 100));
  return {
    name: `${name}@v${from}-${to.version}`,
    schema: [
      ...to.schema,
      { name: '_change_type', type: scalar('VARCHAR') },
      { name: '_commit_version', type: scalar('BIGINT') },
      { name: '_commit_timestamp', type: scalar('TIMESTAMP WITH TIME ZONE') },
    ],
    format: {
      kind: 'delta',
      columns: [
        ...columns,
        { kind: 'changeType', index: count },
        { kind: 'partition', index: count + 1 },
        { kind: 'partition', index: count + 2 },
      ],
    },
    files,
    rowCount: rows.reduce((sum, each) => sum + each, 0),
    bytes: files.reduce((sum, each) => sum + each.bytes, 0),
    delta: { location: log.location, version: to.version },
  };
}

/** Of a time: the first version from then on. */
async function firstVersion({ log, from, signal }: ChangesRequest): Promise<number> {
  if ('version' in from) return from.version;
  const { version, timestampMs } = await log.snapshot({ ...from, signal });
  return timestampMs < from.timestampMs ? version + 1 : version;
}

function notRecorded(version: number): SkeinError {
  return new SkeinError(
    SqlState.notInThisState,
    `version ${version} of the table has no record of its changes`,
    {
      hint: `ALTER TABLE ... SET TBLPROPERTIES ('delta.enableChangeDataFeed' = 'true') records them from then on.`,
    },
  );
}

/** Where a commit has files of changes, they are all of its changes. */
async function changedFiles(
  actions: readonly DeltaAction[],
  request: ChangesRequest,
): Promise<readonly ChangedFile[]> {
  const adds = new Map<string, AddAction>();
  const removes = new Map<string, RemoveAction>();
  const changes: ChangedFile[] = [];
  for (const action of actions) {
    if ('cdc' in action) {
      changes.push({ file: action.cdc, rowCount: undefined, deletionVector: undefined, type: undefined });
    }
    if ('add' in action && action.add.dataChange) adds.set(action.add.path, action.add);
    if ('remove' in action && action.remove.dataChange) removes.set(action.remove.path, action.remove);
  }
  if (changes.length > 0) return changes;
  const found: ChangedFile[] = [];
  for (const [path, add] of adds) {
    const remove = removes.get(path);
    if (remove === undefined) found.push(wholeFile(add, add, 'insert'));
    else found.push(...(await vectorChanges(add, remove, request)));
  }
  for (const [path, remove] of removes) {
    if (adds.has(path)) continue;
    found.push(
      wholeFile(
        { ...remove, size: remove.size ?? 0, partitionValues: remove.partitionValues ?? {} },
        remove,
        'delete',
      ),
    );
  }
  return found;
}

function wholeFile(
  file: ChangedFile['file'],
  { stats, deletionVector }: Pick<AddAction, 'stats' | 'deletionVector'>,
  type: ChangeType,
): ChangedFile {
  return { file, rowCount: numRecordsOf(stats === undefined ? {} : { stats }), deletionVector, type };
}

/** A file that stays with another deletion vector: rows that the new one has more of are deleted, the others came back. */
async function vectorChanges(
  add: AddAction,
  remove: RemoveAction,
  { store, signal }: ChangesRequest,
): Promise<readonly ChangedFile[]> {
  const idOf = (vector: DeletionVectorDescriptor | undefined): string =>
    vector === undefined ? '' : deletionVectorId(vector);
  if (idOf(add.deletionVector) === idOf(remove.deletionVector)) return [];
  const rowCount = numRecordsOf(add);
  if (rowCount === undefined) {
    throw new SkeinError(
      SqlState.featureNotSupported,
      `the changes of ${add.path} cannot be read: the log does not say how many rows it has`,
    );
  }
  const rowsOf = async (vector: DeletionVectorDescriptor | undefined): Promise<RowRuns> =>
    vector === undefined ? new RowRunsBuilder().build() : await readDeletionVector(store, vector, signal);
  const [before, after] = [await rowsOf(remove.deletionVector), await rowsOf(add.deletionVector)];
  const only = (rows: RowRuns, type: ChangeType): readonly ChangedFile[] => {
    if (rows.rowCount === 0) return [];
    const others = rowRunsBetween(rows, rowCount);
    const deletionVector = others.rowCount === 0 ? undefined : inlineDeletionVector(others);
    return [{ file: add, rowCount, deletionVector, type }];
  };
  return [
    ...only(without(after, before, rowCount), 'delete'),
    ...only(without(before, after, rowCount), 'insert'),
  ];
}

/** Rows of `a` that are not in `b`. */
function without(a: RowRuns, b: RowRuns, rowCount: number): RowRuns {
  const builder = new RowRunsBuilder();
  const gaps = rowRunsBetween(b, rowCount).bounds;
  let at = 0;
  for (let index = 0; index + 1 < a.bounds.length; index += 2) {
    const [start, end] = [a.bounds[index] ?? 0, a.bounds[index + 1] ?? 0];
    while (at + 1 < gaps.length && (gaps[at + 1] ?? 0) <= start) at += 2;
    for (let gap = at; gap + 1 < gaps.length && (gaps[gap] ?? 0) < end; gap += 2) {
      builder.add(Math.max(start, gaps[gap] ?? 0), Math.min(end, gaps[gap + 1] ?? 0));
    }
  }
  return builder.build();
}

function tableFile(
  { file, rowCount, deletionVector }: ChangedFile,
  location: string,
  partitionValues: DeltaFile['partitionValues'],
  paths: Map<string, number>,
): TableFile {
  const place = resolveDataPath(location, file.path);
  const path = place.kind === 'relative' ? `${location}/${place.key}` : place.location;
  const times = paths.get(path) ?? 0;
  paths.set(path, times + 1);
  return {
    path: repeatedPath(path, times),
    bytes: file.size,
    modifiedMs: undefined,
    rowGroups: undefined,
    delta: {
      logPath: file.path,
      rowCount,
      partitionValues,
      deletionVector,
      stats: file.stats,
      shard: undefined,
      crc32: crc32Of(file),
      etag: etagOf(file),
    },
  };
}
