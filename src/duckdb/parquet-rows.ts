import { mkdir, open, rm, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { type Random, SkeinError, SqlState } from '../common/index.ts';
import { formatType, quoteIdentifier, quoteLiteral, type Schema } from '../types/index.ts';
import type { DuckDb } from './duckdb.ts';
import type { DuckDbConnection } from './duckdb-connection.ts';

/** What is needed of an object store. */
export interface ParquetSource {
  readonly root: string;
  get(
    key: string,
    options?: { readonly signal?: AbortSignal },
  ): Promise<{ readonly stream: AsyncIterable<Uint8Array> }>;
}

export interface ParquetRowsOptions {
  readonly duckDb: DuckDb;
  /** A folder that the DuckDB may read and write; made when missing. Files in it live as long as their use. */
  readonly scratchFolder: string;
  readonly random: Random;
}

interface Column {
  readonly name: string;
  readonly fields?: readonly { readonly name: string; readonly textUnless?: string }[];
}

interface LocalFile extends AsyncDisposable {
  readonly path: string;
  readonly bytes: number;
}

/** Rows of one text when they come in small batches. */
const rowsPerText = 4096;
/** What DuckDB's reader takes for a row's JSON unless it is told; it holds twice as much in memory. */
const rowBytes = 16 * 1024 * 1024;

/**
 * Reads and writes rows of Parquet files as JSON, by local copies: DuckDB reaches no store. The port of storage that
 * this is for says what the methods promise.
 */
export class DuckDbParquetRows {
  readonly #options: ParquetRowsOptions;

  constructor(options: ParquetRowsOptions) {
    this.#options = options;
  }

  async *readRows(
    { store, key }: { readonly store: ParquetSource; readonly key: string },
    columns: readonly Column[],
    signal: AbortSignal | undefined,
  ): AsyncGenerator<string> {
    await using file = await this.#scratchFile('.parquet');
    await copy(store, key, file.path, signal);
    await using connection = await this.#options.duckDb.connect();
    try {
      yield* rowTexts(connection, await selectJson(connection, file.path, columns, signal), signal);
    } catch (error) {
      throw damaged(error, `${store.root}/${key}`, file.path);
    }
  }

  async writeRows(
    columns: Schema,
    rows: AsyncIterable<string> | Iterable<string>,
    signal: AbortSignal | undefined,
  ): Promise<LocalFile> {
    await using json = await this.#scratchFile('.json');
    const parquet = await this.#scratchFile('.parquet');
    try {
      const longest = await writeArray(json.path, rows, signal);
      const types = columns.map(
        ({ name, type }) => `${quoteLiteral(name)}: ${quoteLiteral(formatType(type))}`,
      );
      await using connection = await this.#options.duckDb.connect();
      await connection.run(
        `SET TimeZone = 'UTC'; COPY (SELECT ${columns.map(({ name }) => quoteIdentifier(name)).join(', ')}
         FROM read_json(${quoteLiteral(json.path)}, format = 'array', columns = {${types.join(', ')}},
           maximum_object_size = ${Math.max(rowBytes, longest)}))
         TO ${quoteLiteral(parquet.path)} (FORMAT parquet, COMPRESSION snappy)`,
        signal,
      );
      const { size } = await stat(parquet.path);
      return { ...parquet, bytes: size };
    } catch (error) {
      await parquet[Symbol.asyncDispose]();
      throw error;
    }
  }

  async #scratchFile(extension: string): Promise<LocalFile> {
    const { scratchFolder, random } = this.#options;
    await mkdir(scratchFolder, { recursive: true });
    const path = join(scratchFolder, `rows-${random.token(16)}${extension}`);
    return { path, bytes: 0, [Symbol.asyncDispose]: () => rm(path, { force: true }) };
  }
}

async function copy(
  store: ParquetSource,
  key: string,
  path: string,
  signal: AbortSignal | undefined,
): Promise<void> {
  const { stream } = await store.get(key, signal === undefined ? {} : { signal });
  await using file = await open(path, 'w');
  for await (const chunk of stream) await file.appendFile(chunk);
}

