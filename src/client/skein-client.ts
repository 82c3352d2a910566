import { Readable } from 'node:stream';
import { Agent, type Dispatcher, request } from 'undici';
import { queryId, SkeinError, SqlState } from '../common/index.ts';
import type {
  AppendResult,
  ClusterInfo,
  LoadResult,
  QueryErrorInfo,
  QueryInfo,
  QueryStats,
  QueryTree,
} from '../coordinator/index.ts';
import { paramToJson, type RecordBatch } from '../types/index.ts';
import { jsonLines, type RowsToAppend } from './json-lines.ts';
import { localFile } from './local-file.node.ts';
import { type QueryOptions, type QueryResult, RunningQueries, type StartedQuery } from './query-result.ts';
import {
  errorFromJson,
  parseLine,
  type ResultHeader,
  type ResultLine,
  RowDecoder,
  schemaFromJson,
  splitLines,
} from './result-lines.ts';
import {
  type AppendOptions,
  type ExplainOptions,
  explainQuery,
  type LoadOptions,
  type QueryFilter,
  type Session,
} from './session.ts';

export interface SkeinClientOptions {
  /** `http://HOST:PORT` of a coordinator. */
  readonly server: string;
  /** Where the server wants one. */
  readonly token?: string;
}

/** How long a canceled query's server may take to answer before the client lets go. */
const cancelTimeoutMs = 5000;

/**
 * A client of a Skein server over REST. Connections are kept between queries. Errors are SkeinErrors: the server's own,
 * or 08006 where it cannot be reached or its answer was cut short.
 */
export class SkeinClient implements Session {
  readonly #server: URL;
  readonly #headers: Readonly<Record<string, string>>;
  /** Queries may run long before their first row and between two: only the connection tells that the server is gone. */
  readonly #agent = new Agent({ headersTimeout: 0, bodyTimeout: 0, pipelining: 1 });
  readonly #running = new RunningQueries();
  readonly #cancels = new Set<Promise<unknown>>();

