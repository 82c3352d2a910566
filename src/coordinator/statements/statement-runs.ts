import { mkdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import type { Catalog, CatalogSnapshot } from '../../catalog/index.ts';
import { type Clock, type Random, SkeinError, SqlState, toSkeinError } from '../../common/index.ts';
import type { Span } from '../../sql/index.ts';
import {
  type DeltaLog,
  keyOfPath,
  type ObjectStore,
  type TableWrite,
  type WrittenFile,
  writtenFileFromRow,
} from '../../storage/index.ts';
import type { Schema, SqlValue } from '../../types/index.ts';
import type { BackgroundWork } from '../background-work.ts';
import type { ExecutionPlan } from '../execution/execution-plan.ts';
import type { QueryRun } from '../execution/query-run.ts';
import { toWriteTask } from '../execution/write-task.ts';
import { WrittenKeys } from '../execution/written-keys.ts';
import { winners } from '../observe/build-tree.ts';
import { bindQuery, type PrepareContext, type Prepared, prepareQuery } from '../prepare-query.ts';
import { prepareLocalWrite, prepareWrite } from '../prepare-write.ts';
import type { QueryRecord } from '../query-record.ts';
import type { QueryRunner } from '../query-runner.ts';
import type { QueryRequest } from '../query-service.ts';
import { samePlanned, whyWhole } from '../replan.ts';
import type { SessionSettings } from '../settings.ts';
import { snapshotNames } from '../snapshot-names.ts';
import type {
  ResultRows,
  StatementContext,
  StatementQuery,
  WriteOutcome,
  WriteRequest,
} from './statement-context.ts';

/** Thrown instead of running anything, where a statement is to be explained only: its plan is the record's. */
export class PlannedOnly extends Error {}

export interface StatementRunsOptions {
  readonly runner: QueryRunner;
  readonly background: BackgroundWork;
  readonly record: QueryRecord;
  readonly request: QueryRequest;
  readonly settings: SessionSettings;
  /** The store of a location. @throws SkeinError 42501 where this process may not write there */
  readonly openStore: (location: string) => ObjectStore;
  readonly announce: (columns: Schema) => void;
  /** Rows that a small result may have. */
  readonly maxRows: number;
  /** Folder of the coordinator's for files of statements; DuckDB may read and write there. */
  readonly scratchDir?: string | undefined;
  /** Throws PlannedOnly where it would run something. */
  readonly planOnly: boolean;
}

/** Files that one write may make: each is a row in the coordinator's memory. */
const maxFiles = 2_000_000;

/** Derived snapshots, which add tables of a statement to those of the catalog, have versions of their own. */
let derivedVersion = 0;

/** Runs what executors of one statement ask for, as parts of the statement's query. */
export class StatementRuns implements StatementContext {
  readonly catalog: Catalog;
  readonly clock: Clock;
  readonly random: Random;
  readonly signal: AbortSignal;
  readonly schema: string;
  readonly settings: SessionSettings;
  readonly params: QueryRequest['params'];
  /** What `affected` was last told. */
  affectedRows: number | undefined;
  readonly #options: StatementRunsOptions;
  #snapshot: Promise<CatalogSnapshot> | undefined;

  constructor(options: StatementRunsOptions) {
    const { runner, record, request, settings } = options;
    this.#options = options;
    this.catalog = runner.options.catalog;
    this.clock = runner.options.clock;
    this.random = runner.options.random;
    this.signal = record.signal;
    this.schema = request.schema ?? 'main';
    this.settings = settings;
    this.params = request.params;
  }

  get workers(): number {
    return this.#options.runner.options.members.aliveCount();
  }

  get areWorkersLocal(): boolean {
    const { members } = this.#options.runner.options;
    return members.members().every(({ inProcess }) => inProcess);
  }

  snapshot(options?: { readonly fresh?: boolean }): Promise<CatalogSnapshot> {
    if (this.#snapshot === undefined || options?.fresh === true) {
      const names = snapshotNames(this.#options.request.sql);
      this.#snapshot = this.catalog.snapshot(this.signal, { ...names, ...options });
    }
    return this.#snapshot;
  }

  store(location: string): ObjectStore {
    return this.#options.openStore(location);
  }

  async bindColumns(query: StatementQuery): Promise<Schema> {
    const context = await this.#context(query);
    return (await located(query, bindQuery(query.sql, query.offset ?? 0, this.#paramsOf(query), context)))
      .columns;
  }

  async runRows(query: StatementQuery, maxRows = this.#options.maxRows): Promise<ResultRows> {
    const context = await this.#context(query);
    const prepare = (wholeBecause?: string): Promise<Prepared> =>
      located(
        query,
        prepareQuery(query.sql, query.offset ?? 0, this.#paramsOf(query), { ...context, wholeBecause }),
      );
    const prepared = await prepare();
    const { columns } = prepared;
    if (prepared.kind === 'catalog') return { columns, rows: await this.#catalogRows(prepared, maxRows) };
    const { plan } = prepared;
    const run = this.#begin(plan, async (cause) => samePlanned(plan, await prepare(whyWhole(cause)), cause));
    const { runner, record } = this.#options;
    return { columns, rows: await runner.readAll(record, run, maxRows, () => tooManyRows(maxRows)) };
  }

  async runWrite(request: WriteRequest): Promise<WriteOutcome> {
    const { query } = request;
    const context = await this.#context(query);
    if (query.here === true) return await this.#writeHere(request, context);
    const prepare = (wholeBecause?: string): Promise<ExecutionPlan> =>
      located(
        query,
        prepareWrite(request, query.offset ?? 0, this.#paramsOf(query), { ...context, wholeBecause }),
      );
    const plan = await prepare();
    const { location } = tableOf(plan);
    const written = new WrittenKeys((keys) => {
      const deleted = this.#deleteKeys(location, keys);
      this.#options.record.cleanup.push(deleted);
      return deleted;
    });
    try {
      const run = this.#begin(plan, (cause) => prepare(whyWhole(cause)), written);
      const { runner, record } = this.#options;
      const rows = await runner.readAll(record, run, maxFiles, () => tooManyRows(maxFiles));
      const outcome = checkedOutcome(rows.map(writtenFileFromRow), run);
      void written.settle(new Set(outcome.files.map(({ path }) => keyOfPath(path))));
      return outcome;
    } catch (error) {
      await written.settle(new Set());
      throw error;
    }
  }

  async runExport(
    query: StatementQuery,
    target: { readonly path: string; readonly options: string },
  ): Promise<number> {
    const context = await this.#context(query);
    const prepare = (wholeBecause?: string): Promise<Prepared> =>
      located(
        query,
        prepareQuery(query.sql, query.offset ?? 0, this.#paramsOf(query), { ...context, wholeBecause }),
      );
    const prepared = await prepare();
    if (prepared.kind === 'catalog') {
      throw new SkeinError(
        SqlState.featureNotSupported,
        'a query about the catalog cannot be copied to a file',
      );
    }
    const { plan } = prepared;
    const names = prepared.columns.map(({ name }) => name);
    const run = this.#begin(plan, async (cause) => samePlanned(plan, await prepare(whyWhole(cause)), cause));
    const { runner, record } = this.#options;
    const { rows } = await runner.runRoot(record, run, async (request, signal) => {
      // An attempt before this one may have left a part of it.
      await rm(target.path, { recursive: true, force: true });
      return await runner.options.runtime.exportRows(request, { ...target, names }, signal);
    });
    return rows;
  }

  async scratchFolder(): Promise<string> {
    const { record, scratchDir } = this.#options;
    if (scratchDir === undefined) {
      throw new SkeinError(SqlState.featureNotSupported, 'this server has no folder for files of statements');
    }
    const folder = join(scratchDir, `${record.id}-${this.random.token(8)}`);
    await mkdir(folder, { recursive: true, mode: 0o700 });
    record.onEnd.push(() => {
      record.cleanup.push(rm(folder, { recursive: true, force: true }).catch(() => {}));
    });
    return folder;
  }

  releaseWritten(location: string, files: readonly WrittenFile[]): Promise<void> {
    return this.#deleteKeys(
      location,
      files.map(({ path }) => keyOfPath(path)),
    );
  }

  beforeEffects(): void {
    if (this.#options.planOnly) throw new PlannedOnly();
  }

  maintain(log: DeltaLog, version: number, configuration: Readonly<Record<string, string>>): void {
    const { clock, random } = this;
    this.#options.background.begin((signal) =>
      log.maintain(version, { configuration, clock, random, signal }),
    );
  }

  announce(columns: Schema): void {
    this.#options.announce(columns);
  }

  affected(rows: number): void {
    this.affectedRows = rows;
    this.#options.record.rows = rows;
  }

  async #writeHere(request: WriteRequest, context: PrepareContext): Promise<WriteOutcome> {
    const { query } = request;
    const params = this.#paramsOf(query);
    const { plan, table } = await located(query, prepareLocalWrite(request, params, context));
    const write = toWriteTask({ table, columns: plan.columns });
    const run = this.#begin(plan, async () => plan);
    const { runner, record } = this.#options;
    const { files } = await runner.runRoot(record, run, async (task, signal) =>
      runner.options.runtime.writeTable({ ...task, write }, signal),
    );
    return {
      files,
      rows: files.reduce((sum, file) => sum + file.rows, 0),
      bytes: files.reduce((sum, file) => sum + file.bytes, 0),
    };
  }

  #paramsOf(query: StatementQuery): QueryRequest['params'] {
    return query.params ?? this.params;
  }

  /** What the query is planned with: the statement's snapshot and the query's own tables. */
  async #context({ tables }: StatementQuery): Promise<PrepareContext> {
    const { runner, record } = this.#options;
    const snapshot = await this.snapshot();
    return runner.context(record, this.schema, this.settings, withTables(snapshot, tables));
  }

  /** What runs last is what the statement's progress and tree show. */
  #begin(
    plan: ExecutionPlan,
    replan: (cause: SkeinError) => Promise<ExecutionPlan>,
    written?: WrittenKeys,
  ): QueryRun {
    const { runner, record, planOnly } = this.#options;
    record.plan = plan;
    if (planOnly) throw new PlannedOnly();
    const run = runner.newRun(record, plan, {
      settings: this.settings,
      suffix: record.nextSuffix(),
      replan: async (cause) => {
        record.plan = await replan(cause);
        return record.plan;
      },
      ...(written === undefined ? {} : { written }),
    });
    record.run = run;
    return run;
  }

  async #catalogRows(
    { bound }: Extract<Prepared, { kind: 'catalog' }>,
    maxRows: number,
  ): Promise<readonly (readonly SqlValue[])[]> {
    const stream = await this.#options.runner.options.shadow.stream(bound, this.signal);
    const rows: (readonly SqlValue[])[] = [];
    for await (const batch of stream.batches) {
      for (let row = 0; row < batch.rowCount; row += 1) {
        rows.push(batch.columns.map((values) => values[row] ?? null));
      }
      if (rows.length > maxRows) throw tooManyRows(maxRows);
    }
    return rows;
  }

  async #deleteKeys(location: string, keys: readonly string[]): Promise<void> {
    if (keys.length === 0) return;
    try {
      await this.#options.openStore(location).delete(keys);
    } catch {
      // They are in no table, and go when the table's folder is cleaned up.
    }
  }
}

/** Errors of text that the user never saw have no position, but for those within pieces of the user's. */
async function located<T>({ sql, offset, spans }: StatementQuery, work: Promise<T>): Promise<T> {
  if (offset !== undefined) return await work;
  try {
    return await work;
  } catch (error) {
    const { sqlState, message, retry, hint, details, position } = toSkeinError(error);
    if (position === undefined) throw error;
    const inText = positionInSpans(sql, spans ?? [], position);
    throw new SkeinError(sqlState, message, {
      retry,
      details,
      ...(hint === undefined ? {} : { hint }),
      ...(inText === undefined ? {} : { position: inText }),
      cause: error,
    });
  }
}

/** A piece may stand there more than once: any of its places will do, but the smallest piece says most. */
function positionInSpans(sql: string, spans: readonly Span[], position: number): number | undefined {
  const bySize = [...spans].sort((a, b) => a.sql.length - b.sql.length);
  for (const span of bySize) {
    if (span.sql === '') continue;
    for (let at = sql.indexOf(span.sql); at >= 0 && at <= position; at = sql.indexOf(span.sql, at + 1)) {
      if (position < at + span.sql.length) return span.offset + position - at;
    }
  }
  return undefined;
}

function withTables(snapshot: CatalogSnapshot, tables: StatementQuery['tables']): CatalogSnapshot {
  if (tables === undefined || tables.size === 0) return snapshot;
  derivedVersion -= 1;
  return { ...snapshot, version: derivedVersion, tables: new Map([...snapshot.tables, ...tables]) };
}

function tableOf(plan: ExecutionPlan): TableWrite {
  const write = plan.stages.find((stage) => stage.write !== undefined)?.write;
  if (write === undefined) throw new Error('a plan that writes nothing');
  return write.table;
}

/** @throws SkeinError XX000 where the files are not those that the winning attempts wrote, or hold other rows */
function checkedOutcome(files: readonly WrittenFile[], run: QueryRun): WriteOutcome {
  const writer = run.plan.stages.findIndex((stage) => stage.write !== undefined);
  const stats = winners(run.log.of(writer)).flatMap((attempt) => attempt.stats ?? []);
  const rows = files.reduce((sum, file) => sum + file.rows, 0);
  const bytes = files.reduce((sum, file) => sum + file.bytes, 0);
  const expected = Number(stats.reduce((sum, { writtenRows }) => sum + writtenRows, 0n));
  const distinct = new Set(files.map(({ path }) => path)).size;
  if (rows !== expected || distinct !== files.length) {
    const message = `${expected} rows were written, but ${distinct} files with ${rows} rows arrived`;
    throw new SkeinError(SqlState.internalError, message, { retry: 'query' });
  }
  return { files, rows, bytes };
}

function tooManyRows(maxRows: number): SkeinError {
  return new SkeinError(SqlState.limitExceeded, `the result has more than ${maxRows} rows`);
}
