import type { Clock } from '../common/index.ts';
import { SkeinError, SqlState } from '../common/index.ts';
import { type DuckDb, type DuckDbConnection, trackProgress } from '../duckdb/index.ts';
import type { ExchangeReader } from '../exchange/index.ts';
import { malformed, type RunTaskRequest, type TaskInput } from '../rpc/index.ts';
import { quoteIdentifier, quoteLiteral } from '../types/index.ts';
import { type DeltaFiles, deltaRelation } from './delta/index.ts';
import { exchangeRelation, scanRelation } from './input-relation.ts';
import { withLocations } from './remote-files.ts';
import type { ScanFiles, ScanSize } from './scan-files.ts';

/** What a task read. */
export interface InputStats {
  readonly fetchMs: number;
  readonly rows: number;
  readonly bytes: number;
  readonly rowsByInput: Readonly<Record<string, bigint>>;
}

export interface TaskConnectionOptions {
  readonly duckdb: DuckDb;
  readonly reader: ExchangeReader;
  readonly scanFiles: ScanFiles;
  readonly deltaFiles: DeltaFiles;
  readonly clock: Clock;
}

/** Tells the databases of one process apart, whichever runtime made them. */
let databaseSerial = 0;

/**
 * A connection on which a task's SQL finds its inputs, `users` and `main.users` alike: as temporary views, which no
 * other connection sees. Those can only be in schema main, so that a task with inputs in other schemas has an
 * in-memory database of its own. Disposing stops what runs, and gives the inputs back.
 */
export class TaskConnection implements AsyncDisposable {
  readonly connection: DuckDbConnection;
  readonly inputs: InputStats;
  /** When its inputs began to be fetched, by the monotonic clock. */
  readonly startedMs: number;
  readonly #request: RunTaskRequest;
  readonly #options: TaskConnectionOptions;
  /** Undefined where temporary views suffice. */
  readonly #database: string | undefined;
  readonly #held: readonly Held[];
  readonly #locations: ReadonlyMap<string, string>;
  #disposed: Promise<void> | undefined;

  private constructor(
    options: TaskConnectionOptions,
    request: RunTaskRequest,
    connection: DuckDbConnection,
    database: string | undefined,
    opened: OpenedInputs,
  ) {
    this.#options = options;
    this.#request = request;
    this.connection = connection;
    this.#database = database;
    this.#held = opened.held;
    this.#locations = opened.locations;
    this.inputs = opened.stats;
    this.startedMs = opened.startedMs;
  }

  /**
   * Fetches and checks the inputs, then binds them.
   * @throws LostInputError, SkeinError of ScanFiles.check, of DuckDB, or the signal's reason
   */
  static async open(
    options: TaskConnectionOptions,
    request: RunTaskRequest,
    signal: AbortSignal,
  ): Promise<TaskConnection> {
    const opened = await openInputs(options, request.inputs, signal);
    const database = databaseFor(opened.relations);
    let task: TaskConnection | undefined;
    try {
      const connection = await options.duckdb.connect();
      task = new TaskConnection(options, request, connection, database, opened);
      const statements = bindStatements(database, request, opened.relations);
      await connection.run(statements, signal);
      return task;
    } catch (error) {
      if (task !== undefined) await task[Symbol.asyncDispose]();
      else await release(opened.held);
      throw error instanceof SkeinError ? withLocations(error, opened.locations) : error;
    }
  }

