import { rename, rm } from 'node:fs/promises';
import { join } from 'node:path';
import type { DuckDbConnection } from '../../duckdb/index.ts';
import { quoteLiteral } from '../../types/index.ts';

/**
 * How a table's rows differ from copy to copy: keys move by the largest key of what they name, and the names made of
 * keys follow, so that every copy joins with itself alone, as the original does.
 */
const replacements: Readonly<Record<string, string>> = {
  customer: `c_custkey + copy * customers AS c_custkey,
    'Customer#' || lpad((c_custkey + copy * customers)::VARCHAR, 9, '0') AS c_name`,
  supplier: `s_suppkey + copy * suppliers AS s_suppkey,
    'Supplier#' || lpad((s_suppkey + copy * suppliers)::VARCHAR, 9, '0') AS s_name`,
  part: 'p_partkey + copy * parts AS p_partkey',
  partsupp: 'ps_partkey + copy * parts AS ps_partkey, ps_suppkey + copy * suppliers AS ps_suppkey',
  orders: 'o_orderkey + copy * orders AS o_orderkey, o_custkey + copy * customers AS o_custkey',
  lineitem: `l_orderkey + copy * orders AS l_orderkey, l_partkey + copy * parts AS l_partkey,
    l_suppkey + copy * suppliers AS l_suppkey`,
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
  const shifts = `(SELECT
    (SELECT max(c_custkey) FROM ${source('customer')}) AS customers,
    (SELECT max(s_suppkey) FROM ${source('supplier')}) AS suppliers,
    (SELECT max(p_partkey) FROM ${source('part')}) AS parts,
    (SELECT max(o_orderkey) FROM ${source('orders')}) AS orders)`;
  for (const name of tables.keys()) {
    const replaced = replacements[name];
    const select =
      replaced === undefined
        ? `FROM ${source(name)}`
        : `FROM (
             SELECT t.* REPLACE (${replaced}) FROM ${source(name)} AS t, range(${copies}) AS copies(copy), ${shifts} AS shifts
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
