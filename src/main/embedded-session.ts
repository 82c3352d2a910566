import {
  type AppendOptions,
  type ExplainOptions,
  explainQuery,
  jsonLines,
  type LoadOptions,
  localFile,
  type QueryFilter,
  type QueryOptions,
  type QueryResult,
  type RowsToAppend,
  RunningQueries,
  type Session,
  type StartedQuery,
} from '../client/index.ts';
import type {
  AppendResult,
  ClusterInfo,
  LoadResult,
  LoadSource,
  QueryInfo,
  QueryTree,
} from '../coordinator/index.ts';
import type { Engine } from './engine.ts';
import { keepAlive, keepAliveWhileRead } from './keep-alive.ts';

/** Ends the engine with itself. */
export class EmbeddedSession implements Session {
  readonly #engine: Engine;
  readonly #running = new RunningQueries();

  constructor(engine: Engine) {
    this.#engine = engine;
  }

  query(sql: string, { signal, ...options }: QueryOptions = {}): QueryResult {
    return this.#running.run((abort) => this.#submit(sql, options, abort), signal);
  }

  explain(sql: string, options: ExplainOptions = {}): Promise<string> {
    return explainQuery((text, rest) => this.query(text, rest), sql, options);
  }

  async load(
    table: string,
    files: string | readonly string[],
    { onServer = false, onProgress, ...options }: LoadOptions = {},
  ): Promise<readonly LoadResult[]> {
    const paths = typeof files === 'string' ? [files] : files;
    const source: LoadSource = onServer ? { kind: 'paths', paths } : await localBodies(paths, onProgress);
    return [await keptAlive(this.#engine.ingest.load({ table, source, ...options }))];
  }

  async append(table: string, rows: RowsToAppend, options: AppendOptions = {}): Promise<AppendResult> {
    const body =
      rows instanceof Uint8Array
        ? ({ kind: 'arrow', stream: rows } as const)
        : ({ kind: 'json', lines: jsonLines(rows) } as const);
    return await keptAlive(this.#engine.ingest.append({ table, body, ...options }));
  }

  async queries({ state, limit = 100 }: QueryFilter = {}): Promise<readonly QueryInfo[]> {
    const all = this.#engine.queryService.list();
    return all.filter((info) => state === undefined || info.state === state).slice(0, limit);
  }

  async get(id: string): Promise<QueryInfo | undefined> {
    return this.#engine.queryService.get(id);
  }

  async tree(id: string): Promise<QueryTree | undefined> {
    return this.#engine.queryService.tree(id);
  }

  async cancel(id: string): Promise<boolean> {
    return await keepAlive(this.#engine.queryService.cancel(id));
  }

  async cluster(): Promise<ClusterInfo> {
    return await keepAlive(this.#engine.queryService.cluster());
  }

  async close(): Promise<void> {
    this.#running.close('the engine was closed');
    await keepAlive(this.#engine.close());
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }

  async #submit(sql: string, options: QueryOptions, signal: AbortSignal): Promise<StartedQuery> {
    const handle = await keepAlive(this.#engine.queryService.submit({ sql, ...options, signal }));
    return {
      id: handle.id,
      columns: handle.columns,
      batches: keepAliveWhileRead(handle.batches),
      stats: () => handle.info().stats,
    };
  }
}

async function localBodies(
  paths: readonly string[],
  onProgress: LoadOptions['onProgress'],
): Promise<Extract<LoadSource, { kind: 'bodies' }>> {
  const opened = await Promise.all(paths.map(localFile));
  const total = opened.reduce((sum, { bytes }) => sum + bytes, 0);
  let read = 0;
  return {
    kind: 'bodies',
    bodies: opened.map((file) => ({
      name: file.name,
      async *read() {
        for await (const chunk of file.read()) {
          read += chunk.byteLength;
          onProgress?.(read / Math.max(1, total));
          yield chunk;
        }
      },
    })),
  };
}

/** Rows that wait for others hold nothing that keeps the process from ending. */
async function keptAlive<T>(work: Promise<T>): Promise<T> {
  const timer = setInterval(() => {}, 1_000_000);
  try {
    return await work;
  } finally {
    clearInterval(timer);
  }
}
