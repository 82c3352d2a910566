import { readFileSync } from 'node:fs';

export const tpchTables = [
  'customer',
  'lineitem',
  'nation',
  'orders',
  'part',
  'partsupp',
  'region',
  'supplier',
] as const;

export const tpchQueryCount = 22;

/** The text of TPC-H query `number`, 1 to 22, as the package brings it. */
export function tpchQuery(number: number): string {
  const name = `q${String(number).padStart(2, '0')}.sql`;
  return readFileSync(new URL(`../../../bench/tpch/queries/${name}`, import.meta.url), 'utf8');
}
