import { join } from 'node:path';
import { abortReason, type Clock, type Random, SkeinError, SqlState } from '../../common/index.ts';
import type { DuckDb } from '../../duckdb/index.ts';
import { quoteLiteral } from '../../types/index.ts';
import type { QueryService } from '../query-service.ts';
import { countColumns } from '../statements/results.ts';
import type { StatementWork } from '../statements/statement-context.ts';
import { type AppendLimits, AppendQueue, defaultAppendLimits, WaitingBytes } from './append-queue.ts';
import { appendWork } from './append-work.ts';
import { appendedRows } from './appended-rows.ts';
import type {
  AppendRequest,
  AppendResult,
  IngestService,
  LoadRequest,
  LoadResult,
} from './ingest-service.ts';
import { type Loaded, type LoadWorkRequest, loadWork } from './load-work.ts';
import { stageUploads } from './stage-upload.node.ts';
import { parseTableName } from './table-name.ts';

export interface IngestServiceOptions {
  readonly queryService: QueryService;
  readonly clock: Clock;
  readonly random: Random;
  /** As of the query service. */
  readonly scratchDir: string;
  /** May write in `scratchDir`. */
  readonly duckDb: DuckDb;
  readonly limits?: Partial<IngestLimits>;
}

export interface IngestLimits extends AppendLimits {
  /** Of one load's bodies. */
  readonly uploadBytes: number;
}

const defaultLimits: IngestLimits = { ...defaultAppendLimits, uploadBytes: 64 * 1024 ** 3 };
/** Queues of tables; idle ones beyond this many are forgotten. */
const queuesKept = 1_000;

export function createIngestService(options: IngestServiceOptions): IngestService {
  return new Ingest(options);
}

class Ingest implements IngestService {
  readonly #options: IngestServiceOptions;
  readonly #limits: IngestLimits;
  readonly #bytes: WaitingBytes;
  readonly #queues = new Map<string, AppendQueue>();
  #closed = false;

  constructor(options: IngestServiceOptions) {
    this.#options = options;
    this.#limits = { ...defaultLimits, ...options.limits };
    this.#bytes = new WaitingBytes(this.#limits);
  }

  async load(request: LoadRequest): Promise<LoadResult> {
    this.#refuseClosed();
    checkKey(request.idempotencyKey);
    return await this.#load(request);
  }

  async append({ table, schema = 'main', body, idempotencyKey }: AppendRequest): Promise<AppendResult> {
    this.#refuseClosed();
    checkKey(idempotencyKey);
    const name = parseTableName(table);
    const rows = appendedRows(body, idempotencyKey);
    const key = JSON.stringify([(name.schema ?? schema).toLowerCase(), name.name.toLowerCase()]);
    let queue = this.#queues.get(key);
    if (queue === undefined) {
      this.#forgetIdle();
      queue = new AppendQueue({
        clock: this.#options.clock,
        limits: this.#limits,
        bytes: this.#bytes,
        commit: async (requests, settle) => {
          const sql = `APPEND TO ${table} (${requests.length} requests)`;
          await this.#run(sql, schema, undefined, appendWork(name, requests, this.#options.duckDb, settle));
        },
      });
      this.#queues.set(key, queue);
    }
    return await queue.append(rows);
  }

  async close(): Promise<void> {
    this.#closed = true;
    await Promise.all([...this.#queues.values()].map((queue) => queue.close()));
  }

  async #load(request: LoadRequest): Promise<LoadResult> {
    const { source, signal } = request;
    const table = parseTableName(request.table);
    if (source.kind === 'paths') {
      if (source.paths.length === 0)
        throw new SkeinError(SqlState.invalidParameterValue, 'there are no files to load');
      return await this.#loadFiles({ ...request, table, source }, request);
    }
    const { random, scratchDir } = this.#options;
    const folder = join(scratchDir, `upload-${random.token(12)}`);
    await using staged = await stageUploads(
      source.bodies,
      folder,
      this.#limits.uploadBytes,
      signal ?? new AbortController().signal,
    );
    try {
      return await this.#loadFiles(
        { ...request, table, source: { kind: 'staged', files: staged.files } },
        request,
      );
    } catch (error) {
      throw withoutFolder(error, folder);
    }
  }

  async #loadFiles(work: LoadWorkRequest, request: LoadRequest): Promise<LoadResult> {
    const { source, signal, schema = 'main' } = request;
    const names = source.kind === 'paths' ? source.paths : source.bodies.map(({ name }) => name);
    // In quotes, so that a name such as `day/*.csv` begins no comment.
    const shown = names.slice(0, 10).map(quoteLiteral).join(', ');
    const sql = `LOAD ${request.table} FROM ${shown}${names.length > 10 ? ' ...' : ''}`;
    let loaded: Loaded | undefined;
    const queryId = await this.#run(
      sql,
      schema,
      signal,
      loadWork(work, (result) => {
        loaded = result;
      }),
    );
    if (loaded === undefined) throw new SkeinError(SqlState.internalError, 'a load ended without a result');
    return { queryId, ...loaded };
  }

  async #run(
    sql: string,
    schema: string,
    signal: AbortSignal | undefined,
    work: StatementWork,
  ): Promise<string> {
    let settle: { readonly resolve: () => void; readonly reject: (error: unknown) => void } | undefined;
    const ended = new Promise<void>((resolve, reject) => {
      settle = { resolve, reject };
    });
    // Kept, so that nobody has to take its rows while it runs, however long that is.
    const request = { sql, schema, keepResult: true, ...(signal === undefined ? {} : { signal }) };
    const handle = await this.#options.queryService.run(request, async (context) => {
      context.announce(countColumns);
      try {
        const result = await work(context);
        settle?.resolve();
        return result;
      } catch (error) {
        settle?.reject(context.signal.aborted ? abortReason(context.signal) : error);
        throw error;
      }
    });
    await ended;
    return handle.id;
  }

  #refuseClosed(): void {
    if (this.#closed) throw new SkeinError(SqlState.adminShutdown, 'the coordinator is shutting down');
  }

  #forgetIdle(): void {
    if (this.#queues.size < queuesKept) return;
    for (const [key, queue] of this.#queues) if (queue.isIdle) this.#queues.delete(key);
  }
}

/** @throws SkeinError 22023 */
function checkKey(key: string | undefined): void {
  if (key === undefined || (key.length > 0 && key.length <= 255)) return;
  throw new SkeinError(SqlState.invalidParameterValue, 'an idempotency key has 1 to 255 characters');
}

/** Nobody knows the folder that an upload was written to. */
function withoutFolder(error: unknown, folder: string): unknown {
  if (!(error instanceof SkeinError) || !error.message.includes(folder)) return error;
  const { sqlState, message, retry, hint } = error;
  const pattern = new RegExp(`${folder.replaceAll(/[.+*?^$(){}|[\]\\]/g, '\\$&')}/\\d+/`, 'g');
  return new SkeinError(sqlState, message.replaceAll(pattern, ''), {
    retry,
    cause: error,
    ...(hint === undefined ? {} : { hint }),
  });
}
