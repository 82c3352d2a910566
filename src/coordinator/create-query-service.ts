import type { Catalog, SnapshotOptions } from '../catalog/index.ts';
import {
  type Clock,
  canceledError,
  type Random,
  SkeinError,
  SqlState,
  queryId as toQueryId,
  toSkeinError,
} from '../common/index.ts';
import { mapErrorPosition, parseBound, parseStatement, type Statement } from '../sql/index.ts';
import type { ObjectStore } from '../storage/index.ts';
import type { RecordBatch, Schema } from '../types/index.ts';
import { Admission } from './admission.ts';
import { BackgroundWork } from './background-work.ts';
import { noBatches, oneBatch } from './batches.ts';
import { hasUntravelled } from './execution/build-execution.ts';
import type { ExecutionPlan } from './execution/execution-plan.ts';
import type { QueryRun } from './execution/query-run.ts';
import { forClient } from './for-client.ts';
import { collectResult, spoolResult } from './keep-result.ts';
import { KeptResults } from './kept-results.ts';
import type { Membership } from './members/index.ts';
import { buildTree } from './observe/build-tree.ts';
import { explainBatch, explainColumns } from './observe/explain-batch.ts';
import type { Binder, FragmentRunner } from './ports.ts';
import { type Prepared, prepareQuery } from './prepare-query.ts';
import { QueryHistory } from './query-history.ts';
import { defaultQueryLimits, type QueryLimits } from './query-limits.ts';
import { queryOf } from './query-of.ts';
import { QueryRecord } from './query-record.ts';
import { QueryRunner } from './query-runner.ts';
import type {
  ClusterInfo,
  Health,
  QueryHandle,
  QueryInfo,
  QueryRequest,
  QueryService,
  ResultPage,
} from './query-service.ts';
import type { QueryTree } from './query-tree.ts';
import { SpoolReleaser } from './release-spool.ts';
import { samePlanned, whyWhole } from './replan.ts';
import { rootRows } from './result-rows.ts';
import { readSettings, type SessionSettings } from './settings.ts';
import { snapshotNames } from './snapshot-names.ts';
import { startStatement } from './statements/start-statement.ts';
import type { StatementWork } from './statements/statement-context.ts';
import { statementWork } from './statements/statement-work.ts';
import type { Explain, Submission } from './submission.ts';
import { systemRows } from './system/index.ts';

export interface QueryServiceOptions {
  readonly catalog: Catalog;
  readonly members: Membership;
  readonly shadow: Binder;
  /** Runs root fragments, and whole queries that are small. */
  readonly runtime: FragmentRunner;
  readonly clock: Clock;
  readonly random: Random;
  readonly version: string;
  readonly duckdbVersion: string;
  /** For sessions that set none; the same on every node. */
  readonly timeZone: string;
  /** Stores of tables. Undefined: statements write none. */
  readonly openStore?: (location: string) => ObjectStore;
  /** Folder for files of statements, which DuckDB here may read and write. Undefined: COPY and loads do not work. */
  readonly scratchDir?: string;
  readonly limits?: Partial<QueryLimits>;
}

/** A description of the cluster is for people: it must not wait for what stands still. */
const describeMs = 10_000;

export function createQueryService(options: QueryServiceOptions): QueryService {
  return new CoordinatorQueryService(options);
}

class CoordinatorQueryService implements QueryService {
  readonly #options: QueryServiceOptions;
  readonly #limits: QueryLimits;
  readonly #clock: Clock;
  readonly #admission: Admission;
  readonly #releaser: SpoolReleaser;
  readonly #kept: KeptResults;
  readonly #startedAt: number;
  readonly #history: QueryHistory;
  readonly #runner: QueryRunner;
  readonly #background = new BackgroundWork();
  #closed = false;

