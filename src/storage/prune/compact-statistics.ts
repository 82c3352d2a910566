/** What a file's statistics say of one column. Numbers are texts with `numberMark` before them, for all of their digits. */
export interface ColumnStatisticsJson {
  readonly rows: unknown;
  readonly min: unknown;
  readonly max: unknown;
  readonly nulls: unknown;
}

/** Before the digits of a number. A text that begins so has no bounds. */
export const numberMark = '\u0000';

const rowsKey = '{"numRecords":';
const minKey = ',"minValues":{';
const maxKey = '},"maxValues":{';
const nullsKey = '},"nullCount":{';

/**
 * Reads statistics that are spelled as most writers spell them, without parsing all of them: in this order, without
 * spaces, and without braces but these. A key that follows `{` or `,` is one for certain: a text has no bare quote.
 * @param name of a top-level column
 * @returns undefined where they are spelled in another way
 */
export function compactStatistics(stats: string, name: string): ColumnStatisticsJson | undefined {
  const minAt = stats.indexOf(minKey);
  const maxAt = stats.indexOf(maxKey, minAt);
  const nullsAt = stats.indexOf(nullsKey, maxAt);
  if (minAt < 0 || maxAt < 0 || nullsAt < 0 || !stats.startsWith(rowsKey)) return undefined;
  const rows = stats.slice(rowsKey.length, minAt);
  const minStart = minAt + minKey.length;
  const maxStart = maxAt + maxKey.length;
  const nullsStart = nullsAt + nullsKey.length;
  if (!/^\d{1,15}$/.test(rows)) return undefined;
  // The braces after those of a part are those of the next one.
  if (stats.indexOf('{', minStart) !== maxStart - 1 || stats.indexOf('{', maxStart) !== nullsStart - 1)
    return undefined;
  if (stats.includes('{', nullsStart)) return undefined;
  const key = `${JSON.stringify(name)}:`;
  const min = valueAt(stats, minStart, maxAt, key);
  const max = valueAt(stats, maxStart, nullsAt, key);
  const nulls = valueAt(stats, nullsStart, stats.length, key);
  if (min === otherwise || max === otherwise || nulls === otherwise) return undefined;
  return { rows: numberMark + rows, min, max, nulls };
}

const otherwise = Symbol('spelled otherwise');

/** The value of a key in the part of an object from `start` to `end`; undefined where it has none. */
function valueAt(stats: string, start: number, end: number, key: string): unknown {
  let at = stats.indexOf(key, start);
  while (at >= 0 && at < end && at !== start && stats[at - 1] !== ',') at = stats.indexOf(key, at + 1);
  if (at < 0 || at >= end) return undefined;
  const valueStart = at + key.length;
  if (stats[valueStart] !== '"') {
    const [token] =
      /^(?:-?\d[\d.eE+-]*|true|false|null)(?=[,}])/.exec(stats.slice(valueStart, valueStart + 64)) ?? [];
    if (token === undefined) return otherwise;
    return token === 'true' || token === 'false' || token === 'null'
      ? (JSON.parse(token) as unknown)
      : numberMark + token;
  }
  const textEnd = stats.indexOf('"', valueStart + 1);
  const text = stats.slice(valueStart + 1, textEnd);
  return textEnd < 0 || text.includes('\\') ? otherwise : text;
}
