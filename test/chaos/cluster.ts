import { mkdtemp, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { SqlValue } from '../../src/types/index.ts';
import type { Result } from '../support/runner.ts';
import { SkeinProcess, until } from './processes.ts';

export interface QueryError {
  readonly sqlState: string;
  readonly message: string;
}

export interface QueryView {
  readonly queryId: string;
  readonly state: string;
  readonly error: QueryError | null;
  readonly progress: { readonly tasksRunning: number; readonly tasksFinished: number };
  readonly stats: { readonly retries: number; readonly workers: number; readonly cleanupMs?: number };
}

interface TreeView {
  readonly stages: readonly {
    readonly id: number;
    readonly state: string;
    readonly tasks: readonly {
      readonly attempts: readonly { readonly worker: string; readonly state: string }[];
    }[];
  }[];
}

interface ClusterView {
  readonly workers: readonly { readonly id: string; readonly state: string; readonly runningTasks: number }[];
}

interface Answer {
  readonly status: number;
  readonly body: { readonly columns?: unknown; readonly rows?: unknown; readonly error?: QueryError };
}

/** A coordinator and its workers as processes on this machine, asked over REST. */
export class Cluster implements AsyncDisposable {
  readonly url: string;
  readonly coordinator: SkeinProcess;
  readonly workers: SkeinProcess[] = [];
  readonly #home: string;
  #started = 0;

  private constructor(home: string, coordinator: SkeinProcess, url: string) {
    this.#home = home;
    this.coordinator = coordinator;
    this.url = url;
  }

  static async start(data: string, workers: number): Promise<Cluster> {
    const home = await mkdtemp(join(tmpdir(), 'skein-chaos-'));
    const coordinator = new SkeinProcess([
      'coordinator',
      '--port',
      '0',
      '--data',
      data,
      '--home',
      join(home, 'c'),
    ]);
    try {
      const url = await coordinator.printed(/https?:\/\/[\w.:-]+/);
      const cluster = new Cluster(home, coordinator, url);
      for (let i = 0; i < workers; i += 1) cluster.startWorker();
      await cluster.untilAlive(workers);
      return cluster;
    } catch (error) {
      await coordinator.kill();
      await rm(home, { recursive: true, force: true });
      throw error;
    }
  }

  startWorker(): SkeinProcess {
    this.#started += 1;
    const home = join(this.#home, `w${this.#started}`);
    const worker = new SkeinProcess([
      ...['worker', '--coordinator', this.url, '--threads', '1', '--memory', '1GB'],
      ...['--home', home, '--spool', join(home, 'spool')],
    ]);
    this.workers.push(worker);
    return worker;
  }

  async untilAlive(count: number, withinMs = 30_000): Promise<void> {
    await until(`${count} workers`, withinMs, async () => {
      const { workers } = await this.view();
      return workers.filter(({ state }) => state === 'alive').length === count;
    });
  }

  async view(): Promise<ClusterView> {
    return (await this.#json('/cluster')) as ClusterView;
  }

  /** Runs a query to its end, distributed. Throws what the server answers as an error, with its `sqlState`. */
  async query(sql: string, signal?: AbortSignal): Promise<Result> {
    const { status, body } = await this.post(sql, {}, signal);
    if (status !== 200) {
      const { sqlState = 'none', message = 'no error in the answer' } = body.error ?? {};
      throw Object.assign(new Error(message), { sqlState });
    }
    const columns = body.columns as Result['columns'];
    const rows = (body.rows as unknown[][]).map((row) =>
      row.map((value, index) => fromJson(value, columns[index]?.type ?? '')),
    );
    return { columns, rows };
  }

  async post(sql: string, more: Record<string, unknown> = {}, signal?: AbortSignal): Promise<Answer> {
    const response = await fetch(`${this.url}/query`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ sql, settings: { local_bypass: 'off' }, ...more }),
      signal: AbortSignal.any([AbortSignal.timeout(60_000), ...(signal === undefined ? [] : [signal])]),
    });
    return { status: response.status, body: (await response.json()) as Answer['body'] };
  }

  /** Starts a query and does not wait for it. */
  async submit(sql: string): Promise<string> {
    const { body } = await this.post(sql, { async: true });
    return (body as { queryId: string }).queryId;
  }

  async info(id: string): Promise<QueryView> {
    return (await this.#json(`/query/${id}?limit=0`)) as QueryView;
  }

  /** The query that was submitted last. */
  async latest(): Promise<QueryView> {
    const { queries } = (await this.#json('/queries')) as { queries: QueryView[] };
    const [latest] = queries;
    if (latest === undefined) throw new Error('there was no query');
    return latest;
  }

  async rows(id: string): Promise<unknown[][]> {
    return ((await this.#json(`/query/${id}?limit=100000`)) as { rows: unknown[][] }).rows;
  }

  async tree(id: string): Promise<TreeView> {
    return (await this.#json(`/query/${id}/tree`)) as TreeView;
  }

  async cancel(id: string): Promise<void> {
    const response = await fetch(`${this.url}/query/${id}`, { method: 'DELETE' });
    await response.arrayBuffer();
  }

  /** Waits until tasks of the query run on this many workers. */
  async untilRunning(id: string, workers: number): Promise<void> {
    await until(`tasks on ${workers} workers`, 20_000, async () => {
      const { error } = await this.info(id);
      if (error !== null) throw new Error(`the query failed: ${error.sqlState} ${error.message}`);
      const running = (await this.tree(id)).stages.flatMap(({ tasks }) =>
        tasks.flatMap(({ attempts }) => attempts.filter(({ state }) => state === 'running')),
      );
      return new Set(running.map(({ worker }) => worker)).size >= workers;
    });
  }

  /** The state in which a query ends. */
  async ended(id: string, withinMs: number): Promise<QueryView> {
    let view = await this.info(id);
    await until(`the end of ${id}`, withinMs, async () => {
      view = await this.info(id);
      return ['finished', 'failed', 'canceled'].includes(view.state);
    });
    return view;
  }

  /** Files of queries that lie in the workers' spools. */
  async spooled(): Promise<string[]> {
    const found: string[] = [];
    for (let i = 1; i <= this.#started; i += 1) {
      const spool = join(this.#home, `w${i}`, 'spool');
      const files = await readdir(spool, { recursive: true, withFileTypes: true }).catch(() => []);
      found.push(...files.filter((file) => file.isFile()).map((file) => join(file.parentPath, file.name)));
    }
    return found.filter((path) => path.includes('q_'));
  }

  get output(): string {
    return [this.coordinator, ...this.workers].map(({ output }) => output).join('\n');
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Promise.all([this.coordinator, ...this.workers].map((process) => process.kill()));
    await rm(this.#home, { recursive: true, force: true });
  }

  async #json(path: string): Promise<unknown> {
    const response = await fetch(`${this.url}${path}`, { signal: AbortSignal.timeout(10_000) });
    return response.json();
  }
}

/** Integers beyond 2^53 travel as text, by value: both forms become what SqlValue says of the type. */
function fromJson(value: unknown, type: string): SqlValue {
  if (value !== null && (type === 'BIGINT' || type === 'UBIGINT' || type === 'HUGEINT')) {
    return BigInt(value as string | number);
  }
  return value as SqlValue;
}