  constructor(options: QueryServiceOptions) {
    this.#options = options;
    this.#limits = { ...defaultQueryLimits, ...options.limits };
    this.#clock = options.clock;
    this.#admission = new Admission(this.#limits, this.#clock);
    this.#releaser = new SpoolReleaser(options.members, this.#clock);
    this.#kept = new KeptResults(this.#limits, options.runtime, this.#clock);
    this.#history = new QueryHistory(this.#limits);
    this.#startedAt = this.#clock.monotonic();
    this.#runner = new QueryRunner({
      ...options,
      limits: this.#limits,
      releaser: this.#releaser,
      kept: this.#kept,
    });
  }

  submit(request: QueryRequest): Promise<QueryHandle> {
    return this.#admit(request, async (record, settings) => {
      const statement = parseStatement(request.sql);
      const submission: Submission = { record, request, statement, settings };
      const inner = statement.kind === 'explain' ? statement.statement : statement;
      if (inner.kind !== 'query') return await this.#executed(submission);
      const prepared = await this.#prepare(submission);
      record.times.planned = this.#clock.monotonic();
      record.signal.throwIfAborted();
      const handle = this.#begin(submission, prepared);
      if (request.keepResult === true) return this.#keep(record, handle);
      return {
        ...handle,
        batches: forClient(record, this.#clock, this.#limits.clientIdleMs, handle.batches),
      };
    });
  }

  /** A statement that is no query: its parameters are filled in first, wherever they stand. */
  async #executed({ record, request, settings }: Submission): Promise<QueryHandle> {
    const { statement, mapPosition } = parseBound(request.sql, request.params);
    const { params: _, ...rest } = request;
    const work = statementWork(statement.kind === 'explain' ? statement.statement : statement);
    try {
      return await this.#statement({ record, request: rest, statement, settings }, work);
    } catch (error) {
      throw mapErrorPosition(error, mapPosition);
    }
  }

  run(request: QueryRequest, work: StatementWork): Promise<QueryHandle> {
    return this.#admit(request, (record, settings) => {
      const statement: Statement = { kind: 'query', sql: request.sql, offset: 0 };
      return this.#statement({ record, request, statement, settings }, work);
    });
  }

  /** Makes a query's record, and waits for its turn. */
  async #admit(
    request: QueryRequest,
    begin: (record: QueryRecord, settings: SessionSettings) => Promise<QueryHandle>,
  ): Promise<QueryHandle> {
    if (this.#closed) throw new SkeinError(SqlState.adminShutdown, 'the coordinator is shutting down');
    const record = this.#register(request);
    try {
      const settings = readSettings(request.settings, this.#options.timeZone);
      record.onEnd.push(await this.#admission.enter(record.signal));
      record.times.admitted = this.#clock.monotonic();
      record.state = 'planning';
      return await begin(record, settings);
    } catch (error) {
      const failure = record.failure(error);
      this.#end(record, failure);
      throw failure;
    }
  }

  list(): readonly QueryInfo[] {
    return this.#history.newestFirst().map((record) => this.#info(record));
  }

  get(id: string): QueryInfo | undefined {
    const record = this.#history.get(id);
    return record && this.#info(record);
  }

  tree(id: string): QueryTree | undefined {
    return this.#history.get(id)?.tree(this.#clock.monotonic());
  }

  async resultPage(id: string, offset: number, limit: number): Promise<ResultPage> {
    const record = this.#history.get(id);
    if (record === undefined) throw new SkeinError(SqlState.undefinedObject, `there is no query ${id}`);
    if (record.error !== undefined) throw record.error;
    if (record.state !== 'finished') {
      throw new SkeinError(SqlState.notInThisState, `query ${id} has not finished: it is ${record.state}`);
    }
    return this.#kept.page(id, offset, limit, new AbortController().signal);
  }

  async cancel(id: string): Promise<boolean> {
    const record = this.#history.get(id);
    if (record === undefined) return false;
    record.controller.abort(canceledError());
    await Promise.all(record.cleanup);
    return true;
  }

  async cluster(): Promise<ClusterInfo> {
    const { catalog, members, version, duckdbVersion } = this.#options;
    const patience = new AbortController();
    const cancelTimer = this.#clock.after(describeMs, () => {
      const message = `the tables and workers did not say how they are within ${describeMs / 1000} s`;
      patience.abort(new SkeinError(SqlState.queryCanceled, message));
    });
    try {
      const [snapshot, workers] = await Promise.all([
        catalog.snapshot(patience.signal),
        members.describe(patience.signal),
      ]);
      return {
        version,
        duckdbVersion,
        uptimeMs: this.#clock.monotonic() - this.#startedAt,
        workers,
        runningQueries: this.#admission.running,
        queuedQueries: this.#admission.queued,
        tables: [...snapshot.tables.values()].map(({ name, rowCount, bytes, files }) => ({
          name,
          rowCount,
          bytes,
          files: files.length,
        })),
      };
    } finally {
      cancelTimer();
    }
  }

  health(): Health {
    const { version, members } = this.#options;
    return {
      version,
      uptimeMs: this.#clock.monotonic() - this.#startedAt,
      workers: members.aliveCount(),
    };
  }

  async close({ graceMs = 0 }: { readonly graceMs?: number } = {}): Promise<void> {
    if (this.#closed) return;
    this.#closed = true;
    if (graceMs > 0) await this.#ended(graceMs);
    const reason = new SkeinError(SqlState.adminShutdown, 'the coordinator is shutting down');
    for (const record of this.#history.newestFirst()) record.controller.abort(reason);
    await Promise.all(this.#history.newestFirst().flatMap((record) => record.cleanup));
    await this.#background.close();
    await this.#kept.close();
    this.#releaser.close();
  }

  /** Resolves when every query has ended, or after `withinMs`. */
  async #ended(withinMs: number): Promise<void> {
    const running = this.#history.newestFirst().filter((record) => !record.hasEnded);
    const all = Promise.all(
      running.map((record) => new Promise<void>((resolve) => record.onEnd.push(resolve))),
    );
    let cancelTimer = (): void => {};
    const late = new Promise<void>((resolve) => {
      cancelTimer = this.#clock.after(withinMs, resolve);
    });
    await Promise.race([all, late]);
    cancelTimer();
  }

  /** Makes the record, and ends it when its signal or its caller's aborts. */
  #register({ sql, signal }: QueryRequest): QueryRecord {
    const now = this.#clock.now();
    const id = toQueryId(`q_${now.toString(36)}_${this.#options.random.token(6)}`);
    const record = new QueryRecord(id, sql, now, this.#clock.monotonic());
    this.#history.add(record);
    record.signal.addEventListener('abort', () => this.#abort(record), { once: true });
    if (signal !== undefined) {
      const onAbort = (): void => record.controller.abort(reasonOf(signal));
      if (signal.aborted) onAbort();
      else {
        signal.addEventListener('abort', onAbort, { once: true });
        record.onEnd.push(() => signal.removeEventListener('abort', onAbort));
      }
    }
    return record;
  }

  #abort(record: QueryRecord): void {
    if (record.hasEnded) return;
    const reason = toSkeinError(record.signal.reason);
    if (record.run !== undefined) record.run.cancel(reason);
    else if (!record.isStatement) this.#end(record, reason);
  }

  /** @param wholeBecause why the query must run as one task, if it must */
  async #prepare(
    { record, request, statement, settings }: Submission,
    wholeBecause?: string,
  ): Promise<Prepared> {
    const { sql, offset } = queryOf(statement);
    const prepareWith = async (options: SnapshotOptions): Promise<Prepared> => {
      const snapshot = await this.#options.catalog.snapshot(record.signal, options);
      const context = this.#runner.context(record, request.schema ?? 'main', settings, snapshot);
      return await prepareQuery(sql, offset, request.params, { ...context, wholeBecause });
    };
    try {
      return await prepareWith({ fresh: record.run !== undefined, ...snapshotNames(sql) });
    } catch (error) {
      if (!(error instanceof SkeinError) || error.sqlState !== SqlState.undefinedTable) throw error;
      // Another process may have made it a moment ago; and if not, all names are there for a hint.
      return await prepareWith({ fresh: true });
    }
  }

  #begin(submission: Submission, prepared: Prepared): QueryHandle {
    const { record, statement } = submission;
    if (prepared.kind === 'run') record.plan = prepared.plan;
    if (statement.kind === 'explain') {
      const rows = statement.analyze
        ? this.#analyzed(submission, statement, prepared)
        : oneBatch(this.#explanation(record, statement, planOf(prepared)));
      return this.#handle(record, explainColumns(statement.format), this.#ending(record, rows));
    }
    if (prepared.kind === 'catalog') {
      return this.#handle(
        record,
        prepared.columns,
        this.#ending(record, this.#catalogRows(record, prepared)),
      );
    }
    const run = this.#start(submission, prepared.plan);
    return this.#handle(record, prepared.columns, this.#runRows(record, run));
  }

  /** Starts the stages; the root waits for whoever takes the rows. */
  #start(submission: Submission, plan: ExecutionPlan): QueryRun {
    const { record, settings } = submission;
    const run = this.#runner.newRun(record, plan, {
      settings,
      suffix: '',
      replan: async (cause) => {
        record.plan = samePlanned(plan, await this.#prepare(submission, whyWhole(cause)), cause);
        return record.plan;
      },
    });
    record.run = run;
    record.state = 'running';
    void run.ended.then((end) => {
      if (end.kind !== 'completed') this.#end(record, end.error);
    });
    run.start();
    return run;
  }

  /** Carries a statement out from now on, whether or not its client takes the answer. */
  async #statement(submission: Submission, work: StatementWork): Promise<QueryHandle> {
    const { record, request } = submission;
    record.times.planned = this.#clock.monotonic();
    const { columns, batches } = await startStatement(submission, work, {
      runner: this.#runner,
      background: this.#background,
      openStore: this.#options.openStore ?? refuseStore,
      maxRows: this.#limits.memoryRows,
      scratchDir: this.#options.scratchDir,
      explain: (explain) => this.#explanation(record, explain, record.plan),
      keep: (batch) => this.#kept.keep(record.id, batch.schema, { kind: 'memory', batches: [batch] }),
      end: (error) => this.#end(record, error),
    });
    const handle = this.#handle(record, columns, batches);
    if (request.keepResult === true) return { ...handle, batches: noBatches() };
    return { ...handle, batches: forClient(record, this.#clock, this.#limits.clientIdleMs, handle.batches) };
  }

  #info(record: QueryRecord): QueryInfo {
    return record.info(this.#clock.monotonic(), this.#runner.taskShares(record));
  }

  #handle(record: QueryRecord, columns: Schema, batches: AsyncIterable<RecordBatch>): QueryHandle {
    record.columns = columns;
    if (record.state === 'planning') record.state = 'running';
    return { id: record.id, columns, batches, info: () => this.#info(record) };
  }

  async *#runRows(record: QueryRecord, run: QueryRun): AsyncGenerator<RecordBatch, void> {
    try {
      yield* rootRows(run, this.#options.runtime, (count) => {
        record.rows += count;
        if (record.state === 'running') record.state = 'finishing';
      });
      this.#end(record, undefined);
    } catch (error) {
      throw record.failure(error);
    } finally {
      // The reader has gone before the end.
      if (!record.hasEnded) record.controller.abort(canceledError());
    }
  }

  /** Rows that no run stands behind: the query ends with them. */
  async *#ending(record: QueryRecord, rows: AsyncIterable<RecordBatch>): AsyncGenerator<RecordBatch, void> {
    try {
      for await (const batch of rows) {
        record.signal.throwIfAborted();
        record.rows += batch.rowCount;
        yield batch;
      }
      record.signal.throwIfAborted();
      this.#end(record, undefined);
    } catch (error) {
      const failure = record.failure(error);
      this.#end(record, failure);
      throw failure;
    } finally {
      if (!record.hasEnded) record.controller.abort(canceledError());
    }
  }

  async *#catalogRows(
    record: QueryRecord,
    prepared: Extract<Prepared, { kind: 'catalog' }>,
  ): AsyncGenerator<RecordBatch, void> {
    const { catalog, members, shadow } = this.#options;
    const { signal } = record;
    const rows = await systemRows(prepared.bound.system, {
      catalog,
      signal,
      snapshot: () => catalog.snapshot(signal),
      queries: () => this.list(),
      workers: () => members.describe(signal),
    });
    const stream = await shadow.stream(prepared.bound, signal, rows);
    for await (const batch of stream.batches) yield { ...batch, schema: prepared.columns };
  }

  /** Runs the query, lets its rows go, and tells how it went. */
  async *#analyzed(
    submission: Submission,
    statement: Explain,
    prepared: Prepared,
  ): AsyncGenerator<RecordBatch, void> {
    const { record } = submission;
    if (prepared.kind === 'run') {
      const run = this.#start(submission, prepared.plan);
      for await (const _ of rootRows(run, this.#options.runtime, () => {})) record.signal.throwIfAborted();
      await Promise.all(record.cleanup);
    }
    yield this.#explanation(record, statement, planOf(prepared));
  }

  #explanation(
    record: QueryRecord,
    { analyze, format }: Explain,
    plan: ExecutionPlan | undefined,
  ): RecordBatch {
    const tree = analyze
      ? { ...record.tree(this.#clock.monotonic()), state: 'finished' as const }
      : buildTree({ queryId: record.id, sql: record.sql, state: 'planning', plan, run: undefined });
    return explainBatch(tree, analyze, format);
  }

  /** Runs the query to its end here and keeps its rows; the answer comes as soon as it is planned. */
  #keep(record: QueryRecord, handle: QueryHandle): QueryHandle {
    const { run } = record;
    const spooled = run !== undefined && !hasUntravelled(handle.columns);
    const work = spooled
      ? spoolResult(record, run, this.#options.runtime, this.#kept, () => this.#end(record, undefined))
      : collectResult(record, handle, this.#kept, this.#limits.memoryRows);
    record.cleanup.push(
      work.catch((error: unknown) => this.#end(record, record.failure(error))).then(() => undefined),
    );
    return { ...handle, batches: noBatches() };
  }

  #end(record: QueryRecord, error: SkeinError | undefined): void {
    if (record.hasEnded) return;
    record.times.ended = this.#clock.monotonic();
    record.finishedAt = this.#clock.now();
    record.error = error;
    record.state =
      error === undefined ? 'finished' : error.sqlState === SqlState.queryCanceled ? 'canceled' : 'failed';
    for (const callback of record.onEnd.splice(0)) callback();
    void Promise.all(record.cleanup).then(() => {
      record.times.released = this.#clock.monotonic();
    });
    for (const { id } of this.#history.ended(record)) void this.#kept.drop(id);
  }
}

function planOf(prepared: Prepared): ExecutionPlan | undefined {
  return prepared.kind === 'run' ? prepared.plan : undefined;
}

function refuseStore(): never {
  throw new SkeinError(SqlState.featureNotSupported, 'this server has no way to the files of tables');
}

function reasonOf(signal: AbortSignal): SkeinError {
  return signal.reason instanceof SkeinError ? signal.reason : canceledError();
}
