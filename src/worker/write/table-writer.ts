import { writeFile } from 'node:fs/promises';
import path from 'node:path';
import { checksumFile, SkeinError, SqlState } from '../../common/index.ts';
import type { DuckDbConnection } from '../../duckdb/index.ts';
import { parquetRowCount } from '../../exchange/index.ts';
import { malformed, type RunTaskRequest } from '../../rpc/index.ts';
import {
  dataFileKey,
  fileStats,
  leafColumns,
  pathOfKey,
  type TableWrite,
  type WrittenFile,
  writtenFileColumns,
  writtenFileToJson,
} from '../../storage/index.ts';
import { exchangeParquetOptions, formatType, quoteLiteral } from '../../types/index.ts';
import { type AttemptFiles, type OpenStore, putFiles } from './attempt-files.ts';
import { checkRequired } from './check-required.ts';
import { type CopiedFile, copyRows } from './copy-rows.ts';
import { readWriteTask } from './read-write-task.ts';

export interface TableWriterOptions {
  readonly connection: DuckDbConnection;
  readonly request: RunTaskRequest;
  /** The attempt's scratch folder. */
  readonly dir: string;
  readonly store: OpenStore;
  /** Runs the work that makes DuckDB plan the fragment. */
  readonly planning: <T>(work: () => Promise<T>) => Promise<T>;
  readonly signal: AbortSignal;
}

/**
 * Runs a fragment and puts its rows into the table's store as data files, complete and durable, under names that no
 * attempt has used before.
 * @returns the files; to be kept when the attempt has succeeded
 * @throws SkeinError 23502 for a NULL in a required column; XX000 where rows are lost; what DuckDB and the store throw.
 * Nothing of the attempt is left then, as far as it could be deleted.
 */
export async function writeTable(options: TableWriterOptions): Promise<AttemptFiles> {
  const { connection, request, dir, signal } = options;
  if (request.write === undefined) throw malformed('a write without a table');
  const write = readWriteTask(request.write);
  const store = options.store(write.table.location);
  const { sql: fragment, ordered } = request;
  const copied = await options.planning(() =>
    copyRows({ connection, write, fragment, ordered, dir, signal }),
  );
  await checkRequired(write.table, copied, connection, signal);
  const task = request.attempt?.task ?? 0;
  return await putFiles(store, copied, signal, async (file, attempt, until) => {
    const key = keyOf(write.table, file, task);
    await attempt.put(key, file.path, () => describe(write.table, file, key, until), until);
  });
}

/** Leaves one row a file for the next stage. @returns the scratch file; undefined for no rows */
export async function describeFiles(
  files: readonly WrittenFile[],
  { connection, dir, signal }: Pick<TableWriterOptions, 'connection' | 'dir' | 'signal'>,
): Promise<string | undefined> {
  if (files.length === 0) return undefined;
  const lines = path.join(dir, 'files.json');
  const texts = files.map(writtenFileToJson);
  await writeFile(lines, texts.join('\n'), { mode: 0o600 });
  const columns = writtenFileColumns.map(
    ({ name, type }) => `${quoteLiteral(name)}: ${quoteLiteral(formatType(type))}`,
  );
  // DuckDB takes a buffer of twice this size.
  const longest = Math.max(...texts.map((text) => Buffer.byteLength(text)));
  const source =
    `read_json(${quoteLiteral(lines)}, format = 'newline_delimited', ` +
    `maximum_object_size = ${longest + 65_536}, columns = {${columns.join(', ')}})`;
  const items = writtenFileColumns.map(({ name }, index) => `${name} AS c${index}`).join(', ');
  const target = path.join(dir, 'p0-0.parquet');
  const options = exchangeParquetOptions(writtenFileColumns.map(({ type }) => type));
  await connection.run(
    `COPY (SELECT ${items} FROM ${source}) TO ${quoteLiteral(target)} (${options})`,
    signal,
  );
  return target;
}

function keyOf(table: TableWrite, file: CopiedFile, task: number): string {
  const partition = table.partitionBy.map((column, index) => ({ column, value: file.values[index] ?? null }));
  // DuckDB named it f<UUID>.parquet.
  const unique = path.basename(file.path, '.parquet').slice(1);
  return dataFileKey({ write: table, partition, task, unique });
}

/** @throws SkeinError XX000 where the file holds other rows than DuckDB says it wrote */
async function describe(
  table: TableWrite,
  file: CopiedFile,
  key: string,
  signal: AbortSignal,
): Promise<WrittenFile> {
  const { bytes, crc32 } = await checksumFile(file.path, signal);
  const rows = await parquetRowCount(file.path);
  if (rows !== file.rows || bytes !== file.bytes) {
    const message = `a data file holds ${rows} rows in ${bytes} bytes, not ${file.rows} in ${file.bytes}`;
    throw new SkeinError(SqlState.internalError, message, { retry: 'task' });
  }
  const values = table.partitionBy.map(({ name }, index) => [name, file.values[index] ?? null] as const);
  return {
    path: pathOfKey(key),
    bytes,
    rows,
    partitionValues: Object.fromEntries(values),
    stats: fileStats(leafColumns(table.columns.map(({ stored }) => stored)), rows, file.columns),
    shard: file.shard,
    crc32,
  };
}
