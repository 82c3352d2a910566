import { create } from '@bufbuild/protobuf';
import { type AttemptId, type Clock, queryId, SkeinError, SqlState, stageId } from '../common/index.ts';
import type { DuckDb, StreamedResult } from '../duckdb/index.ts';
import { describePartitions, type ExchangeReader, type Holder, scratchError } from '../exchange/index.ts';
import {
  abortReason,
  malformed,
  type RunTaskRequest,
  type RunTaskResponse,
  RunTaskResponseSchema,
  type TaskStats,
  TaskStatsSchema,
} from '../rpc/index.ts';
import type { WrittenFile } from '../storage/index.ts';
import { quoteIdentifier, quoteLiteral, type RecordBatch, type Schema } from '../types/index.ts';
import type { DeltaFiles } from './delta/index.ts';
import { findUnreadableFile } from './find-unreadable-file.ts';
import { type QueryTask, QueryTasks, type TaskShare } from './query-tasks.ts';
import type { ScanFiles } from './scan-files.ts';
import type { Spool } from './spool.ts';
import { type InputStats, TaskConnection } from './task-connection.ts';
import { copyStatement, listFiles } from './task-output.ts';
import type { AttemptFiles, OpenStore } from './write/attempt-files.ts';
import { exportFiles } from './write/export-files.ts';
import { describeFiles, writeTable } from './write/table-writer.ts';

export interface FragmentRuntimeOptions {
  readonly duckdb: DuckDb;
  readonly spool: Spool;
  readonly reader: ExchangeReader;
  readonly clock: Clock;
  /** How others reach the outputs. */
  readonly self: Holder;
  /** Stores of tables that tasks write. Undefined: tasks here write none. */
  readonly openStore?: OpenStore | undefined;
  readonly scanFiles: ScanFiles;
  readonly deltaFiles: DeltaFiles;
}

/** Where and how a fragment's rows are written for others. */
export interface ExportTarget {
  /** Absolute: of a file, or of a folder where `options` make many. */
  readonly path: string;
  /** Of DuckDB's COPY, as SQL. */
  readonly options: string;
  /** Of the columns: those of a fragment may be others. */
  readonly names: readonly string[];
}

/** A fragment's rows as they come. */
export interface FragmentStream {
  readonly schema: Schema;
  /** To be iterated once, to its end or to an early return: that gives everything back. */
  readonly batches: AsyncIterable<RecordBatch>;
  /** So far. */
  stats(): TaskStats;
}

/** Runs fragments: binds their inputs, runs their SQL on DuckDB, and writes or streams their rows. */
export class FragmentRuntime {
  readonly #options: FragmentRuntimeOptions;
  readonly #tasks: QueryTasks;

  constructor(options: FragmentRuntimeOptions) {
    this.#options = options;
    this.#tasks = new QueryTasks(options.clock);
  }

  get duckdb(): DuckDb {
    return this.#options.duckdb;
  }

  /**
   * Runs one attempt and leaves its rows in the spool.
   * @throws SkeinError: LostInputError for inputs that cannot be had, 53100 for a full disk, 57014 or the signal's
   * reason when it aborts, and whatever DuckDB says. What the attempt wrote is gone then.
   */
  async runToSpool(request: RunTaskRequest, signal: AbortSignal): Promise<RunTaskResponse> {
    const { spool } = this.#options;
    const attempt = attemptOf(request);
    const dir = await spool.createAttempt(attempt);
    const task = this.#tasks.begin(attempt, signal);
    let connection: TaskConnection | undefined;
    const tidy = async (keep: boolean): Promise<void> => {
      await connection?.[Symbol.asyncDispose]().catch(() => {});
      if (!keep) await spool.discardAttempt(attempt).catch(() => {});
      task.end();
    };
    try {
      connection = await this.#open(request, task);
      const write = request.write === undefined ? this.#write : this.#writeTable;
      const { response, inlined } = await write.call(this, request, attempt, dir, connection, task.signal);
      // Nobody waits for this.
      void tidy(!inlined);
      return response;
    } catch (error) {
      await tidy(false);
      throw await this.#toTaskError(error, request, connection, task.signal);
    }
  }

