import type { Catalog, CatalogSnapshot } from '../catalog/index.ts';
import { type Clock, type Random, SkeinError, SqlState, toSkeinError } from '../common/index.ts';
import type { RunTaskRequest, TaskStats } from '../rpc/index.ts';
import { type SqlValue, scalar, wireType } from '../types/index.ts';
import type { ExecutionPlan } from './execution/execution-plan.ts';
import { QueryRun } from './execution/query-run.ts';
import type { WrittenKeys } from './execution/written-keys.ts';
import { findVersion } from './find-version.ts';
import type { KeptResults } from './kept-results.ts';
import { type Membership, withCapacity } from './members/index.ts';
import type { Binder, FragmentRunner } from './ports.ts';
import { type PrepareContext, prepareQuery } from './prepare-query.ts';
import type { QueryLimits } from './query-limits.ts';
import type { QueryRecord } from './query-record.ts';
import type { SpoolReleaser } from './release-spool.ts';
import { samePlanned, whyWhole } from './replan.ts';
import { allRootRows } from './result-rows.ts';
import type { SessionSettings } from './settings.ts';

export interface QueryRunnerOptions {
  readonly catalog: Catalog;
  readonly members: Membership;
  readonly shadow: Binder;
  readonly runtime: FragmentRunner;
  readonly clock: Clock;
  readonly random: Random;
  readonly limits: QueryLimits;
  readonly releaser: SpoolReleaser;
  readonly kept: KeptResults;
}

export interface RunOptions {
  readonly settings: SessionSettings;
  /** Tells the runs of a query apart. */
  readonly suffix: string;
  readonly replan: (cause: SkeinError) => Promise<ExecutionPlan>;
  readonly written?: WrittenKeys;
}

/** Plans and starts the runs of a query: its own, and those that it needs beside. */
export class QueryRunner {
  readonly options: QueryRunnerOptions;

  constructor(options: QueryRunnerOptions) {
    this.options = options;
  }

  /** What a query is planned with, as things are now. */
  context(
    record: QueryRecord,
    schema: string,
    settings: SessionSettings,
    snapshot: CatalogSnapshot,
  ): PrepareContext {
    const { shadow, limits } = this.options;
    const members = this.options.members.members().filter((member) => member.standing === 'alive');
    const context: PrepareContext = {
      binder: shadow,
      snapshot,
      settings,
      schema,
      workers: members.map(withCapacity),
      alone: members.length === 1 && members[0]?.inProcess === true,
      bypassBytes: limits.bypassBytes,
      broadcastBytes: limits.broadcastBytes,
      wholeBecause: undefined,
      evaluate: (sql) => this.#evaluate(record, sql, context),
      tableAt: (wanted) => findVersion(this.options.catalog, wanted, record.signal),
      signal: record.signal,
    };
    return context;
  }

  /** How far a query's running tasks are: 0 to 1 by `stageId.task`, as of the last reports. */
  taskShares({ run, hasEnded }: QueryRecord): ReadonlyMap<string, number> {
    if (run === undefined || hasEnded) return new Map();
    const { members, runtime } = this.options;
    const own = runtime.shares().filter(({ attempt }) => attempt.queryId === run.executionId);
    return new Map([
      ...members.taskShares(run.executionId),
      ...own.map(({ attempt, fraction }) => [`${attempt.stageId}.${attempt.task}`, fraction] as const),
    ]);
  }

  newRun(
    record: QueryRecord,
    plan: ExecutionPlan,
    { settings, suffix, replan, written }: RunOptions,
  ): QueryRun {
    const { members, runtime, clock, random, limits, kept, releaser } = this.options;
    const alive = members.aliveCount();
    record.workers = Math.max(record.workers, plan.stages.length > 1 ? alive : 0);
    return new QueryRun({
      plan,
      queryId: `${record.id}${suffix}`,
      settings: settings.duckdb,
      members,
      clock,
      limits: limits.schedule,
      rotation: Math.floor(random.next() * Math.max(1, alive)),
      maxRestarts: limits.maxRestarts,
      replan,
      written,
      wireType: (type) => {
        const wire = wireType(type);
        return wire === 'unsupported' ? scalar('VARCHAR') : wire;
      },
      onReleased: (executionId, workers) => {
        record.cleanup.push(releaser.release(executionId, workers));
        if (!kept.has(record.id)) {
          record.cleanup.push(runtime.dropQuery(executionId).catch(() => undefined));
        }
      },
    });
  }

  /**
   * Runs to its end what `newRun` gave, and reads all of its rows. It stops when the query does.
   * @param tooMany the error for more than `maxRows` rows
   */
  async readAll(
    record: QueryRecord,
    run: QueryRun,
    maxRows: number,
    tooMany: () => SkeinError,
  ): Promise<readonly (readonly SqlValue[])[]> {
    const onAbort = (): void => run.cancel(toSkeinError(record.signal.reason));
    record.signal.addEventListener('abort', onAbort, { once: true });
    try {
      if (record.signal.aborted) throw toSkeinError(record.signal.reason);
      run.start();
      return await allRootRows(run, this.options.runtime, maxRows, tooMany);
    } finally {
      run.cancel();
      record.signal.removeEventListener('abort', onAbort);
    }
  }

  /**
   * Runs to its end what `newRun` gave, its root by `root`, which may run again until the run has ended well. It stops
   * when the query does.
   */
  async runRoot<T extends { readonly stats: TaskStats }>(
    record: QueryRecord,
    run: QueryRun,
    root: (request: RunTaskRequest, signal: AbortSignal) => Promise<T>,
  ): Promise<T> {
    const onAbort = (): void => run.cancel(toSkeinError(record.signal.reason));
    record.signal.addEventListener('abort', onAbort, { once: true });
    try {
      if (record.signal.aborted) throw toSkeinError(record.signal.reason);
      run.start();
      for (;;) {
        const attempt = await run.nextRoot();
        try {
          const result = await root(attempt.request, attempt.signal);
          run.rootSucceeded(attempt, result.stats);
          return result;
        } catch (error) {
          run.rootFailed(attempt, error);
        }
      }
    } finally {
      run.cancel();
      record.signal.removeEventListener('abort', onAbort);
    }
  }

  /** Runs an inner query to its end, beside the query that needs it. */
  async #evaluate(
    record: QueryRecord,
    sql: string,
    context: PrepareContext,
  ): Promise<readonly (readonly SqlValue[])[]> {
    const prepared = await prepareQuery(sql, 0, undefined, context);
    if (prepared.kind !== 'run') {
      throw new SkeinError(SqlState.featureNotSupported, 'a query about the catalog cannot be pivoted');
    }
    const run = this.newRun(record, prepared.plan, {
      settings: context.settings,
      suffix: record.nextSuffix(),
      replan: async (cause) => {
        const again = await prepareQuery(sql, 0, undefined, { ...context, wholeBecause: whyWhole(cause) });
        return samePlanned(prepared.plan, again, cause);
      },
    });
    const { evaluateRows } = this.options.limits;
    return await this.readAll(record, run, evaluateRows, () => {
      return new SkeinError(SqlState.limitExceeded, `PIVOT would make more than ${evaluateRows} columns`);
    });
  }
}
