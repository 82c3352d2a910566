import { type Expr, walkExpr } from '../../plan/index.ts';
import type { DeltaColumn, DeltaFile, DeltaFormat, TableFile, TableSnapshot } from '../table.ts';
import { type ColumnRange, onlyNulls, onlyValue, unknownRange } from './column-range.ts';
import { evaluate } from './evaluate.ts';
import { statisticsRange } from './file-statistics.ts';
import { readValue } from './ordered-value.ts';
import { shardRanges, wantedShards } from './shard-ranges.ts';
import { maybeTrue } from './truth.ts';

/** Files that a scan has to read, and why others are left out: each counts for the first reason that it has. */
export interface PrunedFiles {
  readonly files: readonly TableFile[];
  readonly prunedBy: { readonly partition: number; readonly shard: number; readonly statistics: number };
}

/**
 * Leaves out the files of a Delta table in which no row can fulfil all of the predicates. Where it is not certain, a
 * file stays.
 * @param prune predicates over the scan's columns
 * @param columns position in the table's schema of each of the scan's columns
 */
export function pruneFiles(
  table: TableSnapshot,
  prune: readonly Expr[],
  columns: readonly number[],
): PrunedFiles {
  const { format } = table;
  const prunedBy = { partition: 0, shard: 0, statistics: 0 };
  if (format.kind !== 'delta' || prune.length === 0) return { files: table.files, prunedBy };
  const tests = testsOf(table, format, prune, columns);
  const files = table.files.filter((file) => {
    if (file.delta === undefined) return true;
    const reason = tests.find(({ rejects }) => rejects(file.delta as DeltaFile))?.reason;
    if (reason !== undefined) prunedBy[reason] += 1;
    return reason === undefined;
  });
  return { files, prunedBy };
}

interface FileTest {
  readonly reason: keyof PrunedFiles['prunedBy'];
  readonly rejects: (file: DeltaFile) => boolean;
}

/** The cheapest first: what the log spells out, what it numbers, what has to be parsed. */
function testsOf(
  table: TableSnapshot,
  format: DeltaFormat,
  prune: readonly Expr[],
  columns: readonly number[],
): readonly FileTest[] {
  const sourceOf = (column: number): DeltaColumn | undefined => format.columns[columns[column] ?? -1];
  const ofPartitions = prune.filter((term) =>
    columnsIn(term).some((at) => sourceOf(at)?.kind === 'partition'),
  );
  const ofData = prune.filter((term) => columnsIn(term).some((at) => sourceOf(at)?.kind === 'data'));
  return [
    ...ofPartitions.map((term) => partitionTest(table, term, columns, sourceOf)),
    ...shardTests(table, prune, columns),
    ...ofData.map(
      (term): FileTest => ({
        reason: 'statistics',
        rejects: (file) => (evaluate(term, rangesOf(table, file, columns, sourceOf)) & maybeTrue) === 0,
      }),
    ),
  ];
}

function columnsIn(term: Expr): readonly number[] {
  const columns = new Set<number>();
  for (const part of walkExpr(term)) if (part.kind === 'column') columns.add(part.index);
  return [...columns];
}

/** One evaluation for all files with the same values, as there are many of these. */
function partitionTest(
  table: TableSnapshot,
  term: Expr,
  columns: readonly number[],
  sourceOf: (column: number) => DeltaColumn | undefined,
): FileTest {
  const places = columnsIn(term).flatMap((at) => {
    const source = sourceOf(at);
    return source?.kind === 'partition' ? [source.index] : [];
  });
  const known = new Map<string, boolean>();
  const onlyPartitions = (column: number): DeltaColumn | undefined => {
    const source = sourceOf(column);
    return source?.kind === 'partition' ? source : undefined;
  };
  const rejects = (file: DeltaFile): boolean => {
    const [place = -1] = places;
    const key =
      places.length === 1
        ? `${file.partitionValues[place] ?? ''}`
        : places.map((at) => file.partitionValues[at] ?? '').join('\0');
    let rejected = known.get(key);
    if (rejected === undefined) {
      const ranges = rangesOf(table, file, columns, onlyPartitions);
      rejected = (evaluate(term, ranges) & maybeTrue) === 0;
      known.set(key, rejected);
    }
    return rejected;
  };
  return { reason: 'partition', rejects };
}

function rangesOf(
  table: TableSnapshot,
  file: DeltaFile,
  columns: readonly number[],
  sourceOf: (column: number) => DeltaColumn | undefined,
): (column: number) => ColumnRange {
  return (column) => {
    const source = sourceOf(column);
    const type = table.schema[columns[column] ?? -1]?.type;
    if (source === undefined || type === undefined) return unknownRange;
    if (source.kind === 'data') return statisticsRange(file, source.stored, type);
    if (source.kind !== 'partition') return unknownRange;
    const text = file.partitionValues[source.index];
    // An empty text is NULL too, whatever the type.
    if (text === undefined || text === null || text === '') return onlyNulls;
    const value = readValue(text, type);
    return value === undefined ? { ...unknownRange, nulls: false } : onlyValue(value);
  };
}

function shardTests(
  table: TableSnapshot,
  prune: readonly Expr[],
  columns: readonly number[],
): readonly FileTest[] {
  const { sharding } = table;
  if (sharding === undefined || sharding.kind === 'roundRobin') return [];
  const wanted =
    sharding.kind === 'hash'
      ? wantedShards(sharding, table.schema, prune, columns)
      : shardRanges(sharding, table.schema, prune, columns);
  if (wanted === undefined) return [];
  return [{ reason: 'shard', rejects: ({ shard }) => shard !== undefined && !wanted.has(shard) }];
}