  /**
   * Runs a fragment and streams its rows, in the fragment's order; nothing runs ahead of the consumer by more than
   * DuckDB's own buffer.
   * @throws as runToSpool, here or while the rows are read
   */
  async stream(request: RunTaskRequest, signal: AbortSignal): Promise<FragmentStream> {
    const { clock } = this.#options;
    const started = clock.monotonic();
    const task = this.#tasks.begin(attemptOf(request), signal);
    let connection: TaskConnection | undefined;
    let endedMs: number | undefined;
    const end = async (): Promise<void> => {
      endedMs ??= clock.monotonic() - started;
      await connection?.[Symbol.asyncDispose]();
      task.end();
    };
    try {
      connection = await this.#open(request, task);
      const { inputs } = connection;
      const opened = connection.connection;
      const result = await this.#planning(request, () => opened.stream(request.sql, task.signal));
      const schema = result.schema.map((column, index) => ({
        ...column,
        name: request.columns[index]?.name ?? column.name,
      }));
      // A consumer may abort and never ask for the first batch.
      task.signal.addEventListener('abort', () => void end(), { once: true });
      const rows = { count: 0 };
      return {
        schema,
        batches: this.#batches(request, connection, { ...result, schema }, task.signal, rows, end),
        stats: () => toStats(inputs, endedMs ?? clock.monotonic() - started, { rows: rows.count, bytes: 0 }),
      };
    } catch (error) {
      await end();
      throw await this.#toTaskError(error, request, connection, task.signal);
    }
  }

