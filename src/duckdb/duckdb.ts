import { mkdir, realpath } from 'node:fs/promises';
import { DuckDBInstance, version as duckdbVersion } from '@duckdb/node-api';
import { type Clock, systemClock } from '../common/index.ts';
import { quoteLiteral } from '../types/index.ts';
import { DuckDbConnection } from './duckdb-connection.ts';
import { toSkeinDuckDbError } from './duckdb-error.ts';

export interface DuckDbOptions {
  readonly threads: number;
  readonly memoryBytes: number;
  /** For spilling; made when missing. Private to the instance: SQL may read and write in it. */
  readonly tempDirectory: string;
  /** Directories that SQL may read. DuckDB knows one list for reading and writing: keep user SQL from COPY. */
  readonly readRoots: readonly string[];
  /** Directories that SQL may read and write. */
  readonly writeRoots: readonly string[];
  /**
   * Joins run in the order in which they are written: for fragments, which come ordered by row counts that DuckDB does
   * not see. Otherwise DuckDB chooses the order.
   */
  readonly keepJoinOrder?: boolean;
  readonly clock?: Clock;
}

/** Settings that stay open on a locked instance, for a session or a task to choose. All else is refused. */
const sessionSettings = [
  'TimeZone',
  'Calendar',
  'default_null_order',
  'default_order',
  'integer_division',
  'ieee_floating_point_ops',
  'old_implicit_casting',
  'order_by_non_integer_literal',
  'scalar_subquery_error_on_multiple_rows',
  'lambda_syntax',
  'default_collation',
  'preserve_insertion_order',
  'asof_loop_join_threshold',
  'schema',
  'search_path',
  // For `DuckDbConnection.trackProgress`.
  'enable_progress_bar',
  'enable_progress_bar_print',
  // For `reorderingJoins`; instance-wide, so no session may name it.
  'disabled_optimizers',
] as const;

const keepJoinOrder = `SET disabled_optimizers = 'join_order'`;
const chooseJoinOrder = `SET disabled_optimizers = ''`;

/**
 * An in-memory DuckDB that can reach the given directories and nothing else: no other files, no network, no
 * extensions beyond the built-in ones, and no way to change that. Rows keep the order they were written in.
 * Every statement runs on a thread of libuv's pool: the process must set UV_THREADPOOL_SIZE to the statements it
 * wants at once, and some for its files, or they wait for each other.
 */
export class DuckDb {
  readonly version = DuckDb.version();
  private readonly options: DuckDbOptions;
  private readonly clock: Clock;
  private readonly keepsJoinOrder: boolean;
  private instance: DuckDBInstance;
  /** An error has said that the instance may have given up. */
  private suspect = false;
  private checking: Promise<void> | undefined;
  private monitor: DuckDbConnection | undefined;
  private memoryReading: Promise<number> | undefined;
  private reordering = 0;
  private setting: Promise<void> = Promise.resolve();

  private constructor(options: DuckDbOptions, instance: DuckDBInstance) {
    this.options = options;
    this.clock = options.clock ?? systemClock;
    this.keepsJoinOrder = options.keepJoinOrder ?? false;
    this.instance = instance;
  }

  /** `v1.5.6` */
  static version(): string {
    return duckdbVersion();
  }

  static async open(options: DuckDbOptions): Promise<DuckDb> {
    return new DuckDb(options, await openInstance(options));
  }

  /**
   * DuckDB refuses every statement of an instance in which an assertion of its own has failed. Whoever connects next
   * gets a new instance; statements that are under way on the old one end as they may.
   */
  async connect(): Promise<DuckDbConnection> {
    if (this.suspect) {
      this.checking ??= this.replaceIfDead().finally(() => {
        this.checking = undefined;
      });
      await this.checking;
    }
    return new DuckDbConnection(await this.instance.connect(), this.clock, () => {
      this.suspect = true;
    });
  }

  /** Bytes that the buffer manager holds now. */
  async memoryUsedBytes(): Promise<number> {
    this.memoryReading ??= this.readMemory().finally(() => {
      this.memoryReading = undefined;
    });
    return this.memoryReading;
  }

