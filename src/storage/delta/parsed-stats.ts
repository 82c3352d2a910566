import type { DeltaField } from './delta-snapshot.ts';

/** A string, one of JSON's marks, or anything else that is a value. */
const tokens = /"(?:[^"\\]|\\.)*"|[{}[\],:]|[^\s"{}[\],:]+/gs;
const bounds: ReadonlySet<string> = new Set(['minValues', 'maxValues']);
const duckDbTime = /^"(\d{4,}-\d\d-\d\d) (\d\d:\d\d:\d\d(?:\.\d+)?)(?:\+00)?"$/;

/**
 * The statistics of a file as the log's JSON has them, from those that a checkpoint keeps in columns of their own.
 * Only what the two spell differently changes: times, and floats that are no numbers; every other digit stays.
 * @param text what DuckDB's `to_json` makes of `stats_parsed`, in UTC
 */
export function statsFromParsed(text: string, fields: readonly DeltaField[]): string {
  const path: string[] = [];
  let key: string | undefined;
  let last = '';
  let json = '';
  for (const [token] of text.matchAll(tokens)) {
    if (token === '{') {
      if (key !== undefined) path.push(key);
      key = undefined;
    } else if (token === '}') {
      key = path.pop();
    } else if (token === ':') {
      key = JSON.parse(last) as string;
    }
    json += key !== undefined && last === ':' ? formatValue(token, [...path, key], fields) : token;
    last = token;
  }
  return json;
}

function formatValue(token: string, path: readonly string[], fields: readonly DeltaField[]): string {
  if (/^-?(?:NaN|Infinity)$/.test(token)) return `"${token}"`;
  const [kind = '', ...names] = path;
  const match = bounds.has(kind) ? duckDbTime.exec(token) : null;
  if (match === null) return token;
  switch (timeKind(names, fields)) {
    case 'instant':
      return `"${match[1]}T${match[2]}Z"`;
    case 'local':
      return `"${match[1]}T${match[2]}"`;
    case undefined:
      return token;
  }
}

/** Whether the column of these physical names holds times, and which. */
function timeKind(names: readonly string[], fields: readonly DeltaField[]): 'instant' | 'local' | undefined {
  const [name, ...rest] = names;
  const field = fields.find((each) => each.physicalName === name);
  if (field === undefined) return undefined;
  if (rest.length > 0) return timeKind(rest, field.children);
  if (field.type.kind !== 'scalar') return undefined;
  if (field.type.name === 'TIMESTAMP WITH TIME ZONE') return 'instant';
  return field.type.name.startsWith('TIMESTAMP') ? 'local' : undefined;
}
