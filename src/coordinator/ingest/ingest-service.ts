import type { FileKind } from '../statements/copy-options.ts';

/** Where the rows of a load come from. */
export type LoadSource =
  /** Files, folders and patterns that the server may read, local or in object stores. */
  | { readonly kind: 'paths'; readonly paths: readonly string[] }
  /** Files that the caller has, as bytes. All become one commit. */
  | { readonly kind: 'bodies'; readonly bodies: readonly LoadBody[] };

export interface LoadBody {
  /** As errors call it; its extension tells format and compression where the request does not. */
  readonly name: string;
  /** Called once. */
  readonly read: () => AsyncIterable<Uint8Array>;
}

export interface LoadRequest {
  /** `table` or `schema.table`, as SQL spells it. */
  readonly table: string;
  /** Where a name without a schema is looked up; default `main`. */
  readonly schema?: string;
  readonly source: LoadSource;
  /** Default: by the files' extension. */
  readonly format?: FileKind;
  /** Of COPY FROM: `{ delim: ';', header: true }`. */
  readonly options?: Readonly<Record<string, string | number | boolean>>;
  /** Makes the table with the files' columns where it is not there. */
  readonly create?: boolean;
  /** A load with a key that the table has seen is not done again. */
  readonly idempotencyKey?: string;
  readonly signal?: AbortSignal;
}

export interface LoadResult {
  readonly queryId: string;
  /** Schema-qualified. */
  readonly table: string;
  /** Of this load, or of the one before with this key; undefined where the log does not say any more. */
  readonly rows: number | undefined;
  /** Version of the table that has the rows; undefined as `rows`, and where there were no rows. */
  readonly version: number | undefined;
  /** An earlier load with this key had been committed: this one has done nothing. */
  readonly duplicate: boolean;
}

export type AppendBody =
  /** JSON, one object a line. */
  | { readonly kind: 'json'; readonly lines: Uint8Array }
  /** An Arrow IPC stream. */
  | { readonly kind: 'arrow'; readonly stream: Uint8Array };

export interface AppendRequest {
  /** As of `LoadRequest`. */
  readonly table: string;
  readonly schema?: string;
  readonly body: AppendBody;
  /** As of `LoadRequest`; such an append has a commit of its own. */
  readonly idempotencyKey?: string;
}

export interface AppendResult {
  /** The commit that has the rows: they are durable. */
  readonly version: number | undefined;
  readonly rows: number | undefined;
  readonly duplicate: boolean;
}

/** Brings rows into tables without SQL. */
export interface IngestService {
  /** @throws SkeinError; nothing of the load is seen then, except 40003: it is not known */
  load(request: LoadRequest): Promise<LoadResult>;
  /**
   * Adds a few rows, in one commit with those of others. Resolves when they are durable.
   * @throws SkeinError 53000 where too much is waiting: to be sent again later; 54000 for too long a body
   */
  append(request: AppendRequest): Promise<AppendResult>;
  /** Takes no more, and resolves when all that was taken is committed or refused. */
  close(): Promise<void>;
}
