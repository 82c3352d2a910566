import { stat } from 'node:fs/promises';
import path from 'node:path';
import { SkeinError, SqlState } from '../../common/index.ts';
import type { DuckDbConnection } from '../../duckdb/index.ts';
import { checkPartitionValue } from '../../storage/index.ts';
import { quoteIdentifier, quoteLiteral, type SqlValue } from '../../types/index.ts';
import type { TaskWrite } from './read-write-task.ts';
import {
  fileOptions,
  groupRows,
  groupsQuery,
  hasGroups,
  keyedGroupRows,
  partitionNames,
  type RowGroup,
  stageStatement,
  storedRows,
} from './write-sql.ts';

/** A data file in the task's scratch folder. */
export interface CopiedFile {
  readonly path: string;
  readonly rows: number;
  readonly bytes: number;
  /** One a partition column. */
  readonly values: readonly (string | null)[];
  readonly shard: number | undefined;
  /** What COPY's RETURN_STATS says of each column of the file, by the path of its name: `"s"."x"`. */
  readonly columns: ReadonlyMap<string, ReadonlyMap<string, string>>;
}

export interface CopyOptions {
  readonly connection: DuckDbConnection;
  readonly write: TaskWrite;
  /** One SELECT. */
  readonly fragment: string;
  /** Rows keep the fragment's order, within each file. */
  readonly ordered: boolean;
  /** The task's scratch folder. */
  readonly dir: string;
  readonly signal: AbortSignal;
}

/**
 * A COPY by partition keeps some rows of each in memory, and begins a row group whenever it must let go of them: so it
 * gets few partitions at a time, and not more rows than it keeps.
 */
const groupsAtOnce = 64;
const rowsAtOnce = 200_000;

/** Runs the fragment and writes its rows to data files; none for no rows. @throws SkeinError as DuckDB does */
export async function copyRows(options: CopyOptions): Promise<readonly CopiedFile[]> {
  const { write, fragment, ordered } = options;
  const files =
    ordered || hasGroups(write)
      ? await copyStaged(options)
      : await copyUnordered(options, storedRows(write, fragment), 'data', { values: [], shard: undefined });
  return files.filter((file) => file.rows > 0);
}

/** Any number of partitions in bounded memory: the rows are sorted by partition first, which DuckDB does on disk. */
async function copyStaged(options: CopyOptions): Promise<readonly CopiedFile[]> {
  const { connection, write, fragment, ordered, dir, signal } = options;
  const file = path.join(dir, 'staged.parquet');
  const { rowsChanged } = await connection.run(stageStatement(write, fragment, ordered, file), signal);
  if (rowsChanged === 0) return [];
  const groups = await groupsOf(options, file, rowsChanged);
  expectRows(rowsChanged, groups);
  const bytesPerRow = (await stat(file)).size / rowsChanged;
  const files: CopiedFile[] = [];
  for (const batch of batches(groups, ordered)) {
    const name = `data${files.length}`;
    const [only] = batch;
    const copied =
      only === undefined || batch.length > 1
        ? await copyKeyed(options, keyedGroupRows(write, file, batch), name)
        : ordered
          ? await copyOrdered(options, file, only, bytesPerRow)
          : await copyUnordered(options, groupRows(write, file, batch), name, only);
    expectRows(
      batch.reduce((sum, group) => sum + group.rows, 0),
      copied,
    );
    files.push(...copied);
  }
  return files;
}

async function groupsOf(
  { connection, write, signal }: CopyOptions,
  file: string,
  rows: number,
): Promise<readonly RowGroup[]> {
  if (!hasGroups(write)) return [{ values: [], shard: undefined, firstRow: 0, rows }];
  const found = await connection.rows(groupsQuery(write, file), signal);
  return found.map((row) => readGroup(write, row));
}

/** Groups that one COPY writes. A large one goes alone: only then can its file be closed at a size. */
function batches(groups: readonly RowGroup[], ordered: boolean): readonly (readonly RowGroup[])[] {
  const all: RowGroup[][] = [];
  let rows = 0;
  for (const group of groups) {
    const last = all.at(-1);
    const fits = last !== undefined && last.length < groupsAtOnce && rows + group.rows <= rowsAtOnce;
    if (fits && !ordered) last.push(group);
    else {
      all.push([group]);
      rows = 0;
    }
    rows += group.rows;
  }
  return all;
}

type GroupKey = Pick<RowGroup, 'values' | 'shard'>;

/** Files of about the wanted size, of rows in any order. */
async function copyUnordered(
  { connection, write, dir, signal }: CopyOptions,
  select: string,
  name: string,
  { values, shard }: GroupKey,
): Promise<readonly CopiedFile[]> {
  const size = Math.max(1, write.table.targetFileBytes);
  const folder = quoteLiteral(path.join(dir, name));
  const rows = await connection.finish(
    `COPY (${select}) TO ${folder} (${fileOptions(write)}, FILENAME_PATTERN 'f{uuid}', FILE_SIZE_BYTES ${size}, PRESERVE_ORDER false)`,
    signal,
  );
  return rows.map((row) => readFile(row, values, shard));
}