/** The query for the rows: `,"name":<JSON>` of each column that is not NULL, with the fields that the file has. */
async function selectJson(
  connection: DuckDbConnection,
  path: string,
  columns: readonly Column[],
  signal: AbortSignal | undefined,
): Promise<string> {
  await connection.run(`SET TimeZone = 'UTC'`, signal);
  const from = `read_parquet(${quoteLiteral(path)}, hive_partitioning = false)`;
  const { schema, batches } = await connection.stream(`SELECT * FROM ${from} LIMIT 0`, signal);
  for await (const _ of batches);
  const parts = columns.flatMap((column) => {
    const found = schema.find(({ name }) => name === column.name);
    return found === undefined ? [] : [columnJson(column, found)];
  });
  // Joining them here is what costs least: DuckDB's functions that leave out NULLs or cut strings take longer than all else.
  const texts = parts.map((part) => `coalesce(${part}, '')`);
  return `SELECT ${texts.length > 0 ? texts.join(' || ') : "''"} FROM ${from}`;
}

/** `,"name":<JSON>`, or NULL where the column is. */
function columnJson(column: Column, { name, type }: Schema[number]): string {
  const whole = quoteIdentifier(name);
  const label = quoteLiteral(`,${JSON.stringify(name)}:`);
  if (column.fields === undefined || type.kind !== 'struct') return `${label} || to_json(${whole})`;
  const has = (field: string): boolean => type.fields.some((each) => each.name === field);
  const fields = column.fields.filter((field) => has(field.name));
  const values = fields.map(({ name: field, textUnless }) => {
    const at = `${whole}.${quoteIdentifier(field)}`;
    const value =
      textUnless === undefined
        ? at
        : has(textUnless)
          ? `CASE WHEN ${whole}.${quoteIdentifier(textUnless)} IS NULL THEN to_json(${at})::VARCHAR END`
          : `to_json(${at})::VARCHAR`;
    return `${quoteIdentifier(field)} := ${value}`;
  });
  if (values.length === 0) return `CASE WHEN ${whole} IS NOT NULL THEN ${label} || '{}' END`;
  return `CASE WHEN ${whole} IS NOT NULL THEN ${label} || to_json(struct_pack(${values.join(', ')})) END`;
}

async function* rowTexts(
  connection: DuckDbConnection,
  sql: string,
  signal: AbortSignal | undefined,
): AsyncGenerator<string> {
  const { batches } = await connection.stream(sql, signal);
  let rows: string[] = [];
  const text = (): string => `[{${rows.join('},{')}}]`;
  for await (const { columns } of batches) {
    for (const row of columns[0] ?? []) rows.push(String(row).slice(1));
    if (rows.length < rowsPerText) continue;
    yield text();
    rows = [];
  }
  if (rows.length > 0) yield text();
}

/**
 * One JSON array of those that come.
 * @returns bytes of the longest of them: no row has more
 */
async function writeArray(
  path: string,
  rows: AsyncIterable<string> | Iterable<string>,
  signal: AbortSignal | undefined,
): Promise<number> {
  await using file = await open(path, 'w');
  let longest = 0;
  let separator = '[';
  for await (const text of rows) {
    signal?.throwIfAborted();
    const items = text.trim().slice(1, -1);
    if (items.trim() === '') continue;
    await file.appendFile(`${separator}${items}`);
    longest = Math.max(longest, Buffer.byteLength(items));
    separator = ',';
  }
  await file.appendFile(separator === '[' ? '[]' : ']');
  return longest;
}

/** DuckDB names the copy; people know the object. */
function damaged(error: unknown, where: string, path: string): unknown {
  if (!(error instanceof SkeinError) || error.details.duckdbType === undefined) return error;
  const isLimit = [SqlState.queryCanceled, SqlState.outOfMemory, SqlState.diskFull].some(
    (state) => state === error.sqlState,
  );
  if (isLimit) return error;
  return new SkeinError(
    SqlState.dataCorrupted,
    `${where} is no whole Parquet file: ${error.message.replaceAll(path, where)}`,
    { details: { path: where }, cause: error },
  );
}