  /** Throws 22023 where `server` is no URL. Connects at the first call. */
  constructor({ server, token }: SkeinClientOptions) {
    const url = URL.canParse(server) ? new URL(server) : undefined;
    if (url === undefined || !['http:', 'https:'].includes(url.protocol)) {
      throw new SkeinError(SqlState.invalidParameterValue, `not the URL of a server: ${server}`, {
        hint: 'It looks like http://localhost:8642',
      });
    }
    url.pathname = url.pathname.replace(/\/*$/, '/');
    this.#server = url;
    this.#headers = token === undefined ? {} : { authorization: `Bearer ${token}` };
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
    { onServer = false, onProgress, signal, options, ...rest }: LoadOptions = {},
  ): Promise<readonly LoadResult[]> {
    const paths = typeof files === 'string' ? [files] : files;
    const aborts = signal === undefined ? {} : { signal };
    if (onServer) {
      const body = JSON.stringify({ table, paths, ...rest, ...(options === undefined ? {} : { options }) });
      const headers = { 'content-type': 'application/json' };
      const answer = await this.#json('POST', 'data/load', { body, headers, ...aborts });
      return [loadedFromJson(answer)];
    }
    const opened = await Promise.all(paths.map(localFile));
    const total = opened.reduce((sum, { bytes }) => sum + bytes, 0);
    let sent = 0;
    const loaded: LoadResult[] = [];
    for (const [index, { name, read }] of opened.entries()) {
      const { idempotencyKey: key, ...others } = rest;
      // Each file is a load of its own here, and so has a key of its own.
      const keys = key === undefined ? {} : { idempotencyKey: paths.length === 1 ? key : `${key}#${index}` };
      const json = options === undefined ? {} : { options: JSON.stringify(options) };
      const query = Object.entries({ table, name, ...others, ...keys, ...json });
      const path = `data/load?${new URLSearchParams(query.map(([field, value]): [string, string] => [field, String(value)]))}`;
      const counted = async function* (): AsyncGenerator<Uint8Array> {
        for await (const chunk of read()) {
          sent += chunk.byteLength;
          onProgress?.(sent / Math.max(1, total));
          yield chunk;
        }
      };
      const headers = { 'content-type': 'application/octet-stream' };
      loaded.push(
        loadedFromJson(
          await this.#json('POST', path, { body: Readable.from(counted()), headers, ...aborts }),
        ),
      );
    }
    return loaded;
  }

  async append(
    table: string,
    rows: RowsToAppend,
    { idempotencyKey, schema }: AppendOptions = {},
  ): Promise<AppendResult> {
    const query = schema === undefined ? '' : `?${new URLSearchParams({ schema })}`;
    const isArrow = rows instanceof Uint8Array;
    const answer = await this.#json('POST', `data/${encodeURIComponent(table)}/append${query}`, {
      body: isArrow ? rows : jsonLines(rows),
      headers: {
        'content-type': isArrow ? 'application/vnd.apache.arrow.stream' : 'application/x-ndjson',
        ...(idempotencyKey === undefined ? {} : { 'idempotency-key': idempotencyKey }),
      },
    });
    const { version, rows: count, duplicate } = answer as LoadedJson;
    return { version: version ?? undefined, rows: count ?? undefined, duplicate };
  }

  async queries(filter: QueryFilter = {}): Promise<readonly QueryInfo[]> {
    const query = Object.entries(filter).map(([name, value]): [string, string] => [name, String(value)]);
    const { queries } = (await this.#json('GET', `queries?${new URLSearchParams(query)}`)) as {
      queries: unknown[];
    };
    return queries.map(queryFromJson);
  }

  async get(id: string): Promise<QueryInfo | undefined> {
    return await this.#known(async () => queryFromJson(await this.#json('GET', `${queryPath(id)}?limit=0`)));
  }

  async tree(id: string): Promise<QueryTree | undefined> {
    return await this.#known(async () => (await this.#json('GET', `${queryPath(id)}/tree`)) as QueryTree);
  }

  async cancel(id: string): Promise<boolean> {
    return (await this.#known(() => this.#json('DELETE', queryPath(id)))) !== undefined;
  }

  async cluster(): Promise<ClusterInfo> {
    return (await this.#json('GET', 'cluster')) as ClusterInfo;
  }

  async close(): Promise<void> {
    this.#running.close('the client was closed');
    await Promise.allSettled(this.#cancels);
    await this.#agent.destroy();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }

  async #submit(sql: string, { params, ...rest }: QueryOptions, signal: AbortSignal): Promise<StartedQuery> {
    const body = JSON.stringify({ sql, ...rest });
    const response = await this.#request('POST', 'query', {
      body: params === undefined ? body : `${body.slice(0, -1)},"params":${paramToJson(params)}}`,
      headers: { 'content-type': 'application/json', accept: 'application/x-ndjson' },
      signal,
    });
    const lines = this.#lines(response.body, signal);
    const { value: first } = await lines.next();
    if (first?.kind !== 'header') throw first?.kind === 'error' ? first.error : this.#cutShort();
    const { queryId, columns } = first.header;
    const cancel = (): void => this.#cancelSoon(queryId);
    signal.addEventListener('abort', cancel, { once: true });
    let stats: QueryStats | undefined;
    const onEnd = (final: QueryStats | undefined): void => {
      signal.removeEventListener('abort', cancel);
      stats = final;
    };
    return {
      id: queryId,
      columns,
      batches: this.#batches(first.header, lines, { onEnd, onLeave: cancel }),
      stats: () => stats ?? unread(),
    };
  }

  /** The rows; `onEnd` is called when the server has ended the query, `onLeave` when the reader left it running. */
  async *#batches(
    { columns }: ResultHeader,
    lines: AsyncIterable<ResultLine>,
    { onEnd, onLeave }: { onEnd: (stats: QueryStats | undefined) => void; onLeave: () => void },
  ): AsyncGenerator<RecordBatch> {
    const decoder = new RowDecoder(columns);
    let ended = false;
    try {
      for await (const line of lines) {
        switch (line.kind) {
          case 'rows':
            yield decoder.batch(line.rows);
            break;
          case 'stats':
            ended = true;
            onEnd(line.stats);
            break;
          case 'error':
            ended = true;
            onEnd(undefined);
            throw line.error;
          case 'header':
            throw new SkeinError(SqlState.dataCorrupted, 'the server sent a second header within a result');
        }
      }
      if (!ended) throw this.#cutShort();
    } finally {
      if (!ended) onLeave();
    }
  }

  async *#lines(body: AsyncIterable<Uint8Array>, signal: AbortSignal): AsyncGenerator<ResultLine> {
    try {
      for await (const line of splitLines(body)) yield parseLine(line);
    } catch (error) {
      throw this.#connectionError(error, signal);
    }
  }

  /** Tells the server to cancel a query whose connection is closed anyway; a failure to do so is of no consequence. */
  #cancelSoon(id: string): void {
    const cancel = this.#json('DELETE', queryPath(id), { signal: AbortSignal.timeout(cancelTimeoutMs) })
      .catch(() => {})
      .finally(() => this.#cancels.delete(cancel));
    this.#cancels.add(cancel);
  }

