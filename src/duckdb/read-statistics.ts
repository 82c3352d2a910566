import {
  type ColumnStatistics,
  type Schema,
  type SqlValue,
  statisticStep,
  statisticValue,
} from '../types/index.ts';
import type { DuckDbConnection } from './duckdb-connection.ts';

/** A column whose row groups hold fewer different values than this share of their rows repeats them in each. */
const REPEATED_SHARE = 0.1;

/**
 * What the footers of Parquet files say of each column.
 * @param list the files as a DuckDB list of strings
 * @returns one entry a column of the schema; undefined where the footers do not name it
 */
export async function readStatistics(
  connection: DuckDbConnection,
  list: string,
  schema: Schema,
  rowCount: number,
  signal: AbortSignal,
): Promise<readonly (ColumnStatistics | undefined)[]> {
  const rows = await connection.rows(
    `SELECT split_part(path_in_schema, ', ', 1) AS name, sum(total_compressed_size)::DOUBLE,
       CASE WHEN count(*) = count(stats_distinct_count) THEN max(stats_distinct_count) END::DOUBLE,
       sum(stats_distinct_count)::DOUBLE, max(row_group_num_rows)::DOUBLE,
       min(try_cast(stats_min_value AS DOUBLE)), max(try_cast(stats_max_value AS DOUBLE)),
       min(try_cast(stats_min_value AS TIMESTAMP))::VARCHAR, max(try_cast(stats_max_value AS TIMESTAMP))::VARCHAR
     FROM parquet_metadata(${list}) GROUP BY 1`,
    signal,
  );
  const byName = new Map(rows.map((row) => [String(row[0]), row]));
  return schema.map(({ name, type }) => {
    const row = byName.get(name);
    if (row === undefined) return undefined;
    const [, bytes, counted, summed, groupRows, low, high, first, last] = row;
    const place = (number: SqlValue | undefined, time: SqlValue | undefined): number | undefined => {
      const asNumber = typeof number === 'number' ? statisticValue(String(number), type) : undefined;
      return asNumber ?? (typeof time === 'string' ? statisticValue(time, type) : undefined);
    };
    const min = place(low, first);
    const max = place(high, last);
    const step = statisticStep(type);
    const inRange =
      min === undefined || max === undefined || step === undefined ? undefined : (max - min) / step + 1;
    const bounds = [rowCount, inRange, distinctOf(counted, summed, groupRows)];
    const known = bounds.slice(1).some((bound) => bound !== undefined);
    const distinct = known ? Math.min(...bounds.filter((bound) => bound !== undefined)) : undefined;
    return { bytes: Number(bytes ?? 0), distinct, min, max };
  });
}

/** From the counts of each row group: the largest where every group repeats the same values, else all of them. */
function distinctOf(
  largest: SqlValue | undefined,
  sum: SqlValue | undefined,
  groupRows: SqlValue | undefined,
): number | undefined {
  if (typeof largest !== 'number' || typeof sum !== 'number' || typeof groupRows !== 'number')
    return undefined;
  return largest <= groupRows * REPEATED_SHARE ? largest : sum;
}
