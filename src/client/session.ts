import { SkeinError } from '../common/index.ts';
import type {
  AppendResult,
  ClusterInfo,
  LoadResult,
  QueryInfo,
  QueryState,
  QueryTree,
} from '../coordinator/index.ts';
import type { RowsToAppend } from './json-lines.ts';
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

export interface LoadOptions {
  /** `parquet`, `csv` or `json`; default: by the files' extension. */
  readonly format?: 'parquet' | 'csv' | 'json';
  /** What COPY FROM takes: `{ delim: ';', header: true }`. */
  readonly options?: Readonly<Record<string, string | number | boolean>>;
  /** Makes the table, with the files' columns, where it is not there. */
  readonly create?: boolean;
  /** A load with a key that the table has seen is not done again. */
  readonly idempotencyKey?: string;
  /** Where a name without a schema is looked up; default `main`. */
  readonly schema?: string;
  /** The paths are those of files that the engine or server may read, patterns and `s3://` among them. */
  readonly onServer?: boolean;
  /** Hears how much of the files has been handed over, 0 to 1. */
  readonly onProgress?: (fraction: number) => void;
  readonly signal?: AbortSignal;
}

export interface AppendOptions {
  /** An append with a key that the table has seen adds nothing. */
  readonly idempotencyKey?: string;
  /** Where a name without a schema is looked up; default `main`. */
  readonly schema?: string;
}

/** What can be asked of Skein, embedded or on a server. Errors are SkeinErrors. */
export interface Session extends AsyncDisposable {
  /** Starts a query; its rows stream as they are read. */
  query(sql: string, options?: QueryOptions): QueryResult;
  /**
   * Loads files of this machine into a table: in one commit, of a server in one a file.
   * @param table as SQL spells it
   */
  load(
    table: string,
    files: string | readonly string[],
    options?: LoadOptions,
  ): Promise<readonly LoadResult[]>;
  /**
   * Adds a few rows. Resolves when they are durable; rows of calls at nearly the same time share a commit. A field that no
   * row has gets its column's default. An Arrow stream's columns go by name, and are of the table's types.
   */
  append(table: string, rows: RowsToAppend, options?: AppendOptions): Promise<AppendResult>;
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