  /** Throws when a table file changed since the inputs were opened. */
  async recheckInputs(): Promise<void> {
    await Promise.all(
      this.#request.inputs.map(async ({ source }) => {
        if (source.case === 'scan') await this.#options.scanFiles.recheck(source.value);
      }),
    );
  }

  /** The error with remote files as others know them. */
  withLocations(error: SkeinError): SkeinError {
    return withLocations(error, this.#locations);
  }

  [Symbol.asyncDispose](): Promise<void> {
    this.#disposed ??= this.#dispose();
    return this.#disposed;
  }

  async #dispose(): Promise<void> {
    await this.connection[Symbol.asyncDispose]();
    await release(this.#held);
    if (this.#database === undefined) return;
    await using janitor = await this.#options.duckdb.connect();
    await janitor.run(`DETACH DATABASE IF EXISTS ${this.#database}`);
  }
}

/** What a relation reads, to be let go after it. */
type Held = Disposable | AsyncDisposable;

async function release(held: readonly Held[]): Promise<void> {
  await Promise.all(
    held.map(async (each) => {
      if (Symbol.dispose in each) each[Symbol.dispose]();
      // What a cache cannot tidy up now is no fault of the task.
      else await Promise.resolve(each[Symbol.asyncDispose]()).catch(() => {});
    }),
  );
}

interface Relation {
  readonly name: string;
  readonly sql: string;
  /** What the SQL needs to have been run before. */
  readonly statements: readonly string[];
}

interface OpenedInputs {
  readonly startedMs: number;
  readonly relations: readonly Relation[];
  /** What the relations read. */
  readonly held: readonly Held[];
  /** Of remote files, by their paths on this machine. */
  readonly locations: ReadonlyMap<string, string>;
  readonly stats: InputStats;
}

async function openInputs(
  options: TaskConnectionOptions,
  inputs: readonly TaskInput[],
  signal: AbortSignal,
): Promise<OpenedInputs> {
  const startedMs = options.clock.monotonic();
  const settled = await Promise.allSettled(
    inputs.map((input, index) => openInput(options, input, index, signal)),
  );
  const opened = settled.flatMap((result) => (result.status === 'fulfilled' ? [result.value] : []));
  const held = opened.map((input) => input.held);
  const failed = settled.find((result) => result.status === 'rejected');
  if (failed !== undefined) {
    await release(held);
    throw failed.reason;
  }
  const known = opened.flatMap(({ name, size: { rows } }) => (rows === undefined ? [] : [{ name, rows }]));
  return {
    startedMs,
    relations: opened,
    held,
    locations: new Map(opened.flatMap(({ locations }) => [...locations])),
    stats: {
      fetchMs: options.clock.monotonic() - startedMs,
      rows: known.reduce((sum, { rows }) => sum + rows, 0),
      bytes: opened.reduce((sum, { size }) => sum + size.bytes, 0),
      rowsByInput: Object.fromEntries(known.map(({ name, rows }) => [name, BigInt(rows)])),
    },
  };
}

interface OpenedInput extends Relation {
  readonly size: ScanSize;
  readonly held: Held;
  readonly locations: ReadonlyMap<string, string>;
}

const noLocations: ReadonlyMap<string, string> = new Map();

async function openInput(
  { reader, scanFiles, deltaFiles }: TaskConnectionOptions,
  { name, columns, source }: TaskInput,
  index: number,
  signal: AbortSignal,
): Promise<OpenedInput> {
  switch (source.case) {
    case 'scan': {
      const scan = source.value;
      if (scan.delta !== undefined) {
        const files = await deltaFiles.open(scan, columns, `skein_deleted_${index}`, signal);
        const sql = deltaRelation(columns, scan.delta, files.splits, files.sources);
        const { statements, locations } = files;
        return { name, sql, statements, size: files, held: files, locations };
      }
      const files = await scanFiles.open(scan, columns, signal);
      const sql = scanRelation(columns, { ...scan, splits: files.splits });
      return { name, sql, statements: [], size: files, held: files, locations: files.locations };
    }
    case 'exchange': {
      const partitions = await reader.open(source.value.partitions, signal);
      const sql = exchangeRelation(columns, partitions.paths);
      return { name, sql, statements: [], size: partitions, held: partitions, locations: noLocations };
    }
    case undefined:
      throw malformed(`input ${name} without a source`);
  }
}

function databaseFor(relations: OpenedInputs['relations']): string | undefined {
  if (relations.every(({ name }) => splitName(name).schema === 'main')) return undefined;
  databaseSerial += 1;
  return `task_${databaseSerial}`;
}

function bindStatements(
  database: string | undefined,
  request: RunTaskRequest,
  relations: OpenedInputs['relations'],
): string {
  const inputs = relations.map(({ name, sql }) => ({ ...splitName(name), sql }));
  const before = relations.flatMap(({ statements }) => statements);
  const settings = [
    trackProgress,
    ...Object.entries(request.settings).map(([name, value]) => setStatement(name, value)),
  ];
  if (database === undefined) {
    const views = inputs.map(({ table, sql }) => `CREATE TEMP VIEW ${quoteIdentifier(table)} AS ${sql}`);
    return [...before, ...views, ...settings].join(';\n');
  }
  const schemas = new Set(inputs.map(({ schema }) => schema));
  return [
    ...before,
    `ATTACH ':memory:' AS ${database}`,
    `USE ${database}`,
    ...[...schemas].map((schema) => `CREATE SCHEMA IF NOT EXISTS ${quoteIdentifier(schema)}`),
    ...inputs.map(
      ({ schema, table, sql }) =>
        `CREATE VIEW ${quoteIdentifier(schema)}.${quoteIdentifier(table)} AS ${sql}`,
    ),
    ...settings,
  ].join(';\n');
}

/** `main.users` is the table users of schema main, as plain `users` is. */
function splitName(name: string): { readonly schema: string; readonly table: string } {
  const dot = name.indexOf('.');
  return dot < 0
    ? { schema: 'main', table: name }
    : { schema: name.slice(0, dot), table: name.slice(dot + 1) };
}

function setStatement(name: string, value: string): string {
  if (!/^[A-Za-z_]+$/.test(name)) {
    throw new SkeinError(SqlState.undefinedObject, `no such setting: ${name}`);
  }
  return `SET SESSION ${name} = ${quoteLiteral(value)}`;
}
