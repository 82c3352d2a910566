import { nearestName, SkeinError, SqlState } from '../../common/index.ts';
import { type DuckDbErrorInfo, sqlStateOf } from '../duckdb-error.ts';
import type { Json, JsonObject } from './parse-json.ts';

/** DuckDB's error types as `json_serialize_plan` spells them, by how it prints them. */
const errorTypes: Readonly<Record<string, string>> = {
  parser: 'Parser',
  syntax: 'Syntax',
  binder: 'Binder',
  catalog: 'Catalog',
  conversion: 'Conversion',
  'invalid input': 'Invalid Input',
  'out of range': 'Out of Range',
  'invalid type': 'Mismatch Type',
  'mismatch type': 'Mismatch Type',
  'not implemented': 'Not implemented',
  'divide by zero': 'Divide by Zero',
  permission: 'Permission',
  interrupt: 'INTERRUPT',
  'out of memory': 'Out of Memory',
};

/** Reads the answer of `json_serialize_*` where it is an error, `{ error: true, error_type, ... }`. */
export function readJsonError(answer: JsonObject): DuckDbErrorInfo | undefined {
  if (answer.get('error') !== true) return undefined;
  const text = (value: Json | undefined): string => (typeof value === 'string' ? value : '');
  const type = text(answer.get('error_type'));
  const position = text(answer.get('position'));
  const extra = Object.fromEntries([...answer].map(([key, value]) => [key, text(value)]));
  return {
    type: errorTypes[type.toLowerCase()] ?? type,
    message: text(answer.get('error_message')),
    position: position === '' ? undefined : Number(position),
    extra,
  };
}

/** What an error of the binder is told with. */
export interface ErrorContext {
  /** From a byte offset in the SQL that DuckDB saw to a character of the user's text. */
  readonly position: (bytes: number) => number;
  /** Qualified names of our tables. */
  readonly tables: Iterable<string>;
}

/** The error for the user: SQLSTATE, position in the user's text, and hints from our catalog instead of DuckDB's. */
export function toBindError(info: DuckDbErrorInfo, context: ErrorContext): SkeinError {
  const { extra } = info;
  const position = info.position === undefined ? {} : { position: context.position(info.position) };
  if (info.type === 'Catalog' && extra.type === 'Table') {
    return unknownTable(extra.name ?? '', context.tables, position);
  }
  const { message, hint } = splitHint(info);
  return new SkeinError(sqlStateOf(info), message, hint === undefined ? position : { ...position, hint });
}

/** 42P01 with the nearest of our tables. */
export function unknownTable(
  name: string,
  tables: Iterable<string>,
  options: { readonly position?: number },
): SkeinError {
  const qualified = [...tables];
  const short = qualified.map((table) => table.replace(/^main\./, ''));
  const nearest = nearestName(name, [...short, ...qualified]);
  const hint = nearest === undefined ? {} : { hint: `did you mean ${nearest}?` };
  return new SkeinError(SqlState.undefinedTable, `there is no table ${name}`, { ...options, ...hint });
}

/** DuckDB puts its hints behind the first line of a message. */
function splitHint(info: DuckDbErrorInfo): { readonly message: string; readonly hint: string | undefined } {
  const text = info.message.replace(/\n\nLINE \d+:[\s\S]*$/, '').trim();
  const line = text.indexOf('\n');
  if (line < 0) return { message: text, hint: undefined };
  return {
    message: text.slice(0, line),
    hint: text
      .slice(line + 1)
      .replaceAll(/\s*\n\s*/g, '; ')
      .trim(),
  };
}
