import { readFileSync } from 'node:fs';
import type { PlannerContext } from '../../src/planner/index.ts';
import { type ColumnStatistics, type Schema, type SqlType, scalar } from '../../src/types/index.ts';

const BIGINT = scalar('BIGINT');
const INTEGER = scalar('INTEGER');
const VARCHAR = scalar('VARCHAR');
const DATE = scalar('DATE');
const MONEY: SqlType = { kind: 'decimal', width: 15, scale: 2 };

const fields = (columns: Readonly<Record<string, SqlType>>): Schema =>
  Object.entries(columns).map(([name, type]) => ({ name, type }));

export const tpchSchemas: Readonly<Record<string, Schema>> = {
  region: fields({ r_regionkey: INTEGER, r_name: VARCHAR, r_comment: VARCHAR }),
  nation: fields({ n_nationkey: INTEGER, n_name: VARCHAR, n_regionkey: INTEGER, n_comment: VARCHAR }),
  supplier: fields({
    s_suppkey: BIGINT,
    s_name: VARCHAR,
    s_address: VARCHAR,
    s_nationkey: INTEGER,
    s_phone: VARCHAR,
    s_acctbal: MONEY,
    s_comment: VARCHAR,
  }),
  customer: fields({
    c_custkey: BIGINT,
    c_name: VARCHAR,
    c_address: VARCHAR,
    c_nationkey: INTEGER,
    c_phone: VARCHAR,
    c_acctbal: MONEY,
    c_mktsegment: VARCHAR,
    c_comment: VARCHAR,
  }),
  part: fields({
    p_partkey: BIGINT,
    p_name: VARCHAR,
    p_mfgr: VARCHAR,
    p_brand: VARCHAR,
    p_type: VARCHAR,
    p_size: INTEGER,
    p_container: VARCHAR,
    p_retailprice: MONEY,
    p_comment: VARCHAR,
  }),
  partsupp: fields({
    ps_partkey: BIGINT,
    ps_suppkey: BIGINT,
    ps_availqty: BIGINT,
    ps_supplycost: MONEY,
    ps_comment: VARCHAR,
  }),
  orders: fields({
    o_orderkey: BIGINT,
    o_custkey: BIGINT,
    o_orderstatus: VARCHAR,
    o_totalprice: MONEY,
    o_orderdate: DATE,
    o_orderpriority: VARCHAR,
    o_clerk: VARCHAR,
    o_shippriority: INTEGER,
    o_comment: VARCHAR,
  }),
  lineitem: fields({
    l_orderkey: BIGINT,
    l_partkey: BIGINT,
    l_suppkey: BIGINT,
    l_linenumber: BIGINT,
    l_quantity: MONEY,
    l_extendedprice: MONEY,
    l_discount: MONEY,
    l_tax: MONEY,
    l_returnflag: VARCHAR,
    l_linestatus: VARCHAR,
    l_shipdate: DATE,
    l_commitdate: DATE,
    l_receiptdate: DATE,
    l_shipinstruct: VARCHAR,
    l_shipmode: VARCHAR,
    l_comment: VARCHAR,
  }),
};

/** Rows and bytes of scale factor 1. */
const sizes: Readonly<Record<string, { readonly rows: number; readonly bytes: number }>> = {
  region: { rows: 5, bytes: 1_500 },
  nation: { rows: 25, bytes: 3_000 },
  supplier: { rows: 10_000, bytes: 800_000 },
  customer: { rows: 150_000, bytes: 13_000_000 },
  part: { rows: 200_000, bytes: 7_000_000 },
  partsupp: { rows: 800_000, bytes: 43_000_000 },
  orders: { rows: 1_500_000, bytes: 60_000_000 },
  lineitem: { rows: 6_001_215, bytes: 220_000_000 },
};

/** Days since 1970, in seconds. */
const day = (date: string): number => Date.parse(date) / 1000;
const keys = (last: number): Partial<ColumnStatistics> => ({ distinct: last, min: 1, max: last });
const dates = { distinct: 2526, min: day('1992-01-02'), max: day('1998-12-31') };
const few = (distinct: number): Partial<ColumnStatistics> => ({ distinct });

/** What DuckDB's own Parquet files tell of their columns, at scale factor 1. */
const statistics: Readonly<Record<string, Partial<ColumnStatistics>>> = {
  r_regionkey: { distinct: 5, min: 0, max: 4 },
  r_name: few(5),
  n_nationkey: { distinct: 25, min: 0, max: 24 },
  n_name: few(25),
  n_regionkey: few(5),
  s_suppkey: keys(10_000),
  s_nationkey: few(25),
  c_custkey: keys(150_000),
  c_nationkey: few(25),
  c_mktsegment: few(5),
  c_acctbal: { min: -1000, max: 10_000 },
  p_partkey: keys(200_000),
  p_brand: few(25),
  p_type: few(150),
  p_size: { distinct: 50, min: 1, max: 50 },
  p_container: few(40),
  ps_partkey: keys(200_000),
  ps_suppkey: keys(10_000),
  o_orderkey: { distinct: 1_500_000, min: 1, max: 6_000_000 },
  o_custkey: keys(150_000),
  o_orderstatus: few(3),
  o_orderdate: dates,
  o_orderpriority: few(5),
  o_shippriority: few(1),
  l_orderkey: { distinct: 6_000_000, min: 1, max: 6_000_000 },
  l_partkey: keys(200_000),
  l_suppkey: keys(10_000),
  l_quantity: { distinct: 50, min: 1, max: 50 },
  l_discount: { distinct: 11, min: 0, max: 0.1 },
  l_returnflag: few(3),
  l_linestatus: few(2),
  l_shipdate: dates,
  l_commitdate: dates,
  l_receiptdate: dates,
  l_shipinstruct: few(4),
  l_shipmode: few(7),
};

/** What the planner would know of TPC-H at scale factor 1. Large tables can be cut into more splits than tasks. */
export function tpchContext(parallelism: number): PlannerContext {
  return {
    parallelism,
    broadcastBytes: 32 << 20,
    table: (name) => {
      const bare = name.replace(/^main\./, '');
      const size = sizes[bare];
      const schema = tpchSchemas[bare];
      if (size === undefined || schema === undefined) throw new Error(`no table ${name}`);
      return {
        rowCount: size.rows,
        bytes: size.bytes,
        schema,
        splitCount: Math.ceil(size.rows / 120_000),
        statistics: schema.map(({ name: column }) => ({
          bytes: size.bytes / schema.length,
          distinct: undefined,
          min: undefined,
          max: undefined,
          ...statistics[column],
        })),
      };
    },
  };
}

export function tpchQuery(number: number): string {
  const name = `q${String(number).padStart(2, '0')}.sql`;
  return readFileSync(new URL(`../../bench/tpch/queries/${name}`, import.meta.url), 'utf8');
}

/** What the shadow catalog is told of the tables at scale factor 1. */
export const tpchShadowTables = new Map(
  Object.entries(tpchSchemas).map(([name, schema]) => [
    `main.${name}`,
    { schema, rowCount: sizes[name]?.rows ?? 0 },
  ]),
);
