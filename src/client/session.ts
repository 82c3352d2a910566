import { SkeinError } from '../common/index.ts';
import type { ClusterInfo, QueryInfo, QueryState, QueryTree } from '../coordinator/index.ts';
import type { QueryOptions, QueryResult } from './query-result.ts';

export interface ExplainOptions extends QueryOptions {
  /** Runs the query and tells what happened; else what would. */
  readonly analyze?: boolean;
  /** `text` for people, `json` as `tree` gives it, `dot` for Graphviz. Default `text`. */
  readonly format?: 'text' | 'json' | 'dot';
}

export interface QueryFilter {
  readonly state?: QueryState;
  /** Default 100. */
  readonly limit?: number;
}

/** What can be asked of Skein, embedded or on a server. Errors are SkeinErrors. */
export interface Session extends AsyncDisposable {
  /** Starts a query; its rows stream as they are read. */
  query(sql: string, options?: QueryOptions): QueryResult;
  /** Stages, tasks and exchanges of a query, without running it unless `analyze` says so. */
  explain(sql: string, options?: ExplainOptions): Promise<string>;
  /** Running and recent queries, newest first. */
  queries(filter?: QueryFilter): Promise<readonly QueryInfo[]>;
  /** State and progress of a query; undefined where there is none, or no longer. */
  get(id: string): Promise<QueryInfo | undefined>;
  /** Stages and tasks of a query; undefined where there is none, or no longer. */
  tree(id: string): Promise<QueryTree | undefined>;
  /** Resolves when the query's tasks have stopped; false where there is no such query. */
  cancel(id: string): Promise<boolean>;
  /** Workers and tables. */
  cluster(): Promise<ClusterInfo>;
  /** Cancels what runs and lets go of everything; nothing of it keeps the process alive then. */
  close(): Promise<void>;
}

/** Runs EXPLAIN around a query; positions of errors count in the query. */
export async function explainQuery(
  run: Session['query'],
  sql: string,
  { analyze = false, format = 'text', ...options }: ExplainOptions,
): Promise<string> {
  const prefix = `EXPLAIN (${analyze ? 'ANALYZE, ' : ''}FORMAT ${format}) `;
  try {
    const rows = await run(prefix + sql, options).rows({ as: 'arrays' });
    return rows.map((row) => String(row.at(-1) ?? '')).join('\n');
  } catch (error) {
    if (!(error instanceof SkeinError) || error.position === undefined) throw error;
    const { sqlState, message, retry, hint, details, cause } = error;
    throw new SkeinError(sqlState, message, {
      retry,
      details,
      cause,
      position: Math.max(0, error.position - prefix.length),
      ...(hint === undefined ? {} : { hint }),
    });
  }
}
