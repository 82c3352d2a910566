import { setMaxListeners } from 'node:events';
import { canceledError, SkeinError, SqlState } from '../common/index.ts';
import type { QueryStats } from '../coordinator/index.ts';
import { distinctNames, type RecordBatch, type Schema, type SqlValue } from '../types/index.ts';

/** How a query is run, beside its text. */
export interface QueryOptions {
  /** For `?` and `$1`: by position; for `$name`: by name. */
  readonly params?: readonly SqlValue[] | Readonly<Record<string, SqlValue>>;
  /** Where unqualified names are looked up first; default `main`. */
  readonly schema?: string;
  /** What `SET name = value` takes, by name, for this query alone. */
  readonly settings?: Readonly<Record<string, string | number | boolean>>;
  /** Cancels the query, on every worker, when it aborts. */
  readonly signal?: AbortSignal;
}

/** A row by column name; a name that repeats gets `_1`, `_2` ... as DuckDB names columns apart. */
export type RowObject = { readonly [column: string]: SqlValue };

/**
 * A running query and its rows, the same from an embedded engine and from a server. The query starts at once; rows come
 * no faster than they are read. They can be read once: by `for await`, or by `rows`. Leaving the loop early cancels it.
 * Errors are SkeinErrors; a canceled query's has SQLSTATE 57014.
 */
export interface QueryResult extends AsyncIterable<RecordBatch> {
  /** The query's id, once it is planned. */
  id(): Promise<string>;
  /** Names and types, once it is planned. */
  columns(): Promise<Schema>;
  /** Every row, as objects, or as arrays in the order of the columns. Holds them all in memory. */
  rows(): Promise<RowObject[]>;
  rows(options: { readonly as: 'objects' }): Promise<RowObject[]>;
  rows(options: { readonly as: 'arrays' }): Promise<SqlValue[][]>;
  /** Of the whole query. Throws 55000 until every row has been read. */
  stats(): QueryStats;
  /** Stops the query; whoever reads its rows gets 57014. */
  cancel(): void;
}

/** A planned query, as an engine or a client hands it over. */
export interface StartedQuery {
  readonly id: string;
  readonly columns: Schema;
  /** Once; ending the iteration early cancels the query. */
  readonly batches: AsyncIterable<RecordBatch>;
  /** Once the batches have ended. */
  stats(): QueryStats;
}

/** The queries of one engine or client that have not ended. */
export class RunningQueries {
  readonly #running = new Set<AbortController>();
  #closed: SkeinError | undefined;

  /** Runs a query through `start`, whose signal aborts on `cancel`, on `close`, and when `caller` does. */
  run(start: (signal: AbortSignal) => Promise<StartedQuery>, caller: AbortSignal | undefined): QueryResult {
    const controller = new AbortController();
    const onCaller = (): void =>
      controller.abort(
        new SkeinError(SqlState.queryCanceled, canceledError().message, { cause: caller?.reason }),
      );
    this.#running.add(controller);
    if (this.#closed !== undefined) controller.abort(this.#closed);
    if (caller?.aborted) onCaller();
    else if (caller !== undefined) {
      // One signal may cancel any number of queries; each takes its listener away when it ends.
      setMaxListeners(0, caller);
      caller.addEventListener('abort', onCaller, { once: true });
    }
    const release = (): void => {
      this.#running.delete(controller);
      caller?.removeEventListener('abort', onCaller);
    };
    controller.signal.addEventListener('abort', release, { once: true });
    return new RunningQuery(start, controller, release);
  }

  /** Cancels every query, and those to come, with 57014. */
  close(reason: string): void {
    this.#closed = new SkeinError(SqlState.queryCanceled, reason);
    for (const controller of this.#running) controller.abort(this.#closed);
    this.#running.clear();
  }
}

class RunningQuery implements QueryResult {
  readonly #controller: AbortController;
  readonly #started: Promise<StartedQuery>;
  readonly #release: () => void;
  #read = false;
  #stats: QueryStats | undefined;

  constructor(
    start: (signal: AbortSignal) => Promise<StartedQuery>,
    controller: AbortController,
    release: () => void,
  ) {
    this.#controller = controller;
    this.#release = release;
    this.#started = this.#start(start);
    // Whoever asks for the columns or the rows gets the error; nobody need ask.
    this.#started.catch(() => {});
  }

  async #start(start: (signal: AbortSignal) => Promise<StartedQuery>): Promise<StartedQuery> {
    const { signal } = this.#controller;
    try {
      signal.throwIfAborted();
      return await start(signal);
    } catch (error) {
      this.#release();
      throw signal.aborted ? signal.reason : error;
    }
  }

  async id(): Promise<string> {
    return (await this.#started).id;
  }

  async columns(): Promise<Schema> {
    return (await this.#started).columns;
  }

  [Symbol.asyncIterator](): AsyncGenerator<RecordBatch> {
    const rows = this.#rows();
    const leave = rows.return.bind(rows);
    rows.return = (value) => {
      // A generator that has not begun has no loop to leave.
      if (!this.#read) {
        this.#read = true;
        this.cancel();
      }
      return leave(value);
    };
    return rows;
  }

  async *#rows(): AsyncGenerator<RecordBatch> {
    if (this.#read) throw new SkeinError(SqlState.notInThisState, "the query's rows have been read already");
    this.#read = true;
    const started = await this.#started;
    const { signal } = this.#controller;
    try {
      for await (const batch of started.batches) {
        signal.throwIfAborted();
        yield batch;
      }
      signal.throwIfAborted();
      this.#stats = started.stats();
    } catch (error) {
      throw signal.aborted ? signal.reason : error;
    } finally {
      this.#release();
    }
  }

  rows(options?: { readonly as: 'objects' }): Promise<RowObject[]>;
  rows(options: { readonly as: 'arrays' }): Promise<SqlValue[][]>;
  async rows(
    options: { readonly as: 'objects' | 'arrays' } = { as: 'objects' },
  ): Promise<RowObject[] | SqlValue[][]> {
    const arrays: SqlValue[][] = [];
    for await (const { columns, rowCount } of this) {
      for (let row = 0; row < rowCount; row++) arrays.push(columns.map((values) => values[row] ?? null));
    }
    if (options.as === 'arrays') return arrays;
    const names = distinctNames(await this.columns());
    return arrays.map((values) =>
      Object.fromEntries(names.map((name, index) => [name, values[index] ?? null])),
    );
  }

  stats(): QueryStats {
    if (this.#stats !== undefined) return this.#stats;
    throw new SkeinError(SqlState.notInThisState, 'the statistics are known when every row has been read');
  }

  cancel(): void {
    this.#controller.abort(canceledError());
  }
}
