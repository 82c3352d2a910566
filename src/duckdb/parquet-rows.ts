import { mkdir, open, rm, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { type Random, SkeinError, SqlState } from '../common/index.ts';
import { formatType, quoteIdentifier, quoteLiteral, type Schema, type SqlValue } from '../types/index.ts';
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

interface Value {
  readonly column: string;
  readonly field?: string;
  readonly as: 'text' | 'json' | 'jsonText';
  readonly unless?: string;
}

interface Batch {
  readonly rowCount: number;
  readonly columns: readonly (readonly unknown[] | undefined)[];
}

interface LocalFile extends AsyncDisposable {
  readonly path: string;
  readonly bytes: number;
}

/** Values that come out of DuckDB as one text: to fetch a text costs more than to read a value. */
const valuesPerText = 4096;
/** Of the files written here: small, so that several threads read them. */
const rowGroupRows = 10_240;
/** Between texts: neither JSON nor a path has it in this spelling. */
const separator = '\u001e';
/** What DuckDB's reader takes for a row's JSON unless it is told; it holds twice as much in memory. */
const rowBytes = 16 * 1024 * 1024;

/**
 * Reads and writes rows of Parquet files by local copies: DuckDB reaches no store. The port of storage that this is for
 * says what the methods promise.
 */
export class DuckDbParquetRows {
  readonly #options: ParquetRowsOptions;

  constructor(options: ParquetRowsOptions) {
    this.#options = options;
  }

  async *readRows(
    { store, key }: { readonly store: ParquetSource; readonly key: string },
    values: readonly Value[],
    signal: AbortSignal | undefined,
  ): AsyncGenerator<Batch> {
    await using file = await this.#scratchFile('.parquet');
    await copy(store, key, file.path, signal);
    await using connection = await this.#options.duckDb.connect();
    const where = `${store.root}/${key}`;
    try {
      const { batches } = await connection.stream(
        await selectTexts(connection, file.path, values, signal),
        signal,
      );
      for await (const { rowCount, columns } of batches)
        for (let row = 0; row < rowCount; row++)
          yield batchOf(
            columns.map((column) => column[row] ?? null),
            values,
            where,
          );
    } catch (error) {
      throw damaged(error, where, file.path);
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
         TO ${quoteLiteral(parquet.path)} (FORMAT parquet, COMPRESSION snappy, ROW_GROUP_SIZE ${rowGroupRows})`,
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

/** The query for texts of rows. */
async function selectTexts(
  connection: DuckDbConnection,
  path: string,
  values: readonly Value[],
  signal: AbortSignal | undefined,
): Promise<string> {
  await connection.run(`SET TimeZone = 'UTC'`, signal);
  const from = `read_parquet(${quoteLiteral(path)}, hive_partitioning = false, file_row_number = true)`;
  const { schema, batches } = await connection.stream(`SELECT * FROM ${from} LIMIT 0`, signal);
  for await (const _ of batches);
  const texts = values.map((value) => {
    const spelled = valueText(value, schema);
    if (spelled === undefined) return 'NULL';
    const [none, between] = value.as === 'json' ? ['null', ','] : ['', separator];
    return `CASE WHEN count(${spelled}) > 0 THEN
      string_agg(coalesce(${spelled}, '${none}'), chr(${between.charCodeAt(0)})) END`;
  });
  return `SELECT count(*), ${texts.join(', ')} FROM ${from}
    GROUP BY file_row_number // ${valuesPerText} ORDER BY file_row_number // ${valuesPerText}`;
}

/** Undefined where the file does not have it. */
function valueText({ column, field, as, unless }: Value, schema: Schema): string | undefined {
  const type = schema.find(({ name }) => name === column)?.type;
  if (type === undefined) return undefined;
  const spell = (value: string): string => `${as === 'text' ? value : `to_json(${value})`}::VARCHAR`;
  if (field === undefined) return spell(quoteIdentifier(column));
  const has = (name: string): boolean =>
    type.kind === 'struct' && type.fields.some((each) => each.name === name);
  const at = (name: string): string => `${quoteIdentifier(column)}.${quoteIdentifier(name)}`;
  if (!has(field)) return undefined;
  return unless !== undefined && has(unless)
    ? `CASE WHEN ${at(unless)} IS NULL THEN ${spell(at(field))} END`
    : spell(at(field));
}

/** @param row of the query: the count of rows, and the text of each value */
function batchOf([count, ...texts]: readonly SqlValue[], values: readonly Value[], where: string): Batch {
  const rowCount = Number(count);
  const columns = values.map(({ as }, at) => {
    const text = texts[at];
    if (typeof text !== 'string') return undefined;
    const column = as === 'json' ? (JSON.parse(`[${text}]`) as readonly unknown[]) : text.split(separator);
    if (column.length === rowCount) return column;
    throw new SkeinError(SqlState.dataCorrupted, `${where} holds control characters that it may not hold`, {
      details: { path: where },
    });
  });
  return { rowCount, columns };
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