  /**
   * Runs a fragment and puts its rows into the table that it writes, from here.
   * @returns the files, which nobody deletes any more unless the caller does
   * @throws as runToSpool; nothing is left then
   */
  async writeTable(
    request: RunTaskRequest,
    signal: AbortSignal,
  ): Promise<{ readonly files: readonly WrittenFile[]; readonly stats: TaskStats }> {
    const { clock, openStore } = this.#options;
    const store = openStore ?? refuseStore;
    const planning = <T>(work: () => Promise<T>): Promise<T> => this.#planning(request, work);
    return await this.#inScratch(
      request,
      signal,
      async ({ connection, inputs, startedMs, task, dir, until }) => {
        await using table = await writeTable({ connection, request, dir, store, planning, signal: until });
        await task.recheckInputs();
        if (until.aborted) throw abortReason(until);
        table.keep();
        const stats = toStats(inputs, clock.monotonic() - startedMs, { rows: table.rows, bytes: 0 }, table);
        return { files: table.files, stats };
      },
    );
  }

  /**
   * Runs a fragment and writes its rows for others than Skein, in the fragment's order.
   * @param target a path within the spool
   */
  async exportRows(
    request: RunTaskRequest,
    target: ExportTarget,
    signal: AbortSignal,
  ): Promise<{ readonly rows: number; readonly stats: TaskStats }> {
    const { clock } = this.#options;
    return await this.#inScratch(request, signal, async ({ connection, inputs, startedMs, task, until }) => {
      const { rowsChanged: rows } = await this.#planning(request, () =>
        connection.run(exportStatement(request, target), until),
      );
      await task.recheckInputs();
      if (until.aborted) throw abortReason(until);
      return { rows, stats: toStats(inputs, clock.monotonic() - startedMs, { rows, bytes: 0 }) };
    });
  }

  /** Stops what runs for a query, deletes what is kept for it, and refuses its later attempts. Idempotent. */
  async dropQuery(id: string): Promise<void> {
    const { spool, reader } = this.#options;
    spool.refuseQuery(id);
    await this.stopQuery(id);
    await Promise.all([spool.dropQuery(id), reader.dropQuery(id)]);
  }

  /** Stops what runs for a query. @returns when it has stopped, or did not in half a second */
  stopQuery(id: string): Promise<void> {
    return this.#tasks.stop(id);
  }

  /** What runs, and how far it is. */
  shares(): readonly TaskShare[] {
    return this.#tasks.shares();
  }

  /** Stops everything, for this reason. @returns when nothing uses DuckDB and the spool any more */
  stop(reason: SkeinError): Promise<void> {
    return this.#tasks.stopAll(reason);
  }

  /** Gives an attempt its inputs and a scratch folder, and takes both back when the work is done. */
  async #inScratch<T>(
    request: RunTaskRequest,
    signal: AbortSignal,
    work: (scratch: Scratch) => Promise<T>,
  ): Promise<T> {
    const { spool } = this.#options;
    const attempt = attemptOf(request);
    const dir = await spool.createAttempt(attempt);
    const running = this.#tasks.begin(attempt, signal);
    const until = running.signal;
    let task: TaskConnection | undefined;
    try {
      task = await this.#open(request, running);
      const { connection, inputs, startedMs } = task;
      return await work({ connection, inputs, startedMs, task, dir, until });
    } catch (error) {
      throw await this.#toTaskError(error, request, task, until);
    } finally {
      await task?.[Symbol.asyncDispose]().catch(() => {});
      await spool.discardAttempt(attempt).catch(() => {});
      running.end();
    }
  }

  async #write(
    request: RunTaskRequest,
    attempt: AttemptId,
    dir: string,
    task: TaskConnection,
    signal: AbortSignal,
  ): Promise<{ readonly response: RunTaskResponse; readonly inlined: boolean }> {
    const { spool, self, clock } = this.#options;
    const { rowsChanged } = await this.#planning(request, () =>
      task.connection.run(copyStatement(request, dir), signal),
    );
    const written = await listFiles(request, dir);
    const { partitions, inlined, rows, bytes } = await describePartitions(attempt, written, self);
    if (rows !== rowsChanged) throw miscounted(rowsChanged, rows);
    await task.recheckInputs();
    if (signal.aborted) throw abortReason(signal);
    const files = partitions.flatMap((partition) => partition.files);
    if (!inlined) spool.commitAttempt(attempt, files);
    const stats = toStats(task.inputs, clock.monotonic() - task.startedMs, { rows, bytes });
    return { response: create(RunTaskResponseSchema, { partitions, stats }), inlined };
  }

  /** The rows go to the table's store; what is left in the spool, for the next stage, is a row a file. */
  async #writeTable(
    request: RunTaskRequest,
    attempt: AttemptId,
    dir: string,
    task: TaskConnection,
    signal: AbortSignal,
  ): Promise<{ readonly response: RunTaskResponse; readonly inlined: boolean }> {
    const { spool, self, clock, openStore } = this.#options;
    const { connection } = task;
    const store = openStore ?? refuseStore;
    const planning = <T>(work: () => Promise<T>): Promise<T> => this.#planning(request, work);
    const write = request.write?.plain === undefined ? writeTable : exportFiles;
    await using table = await write({ connection, request, dir, store, planning, signal });
    const described = await describeFiles(table.files, { connection, dir, signal });
    const output = described === undefined ? [] : [{ name: 'p0-0.parquet', path: described, partition: 0 }];
    const { partitions, inlined, rows, bytes } = await describePartitions(attempt, output, self);
    if (rows !== table.files.length) throw miscounted(table.files.length, rows);
    await task.recheckInputs();
    if (signal.aborted) throw abortReason(signal);
    const files = partitions.flatMap((partition) => partition.files);
    // Refuses a query that has ended, too.
    spool.commitAttempt(attempt, inlined ? [] : files);
    table.keep();
    const stats = toStats(task.inputs, clock.monotonic() - task.startedMs, { rows, bytes }, table);
    const response = create(RunTaskResponseSchema, { partitions, stats, writtenKeys: [...table.keys] });
    return { response, inlined };
  }

  async *#batches(
    request: RunTaskRequest,
    task: TaskConnection,
    result: StreamedResult,
    signal: AbortSignal,
    rows: { count: number },
    end: () => Promise<void>,
  ): AsyncGenerator<RecordBatch> {
    try {
      for await (const batch of result.batches) {
        rows.count += batch.rowCount;
        yield { ...batch, schema: result.schema };
      }
      if (signal.aborted) throw abortReason(signal);
      await task.recheckInputs();
    } catch (error) {
      throw await this.#toTaskError(error, request, task, signal);
    } finally {
      await end();
    }
  }

  /** Runs a statement that DuckDB plans when it starts. */
  #planning<T>(request: RunTaskRequest, start: () => Promise<T>): Promise<T> {
    return request.reorderJoins ? this.#options.duckdb.reorderingJoins(start) : start();
  }

  async #open(request: RunTaskRequest, task: QueryTask): Promise<TaskConnection> {
    const opened = await TaskConnection.open(this.#options, request, task.signal);
    task.measure(() => opened.connection.progress());
    return opened;
  }

  /** What an attempt's error is for the coordinator. */
  async #toTaskError(
    error: unknown,
    request: RunTaskRequest,
    task: TaskConnection | undefined,
    signal: AbortSignal,
  ): Promise<SkeinError> {
    if (signal.aborted) return abortReason(signal);
    const own = scratchError(error, this.#options.spool.root);
    const skein = task?.withLocations(own) ?? own;
    return (await findUnreadableFile(this.#options, request, skein, signal)) ?? skein;
  }
}

interface Scratch {
  readonly connection: TaskConnection['connection'];
  readonly inputs: InputStats;
  readonly startedMs: number;
  readonly task: TaskConnection;
  readonly dir: string;
  readonly until: AbortSignal;
}

function exportStatement({ sql }: RunTaskRequest, { path, options, names }: ExportTarget): string {
  const items = names.map((name, index) => `c${index} AS ${quoteIdentifier(name)}`);
  const own = names.map((_, index) => `c${index}`);
  const select = `SELECT ${items.join(', ')} FROM (\n${sql}\n) AS fragment(${own.join(', ')})`;
  return `COPY (${select}) TO ${quoteLiteral(path)} (${options})`;
}

function refuseStore(): never {
  throw new SkeinError(SqlState.featureNotSupported, 'this node has no way to the files of tables');
}

function miscounted(written: number, found: number): SkeinError {
  const message = `a task wrote ${written} rows, but its files hold ${found}`;
  return new SkeinError(SqlState.internalError, message, { retry: 'task' });
}

/** @throws SkeinError 08P01 for a request that names none */
export function attemptOf({ attempt }: RunTaskRequest): AttemptId {
  if (attempt === undefined) throw malformed('a task without its attempt');
  return {
    queryId: queryId(attempt.queryId),
    stageId: stageId(attempt.stageId),
    task: attempt.task,
    attempt: attempt.attempt,
  };
}

function toStats(
  inputs: InputStats,
  elapsedMs: number,
  output: { readonly rows: number; readonly bytes: number },
  table?: AttemptFiles,
): TaskStats {
  return create(TaskStatsSchema, {
    elapsedMs,
    fetchMs: inputs.fetchMs,
    inputRows: BigInt(inputs.rows),
    inputBytes: BigInt(inputs.bytes),
    outputRows: BigInt(output.rows),
    outputBytes: BigInt(output.bytes),
    rowsByInput: { ...inputs.rowsByInput },
    writtenRows: BigInt(table?.rows ?? 0),
    writtenBytes: BigInt(table?.bytes ?? 0),
    writtenFiles: BigInt(table?.files.length ?? 0),
  });
}
