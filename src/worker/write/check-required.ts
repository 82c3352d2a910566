import { SkeinError, SqlState } from '../../common/index.ts';
import type { DuckDbConnection } from '../../duckdb/index.ts';
import type { TableWrite, WrittenColumn } from '../../storage/index.ts';
import { quoteIdentifier, quoteLiteral } from '../../types/index.ts';
import type { CopiedFile } from './copy-rows.ts';

/**
 * Looks for NULLs in required columns: in the files' statistics, and where these do not say, in the files.
 * @throws SkeinError 23502 naming the column
 */
export async function checkRequired(
  table: TableWrite,
  files: readonly CopiedFile[],
  connection: DuckDbConnection,
  signal: AbortSignal,
): Promise<void> {
  for (const [index, column] of table.partitionBy.entries()) {
    if (column.required === true && files.some(({ values }) => values[index] === null)) {
      throw nullError(column.name);
    }
  }
  for (const column of table.columns) {
    if (!column.required) continue;
    const unsure: string[] = [];
    for (const file of files) {
      const count = nullCount(file, column);
      if (count === undefined) unsure.push(file.path);
      else if (count > 0) throw nullError(column.name ?? column.stored.name);
    }
    if (await hasNull(column, unsure, connection, signal)) throw nullError(column.name ?? column.stored.name);
  }
}

/** Undefined where the file has no count for the column itself: of nested ones it counts the leaves. */
function nullCount(file: CopiedFile, { stored }: WrittenColumn): number | undefined {
  const values = file.columns.get(quoteIdentifier(stored.name));
  const count = values?.get('null_count');
  return count === undefined || values?.get('num_values') !== String(file.rows) ? undefined : Number(count);
}

async function hasNull(
  { stored }: WrittenColumn,
  files: readonly string[],
  connection: DuckDbConnection,
  signal: AbortSignal,
): Promise<boolean> {
  if (files.length === 0) return false;
  const list = files.map(quoteLiteral).join(', ');
  const sql = `SELECT 1 FROM read_parquet([${list}]) WHERE ${quoteIdentifier(stored.name)} IS NULL LIMIT 1`;
  return (await connection.rows(sql, signal)).length > 0;
}

function nullError(column: string): SkeinError {
  const message = `null value in column "${column}" violates its NOT NULL constraint`;
  return new SkeinError(SqlState.notNullViolation, message, { details: { column } });
}
