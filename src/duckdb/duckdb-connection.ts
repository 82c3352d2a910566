import {
  DuckDBDataChunk,
  type DuckDBPreparedStatement,
  type DuckDBResult,
  type DuckDBValue,
  type DuckDBConnection as NativeConnection,
} from '@duckdb/node-api';
import { type Clock, canceledError, SkeinError, SqlState, sleep } from '../common/index.ts';
import { tokenize } from '../sql/index.ts';
import {
  formatType,
  quoteIdentifier,
  type RecordBatch,
  type Schema,
  type SqlType,
  type SqlValue,
  scalar,
} from '../types/index.ts';
import { columnValues } from './column-values.ts';
import { toSkeinDuckDbError } from './duckdb-error.ts';
import { fromDuckDbType } from './duckdb-type.ts';

/** DuckDB forgets an interrupt that comes before the statement starts, so it is repeated until the statement ends. */
const interruptEveryMs = 10;

/** Chunks after which others get a turn of the event loop. */
const chunksPerTurn = 8;

/** Errors after which DuckDB may refuse every further statement. */
const suspiciousTypes = new Set(['INTERNAL', 'FATAL']);

/** Run on a connection, makes its statements count what they have done. DuckDB would print it, too. */
export const trackProgress =
  'SET SESSION enable_progress_bar_print = false; SET SESSION enable_progress_bar = true';

export interface StreamedResult {
  readonly schema: Schema;
  /** To be iterated once; ending early stops the statement. Throws SkeinError where the statement fails. */
  readonly batches: AsyncIterable<RecordBatch>;
}

/**
 * A connection to DuckDB: one statement at a time. A second statement would end an open stream early and silently,
 * so it is refused (XX000) instead. Every running statement holds a thread of libuv's pool until it ends.
 */
export class DuckDbConnection implements AsyncDisposable {
  private readonly native: NativeConnection;
  private readonly clock: Clock;
  private readonly onSuspect: () => void;
  private state: 'idle' | 'busy' | 'closed' = 'idle';
  /** Aborts what runs when the connection closes. */
  private readonly closing = new AbortController();
  private streaming: OpenStream | undefined;
  /** Settles, never rejecting, when the call that is under way in DuckDB has ended. */
  private underWay: Promise<unknown> = Promise.resolve();

  /** @param onSuspect called when an error says that the whole instance may have given up */
  constructor(native: NativeConnection, clock: Clock, onSuspect: () => void = () => {}) {
    this.native = native;
    this.clock = clock;
    this.onSuspect = onSuspect;
  }

  /**
   * Runs one or more statements, separated by `;`, and drops their rows.
   * @returns rows that the last one wrote (COPY TO, INSERT)
   * @throws SkeinError; the signal's reason, or 57014, when it aborts
   */
  run(sql: string, signal?: AbortSignal): Promise<{ rowsChanged: number }> {
    return this.exclusive(async () => {
      const result = await this.call(signal, () => this.native.run(sql));
      return { rowsChanged: result.rowsChanged };
    });
  }

  /** Share of the running statement that is done, 0 to 1, as DuckDB guesses. 0 without `trackProgress`. */
  progress(): number {
    if (this.state !== 'busy') return 0;
    return Math.max(0, Math.min(1, this.native.progress.percentage / 100));
  }

  /** Runs a statement to its end, then gives its rows: for one that writes, such as COPY with RETURN_STATS. */
  finish(sql: string, signal?: AbortSignal): Promise<SqlValue[][]> {
    return this.exclusive(async () => {
      const result = await this.call(signal, () => this.native.run(sql));
      const types = result.columnTypes().map(fromDuckDbType);
      const rows: SqlValue[][] = [];
      for (;;) {
        const chunk = await this.call(signal, () => result.fetchChunk());
        if (chunk === null || chunk.rowCount === 0) return rows;
        const columns = types.map((type, index) => columnValues(chunk.getColumnVector(index), type));
        for (let row = 0; row < chunk.rowCount; row++)
          rows.push(columns.map((column) => column[row] ?? null));
      }
    });
  }

