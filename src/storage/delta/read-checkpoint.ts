import { SkeinError, SqlState } from '../../common/index.ts';
import type { ObjectStore } from '../object-store/object-store.ts';
import type { DeltaAction } from './actions.ts';
import {
  corruptLog,
  eachLine,
  parseAction,
  parseCheckpointAction,
  parseRows,
  type SidecarAction,
} from './log-entry.ts';
import { type Checkpoint, sidecarFolder } from './log-files.ts';
import type { ParquetColumn, ParquetColumnField, ParquetRows } from './parquet-rows.ts';
import { readBytes } from './read-object.ts';

/** A row of a checkpoint: an action, and the statistics of an add that has them in columns of their own. */
export interface CheckpointRow {
  readonly action: DeltaAction;
  /** JSON as `statsFromParsed` takes it; undefined where the add has statistics as the log has them, or none. */
  readonly parsedStats: string | undefined;
}

export interface CheckpointReader {
  readonly store: ObjectStore;
  readonly parquet: ParquetRows;
  /** Tombstones are read only where they are wanted. */
  readonly withRemoves: boolean;
  readonly signal: AbortSignal | undefined;
}

const fileFields: readonly ParquetColumnField[] = [
  'path',
  'partitionValues',
  'size',
  'modificationTime',
  'dataChange',
  'stats',
  'tags',
  'deletionVector',
  'baseRowId',
  'defaultRowCommitVersion',
  'clusteringProvider',
].map((name) => ({ name }));
const addColumn: ParquetColumn = {
  name: 'add',
  fields: [...fileFields, { name: 'stats_parsed', textUnless: 'stats' }],
};
const removeColumn: ParquetColumn = { name: 'remove' };
const otherColumns: readonly ParquetColumn[] = [
  'metaData',
  'protocol',
  'txn',
  'domainMetadata',
  'sidecar',
  'checkpointMetadata',
].map((name) => ({ name }));

/**
 * Reads a checkpoint of either kind with its sidecars, in the order of the files.
 * @throws SkeinError XX001 naming the file that is damaged, 58P01 one that is gone
 * @see Delta PROTOCOL.md, Checkpoints
 */
export async function readCheckpoint(
  reader: CheckpointReader,
  checkpoint: Checkpoint,
  use: (row: CheckpointRow) => void,
): Promise<void> {
  const sidecars: SidecarAction[] = [];
  const takeRow = (row: unknown): void => {
    const { sidecar } = parseCheckpointAction(row) ?? {};
    if (sidecar === undefined) takeAction(row, use);
    else sidecars.push(sidecar);
  };
  const columns = [addColumn, ...(reader.withRemoves ? [removeColumn] : []), ...otherColumns];
  for (const { key } of checkpoint.files) {
    if (checkpoint.format === 'parquet') await readParquet(reader, key, columns, takeRow);
    else await readJson(reader, key, takeRow);
  }
  const fileColumns = [addColumn, ...(reader.withRemoves ? [removeColumn] : [])];
  for (const sidecar of sidecars) {
    const key = sidecarKey(reader.store, checkpoint, sidecar);
    await readParquet(reader, key, fileColumns, (row) => takeAction(row, use));
  }
}

function takeAction(row: unknown, use: (row: CheckpointRow) => void): void {
  const action = parseAction(row);
  if (action === undefined) return;
  use({ action, parsedStats: 'add' in action ? parsedStatsOf(row) : undefined });
}

function parsedStatsOf(row: unknown): string | undefined {
  const { add } = row as { readonly add: { readonly stats_parsed?: unknown } };
  return typeof add.stats_parsed === 'string' ? add.stats_parsed : undefined;
}

async function readParquet(
  { store, parquet, signal }: CheckpointReader,
  key: string,
  columns: readonly ParquetColumn[],
  use: (row: unknown) => void,
): Promise<void> {
  const where = `${store.root}/${key}`;
  for await (const text of parquet.readRows({ store, key }, columns, signal)) parseRows(text, where, use);
}

async function readJson(
  { store, signal }: CheckpointReader,
  key: string,
  use: (row: unknown) => void,
): Promise<void> {
  eachLine(await readBytes(store, key, undefined, signal), `${store.root}/${key}`, use);
}

/** Sidecars lie in one folder, by whatever path they are called. */
function sidecarKey(store: ObjectStore, checkpoint: Checkpoint, { path }: SidecarAction): string {
  const name = decodeName(path.slice(path.lastIndexOf('/') + 1));
  if (name === undefined || !/^[^/\\\0]+\.parquet$/.test(name)) {
    const where = `${store.root}/${checkpoint.files[0]?.key}`;
    throw corruptLog(where, `names a sidecar ${JSON.stringify(path.slice(0, 300))} that is no file`);
  }
  return `${sidecarFolder}${name}`;
}

function decodeName(name: string): string | undefined {
  try {
    return decodeURIComponent(name);
  } catch {
    return undefined;
  }
}

/** Whether another way to the same version may work: this checkpoint is damaged, or parts of it are gone. */
export function isDamaged(error: unknown): error is SkeinError {
  return (
    error instanceof SkeinError &&
    (error.sqlState === SqlState.dataCorrupted || error.sqlState === SqlState.undefinedFile)
  );
}