/** Files whose rows follow each other: DuckDB keeps no order where it closes files at a size, so rows are counted out. */
async function copyOrdered(
  { connection, write, dir, signal }: CopyOptions,
  staged: string,
  group: RowGroup,
  bytesPerRow: number,
): Promise<readonly CopiedFile[]> {
  const files: CopiedFile[] = [];
  const end = group.firstRow + group.rows;
  let density = bytesPerRow;
  for (let firstRow = group.firstRow; firstRow < end; ) {
    const wanted = Math.max(1, Math.round(write.table.targetFileBytes / density));
    // No small file at the end.
    const rows = end - firstRow < wanted * 1.5 ? end - firstRow : wanted;
    const [[name = null] = []] = await connection.rows('SELECT CAST(uuid() AS VARCHAR)', signal);
    const file = quoteLiteral(path.join(dir, `f${String(name)}.parquet`));
    const select = groupRows(write, staged, [{ ...group, firstRow, rows }]);
    const written = await connection.finish(
      `COPY (${select}) TO ${file} (${fileOptions(write)}, PRESERVE_ORDER true)`,
      signal,
    );
    const copied = written.map((row) => readFile(row, group.values, group.shard));
    expectRows(rows, copied);
    files.push(...copied);
    density = copied.reduce((sum, { bytes }) => sum + bytes, 0) / rows;
    firstRow += rows;
  }
  return files;
}

async function copyKeyed(
  { connection, write, dir, signal }: CopyOptions,
  select: string,
  name: string,
): Promise<readonly CopiedFile[]> {
  const names = partitionNames(write);
  const by = names.map(quoteIdentifier).join(', ');
  const folder = quoteLiteral(path.join(dir, name));
  const rows = await connection.finish(
    `COPY (${select}) TO ${folder} (${fileOptions(write)}, FILENAME_PATTERN 'f{uuid}', PARTITION_BY (${by}), WRITE_PARTITION_COLUMNS false, HIVE_FILE_PATTERN false)`,
    signal,
  );
  return rows.map((row) => {
    const keys = new Map(pairs(row[5]));
    const values = names.map((key) => {
      const value = keys.get(key);
      if (value === undefined) throw unreadable();
      return value as string | null;
    });
    const shard = write.table.shardColumn === undefined ? undefined : readShard(values.pop() ?? null);
    return readFile(row, values, shard);
  });
}

function readGroup({ table }: TaskWrite, row: readonly SqlValue[]): RowGroup {
  const count = table.partitionBy.length;
  const values = row.slice(0, count).map((value) => (value === null ? null : String(value)));
  for (const [index, { name, type }] of table.partitionBy.entries()) {
    checkPartitionValue(name, type, values[index] ?? null);
  }
  const sharded = table.shardColumn !== undefined;
  const [first, last, rows] = row.slice(count + (sharded ? 1 : 0)).map(Number);
  if (first === undefined || last === undefined || rows === undefined) throw unreadable();
  if (last - first + 1 !== rows) throw miscounted(rows, last - first + 1);
  return { values, shard: sharded ? readShard(row[count] ?? null) : undefined, firstRow: first, rows };
}

function readShard(value: SqlValue): number {
  if (value === null) throw new SkeinError(SqlState.internalError, 'a row without a shard');
  return Number(value);
}

function readFile(
  [file, rows, bytes, , columns]: readonly SqlValue[],
  values: readonly (string | null)[],
  shard: number | undefined,
): CopiedFile {
  if (typeof file !== 'string') throw unreadable();
  const statistics = pairs(columns).map(
    ([name, entries]) => [String(name), new Map(texts(entries))] as const,
  );
  return {
    path: file,
    rows: Number(rows),
    bytes: Number(bytes),
    values,
    shard,
    columns: new Map(statistics),
  };
}

function texts(value: SqlValue | undefined): readonly (readonly [string, string])[] {
  return pairs(value).flatMap(([key, text]) => (text === null ? [] : [[String(key), String(text)] as const]));
}

function pairs(value: SqlValue | undefined): readonly (readonly [SqlValue, SqlValue])[] {
  if (!Array.isArray(value)) return [];
  return (value as readonly SqlValue[]).map((entry) => {
    if (!Array.isArray(entry)) throw unreadable();
    const [key = null, item = null] = entry as readonly SqlValue[];
    return [key, item];
  });
}

function expectRows(expected: number, parts: readonly { readonly rows: number }[]): void {
  const found = parts.reduce((sum, part) => sum + part.rows, 0);
  if (found !== expected) throw miscounted(expected, found);
}

function miscounted(expected: number, found: number): SkeinError {
  const message = `a task wrote ${found} of ${expected} rows to its files`;
  return new SkeinError(SqlState.internalError, message, { retry: 'task' });
}

function unreadable(): SkeinError {
  return new SkeinError(SqlState.internalError, 'what DuckDB says of the files that it wrote cannot be read');
}
