import { setMaxListeners } from 'node:events';
import { type QueryId, type SkeinError, toSkeinError } from '../common/index.ts';
import type { Schema } from '../types/index.ts';
import type { ExecutionPlan } from './execution/execution-plan.ts';
import type { QueryRun } from './execution/query-run.ts';
import { buildTree } from './observe/build-tree.ts';
import { runProgress, runTotals } from './observe/run-stats.ts';
import type { QueryErrorInfo, QueryInfo, QueryState, QueryStats } from './query-service.ts';
import type { QueryTree } from './query-tree.ts';

/** Milliseconds on the monotonic clock, undefined until it happens. */
interface Times {
  readonly submitted: number;
  admitted: number | undefined;
  planned: number | undefined;
  ended: number | undefined;
  released: number | undefined;
}

/** All that is known of a query, while it runs and in the history. */
export class QueryRecord {
  readonly id: QueryId;
  readonly sql: string;
  /** Milliseconds since 1970. */
  readonly submittedAt: number;
  finishedAt: number | undefined;
  readonly times: Times;
  /** Aborts with the error that the query ends with. */
  readonly controller = new AbortController();
  state: QueryState = 'queued';
  columns: Schema | undefined;
  plan: ExecutionPlan | undefined;
  run: QueryRun | undefined;
  error: SkeinError | undefined;
  rows = 0;
  workers = 0;
  /** Whoever carries it out ends it, also when it is canceled: it may have taken effect by then. */
  isStatement = false;
  #runs = 0;
  /** What still has to be cleaned up after it; never rejects. */
  readonly cleanup: Promise<void>[] = [];
  /** Called once at its end. */
  readonly onEnd: (() => void)[] = [];

  constructor(id: QueryId, sql: string, submittedAt: number, monotonicNow: number) {
    this.id = id;
    this.sql = sql;
    this.submittedAt = submittedAt;
    // Every task and every wait of the query listens.
    setMaxListeners(0, this.controller.signal);
    this.times = {
      submitted: monotonicNow,
      admitted: undefined,
      planned: undefined,
      ended: undefined,
      released: undefined,
    };
  }

  get hasEnded(): boolean {
    return this.times.ended !== undefined;
  }

  get signal(): AbortSignal {
    return this.controller.signal;
  }

  /** Tells one of its runs from the others, in the names of their files. */
  nextSuffix(): string {
    this.#runs += 1;
    return `-i${this.#runs}`;
  }

  /** The error that the query ends with: the reason of its cancellation goes before what the cancellation broke. */
  failure(error: unknown): SkeinError {
    if (this.error !== undefined) return this.error;
    return toSkeinError(this.signal.aborted ? this.signal.reason : error);
  }

  /** @param taskShares of its tasks that run: 0 to 1 by `stageId.task` */
  info(monotonicNow: number, taskShares: ReadonlyMap<string, number>): QueryInfo {
    return {
      id: this.id,
      sql: this.sql,
      state: this.state,
      submittedAt: this.submittedAt,
      finishedAt: this.finishedAt,
      columns: this.columns,
      progress: runProgress(this.plan, this.run?.state, this.state, taskShares),
      stats: this.#stats(monotonicNow),
      error: this.error === undefined ? undefined : errorInfo(this.error),
    };
  }

  tree(monotonicNow: number): QueryTree {
    const { id, sql, state, plan, run } = this;
    const view = run && {
      state: run.state,
      log: run.log,
      submittedAt: this.times.submitted,
      now: this.times.ended ?? monotonicNow,
    };
    return buildTree({ queryId: id, sql, state, plan, run: view });
  }

  #stats(monotonicNow: number): QueryStats {
    const { submitted, admitted, planned, ended, released } = this.times;
    const now = ended ?? monotonicNow;
    return {
      state: this.state,
      queuedMs: (admitted ?? now) - submitted,
      planningMs: admitted === undefined ? 0 : (planned ?? now) - admitted,
      elapsedMs: now - submitted,
      rows: this.rows,
      ...runTotals(this.plan, this.run),
      workers: this.workers,
      bypassed: this.plan?.bypassed ?? false,
      ...(released === undefined || ended === undefined ? {} : { cleanupMs: released - ended }),
    };
  }
}

function errorInfo(error: SkeinError): QueryErrorInfo {
  return {
    sqlState: error.sqlState,
    message: error.message,
    ...(error.position === undefined ? {} : { position: error.position }),
    ...(error.hint === undefined ? {} : { hint: error.hint }),
  };
}