  /**
   * Adds rows to a table of this connection.
   * @param chunks at most 2048 rows each, column by column, in DuckDB's values for the table's types
   */
  append(
    table: string,
    chunks: Iterable<readonly (readonly DuckDBValue[])[]>,
    signal?: AbortSignal,
  ): Promise<void> {
    return this.exclusive(async () => {
      const appender = await this.call(signal, () => this.native.createAppender(table));
      try {
        const types = Array.from({ length: appender.columnCount }, (_, index) => appender.columnType(index));
        let count = 0;
        for (const columns of chunks) {
          const chunk = DuckDBDataChunk.create(types, columns[0]?.length ?? 0);
          chunk.setColumns(columns);
          appender.appendDataChunk(chunk);
          count += 1;
          if (count % chunksPerTurn === 0) await sleep(this.clock, 0, signal);
        }
        appender.flushSync();
      } catch (error) {
        appender.clear();
        throw toSkeinDuckDbError(error);
      } finally {
        appender.closeSync();
      }
    });
  }

  /** Runs a statement and gives all of its rows: for small results. */
  async rows(sql: string, signal?: AbortSignal): Promise<SqlValue[][]> {
    const { batches } = await this.stream(sql, signal);
    const rows: SqlValue[][] = [];
    for await (const { columns, rowCount } of batches) {
      for (let row = 0; row < rowCount; row++) rows.push(columns.map((column) => column[row] ?? null));
    }
    return rows;
  }

  /** Runs a statement and gives its rows as they come, in order. The connection is busy until they end. */
  async stream(sql: string, signal?: AbortSignal): Promise<StreamedResult> {
    this.begin();
    try {
      const { statement, schema, types, text } = await this.prepare(sql, signal);
      const result = await this.call(signal, () => statement.stream());
      statement.destroySync();
      const stream: OpenStream = { result, schema, types, text, signal, wasStreaming: result.isStreaming };
      this.streaming = stream;
      return { schema, batches: this.batches(stream) };
    } catch (error) {
      this.end();
      throw error;
    }
  }

  /** Stops what runs, waits until it has stopped, and disconnects. */
  async [Symbol.asyncDispose](): Promise<void> {
    if (this.state === 'closed') return;
    this.closing.abort(canceledError('the connection was closed'));
    await this.underWay;
    if (this.streaming !== undefined) await this.stop(this.streaming);
    this.state = 'closed';
    this.native.disconnectSync();
  }

  private async exclusive<T>(work: () => Promise<T>): Promise<T> {
    this.begin();
    try {
      return await work();
    } finally {
      this.end();
    }
  }

  private begin(): void {
    if (this.state !== 'idle')
      throw new SkeinError(
        SqlState.internalError,
        this.state === 'closed'
          ? 'the connection is closed'
          : 'the connection is busy with another statement',
      );
    this.state = 'busy';
  }

  private end(): void {
    this.streaming = undefined;
    if (this.state === 'busy') this.state = 'idle';
  }

  /** Waits for a call into DuckDB, interrupting it for as long as the signal is aborted. */
  private async call<T>(signal: AbortSignal | undefined, work: () => Promise<T>): Promise<T> {
    const signals = [this.closing.signal, ...(signal === undefined ? [] : [signal])];
    const aborted = (): AbortSignal | undefined => signals.find((each) => each.aborted);
    let cancelTimer = (): void => {};
    const interrupt = (): void => {
      this.native.interrupt();
      cancelTimer = this.clock.after(interruptEveryMs, interrupt);
    };
    const before = aborted();
    if (before !== undefined) throw abortError(before);
    for (const each of signals) each.addEventListener('abort', interrupt, { once: true });
    try {
      const pending = work();
      this.underWay = pending.catch(() => {});
      return await pending;
    } catch (error) {
      const by = aborted();
      if (by !== undefined) throw abortError(by);
      const skein = toSkeinDuckDbError(error);
      if (suspiciousTypes.has(skein.details.duckdbType ?? '')) this.onSuspect();
      throw skein;
    } finally {
      cancelTimer();
      for (const each of signals) each.removeEventListener('abort', interrupt);
    }
  }

  private async prepare(sql: string, signal: AbortSignal | undefined): Promise<PreparedText> {
    const statements = await this.call(signal, () => this.native.extractStatements(sql));
    for (let index = 0; index < statements.count - 1; index++) {
      const statement = await this.call(signal, () => statements.prepare(index));
      await this.call(signal, () => statement.run());
      statement.destroySync();
    }
    const statement = await this.call(signal, () => statements.prepare(statements.count - 1));
    const schema = Array.from({ length: statement.columnCount }, (_, index) => ({
      name: statement.columnName(index),
      type: fromDuckDbType(statement.columnType(index)),
    }));
    const types = schema.map((column) => readableType(column.type));
    if (statements.count > 1 || types.every((type, index) => type === schema[index]?.type))
      return { statement, schema, types, text: sql };
    statement.destroySync();
    const text = castColumns(sql, schema, types);
    return { statement: await this.call(signal, () => this.native.prepare(text)), schema, types, text };
  }

