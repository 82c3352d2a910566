import { existsSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { UsageError } from '../../config/index.ts';
import { DuckDb, type DuckDbConnection } from '../../duckdb/index.ts';
import { quoteIdentifier, quoteLiteral } from '../../types/index.ts';
import type { BenchEngine } from './measure.ts';

/** Where each table's Parquet lies: `DIR/NAME.parquet`, or all Parquet files below `DIR/NAME`. */
export function findTables(folder: string, names: readonly string[]): ReadonlyMap<string, string> {
  const paths = new Map<string, string>();
  for (const name of names) {
    const file = join(folder, `${name}.parquet`);
    const subFolder = join(folder, name);
    if (existsSync(file)) paths.set(name, file);
    else if (existsSync(subFolder) && statSync(subFolder).isDirectory())
      paths.set(name, join(subFolder, '**', '*.parquet'));
  }
  const missing = names.filter((name) => !paths.has(name));
  if (missing.length > 0) {
    throw new UsageError(
      `${folder} has no Parquet files for ${missing.join(', ')}`,
      'skein help bench tpch says how to make them',
    );
  }
  return paths;
}

/** Bare DuckDB over the same files, with views of the tables' names: what Skein is measured against. */
export async function openBareDuckDb(options: {
  readonly folder: string;
  readonly tables: ReadonlyMap<string, string>;
  readonly threads: number;
  readonly memoryBytes: number;
  readonly tempDirectory: string;
}): Promise<BenchEngine> {
  const { folder, tables, ...instance } = options;
  const duckdb = await DuckDb.open({ ...instance, readRoots: [folder], writeRoots: [] });
  const connection = await duckdb.connect();
  await createViews(connection, tables);
  return {
    name: 'duckdb',
    kind: 'duckdb',
    workers: 0,
    run: (sql, signal) => connection.rows(sql, signal),
    async close() {
      await connection[Symbol.asyncDispose]();
      duckdb.close();
    },
  };
}

async function createViews(connection: DuckDbConnection, tables: ReadonlyMap<string, string>): Promise<void> {
  for (const [name, path] of tables) {
    await connection.run(`CREATE VIEW ${quoteIdentifier(name)} AS FROM read_parquet(${quoteLiteral(path)})`);
  }
}
