import type { SqlType } from '../../types/index.ts';
import { sameType } from '../../types/index.ts';
import type { DeltaFile, StoredField } from '../table.ts';
import { type ColumnRange, unknownRange } from './column-range.ts';
import { type ColumnStatisticsJson, compactStatistics, numberMark } from './compact-statistics.ts';
import { kindOf, type OrderedValue, readValue } from './ordered-value.ts';

/** Statistics of a file as its log has them; numbers as `ColumnStatisticsJson` has them. */
interface FileStatistics {
  readonly rows: unknown;
  readonly min: Readonly<Record<string, unknown>>;
  readonly max: Readonly<Record<string, unknown>>;
  readonly nulls: Readonly<Record<string, unknown>>;
}

/** Of those that are not compact. */
const known = new WeakMap<DeltaFile, FileStatistics>();

/**
 * What a column's values in a file may be.
 * @param type of the column: what is stored may be another one
 * @see Delta PROTOCOL.md, Per-file Statistics
 */
export function statisticsRange(file: DeltaFile, stored: StoredField, type: SqlType): ColumnRange {
  const statistics = statisticsOf(file, stored.name);
  const range = { ...unknownRange, ...nullness(countOf(statistics.nulls), countOf(statistics.rows)) };
  if (!boundsHold(stored.type, type)) return range;
  const min = boundOf(statistics.min, stored.type);
  const max = boundOf(statistics.max, stored.type);
  return {
    ...range,
    min: min === undefined || isNan(min) ? undefined : lowered(min),
    max: max === undefined ? undefined : raised(max),
    // Writers leave NaN out of both bounds.
    nan: kindOf(type) === 'float',
  };
}

function nullness(
  nulls: number | undefined,
  rows: number | undefined,
): { readonly nulls: boolean; readonly values: boolean } {
  return { nulls: nulls !== 0, values: nulls === undefined || rows === undefined || nulls < rows };
}

/** Where a type travels as another one, its values may be ordered differently. */
function boundsHold(stored: SqlType, type: SqlType): boolean {
  const kind = kindOf(type);
  if (kind === undefined || kind !== kindOf(stored)) return false;
  return kind !== 'float' || sameType(stored, type);
}

function boundOf(value: unknown, type: SqlType): OrderedValue | undefined {
  if (typeof value === 'boolean') return readValue(String(value), type);
  if (typeof value !== 'string') return undefined;
  if (!value.startsWith(numberMark)) return kindOf(type) === 'number' ? undefined : readValue(value, type);
  return kindOf(type) === 'text' || kindOf(type) === 'time' ? undefined : readValue(value.slice(1), type);
}

function isNan(value: OrderedValue): boolean {
  return value.kind === 'float' && Number.isNaN(value.value);
}

/** Writers cut timestamps to milliseconds, some of them toward 1970. */
const cutMicros = 999n;

function lowered(value: OrderedValue): OrderedValue {
  return value.kind === 'time' ? { kind: 'time', micros: value.micros - cutMicros } : value;
}

/** Some writers cut longer texts to this many characters, and make the last one of a maximum greater. */
const cutCharacters = 32;

/**
 * A maximum that is one for certain. Of texts that may have been cut only the first characters count: no text that
 * begins with them is greater than they are with bytes after them that UTF-8 does not have.
 */
function raised(value: OrderedValue): OrderedValue {
  if (value.kind === 'time') return { kind: 'time', micros: value.micros + cutMicros };
  if (value.kind !== 'text' || value.bytes.length < cutCharacters) return value;
  const characters = [...Buffer.from(value.bytes).toString('utf8')];
  if (characters.length < cutCharacters) return value;
  const kept = Buffer.from(characters.slice(0, cutCharacters - 1).join(''), 'utf8');
  return { kind: 'text', bytes: Buffer.concat([kept, Buffer.from([0xff])]) };
}

function countOf(value: unknown): number | undefined {
  if (typeof value !== 'string' || !value.startsWith(numberMark)) return undefined;
  const count = Number(value.slice(1));
  return Number.isSafeInteger(count) && count >= 0 ? count : undefined;
}

function statisticsOf(file: DeltaFile, name: string): ColumnStatisticsJson {
  const compact = file.stats === undefined ? undefined : compactStatistics(file.stats, name);
  if (compact !== undefined) return compact;
  let statistics = known.get(file);
  if (statistics === undefined) {
    statistics = parse(file.stats);
    known.set(file, statistics);
  }
  const { rows, min, max, nulls } = statistics;
  return { rows, min: min[name], max: max[name], nulls: nulls[name] };
}

const noStatistics: FileStatistics = { rows: undefined, min: {}, max: {}, nulls: {} };

/** Texts and numbers of JSON; what else is in it stays as it is. */
const jsonTokens = /"(?:[^"\\]|\\.)*"|-?\d+(?:\.\d+)?(?:[eE][-+]?\d+)?/g;

function parse(stats: string | undefined): FileStatistics {
  if (stats === undefined) return noStatistics;
  try {
    const marked = stats.replace(jsonTokens, (token) =>
      token.startsWith('"') ? token : `"\\u0000${token}"`,
    );
    const json = recordOf(JSON.parse(marked));
    return {
      rows: json.numRecords,
      min: recordOf(json.minValues),
      max: recordOf(json.maxValues),
      nulls: recordOf(json.nullCount),
    };
  } catch {
    return noStatistics;
  }
}

function recordOf(value: unknown): Readonly<Record<string, unknown>> {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return {};
  return value as Readonly<Record<string, unknown>>;
}