  /** Asks for the next chunk while the consumer works on the last one. */
  private async *batches(stream: OpenStream): AsyncGenerator<RecordBatch> {
    const { result, schema, types, signal } = stream;
    const fetch = () => this.call(signal, () => result.fetchChunk());
    try {
      let next = fetch();
      for (;;) {
        const chunk = await next;
        if (chunk === null || chunk.rowCount === 0) break;
        next = fetch();
        next.catch(() => {});
        const columns = types.map((type, index) => columnValues(chunk.getColumnVector(index), type));
        yield { schema, rowCount: chunk.rowCount, columns };
      }
      await this.checkEnd(stream);
      this.streaming = undefined;
    } finally {
      if (this.streaming === stream) await this.stop(stream);
      this.end();
    }
  }

  /**
   * The binding ends a stream that failed like one that is complete, and keeps the message to itself; a failed
   * result only says that it is not streaming any more. EXPLAIN ANALYZE runs the statement again, for its error.
   */
  private async checkEnd({ result, text, signal, wasStreaming }: OpenStream): Promise<void> {
    if (!wasStreaming || result.isStreaming) return;
    for (const each of [this.closing.signal, signal]) if (each?.aborted) throw abortError(each);
    await this.call(signal, () => this.native.run(`EXPLAIN ANALYZE ${text}`));
    throw new SkeinError(SqlState.internalError, 'the result ended before its last row', { retry: 'task' });
  }

  /** Ends a stream before its end. */
  private async stop({ result, wasStreaming }: OpenStream): Promise<void> {
    await this.underWay;
    for (;;) {
      // An interrupted stream gives no more rows, but what is buffered may come first.
      this.native.interrupt();
      const chunk = await result.fetchChunk().catch(() => null);
      if (chunk === null || chunk.rowCount === 0 || !wasStreaming) break;
    }
    this.streaming = undefined;
  }
}

interface PreparedText {
  readonly statement: DuckDBPreparedStatement;
  /** The statement's own columns. */
  readonly schema: Schema;
  /** As what each column arrives. */
  readonly types: readonly SqlType[];
  readonly text: string;
}

interface OpenStream extends Omit<PreparedText, 'statement'> {
  readonly result: DuckDBResult;
  readonly signal: AbortSignal | undefined;
  readonly wasStreaming: boolean;
}

function abortError(signal: AbortSignal): SkeinError {
  return signal.reason instanceof SkeinError ? signal.reason : canceledError();
}

/**
 * The type with VARCHAR in the place of every type that only DuckDB can spell: the session's time zone, the nesting
 * of a VARIANT. The type itself where there is none.
 */
function readableType(type: SqlType): SqlType {
  switch (type.kind) {
    case 'scalar':
      return type.name === 'TIMESTAMP WITH TIME ZONE' || type.name === 'VARIANT' || type.name === 'GEOMETRY'
        ? scalar('VARCHAR')
        : type;
    case 'list':
    case 'array': {
      const element = readableType(type.element);
      return element === type.element ? type : { ...type, element };
    }
    case 'map': {
      const key = readableType(type.key);
      const value = readableType(type.value);
      return key === type.key && value === type.value ? type : { ...type, key, value };
    }
    case 'struct': {
      const fields = readableColumns(type.fields);
      return fields === type.fields ? type : { ...type, fields };
    }
    case 'union': {
      const members = readableColumns(type.members);
      return members === type.members ? type : { ...type, members };
    }
    case 'decimal':
    case 'enum':
      return type;
  }
}

function readableColumns(columns: Schema): Schema {
  const mapped = columns.map((column) => ({ ...column, type: readableType(column.type) }));
  return mapped.every((column, index) => column.type === columns[index]?.type) ? columns : mapped;
}

/** The query with its columns cast to the given types, in the same order of rows. */
function castColumns(sql: string, schema: Schema, types: readonly SqlType[]): string {
  const names = schema.map((_, index) => quoteIdentifier(`c${index}`));
  const casts = names.map((name, index) => {
    const type = types[index];
    return type === undefined || type === schema[index]?.type ? name : `CAST(${name} AS ${formatType(type)})`;
  });
  return `SELECT ${casts.join(', ')} FROM (\n${withoutEnd(sql)}\n) AS t(${names.join(', ')})`;
}

/** The statement without the semicolons and comments after it. */
function withoutEnd(sql: string): string {
  const tokens = tokenize(sql);
  const last = tokens.findLast(({ kind, text }) => kind !== 'comment' && text !== ';');
  return sql.slice(0, last?.end ?? 0);
}
