import { create, type MessageInitShape } from '@bufbuild/protobuf';
import { describe, expect, it } from 'vitest';
import { type Column, ColumnSchema, type FileScan, FileScanSchema } from '../rpc/index.ts';
import { exchangeRelation, scanRelation } from './input-relation.ts';

const columns = (...pairs: [string, string][]): Column[] =>
  pairs.map(([name, type]) => create(ColumnSchema, { name, type }));
const scan = (init: Omit<MessageInitShape<typeof FileScanSchema>, '$typeName'>): FileScan =>
  create(FileScanSchema, { format: 'parquet', ...init } as MessageInitShape<typeof FileScanSchema>);

describe('scanRelation', () => {
  it('reads whole files with one reader, and every run of rows with one of its own', () => {
    const splits = [
      { path: '/d/a', firstRow: 100n, rowCount: 50n },
      { path: '/d/b' },
      { path: '/d/c' },
      { path: '/d/d', firstRow: 0n, rowCount: 10n },
      { path: '/d/d', firstRow: 10n, rowCount: 5n },
      { path: '/d/d', firstRow: 30n, rowCount: 1n },
      { path: '/d/d', firstRow: 31n, rowCount: 0n },
    ];
    expect(scanRelation(columns(['a', 'INTEGER']), scan({ splits }))).toBe(
      [
        `SELECT CAST("a" AS INTEGER) AS "a" FROM read_parquet(['/d/b', '/d/c'], hive_partitioning = false)`,
        `UNION ALL SELECT CAST("a" AS INTEGER) AS "a" FROM read_parquet(['/d/a'], hive_partitioning = false, file_row_number = true) WHERE file_row_number BETWEEN 100 AND 149`,
        `UNION ALL SELECT CAST("a" AS INTEGER) AS "a" FROM read_parquet(['/d/d'], hive_partitioning = false, file_row_number = true) WHERE file_row_number BETWEEN 0 AND 14`,
        `UNION ALL SELECT CAST("a" AS INTEGER) AS "a" FROM read_parquet(['/d/d'], hive_partitioning = false, file_row_number = true) WHERE file_row_number BETWEEN 30 AND 30`,
      ].join('\n'),
    );
  });

  it('quotes names and paths, and takes no path for a pattern', () => {
    const relation = scanRelation(
      columns(['a"b', 'VARCHAR']),
      scan({ splits: [{ path: `/d/it's [1]*?.x` }] }),
    );
    expect(relation).toBe(
      `SELECT CAST("a""b" AS VARCHAR) AS "a""b" FROM read_parquet(['/d/it''s [[]1][*][?].x'], hive_partitioning = false)`,
    );
  });

  it('reads text as it was decided for the whole table', () => {
    const csv = scan({
      format: 'csv',
      splits: [{ path: '/t/k=1/a.csv' }],
      options: { delim: `'|'`, header: 'true' },
      fileColumns: [{ name: 'a', type: 'DATE' }],
      hiveColumns: [{ name: 'k', type: 'INTEGER' }],
    });
    expect(scanRelation([], csv)).toBe(
      `SELECT true AS c0 FROM read_csv(['/t/k=1/a.csv'], auto_detect = false, columns = {'a': 'DATE'}, delim = '|', header = true, hive_partitioning = true, hive_types_autocast = false, hive_types = {'k': INTEGER})`,
    );
  });

  it('is empty where there is nothing to read', () => {
    expect(scanRelation(columns(['a', 'DATE']), scan({}))).toBe(
      'SELECT CAST(NULL AS DATE) AS "a" WHERE false',
    );
    expect(scanRelation([], scan({}))).toBe('SELECT true AS c0 WHERE false');
  });
});

describe('exchangeRelation', () => {
  it('restores what travelled as another type', () => {
    expect(exchangeRelation(columns(['x', 'BIGINT'], ['y', 'HUGEINT']), ['/s/1', '/s/2'])).toBe(
      `SELECT c0 AS "x", CAST(c1 AS HUGEINT) AS "y" FROM read_parquet(['/s/1', '/s/2'], hive_partitioning = false)`,
    );
  });

  it('is empty, of the right types, where there is nothing to read', () => {
    const pair = columns(['x', 'STRUCT(DECIMAL(12,2), HUGEINT)']);
    expect(exchangeRelation(pair, [])).toBe(
      `SELECT CASE WHEN c0 IS NOT NULL THEN row(struct_extract(c0, 'f0'), CAST(struct_extract(c0, 'f1') AS HUGEINT)) END AS "x" FROM (SELECT CAST(NULL AS STRUCT("f0" DECIMAL(12,2), "f1" VARCHAR)) AS c0 WHERE false)`,
    );
  });

  it('keeps rows without columns', () => {
    expect(exchangeRelation([], ['/s/1'])).toBe(
      `SELECT c0 FROM read_parquet(['/s/1'], hive_partitioning = false)`,
    );
    expect(exchangeRelation([], [])).toBe('SELECT true AS c0 WHERE false');
  });
});
