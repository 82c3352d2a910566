import type { ParquetTable } from '../support/data-set.ts';
import { slices } from '../support/data-set.ts';
import type { Columns } from './ast.ts';

/**
 * Tiny tables of several files: keys repeat, are NULL, lack partners; one key has half of the rows; one table is
 * empty; keys of the same meaning have different types. Sums of `d` are exact, whatever their order.
 */
export const randomTables: readonly (ParquetTable & { readonly columns: Columns })[] = [
  table(
    't1',
    4,
    44,
    `CASE WHEN i % 2 = 0 THEN 3 WHEN i % 11 = 0 THEN NULL ELSE i % 8 END::INTEGER AS k,
     (i * 7 % 23 - 5)::INTEGER AS v, CASE WHEN i % 9 = 0 THEN NULL ELSE 's' || (i % 5) END AS s,
     [0.5, -0.0, 0.0, 2.25, NULL, -8][i % 6 + 1]::DOUBLE AS d, ((i * 37 % 100) / 4 - 7)::DECIMAL(10,2) AS m,
     DATE '2024-01-28' + (i % 12)::INTEGER AS t, CASE i % 3 WHEN 0 THEN true WHEN 1 THEN false END AS b`,
  ),
  table(
    't2',
    3,
    31,
    `CASE WHEN i % 7 = 3 THEN NULL ELSE i % 10 + 2 END::BIGINT AS k,
     CASE WHEN i % 5 <> 0 THEN (i * 3 % 17)::SMALLINT END AS v, ['s1', 's2', '', NULL, 'S1', 'é'][i % 6 + 1] AS s,
     ['0.0', 'NaN', '1.5', NULL, 'Infinity'][i % 5 + 1]::DOUBLE AS d, (i % 13)::DECIMAL(18,4) AS m,
     CASE WHEN i % 4 <> 0 THEN DATE '2024-01-25' + (i % 9)::INTEGER END AS t, i % 2 = 0 AS b`,
  ),
  table(
    't3',
    2,
    9,
    `(i % 4)::TINYINT AS k, (i % 3)::SMALLINT AS v, 's' || (i % 2) AS s, (i / 2.0)::DOUBLE AS d,
     1.5::DECIMAL(3,1) AS m, DATE '2024-02-01' AS t, NULL::BOOLEAN AS b`,
  ),
  table(
    't0',
    2,
    0,
    `i::INTEGER AS k, i::INTEGER AS v, i::VARCHAR AS s, 0.5::DOUBLE AS d, 1::DECIMAL(10,2) AS m,
     DATE '2024-01-01' AS t, true AS b`,
  ),
];

function table(
  name: string,
  files: number,
  rows: number,
  select: string,
): ParquetTable & { readonly columns: Columns } {
  return {
    name,
    files: slices(files, rows, `i::INTEGER AS id, ${select}`),
    columns: [
      { name: 'id', type: 'int' },
      { name: 'k', type: 'int' },
      { name: 'v', type: 'int' },
      { name: 's', type: 'str' },
      { name: 'd', type: 'dbl' },
      { name: 'm', type: 'dec' },
      { name: 't', type: 'date' },
      { name: 'b', type: 'bool' },
    ],
  };
}
