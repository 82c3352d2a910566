import { create } from '@bufbuild/protobuf';
import { SkeinError, SqlState } from '../common/index.ts';
import type { DuckDb } from '../duckdb/index.ts';
import {
  type Column,
  type FileScan,
  FileScanSchema,
  type RunTaskRequest,
  SplitSchema,
} from '../rpc/index.ts';
import { type DeltaFiles, deltaRelation } from './delta/index.ts';
import { scanRelation } from './input-relation.ts';
import type { ScanFiles } from './scan-files.ts';

/** How the task's files are read. */
export interface FileReaders {
  readonly duckdb: DuckDb;
  readonly scanFiles: ScanFiles;
  readonly deltaFiles: DeltaFiles;
}

/**
 * DuckDB does not always say which file it could not decode. Where it may have been a table's Parquet file, reads the
 * task's files one by one to find it.
 * @returns XX001 that names the file; undefined when the error is of another kind or says so itself
 */
export async function findUnreadableFile(
  readers: FileReaders,
  request: RunTaskRequest,
  error: SkeinError,
  signal: AbortSignal,
): Promise<SkeinError | undefined> {
  const decoding =
    error.sqlState === SqlState.dataCorrupted ||
    error.sqlState === SqlState.internalError ||
    /^(Failed to read file|Footer |No magic bytes)/.test(error.message);
  if (!decoding || error.details.duckdbType === undefined) return undefined;
  for (const { columns, source } of request.inputs) {
    if (source.case !== 'scan' || !isParquet(source.value)) continue;
    const paths = [...new Set(source.value.splits.map((split) => split.path))];
    const named = paths.find((path) => error.message.includes(path));
    if (named !== undefined) return unreadable(named, error);
    for (const path of paths) {
      if (!(await isReadable(readers, columns, source.value, path, signal))) return unreadable(path, error);
    }
  }
  return undefined;
}

function isParquet({ format }: FileScan): boolean {
  return format === 'parquet' || format === 'delta';
}

async function isReadable(
  { duckdb, scanFiles, deltaFiles }: FileReaders,
  columns: readonly Column[],
  scan: FileScan,
  path: string,
  signal: AbortSignal,
): Promise<boolean> {
  const whole = create(FileScanSchema, { ...scan, splits: [create(SplitSchema, { path })] });
  await using connection = await duckdb.connect();
  try {
    const read = (sql: string) => connection.run(`SELECT sum(hash(t)) FROM (${sql}) AS t`, signal);
    if (scan.delta === undefined) {
      await using files = await scanFiles.open(whole, columns, signal);
      await read(scanRelation(columns, { ...whole, splits: files.splits }));
      return true;
    }
    const delta = { ...scan.delta, files: scan.delta.files.filter((file) => file.path === path) };
    await using files = await deltaFiles.open({ ...whole, delta }, columns, 'skein_deleted', signal);
    for (const statement of files.statements) await connection.run(statement, signal);
    await read(deltaRelation(columns, delta, files.splits, files.sources));
    return true;
  } catch {
    return signal.aborted;
  }
}

function unreadable(path: string, cause: SkeinError): SkeinError {
  return new SkeinError(SqlState.dataCorrupted, `the file is damaged: ${path}: ${cause.message}`, {
    details: { ...cause.details, path },
    cause,
  });
}
