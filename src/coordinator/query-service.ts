import type { QueryId } from '../common/index.ts';
import type { RecordBatch, Schema, SqlValue } from '../types/index.ts';
import type { QueryTree } from './query-tree.ts';
import type { StatementWork } from './statements/statement-context.ts';

/** What every door hands to the coordinator; doors only translate. */
export interface QueryRequest {
  readonly sql: string;
  /** For `?` and `$1`: by position; for `$name`: by name. */
  readonly params?: readonly SqlValue[] | Readonly<Record<string, SqlValue>>;
  /** Where unqualified names are looked up first; default `main`. */
  readonly schema?: string;
  /** What `SET name = value` takes, by name. */
  readonly settings?: Readonly<Record<string, string | number | boolean>>;
  /** Keep the result on the coordinator for paging, instead of streaming it to this caller. */
  readonly keepResult?: boolean;
  /** Cancels the query when it aborts. */
  readonly signal?: AbortSignal;
}

export type QueryState = 'queued' | 'planning' | 'running' | 'finishing' | 'finished' | 'failed' | 'canceled';

export interface QueryProgress {
  readonly tasksTotal: number;
  readonly tasksFinished: number;
  readonly tasksRunning: number;
  /** 0 to 1: of the tasks, weighted by their input, what is finished, and what DuckDB guesses of those that run. */
  readonly fraction: number;
}

export interface QueryStats {
  readonly state: QueryState;
  readonly queuedMs: number;
  readonly planningMs: number;
  /** From submission to the last row, or until now. */
  readonly elapsedMs: number;
  readonly rows: number;
  /** Rows and bytes read from tables. */
  readonly scannedRows: number;
  readonly scannedBytes: number;
  /** Rows and bytes moved between stages. */
  readonly exchangedRows: number;
  readonly exchangedBytes: number;
  readonly stages: number;
  readonly tasks: number;
  /** Attempts beyond the first of each task. */
  readonly retries: number;
  readonly workers: number;
  /** True when the query ran as one fragment because it was small. */
  readonly bypassed: boolean;
  /** From the query's end until every worker had stopped its tasks and deleted its files; absent until then. */
  readonly cleanupMs?: number;
}

export interface QueryErrorInfo {
  readonly sqlState: string;
  readonly message: string;
  readonly position?: number;
  readonly hint?: string;
}

export interface QueryInfo {
  readonly id: QueryId;
  readonly sql: string;
  readonly state: QueryState;
  /** Milliseconds since 1970. */
  readonly submittedAt: number;
  readonly finishedAt: number | undefined;
  /** Known once the query is planned. */
  readonly columns: Schema | undefined;
  readonly progress: QueryProgress;
  readonly stats: QueryStats;
  readonly error: QueryErrorInfo | undefined;
}

/** A submitted query, planned: its columns are known, its rows are on their way. */
export interface QueryHandle {
  readonly id: QueryId;
  readonly columns: Schema;
  /**
   * The result, once, in order. Ending the iteration early cancels the query. Throws SkeinError where the query
   * failed. With `keepResult` it is empty: read `resultPage`.
   */
  readonly batches: AsyncIterable<RecordBatch>;
  info(): QueryInfo;
}

export interface ResultPage {
  readonly columns: Schema;
  readonly batches: readonly RecordBatch[];
  /** Row number of the page's first row. */
  readonly offset: number;
  /** Undefined on the last page. */
  readonly nextOffset: number | undefined;
}

export interface WorkerInfo {
  readonly id: string;
  readonly url: string;
  readonly host: string;
  readonly state: 'alive' | 'suspect' | 'draining' | 'lost';
  readonly threads: number;
  readonly memoryBytes: number;
  readonly memoryUsedBytes: number;
  readonly residentBytes: number;
  readonly runningTasks: number;
  readonly finishedTasks: number;
  readonly failedTasks: number;
  readonly spoolBytes: number;
  readonly spoolFreeBytes: number;
  readonly cacheBytes: number;
  readonly cacheHits: number;
  readonly cacheMisses: number;
  /** Of tables' remote files, on its disk. */
  readonly tableCacheBytes: number;
  readonly tableCacheHits: number;
  readonly tableCacheMisses: number;
  readonly cpuLoad: number;
  /** Since the last heartbeat. */
  readonly lastSeenMs: number;
  readonly uptimeMs: number;
}

export interface ClusterInfo {
  readonly version: string;
  readonly duckdbVersion: string;
  readonly uptimeMs: number;
  readonly workers: readonly WorkerInfo[];
  readonly runningQueries: number;
  readonly queuedQueries: number;
  readonly tables: readonly {
    readonly name: string;
    readonly rowCount: number;
    readonly bytes: number;
    readonly files: number;
  }[];
}

export interface Health {
  readonly version: string;
  readonly uptimeMs: number;
  /** That are alive, as far as is known. */
  readonly workers: number;
}

/** The one way to run SQL. */
export interface QueryService {
  /** Resolves when the query is planned and its columns are known; rejects with SkeinError where it cannot be. */
  submit(request: QueryRequest): Promise<QueryHandle>;
  /**
   * Carries out what no SQL says (a load, an append) as a query of its own: admitted, seen, canceled like any other.
   * @param request its `sql` is shown to people only
   */
  run(request: QueryRequest, work: StatementWork): Promise<QueryHandle>;
  /** Newest first; finished ones are kept for a while. */
  list(): readonly QueryInfo[];
  get(id: string): QueryInfo | undefined;
  tree(id: string): QueryTree | undefined;
  /** Of a query submitted with `keepResult`. Throws 55000 until it has finished. */
  resultPage(id: string, offset: number, limit: number): Promise<ResultPage>;
  /** False when there is no such query; true also when it had already ended. Resolves when its tasks have stopped. */
  cancel(id: string): Promise<boolean>;
  cluster(): Promise<ClusterInfo>;
  /** Of this process alone: answers at once, whatever the data folder and the workers do. */
  health(): Health;
  /** Takes no more queries, gives those that run `graceMs` (default 0) to end, and cancels the rest. */
  close(options?: { readonly graceMs?: number }): Promise<void>;
}
