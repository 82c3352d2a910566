import type { Catalog, CatalogSnapshot } from '../../catalog/index.ts';
import type { Clock, Random } from '../../common/index.ts';
import type { Span } from '../../sql/index.ts';
import type { DeltaLog, ObjectStore, TableSnapshot, TableWrite, WrittenFile } from '../../storage/index.ts';
import type { Schema, SqlValue } from '../../types/index.ts';
import type { QueryRequest } from '../query-service.ts';
import type { SessionSettings } from '../settings.ts';

/** A SELECT inside a statement, or one that an executor made, as DuckDB SQL. */
export interface StatementQuery {
  readonly sql: string;
  /**
   * Where `sql` begins in the user's text: positions of errors count from there. Undefined for text that the user never
   * saw: then errors have no position.
   */
  readonly offset: number | undefined;
  /**
   * Where `offset` is undefined: pieces of the user's text that stand in `sql` as they are. A position within one of
   * them is told as that of the user's text.
   */
  readonly spans?: readonly Span[];
  /** Tables that the query names besides those of the catalog, or instead of them, by qualified name. */
  readonly tables?: ReadonlyMap<string, TableSnapshot>;
  /** Its tables' files are on the coordinator only: it runs there. */
  readonly here?: boolean;
  /** Values of its parameters; default: those of the statement. */
  readonly params?: QueryRequest['params'];
}

/** Which task writes which rows. Positions are those of the query's columns. */
export type WriteLayout =
  /** Decided from the write: by partition or shard where every task would write a file for each, else `anywhere`. */
  | { readonly kind: 'auto' }
  /** Rows are written where the query's last step leaves them; its ORDER BY holds within a file. */
  | { readonly kind: 'anywhere' }
  /** Rows that agree on these columns are written by one task. */
  | { readonly kind: 'together'; readonly columns: readonly number[] }
  /** One task writes all rows in this order, so that files do not overlap in it. */
  | { readonly kind: 'sorted'; readonly columns: readonly number[] };

export interface WriteRequest {
  readonly query: StatementQuery;
  /**
   * What is written of the query's rows. Called each time the query is planned, with equal columns; what it throws
   * ends the statement.
   */
  readonly write: (columns: Schema) => TableWrite;
  /** Default: auto. */
  readonly layout?: WriteLayout;
}

/** Files that a query's rows have become: durable, each row in exactly one of them, and part of no table yet. */
export interface WriteOutcome {
  /** In no particular order. None for no rows. */
  readonly files: readonly WrittenFile[];
  readonly rows: number;
  readonly bytes: number;
}

/** A small result, whole. */
export interface ResultRows {
  readonly columns: Schema;
  readonly rows: readonly (readonly SqlValue[])[];
}

/**
 * All that an executor of statements may use of the query service. What it runs belongs to the statement: it is seen
 * in its progress, its tree and its statistics, and stops when it is canceled.
 */
export interface StatementContext {
  readonly catalog: Catalog;
  readonly clock: Clock;
  readonly random: Random;
  /** Aborts with the SkeinError that the statement ends with, whoever ends it. */
  readonly signal: AbortSignal;
  /** Where unqualified names are looked up first. */
  readonly schema: string;
  readonly settings: SessionSettings;
  readonly params: QueryRequest['params'];
  /** Workers that take tasks. */
  readonly workers: number;
  /** Whether all of them run in this process, and read the statement's files on this node's disk. */
  readonly areWorkersLocal: boolean;
  /**
   * Tables as of the statement's start, the same at every call; with `fresh` as of now, and from then on these.
   */
  snapshot(options?: { readonly fresh?: boolean }): Promise<CatalogSnapshot>;
  /** The store of a table's location. @throws SkeinError 42501 where this process may not write there */
  store(location: string): ObjectStore;
  /** A query's columns, without running it. @throws SkeinError as DuckDB refuses it */
  bindColumns(query: StatementQuery): Promise<Schema>;
  /**
   * Runs a query, distributed, and reads all of its rows.
   * @param maxRows default: what a kept result in memory may have
   * @throws SkeinError 54000 for more rows
   */
  runRows(query: StatementQuery, maxRows?: number): Promise<ResultRows>;
  /**
   * Runs a query, distributed, and writes its rows where they are to data files, which the caller then commits.
   * Where it throws, the files are deleted already, as far as they could be reached.
   * @throws SkeinError 23502 for a NULL in a required column; XX000 where files hold other rows than the query gave
   */
  runWrite(request: WriteRequest): Promise<WriteOutcome>;
  /**
   * Runs a query, distributed up to its last step, and writes its rows in their order to a file or folder of the
   * coordinator's.
   * @param target in a `scratchFolder`; `options`: of DuckDB's COPY, as SQL
   * @returns the rows written
   */
  runExport(
    query: StatementQuery,
    target: { readonly path: string; readonly options: string },
  ): Promise<number>;
  /** A new folder on the coordinator, which goes with the statement. */
  scratchFolder(): Promise<string>;
  /** Deletes files that will not be committed. Best effort: never rejects; what it misses is for VACUUM. */
  releaseWritten(location: string, files: readonly WrittenFile[]): Promise<void>;
  /** To be called before anything is changed for good: a statement that is to be explained only ends there. */
  beforeEffects(): void;
  /**
   * After a commit, once the statement is done with it: a checkpoint and the log's cleanup, where they are due.
   * @param configuration the table's properties
   */
  maintain(log: DeltaLog, version: number, configuration: Readonly<Record<string, string>>): void;
  /** The statement's columns are known: its client hears of it now instead of at its end. */
  announce(columns: Schema): void;
  /** Rows inserted, changed or deleted, for the query's statistics. */
  affected(rows: number): void;
}

/** What a statement answers. */
export type StatementResult = ResultRows;

/** Carries a statement out. `context.signal` may abort it at any time; what it throws is the statement's error. */
export type StatementWork = (context: StatementContext) => Promise<StatementResult>;