  /**
   * Lets DuckDB choose the order of joins while `work` runs: for SQL that people wrote. The setting is the instance's, so
   * a fragment that starts meanwhile may be reordered too: slower perhaps, never wrong.
   */
  async reorderingJoins<T>(work: () => Promise<T>): Promise<T> {
    if (!this.keepsJoinOrder) return await work();
    this.reordering += 1;
    try {
      if (this.reordering === 1) await this.set(chooseJoinOrder);
      return await work();
    } finally {
      this.reordering -= 1;
      if (this.reordering === 0) await this.set(keepJoinOrder);
    }
  }

  /** Connections must be disposed of first. */
  close(): void {
    this.dropMonitor();
    this.instance.closeSync();
  }

  private async replaceIfDead(): Promise<void> {
    const { instance } = this;
    if (!(await isAlive(instance))) {
      this.instance = await openInstance(this.options);
      this.dropMonitor();
      instance.closeSync();
    }
    this.suspect = false;
  }

  private async readMemory(): Promise<number> {
    this.monitor ??= await this.connect();
    try {
      const [row] = await this.monitor.rows('SELECT sum(memory_usage_bytes)::BIGINT FROM duckdb_memory()');
      return Number(row?.[0] ?? 0);
    } catch (error) {
      this.dropMonitor();
      throw error;
    }
  }

  private dropMonitor(): void {
    this.monitor?.[Symbol.asyncDispose]().catch(() => {});
    this.monitor = undefined;
  }

  /** One after the other: the last one asked for holds. */
  private set(statement: string): Promise<void> {
    const set = async (): Promise<void> => {
      await using connection = await this.connect();
      await connection.run(statement);
    };
    // One that failed says nothing about the next.
    this.setting = this.setting.then(set, set);
    return this.setting;
  }
}

async function openInstance(options: DuckDbOptions): Promise<DuckDBInstance> {
  const { threads, memoryBytes, tempDirectory, readRoots, writeRoots } = options;
  await mkdir(tempDirectory, { recursive: true });
  try {
    const instance = await DuckDBInstance.create(':memory:', {
      threads: String(threads),
      memory_limit: `${Math.floor(memoryBytes / 1024)}KiB`,
      temp_directory: await realpath(tempDirectory),
      errors_as_json: 'true',
      // DuckDB's own default. Without it a stream over an ordered exchange comes out of order; what may be written
      // in any order says so itself (COPY ... PRESERVE_ORDER false), and then nothing is lost by it.
      preserve_insertion_order: 'true',
      autoinstall_known_extensions: 'false',
      autoload_known_extensions: 'false',
      allow_community_extensions: 'false',
      allow_persistent_secrets: 'false',
    });
    const roots = await Promise.all([...readRoots, ...writeRoots].map((root) => realpath(root)));
    await lock(instance, roots, options.keepJoinOrder ?? false);
    return instance;
  } catch (error) {
    throw toSkeinDuckDbError(error);
  }
}

/** The order matters: the directories cannot be named once access is off, and nothing once it is locked. */
async function lock(
  instance: DuckDBInstance,
  roots: readonly string[],
  keepsJoinOrder: boolean,
): Promise<void> {
  const connection = await instance.connect();
  const list = (values: readonly string[]): string => `[${values.map(quoteLiteral).join(', ')}]`;
  try {
    await connection.run(`SET allowed_directories = ${list(roots.map((root) => `${root}/`))}`);
    await connection.run('SET enable_external_access = false');
    await connection.run(`SET allowed_configs = ${list(sessionSettings)}`);
    if (keepsJoinOrder) await connection.run(keepJoinOrder);
    await connection.run('SET lock_configuration = true');
  } finally {
    connection.disconnectSync();
  }
}

async function isAlive(instance: DuckDBInstance): Promise<boolean> {
  try {
    const connection = await instance.connect();
    try {
      await connection.run('SELECT 1');
    } finally {
      connection.disconnectSync();
    }
    return true;
  } catch {
    return false;
  }
}
