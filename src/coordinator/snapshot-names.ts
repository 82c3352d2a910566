import type { SnapshotOptions } from '../catalog/index.ts';
import { tableNames } from '../sql/index.ts';

/** Words of queries about the catalog itself, which see every table. */
const catalogWords = /^(show|describe|desc|system|information_schema|pg_.*|duckdb_.*|sqlite_.*|pragma_.*)$/;

/** Which tables a statement needs as of now: those that it may name. */
export function snapshotNames(sql: string): Pick<SnapshotOptions, 'names'> {
  const names = tableNames(sql);
  return [...names].some((name) => catalogWords.test(name)) ? {} : { names };
}
