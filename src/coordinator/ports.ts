import type { AttemptId } from '../common/index.ts';
import type {
  BindRequest,
  BoundCatalogQuery,
  BoundQuery,
  StreamedResult,
  SystemRows,
} from '../duckdb/index.ts';
import type { RunTaskRequest, RunTaskResponse, TaskStats } from '../rpc/index.ts';
import type { WrittenFile } from '../storage/index.ts';
import type { RecordBatch, Schema } from '../types/index.ts';

/** What the service needs of the shadow catalog. */
export interface Binder {
  bind(request: BindRequest): Promise<BoundQuery>;
  /** Runs a query about the catalog itself. @param rows of the relations that `bound.system` names */
  stream(
    bound: BoundCatalogQuery,
    signal: AbortSignal,
    rows?: SystemRows,
  ): Promise<Pick<StreamedResult, 'schema' | 'batches'>>;
}

/** What the service needs of the coordinator's own fragment runtime. */
export interface FragmentRunner {
  runToSpool(request: RunTaskRequest, signal: AbortSignal): Promise<RunTaskResponse>;
  stream(request: RunTaskRequest, signal: AbortSignal): Promise<FragmentStream>;
  /** Puts the rows into the table that the request writes, from here. */
  writeTable(
    request: RunTaskRequest,
    signal: AbortSignal,
  ): Promise<{ readonly files: readonly WrittenFile[]; readonly stats: TaskStats }>;
  /** Writes the rows to a file or folder in the spool. @param target `options`: of DuckDB's COPY, as SQL */
  exportRows(
    request: RunTaskRequest,
    target: { readonly path: string; readonly options: string; readonly names: readonly string[] },
    signal: AbortSignal,
  ): Promise<{ readonly rows: number; readonly stats: TaskStats }>;
  /** What runs, and how far it is: 0 to 1. */
  shares(): readonly { readonly attempt: AttemptId; readonly fraction: number }[];
  /** Stops what runs under the query's id and deletes its files. */
  dropQuery(queryId: string): Promise<void>;
}

interface FragmentStream {
  readonly schema: Schema;
  readonly batches: AsyncIterable<RecordBatch>;
  /** Complete when the batches have ended. */
  stats(): TaskStats;
}
