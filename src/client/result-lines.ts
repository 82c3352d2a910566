import { SkeinError, SqlState } from '../common/index.ts';
import type { QueryStats } from '../coordinator/index.ts';
import {
  type JsonDecoder,
  jsonDecoder,
  parseType,
  type RecordBatch,
  type Schema,
  type SqlValue,
} from '../types/index.ts';

/** The first line of an answer. */
export interface ResultHeader {
  readonly queryId: string;
  readonly columns: Schema;
}

/** One line of an answer of `application/x-ndjson`; docs/rest.md describes them. */
export type ResultLine =
  | { readonly kind: 'header'; readonly header: ResultHeader }
  | { readonly kind: 'rows'; readonly rows: readonly unknown[] }
  | { readonly kind: 'stats'; readonly stats: QueryStats }
  | { readonly kind: 'error'; readonly error: SkeinError };

/** Cuts a stream of bytes at line feeds. What follows the last one is dropped: such a line was cut short. */
export async function* splitLines(chunks: AsyncIterable<Uint8Array>): AsyncGenerator<string> {
  let pending: Uint8Array[] = [];
  for await (const chunk of chunks) {
    let from = 0;
    for (let to = chunk.indexOf(0x0a); to >= 0; to = chunk.indexOf(0x0a, from)) {
      pending.push(chunk.subarray(from, to));
      const line = pending.length === 1 ? pending[0] : Buffer.concat(pending);
      pending = [];
      from = to + 1;
      if (line !== undefined)
        yield Buffer.from(line.buffer, line.byteOffset, line.byteLength).toString('utf8');
    }
    if (from < chunk.length) pending.push(chunk.subarray(from));
  }
}

/** Throws XX001 where the line is none of an answer. */
export function parseLine(text: string): ResultLine {
  const line = parseObject(text);
  if (Array.isArray(line.rows)) return { kind: 'rows', rows: line.rows };
  if (typeof line.queryId === 'string' && Array.isArray(line.columns)) {
    return { kind: 'header', header: { queryId: line.queryId, columns: schemaFromJson(line.columns) } };
  }
  if (isRecord(line.stats)) return { kind: 'stats', stats: line.stats as unknown as QueryStats };
  const error = errorFromJson(line);
  return error === undefined ? notALine(text) : { kind: 'error', error };
}

function parseObject(text: string): Record<string, unknown> {
  try {
    const json: unknown = JSON.parse(text);
    if (isRecord(json)) return json;
  } catch (error) {
    if (!(error instanceof SyntaxError)) throw error;
  }
  return notALine(text);
}

function notALine(text: string): never {
  throw new SkeinError(
    SqlState.dataCorrupted,
    `the server sent what is no part of a result: ${text.slice(0, 100)}`,
  );
}

/** The error in an answer `{"error": {...}}`; undefined where there is none. */
export function errorFromJson(json: unknown): SkeinError | undefined {
  const error = isRecord(json) ? json.error : undefined;
  if (!isRecord(error)) return undefined;
  const { sqlState, message, position, hint } = error;
  if (typeof sqlState !== 'string' || typeof message !== 'string') return undefined;
  return new SkeinError(sqlState, message, {
    ...(typeof position === 'number' ? { position } : {}),
    ...(typeof hint === 'string' ? { hint } : {}),
  });
}

/** Columns as REST names them: `[{"name", "type"}, ...]`. Throws 42601 for a type that is none. */
export function schemaFromJson(json: readonly unknown[]): Schema {
  return json.map((column) => {
    const { name, type } = isRecord(column) ? column : {};
    if (typeof name !== 'string' || typeof type !== 'string') return notALine(JSON.stringify(column));
    return { name, type: parseType(type) };
  });
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** Turns rows of JSON into batches of SQL values; the decoders are chosen once, by the columns' types. */
export class RowDecoder {
  readonly #schema: Schema;
  readonly #decoders: readonly JsonDecoder[];

  constructor(schema: Schema) {
    this.#schema = schema;
    this.#decoders = schema.map(({ type }) => jsonDecoder(type));
  }

  /** Throws XX001 where a row is none of this schema. */
  batch(rows: readonly unknown[]): RecordBatch {
    const width = this.#decoders.length;
    for (const row of rows) {
      if (!Array.isArray(row) || row.length !== width) return notALine(JSON.stringify(row));
    }
    const columns = this.#decoders.map((decode, index) => {
      const values: SqlValue[] = new Array(rows.length);
      for (let row = 0; row < rows.length; row++)
        values[row] = decode((rows[row] as readonly unknown[])[index]);
      return values;
    });
    return { schema: this.#schema, rowCount: rows.length, columns };
  }
}
