import { type QueryId, queryId, SkeinError, SqlState, toSkeinError } from '../../src/common/index.ts';
import type {
  ClusterInfo,
  Health,
  QueryHandle,
  QueryInfo,
  QueryRequest,
  QueryService,
  QueryState,
  QueryTree,
  ResultPage,
} from '../../src/coordinator/index.ts';
import { parseType, type RecordBatch, type Schema, type SqlValue } from '../../src/types/index.ts';

/** What a fake query answers. */
export interface FakeAnswer {
  readonly columns: Schema;
  /** Gives the rows; the signal aborts when the query is canceled. */
  readonly batches: (signal: AbortSignal) => AsyncIterable<RecordBatch>;
}

interface FakeQuery {
  readonly id: QueryId;
  readonly request: QueryRequest;
  readonly controller: AbortController;
  readonly columns: Schema;
  state: QueryState;
  error: SkeinError | undefined;
  rows: number;
  readonly kept: RecordBatch[];
}

/** `columns('a INTEGER', 'b DECIMAL(3,1)')`. */
export function columns(...texts: readonly string[]): Schema {
  return texts.map((text) => {
    const at = text.indexOf(' ');
    return { name: text.slice(0, at), type: parseType(text.slice(at + 1)) };
  });
}

export function batchOf(schema: Schema, rows: readonly (readonly SqlValue[])[]): RecordBatch {
  return {
    schema,
    rowCount: rows.length,
    columns: schema.map((_, index) => rows.map((row) => row[index] ?? null)),
  };
}

/** An answer of these rows, in batches of two. */
export function answer(schema: Schema, rows: readonly (readonly SqlValue[])[]): FakeAnswer {
  return {
    columns: schema,
    async *batches() {
      for (let at = 0; at < rows.length; at += 2) yield batchOf(schema, rows.slice(at, at + 2));
    },
  };
}

/** A query service without an engine: `respond` makes each query's answer, or throws. */
export class FakeQueryService implements QueryService {
  readonly requests: QueryRequest[] = [];
  readonly queries: FakeQuery[] = [];
  workers: ClusterInfo['workers'] = [fakeWorker('w1')];
  closed = false;
  readonly #respond: (request: QueryRequest) => FakeAnswer | Promise<FakeAnswer>;

  constructor(respond: (request: QueryRequest) => FakeAnswer | Promise<FakeAnswer>) {
    this.#respond = respond;
  }

  run(): never {
    throw new Error('the fake carries out no statements');
  }

  async submit(request: QueryRequest): Promise<QueryHandle> {
    this.requests.push(request);
    const { columns, batches } = await this.#respond(request);
    request.signal?.throwIfAborted();
    const query: FakeQuery = {
      id: queryId(`q_${this.queries.length}`),
      request,
      controller: new AbortController(),
      columns,
      state: 'running',
      error: undefined,
      rows: 0,
      kept: [],
    };
    this.queries.push(query);
    request.signal?.addEventListener('abort', () => this.#cancel(query));
    const rows = this.#run(query, batches);
    if (request.keepResult) {
      for await (const batch of rows) query.kept.push(batch);
    }
    return {
      id: query.id,
      columns,
      batches: request.keepResult ? (async function* () {})() : rows,
      info: () => info(query),
    };
  }

  async *#run(query: FakeQuery, batches: FakeAnswer['batches']): AsyncGenerator<RecordBatch> {
    try {
      for await (const batch of batches(query.controller.signal)) {
        query.controller.signal.throwIfAborted();
        query.rows += batch.rowCount;
        yield batch;
      }
      query.state = 'finished';
    } catch (error) {
      query.error = toSkeinError(error);
      query.state = query.error.sqlState === SqlState.queryCanceled ? 'canceled' : 'failed';
      throw query.error;
    } finally {
      if (query.state === 'running') this.#cancel(query);
    }
  }

