import {
  type AppendOptions,
  type ExplainOptions,
  type LoadOptions,
  type QueryFilter,
  type QueryOptions,
  type QueryResult,
  type RowsToAppend,
  type Session,
  SkeinClient,
} from '../client/index.ts';
import { parseBytes } from '../common/index.ts';
import type { AppendResult, ClusterInfo, LoadResult, QueryInfo, QueryTree } from '../coordinator/index.ts';
import { EmbeddedSession } from './embedded-session.ts';
import { startEngine } from './engine.ts';

/** An engine in this process, over a folder of files. */
export interface EmbeddedOptions {
  /**
   * Folder whose Parquet, CSV and JSON files, sub-folders of such files, and Delta tables are the tables; or
   * `s3://bucket/prefix` with Delta tables.
   */
  readonly data: string;
  /** Locations besides `data` that statements may read and write. */
  readonly externalRoots?: readonly string[];
  /** Where `s3://` is; default: AWS, as the environment says. Credentials come from the environment. */
  readonly s3?: {
    /** `http(s)://HOST:PORT` of an S3-compatible store. */
    readonly endpoint?: string;
    readonly region?: string;
    /** The bucket in the path instead of in the host name. */
    readonly forcePathStyle?: boolean;
  };
  /** What each worker keeps of tables on S3. */
  readonly tableCache?: {
    /** Where it outlives the engine; engines may share it. Default: in the spool, and gone with it. */
    readonly folder?: string;
    /** Default 10 GiB. */
    readonly maxBytes?: number;
  };
  /** Default 1. */
  readonly workers?: number;
  /** Of each worker; default: the cores, shared evenly. */
  readonly threads?: number;
  /** Of each worker, in bytes or as text (`4GB`); default: most of the machine's, shared evenly. */
  readonly memory?: number | string;
  /** Folder for exchanged and spilled data; default: `spool` in SKEIN_HOME, or one in the system's temporary folder. */
  readonly spool?: string;
}

/** A server, started by `skein start` or `skein coordinator`. */
export interface RemoteOptions {
  /** `http://HOST:PORT` */
  readonly server: string;
  /** Where the server wants one. */
  readonly token?: string;
}

/**
 * SQL over several workers: embedded, or on a server, with one interface.
 *
 * ```ts
 * await using skein = await Skein.open({ data: 'data', workers: 4 });
 * for await (const batch of skein.query('SELECT * FROM users WHERE country = ?', { params: ['UK'] })) { ... }
 * ```
 */
export class Skein implements Session {
  readonly #session: Session;

  private constructor(session: Session) {
    this.#session = session;
  }

  /** Starts an engine, or makes a client, which connects at its first call. */
  static async open(options: EmbeddedOptions | RemoteOptions): Promise<Skein> {
    if ('server' in options) return new Skein(new SkeinClient(options));
    const { memory, spool, ...rest } = options;
    const memoryBytes = typeof memory === 'string' ? parseBytes(memory) : memory;
    return new Skein(new EmbeddedSession(await startEngine({ ...rest, memoryBytes, spoolDir: spool })));
  }

  query(sql: string, options?: QueryOptions): QueryResult {
    return this.#session.query(sql, options);
  }

  explain(sql: string, options?: ExplainOptions): Promise<string> {
    return this.#session.explain(sql, options);
  }

  load(
    table: string,
    files: string | readonly string[],
    options?: LoadOptions,
  ): Promise<readonly LoadResult[]> {
    return this.#session.load(table, files, options);
  }

  append(table: string, rows: RowsToAppend, options?: AppendOptions): Promise<AppendResult> {
    return this.#session.append(table, rows, options);
  }

  queries(filter?: QueryFilter): Promise<readonly QueryInfo[]> {
    return this.#session.queries(filter);
  }

  get(id: string): Promise<QueryInfo | undefined> {
    return this.#session.get(id);
  }

  tree(id: string): Promise<QueryTree | undefined> {
    return this.#session.tree(id);
  }

  cancel(id: string): Promise<boolean> {
    return this.#session.cancel(id);
  }

  cluster(): Promise<ClusterInfo> {
    return this.#session.cluster();
  }

  close(): Promise<void> {
    return this.#session.close();
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }
}
