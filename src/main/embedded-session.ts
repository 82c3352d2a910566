import {
  type ExplainOptions,
  explainQuery,
  type QueryFilter,
  type QueryOptions,
  type QueryResult,
  RunningQueries,
  type Session,
  type StartedQuery,
} from '../client/index.ts';
import type { ClusterInfo, QueryInfo, QueryTree } from '../coordinator/index.ts';
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