  #cancel(query: FakeQuery): void {
    if (query.state !== 'running') return;
    query.state = 'canceled';
    query.controller.abort(new SkeinError(SqlState.queryCanceled, 'query canceled'));
  }

  list(): readonly QueryInfo[] {
    return this.queries.map(info).reverse();
  }

  get(id: string): QueryInfo | undefined {
    const query = this.#find(id);
    return query && info(query);
  }

  #find(id: string): FakeQuery | undefined {
    return this.queries.find((query) => query.id === id);
  }

  tree(id: string): QueryTree | undefined {
    const query = this.#find(id);
    return query && fakeTree(query.id, query.request.sql, query.state);
  }

  async resultPage(id: string, offset: number, limit: number): Promise<ResultPage> {
    const query = this.#find(id);
    if (!query?.request.keepResult) throw new SkeinError(SqlState.notInThisState, 'the result was not kept');
    const rows = query.kept
      .flatMap((batch) =>
        Array.from({ length: batch.rowCount }, (_, row) => batch.columns.map((c) => c[row] ?? null)),
      )
      .slice(offset, offset + limit);
    return {
      columns: query.columns,
      batches: [batchOf(query.columns, rows)],
      offset,
      nextOffset: offset + limit < query.rows ? offset + limit : undefined,
    };
  }

  async cancel(id: string): Promise<boolean> {
    const query = this.#find(id);
    if (query !== undefined) this.#cancel(query);
    return query !== undefined;
  }

  async cluster(): Promise<ClusterInfo> {
    return {
      version: '0.1.0',
      duckdbVersion: 'v1.5.6',
      uptimeMs: 5,
      workers: this.workers,
      runningQueries: 0,
      queuedQueries: 0,
      tables: [{ name: 'main.users', rowCount: 3, bytes: 100, files: 1 }],
    };
  }

  health(): Health {
    const alive = this.workers.filter((worker) => worker.state === 'alive');
    return { version: '0.1.0', uptimeMs: 5, workers: alive.length };
  }

  async close(): Promise<void> {
    this.closed = true;
  }
}

function info(query: FakeQuery): QueryInfo {
  return {
    id: query.id,
    sql: query.request.sql,
    state: query.state,
    submittedAt: 1_700_000_000_000,
    finishedAt: query.state === 'running' ? undefined : 1_700_000_000_100,
    columns: query.columns,
    progress: { tasksTotal: 2, tasksFinished: 1, tasksRunning: 1, fraction: 0.5 },
    stats: {
      state: query.state,
      queuedMs: 0,
      planningMs: 1.5,
      elapsedMs: 100,
      rows: query.rows,
      scannedRows: 0,
      scannedBytes: 0,
      exchangedRows: 0,
      exchangedBytes: 0,
      stages: 1,
      tasks: 2,
      retries: 0,
      workers: 1,
      bypassed: false,
    },
    error: query.error && { sqlState: query.error.sqlState, message: query.error.message },
  };
}

function fakeWorker(id: string): ClusterInfo['workers'][number] {
  return {
    id,
    url: '',
    host: 'here',
    state: 'alive',
    threads: 2,
    memoryBytes: 1,
    memoryUsedBytes: 1,
    residentBytes: 1,
    runningTasks: 0,
    finishedTasks: 0,
    failedTasks: 0,
    spoolBytes: 0,
    spoolFreeBytes: 1,
    cacheBytes: 0,
    cacheHits: 0,
    cacheMisses: 0,
    tableCacheBytes: 0,
    tableCacheHits: 0,
    tableCacheMisses: 0,
    cpuLoad: 0.1,
    lastSeenMs: 0,
    uptimeMs: 5,
  };
}

function fakeTree(id: string, sql: string, state: QueryState): QueryTree {
  const attempt = {
    attempt: 0,
    worker: 'w1',
    state: 'finished' as const,
    startedMs: 1,
    elapsedMs: 2,
    inputRows: 3,
    outputRows: 3,
    outputBytes: 30,
    error: undefined,
  };
  const scan = { kind: 'scan', details: ['main.users'], estimatedRows: 3, children: [] };
  return {
    queryId: id,
    sql,
    state,
    notes: ['why not'],
    stages: [
      {
        id: 0,
        state: 'finished',
        inputs: [],
        output: 'gather',
        sql: 'SELECT 1',
        operators: { kind: 'filter', details: ['a = 1'], estimatedRows: undefined, children: [scan] },
        estimatedRows: 3,
        estimatedBytes: 30,
        actualRows: 3,
        inputRows: 3,
        inputBytes: undefined,
        outputBytes: 30,
        elapsedMs: 2,
        tasks: [{ task: 0, attempts: [attempt] }],
      },
    ],
  };
}
