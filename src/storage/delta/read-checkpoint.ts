import { SkeinError, SqlState } from '../../common/index.ts';
import type { ObjectStore } from '../object-store/object-store.ts';
import type { DeltaAction } from './actions.ts';
import {
  corruptLog,
  eachLine,
  parseAction,
  parseAdd,
  parseCheckpointAction,
  parsing,
  type SidecarAction,
} from './log-entry.ts';
import { type Checkpoint, sidecarFolder } from './log-files.ts';
import type { ParquetBatch, ParquetRows, ParquetValue } from './parquet-rows.ts';
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

const addFields = [
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
];
/** Quicker to read as they stand than by JSON. */
const longTexts: ReadonlySet<string> = new Set(['path', 'stats']);
const addValues = addFields.map(
  (field): ParquetValue => ({ column: 'add', field, as: longTexts.has(field) ? 'text' : 'json' }),
);
const parsedStats: ParquetValue = { column: 'add', field: 'stats_parsed', as: 'jsonText', unless: 'stats' };
const otherColumns = ['metaData', 'protocol', 'txn', 'domainMetadata', 'sidecar', 'checkpointMetadata'];

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
  const removes = reader.withRemoves ? ['remove'] : [];
  for (const { key } of checkpoint.files) {
    if (checkpoint.format === 'parquet')
      await readParquet(reader, key, [...removes, ...otherColumns], takeRow, use);
    else await readJson(reader, key, takeRow);
  }
  for (const sidecar of sidecars) {
    const key = sidecarKey(reader.store, checkpoint, sidecar);
    await readParquet(reader, key, removes, (row) => takeAction(row, use), use);
  }
}

function takeAction(row: unknown, use: (row: CheckpointRow) => void): void {
  const action = parseAction(row);
  if (action !== undefined) use({ action, parsedStats: undefined });
}

/** @param columns that are read besides adds */
async function readParquet(
  { store, parquet, signal }: CheckpointReader,
  key: string,
  columns: readonly string[],
  takeOther: (row: unknown) => void,
  use: (row: CheckpointRow) => void,
): Promise<void> {
  const others = columns.map((column): ParquetValue => ({ column, as: 'json' }));
  for await (const batch of parquet.readRows({ store, key }, [...addValues, parsedStats, ...others], signal))
    parsing(`${store.root}/${key}`, () => takeBatch(batch, columns, takeOther, use));
}

function takeBatch(
  { rowCount, columns }: ParquetBatch,
  names: readonly string[],
  takeOther: (row: unknown) => void,
  use: (row: CheckpointRow) => void,
): void {
  const addColumns = addFields.flatMap((name, at) => {
    const column = columns[at];
    return column === undefined ? [] : [{ name, column }];
  });
  const stats = columns[addFields.length];
  // One object for all rows: the action is a copy of it.
  const json: Record<string, unknown> = {};
  for (let row = 0; row < rowCount; row++) {
    for (const { name, column } of addColumns) json[name] = column[row] === '' ? null : column[row];
    if (isSet(json.path) || isSet(json.size)) {
      const text = stats?.[row];
      use({
        action: { add: parseAdd(json) },
        parsedStats: typeof text === 'string' && text !== '' ? text : undefined,
      });
      continue;
    }
    const at = names.findIndex((_, index) => isSet(columns[addFields.length + 1 + index]?.[row]));
    const name = names[at];
    if (name !== undefined) takeOther({ [name]: columns[addFields.length + 1 + at]?.[row] });
  }
}

function isSet(value: unknown): boolean {
  return value !== undefined && value !== null;
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