  async #known<T>(call: () => Promise<T>): Promise<T | undefined> {
    try {
      return await call();
    } catch (error) {
      if (error instanceof SkeinError && error.details.httpStatus === '404') return undefined;
      throw error;
    }
  }

  async #json(method: Dispatcher.HttpMethod, path: string, options: RequestOptions = {}): Promise<unknown> {
    const { body } = await this.#request(method, path, options);
    try {
      return await body.json();
    } catch (error) {
      throw this.#connectionError(error, options.signal);
    }
  }

  /** Sends a request; an answer of 400 or more is thrown. */
  async #request(
    method: Dispatcher.HttpMethod,
    path: string,
    options: RequestOptions,
  ): Promise<Dispatcher.ResponseData> {
    const { headers, ...rest } = options;
    let response: Dispatcher.ResponseData;
    try {
      response = await request(new URL(path, this.#server), {
        dispatcher: this.#agent,
        method,
        headers: { ...this.#headers, ...headers },
        ...rest,
      });
    } catch (error) {
      throw this.#connectionError(error, options.signal);
    }
    if (response.statusCode < 400) return response;
    throw await this.#httpError(response);
  }

  async #httpError({ statusCode, body }: Dispatcher.ResponseData): Promise<SkeinError> {
    const text = await body.text().catch(() => '');
    const details = { httpStatus: String(statusCode) };
    const error = errorFromText(text);
    if (error === undefined) {
      const message = `${this.#server} answered HTTP ${statusCode}: ${text.slice(0, 200)}`;
      return new SkeinError(SqlState.connectionFailure, message, { details });
    }
    const { sqlState, message, position, hint } = error;
    return new SkeinError(sqlState, message, {
      details,
      ...(position === undefined ? {} : { position }),
      ...(hint === undefined ? {} : { hint }),
    });
  }

  #connectionError(error: unknown, signal?: AbortSignal): unknown {
    if (signal?.aborted) return signal.reason;
    if (error instanceof SkeinError) return error;
    const problem = error instanceof Error ? error.message : String(error);
    const message = `the connection to ${this.#server} failed: ${problem}`;
    return new SkeinError(SqlState.connectionFailure, message, {
      retry: 'query',
      cause: error,
      hint: 'Does a server run there? `skein start --data DIR` starts one.',
    });
  }

  #cutShort(): SkeinError {
    const message = `the connection to ${this.#server} ended before the result was complete`;
    return new SkeinError(SqlState.connectionFailure, message, { retry: 'query' });
  }
}

interface RequestOptions {
  readonly body?: string | Uint8Array | Readable;
  readonly headers?: Readonly<Record<string, string>>;
  readonly signal?: AbortSignal;
}

/** What `POST /data/load` answers; `POST /data/{table}/append` less of it. */
interface LoadedJson {
  readonly queryId: string;
  readonly table: string;
  readonly rows: number | null;
  readonly version: number | null;
  readonly duplicate: boolean;
}

function loadedFromJson(json: unknown): LoadResult {
  const { rows, version, ...rest } = json as LoadedJson;
  return { ...rest, rows: rows ?? undefined, version: version ?? undefined };
}

function queryPath(id: string): string {
  return `query/${encodeURIComponent(id)}`;
}

function unread(): never {
  throw new SkeinError(SqlState.notInThisState, 'the statistics are known when every row has been read');
}

function errorFromText(text: string): SkeinError | undefined {
  try {
    return errorFromJson(JSON.parse(text));
  } catch {
    return undefined;
  }
}

/** A query as `GET /query/{id}` gives it. */
interface QueryJson extends Omit<QueryInfo, 'id' | 'columns' | 'finishedAt' | 'error'> {
  readonly queryId: string;
  readonly columns: readonly unknown[] | null;
  readonly finishedAt: number | null;
  readonly error: QueryErrorInfo | null;
}

function queryFromJson(json: unknown): QueryInfo {
  const {
    queryId: id,
    sql,
    state,
    submittedAt,
    finishedAt,
    columns,
    progress,
    stats,
    error,
  } = json as QueryJson;
  return {
    id: queryId(id),
    sql,
    state,
    submittedAt,
    finishedAt: finishedAt ?? undefined,
    columns: columns === null ? undefined : schemaFromJson(columns),
    progress,
    stats,
    error: error ?? undefined,
  };
}
