import { type ColumnStatistics, type SqlType, statisticStep, statisticValue } from '../../types/index.ts';
import type { DeltaColumn, TableFile } from '../table.ts';
import type { DeltaField } from './delta-snapshot.ts';
import { keepsOrder } from './stored-type.ts';

/** Statistics of at most so many files are read: they serve estimates only. */
const sampledFiles = 2000;

interface FileStatistics {
  readonly minValues?: Readonly<Record<string, unknown>>;
  readonly maxValues?: Readonly<Record<string, unknown>>;
}

/** Different values of columns, by physical name. */
export interface DistinctCounts {
  /** In all files: by ANALYZE. */
  readonly counted?: Readonly<Record<string, number>> | undefined;
  /** In some files. */
  readonly sampled?: Readonly<Record<string, number>> | undefined;
}

/** What the log says of each column, added up over the files. */
export function columnStatistics(
  fields: readonly DeltaField[],
  columns: readonly DeltaColumn[],
  files: readonly TableFile[],
  bytes: number,
  { counted = {}, sampled = {} }: DistinctCounts = {},
): readonly (ColumnStatistics | undefined)[] | undefined {
  if (files.length === 0) return undefined;
  const sample = someOf(files);
  const parsed = sample.map(({ delta }) => parseStatistics(delta?.stats));
  const widths = fields.map(({ type }, index) => (columns[index]?.kind === 'partition' ? 0 : width(type)));
  const total = widths.reduce((sum, each) => sum + each, 0);
  return fields.map((field, index): ColumnStatistics => {
    const column = columns[index];
    const range =
      column?.kind === 'partition'
        ? partitionRange(column.index, files, field.type)
        : {
            ...withDistinct(valueRange(field, parsed), field.type, sampled[field.physicalName]),
            ...whereCounted(counted[field.physicalName]),
          };
    return { bytes: (bytes * (widths[index] ?? 0)) / Math.max(1, total), ...range };
  });
}

/** What was counted holds before what may be guessed. */
function whereCounted(distinct: number | undefined): { readonly distinct?: number } {
  return distinct === undefined ? {} : { distinct };
}

/** Some files, the first and the last among them. */
function someOf(files: readonly TableFile[]): readonly TableFile[] {
  if (files.length <= sampledFiles) return files;
  const step = (files.length - 1) / (sampledFiles - 1);
  return Array.from({ length: sampledFiles }, (_, index) => files[Math.round(index * step)]).filter(
    (file) => file !== undefined,
  );
}

function parseStatistics(stats: string | undefined): FileStatistics {
  if (stats === undefined) return {};
  try {
    return JSON.parse(stats) as FileStatistics;
  } catch {
    return {};
  }
}

interface Range {
  readonly min: number | undefined;
  readonly max: number | undefined;
}

/** Undefined where a file that has rows tells no bound. */
function valueRange(field: DeltaField, files: readonly FileStatistics[]): Range {
  if (!keepsOrder(field.type)) return { min: undefined, max: undefined };
  let min = Number.POSITIVE_INFINITY;
  let max = Number.NEGATIVE_INFINITY;
  for (const { minValues, maxValues } of files) {
    min = Math.min(min, place(minValues?.[field.physicalName], field.type) ?? Number.POSITIVE_INFINITY);
    max = Math.max(max, place(maxValues?.[field.physicalName], field.type) ?? Number.NEGATIVE_INFINITY);
  }
  return min <= max ? { min, max } : { min: undefined, max: undefined };
}

/** Integers and dates have no more values than their range has room for. */
function withDistinct(
  range: Range,
  type: SqlType,
  sampled: number | undefined,
): Range & { readonly distinct: number | undefined } {
  const step = statisticStep(type);
  if (step === undefined || range.min === undefined || range.max === undefined) {
    return { ...range, distinct: sampled };
  }
  const room = (range.max - range.min) / step + 1;
  return { ...range, distinct: sampled === undefined ? room : Math.min(room, sampled) };
}

function place(value: unknown, type: SqlType): number | undefined {
  if (typeof value !== 'number' && typeof value !== 'string') return undefined;
  return statisticValue(String(value).replace(/Z$/, ''), type);
}

function partitionRange(
  index: number,
  files: readonly TableFile[],
  type: SqlType,
): Range & { readonly distinct: number } {
  const values = new Set(files.map(({ delta }) => delta?.partitionValues[index] ?? null));
  const places = [...values].flatMap((value) => place(value, type) ?? []);
  const distinct = values.size;
  if (places.length === 0) return { min: undefined, max: undefined, distinct };
  const min = places.reduce((least, each) => Math.min(least, each));
  return { min, max: places.reduce((most, each) => Math.max(most, each)), distinct };
}

const narrow: Readonly<Record<string, number>> = {
  BOOLEAN: 1,
  TINYINT: 1,
  UTINYINT: 1,
  SMALLINT: 2,
  USMALLINT: 2,
  INTEGER: 4,
  UINTEGER: 4,
  FLOAT: 4,
  DATE: 4,
};

/** Bytes of a value, about: to tell the columns' shares of a file. */
function width(type: SqlType): number {
  if (type.kind === 'scalar') return narrow[type.name] ?? (type.name === 'VARCHAR' ? 16 : 8);
  return type.kind === 'decimal' || type.kind === 'enum' ? 8 : 32;
}
