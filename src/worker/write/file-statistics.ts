import type { CopiedFile } from './copy-rows.ts';

/**
 * Statistics of a data file as JSON: `numRecords`, and under `columns` what DuckDB says of each column by the path of its
 * name, values in DuckDB's spelling.
 */
export function fileStatistics({ rows, columns }: CopiedFile): string {
  const entries = [...columns].map(([name, values]) => [name, Object.fromEntries(values)] as const);
  return JSON.stringify({ numRecords: rows, columns: Object.fromEntries(entries) });
}
