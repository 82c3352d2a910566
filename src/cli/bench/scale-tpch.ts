import { rename, rm } from 'node:fs/promises';
import { join } from 'node:path';
import type { DuckDbConnection } from '../../duckdb/index.ts';
import { quoteLiteral } from '../../types/index.ts';

/**
 * How a table's rows differ from copy to copy: keys and the names made of them, so that every copy joins with itself
 * alone, as the original does. `key` spells the key that a copy has of one of a table.
 */
const replacements: Readonly<Record<string, (key: (column: string, table: string) => string) => string>> = {
  customer: (key) => `${key('c_custkey', 'customers')} AS c_custkey,
    'Customer#' || lpad((${key('c_custkey', 'customers')})::VARCHAR, 9, '0') AS c_name`,
  supplier: (key) => `${key('s_suppkey', 'suppliers')} AS s_suppkey,
    'Supplier#' || lpad((${key('s_suppkey', 'suppliers')})::VARCHAR, 9, '0') AS s_name`,
  part: (key) => `${key('p_partkey', 'parts')} AS p_partkey`,
  partsupp: (key) =>
    `${key('ps_partkey', 'parts')} AS ps_partkey, ${key('ps_suppkey', 'suppliers')} AS ps_suppkey`,
  orders: (key) =>
    `${key('o_orderkey', 'orders')} AS o_orderkey, ${key('o_custkey', 'customers')} AS o_custkey`,
  lineitem: (key) => `${key('l_orderkey', 'orders')} AS l_orderkey, ${key('l_partkey', 'parts')} AS l_partkey,
    ${key('l_suppkey', 'suppliers')} AS l_suppkey`,
};

/** What a table's rows are ordered by, as dbgen writes them. */
const rowOrder: Readonly<Record<string, string>> = {
  customer: 'c_custkey',
  supplier: 's_suppkey',
  part: 'p_partkey',
  partsupp: 'ps_partkey, ps_suppkey',
  orders: 'o_orderkey',
  lineitem: 'l_orderkey, l_linenumber',
};

/**
 * Writes `copies` times the rows of a TPC-H data set, as one Parquet file a table. NATION and REGION stay. The same
 * input gives the same rows. It is no dbgen: distinct values other than keys do not grow.
 * @param options.tables each table's Parquet, as `findTables` gives it; `out` is there
 */
export async function scaleTpch(options: {
  readonly connection: DuckDbConnection;
  readonly tables: ReadonlyMap<string, string>;
  readonly copies: number;
  readonly out: string;
  readonly signal: AbortSignal;
  onTable(name: string, rows: number): Promise<void>;
}): Promise<void> {
  const { connection, tables, copies, out, signal, onTable } = options;
  const source = (name: string): string => `read_parquet(${quoteLiteral(tables.get(name) ?? '')})`;
  const largest = `(SELECT
    (SELECT max(c_custkey) FROM ${source('customer')}) AS customers,
    (SELECT max(s_suppkey) FROM ${source('supplier')}) AS suppliers,
    (SELECT max(p_partkey) FROM ${source('part')}) AS parts,
    (SELECT max(o_orderkey) FROM ${source('orders')}) AS orders)`;
  // Copies lie between each other, each turned by its share: as in dbgen's files, a run of rows names keys from anywhere,
  // and has no row twice.
  const key = (column: string, table: string): string =>
    `((${column} - 1 + copy * (${table} // ${copies})) % ${table}) * ${copies} + copy + 1`;
  for (const name of tables.keys()) {
    const replaced = replacements[name];
    const select =
      replaced === undefined
        ? `FROM ${source(name)}`
        : `FROM (
             SELECT t.* REPLACE (${replaced(key)}) FROM ${source(name)} AS t, range(${copies}) AS copies(copy), ${largest} AS largest
           ) ORDER BY ${rowOrder[name]}`;
    const path = join(out, `${name}.parquet`);
    const part = `${path}.part`;
    try {
      const { rowsChanged } = await connection.run(
        `COPY (${select}) TO ${quoteLiteral(part)} (FORMAT parquet, COMPRESSION zstd)`,
        signal,
      );
      await rename(part, path);
      await onTable(name, rowsChanged);
    } finally {
      await rm(part, { force: true });
    }
  }
}
