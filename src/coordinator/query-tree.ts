import type { OperatorTree } from '../plan/index.ts';
import type { QueryState } from './query-service.ts';

/** A query's stages as they ran: the single source of EXPLAIN, DOT and the dashboard. */
export interface QueryTree {
  readonly queryId: string;
  readonly sql: string;
  readonly state: QueryState;
  readonly notes: readonly string[];
  /** Producers before consumers; the root last. */
  readonly stages: readonly StageTree[];
}

export interface StageTree {
  readonly id: number;
  readonly state: 'waiting' | 'running' | 'finished' | 'failed' | 'canceled';
  /** Stages it reads. */
  readonly inputs: readonly { readonly stage: number; readonly read: 'partition' | 'all' }[];
  /** How its rows leave: `hash (o_orderkey) into 3`, `gather`, `result`. */
  readonly output: string;
  /** The fragment as DuckDB SQL. */
  readonly sql: string;
  /** The fragment's operators. */
  readonly operators: OperatorTree;
  readonly estimatedRows: number;
  /** Of the rows that leave it. */
  readonly estimatedBytes: number;
  /** Undefined until it ran. */
  readonly actualRows: number | undefined;
  readonly inputRows: number | undefined;
  readonly inputBytes: number | undefined;
  readonly outputBytes: number | undefined;
  /** Files that it added to a table; undefined for a stage that writes none, or has not ended a task yet. */
  readonly written?: { readonly rows: number; readonly bytes: number; readonly files: number };
  /** From its first task's start to its last task's end. */
  readonly elapsedMs: number | undefined;
  readonly tasks: readonly TaskTree[];
}

export interface TaskTree {
  readonly task: number;
  readonly attempts: readonly {
    readonly attempt: number;
    readonly worker: string;
    readonly state: 'running' | 'finished' | 'failed' | 'canceled' | 'lost';
    readonly startedMs: number;
    readonly elapsedMs: number;
    readonly inputRows: number;
    readonly outputRows: number;
    readonly outputBytes: number;
    readonly error: string | undefined;
  }[];
}
