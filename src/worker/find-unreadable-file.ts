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
import { scanRelation } from './input-relation.ts';

/**
 * DuckDB does not always say which file it could not decode. Where it may have been a table's Parquet file, reads the
 * task's files one by one to find it.
 * @returns XX001 that names the file; undefined when the error is of another kind or says so itself
 */
export async function findUnreadableFile(
  duckdb: DuckDb,
  request: RunTaskRequest,
  error: SkeinError,
  signal: AbortSignal,
): Promise<SkeinError | undefined> {
  const decoding =
    error.sqlState === SqlState.dataCorrupted ||
    error.sqlState === SqlState.internalError ||
    error.message.startsWith('Failed to read file');
  if (!decoding || error.details.duckdbType === undefined) return undefined;
  for (const { columns, source } of request.inputs) {
    if (source.case !== 'scan' || source.value.format !== 'parquet') continue;
    const paths = [...new Set(source.value.splits.map((split) => split.path))];
    const named = paths.find((path) => error.message.includes(path));
    if (named !== undefined) return unreadable(named, error);
    for (const path of paths) {
      if (!(await isReadable(duckdb, columns, source.value, path, signal))) return unreadable(path, error);
    }
  }
  return undefined;
}

async function isReadable(
  duckdb: DuckDb,
  columns: readonly Column[],
  scan: FileScan,
  path: string,
  signal: AbortSignal,
): Promise<boolean> {
  const whole = create(FileScanSchema, { ...scan, splits: [create(SplitSchema, { path })] });
  await using connection = await duckdb.connect();
  try {
    await connection.run(`SELECT sum(hash(t)) FROM (${scanRelation(columns, whole)}) AS t`, signal);
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
