import {
  type DuckDBConnection,
  DuckDBDataChunk,
  DuckDBInstance,
  DuckDBTimestampTZValue,
  type DuckDBType,
  DuckDBTypeId,
  type DuckDBValue,
} from '@duckdb/node-api';
import type { Clock } from '../../common/index.ts';
import { formatType, quoteIdentifier, quoteLiteral, type Schema, type SqlValue } from '../../types/index.ts';
import { DuckDbConnection, type StreamedResult } from '../duckdb-connection.ts';
import { parseDuckDbError, toSkeinDuckDbError } from '../duckdb-error.ts';
import { fromDuckDbType } from '../duckdb-type.ts';
import type { BoundCatalogQuery, ShadowTable, ShadowTables, ShadowView, SystemRows } from './bound-query.ts';
import { searchPath } from './session-settings.ts';
import { splitTableName, TableSync } from './table-sync.ts';
import { qualified } from './write-relations.ts';

/** Gives a view's query with every name qualified. */
type QualifyView = (view: ShadowView) => Promise<string>;

/** Rows that are handed to DuckDB at a time. */
const chunkRows = 2048;

/**
 * A DuckDB that holds every table, empty, and every view, so that SHOW, DESCRIBE and information_schema show those of
 * the user; and the relations of the schema `system`, filled for the query that reads them.
 */
export class CatalogMirror {
  readonly #instance: DuckDBInstance;
  readonly #connection: DuckDBConnection;
  readonly #clock: Clock;
  readonly #sync: TableSync;
  #schemas: ReadonlySet<string> = new Set();
  readonly #system = new Set<string>();
  #views: readonly string[] = [];
  #version = Number.NaN;

  private constructor(instance: DuckDBInstance, connection: DuckDBConnection, clock: Clock) {
    this.#instance = instance;
    this.#connection = connection;
    this.#clock = clock;
    this.#sync = new TableSync({
      run: (sql) => this.#run(sql),
      create: (name, table) => this.#createTable(name, table),
      dropped: () => {},
      dropStatement: 'DROP TABLE',
    });
  }

  static async create(clock: Clock): Promise<CatalogMirror> {
    const instance = await DuckDBInstance.create(':memory:', {
      threads: '1',
      memory_limit: '512MiB',
      temp_directory: '',
      errors_as_json: 'true',
      autoinstall_known_extensions: 'false',
      autoload_known_extensions: 'false',
      allow_community_extensions: 'false',
      allow_persistent_secrets: 'false',
    });
    const connection = await instance.connect();
    await connection.run("ATTACH ':memory:' AS skein; USE skein");
    await connection.run('SET enable_external_access = false');
    return new CatalogMirror(instance, connection, clock);
  }

  close(): void {
    this.#connection.disconnectSync();
    this.#instance.closeSync();
  }

  /** One call at a time. */
  async refresh(
    tables: ShadowTables,
    system: ReadonlyMap<string, Schema>,
    qualify: QualifyView,
  ): Promise<void> {
    try {
      for (const [name, schema] of system) await this.#createSystem(name, schema);
      if (tables.version === this.#version) return;
      // A failure half-way leaves it to the next call to do all of it again.
      this.#version = Number.NaN;
      for (const name of this.#views) await this.#run(`DROP VIEW IF EXISTS ${qualified(name)}`);
      const unused = await this.#createSchemas(tables);
      await this.#sync.update(tables);
      for (const schema of unused) await this.#run(`DROP SCHEMA IF EXISTS skein.${quoteIdentifier(schema)}`);
      await this.#createViews(tables.views ?? new Map(), qualify);
      await this.#comment(tables);
      this.#version = tables.version;
    } catch (error) {
      throw toSkeinDuckDbError(error);
    }
  }

  /** The result's columns; an Error of DuckDB's where the query does not bind. */
  async columns(sql: string, schema: string | undefined): Promise<Schema | Error> {
    await this.#run(usePath(schema));
    try {
      const statement = await this.#connection.prepare(sql);
      const columns = Array.from({ length: statement.columnCount }, (_, index) => ({
        name: statement.columnName(index),
        type: fromDuckDbType(statement.columnType(index)),
      }));
      statement.destroySync();
      return columns;
    } catch (error) {
      if (error instanceof Error && parseDuckDbError(error) !== undefined) return error;
      throw toSkeinDuckDbError(error);
    } finally {
      await this.#run(usePath(undefined));
    }
  }

  /** Runs a query on a connection of its own, which ends with the rows; nobody else sees `rows`. */
  async stream(
    { sql, schema }: BoundCatalogQuery,
    rows: SystemRows,
    signal: AbortSignal,
  ): Promise<StreamedResult> {
    const own = await this.#instance.connect();
    const connection = new DuckDbConnection(own, this.#clock);
    try {
      await connection.run(usePath(schema), signal);
      // Never committed: it ends with the connection.
      if (rows.size > 0) await connection.run('BEGIN TRANSACTION', signal);
      for (const [name, values] of rows) await fill(own, name, values);
      const result = await connection.stream(sql, signal);
      return { schema: result.schema, batches: closeAtEnd(connection, result.batches) };
    } catch (error) {
      await connection[Symbol.asyncDispose]();
      throw toSkeinDuckDbError(error);
    }
  }

  async #run(sql: string): Promise<void> {
    await this.#connection.run(sql);
  }

  async #createTable(name: string, { schema, constraints }: ShadowTable): Promise<void> {
    const create = `CREATE TABLE ${qualified(name)}`;
    if (constraints?.some((each) => each.notNull || each.default !== undefined) === true) {
      const columns = schema.map((column, index) => {
        const { notNull = false, default: value } = constraints[index] ?? {};
        return `${columnList([column])}${notNull ? ' NOT NULL' : ''}${value === undefined ? '' : ` DEFAULT (${value})`}`;
      });
      // A default that others wrote may be no SQL of DuckDB's: the table is shown without it.
      const isMade = await this.#run(`${create} (${columns.join(', ')})`).then(
        () => true,
        () => false,
      );
      if (isMade) return;
    }
    await this.#run(`${create} (${columnList(schema)})`);
  }

  async #createSystem(name: string, schema: Schema): Promise<void> {
    if (this.#system.has(name)) return;
    await this.#run('CREATE SCHEMA IF NOT EXISTS skein.system');
    await this.#run(`CREATE TABLE IF NOT EXISTS ${qualified(`system.${name}`)} (${columnList(schema)})`);
    this.#system.add(name);
  }

  /** @returns those that are there and should not */
  async #createSchemas({ schemas = [], tables, views }: ShadowTables): Promise<readonly string[]> {
    const used = [...tables.keys(), ...(views?.keys() ?? [])].map((name) => splitTableName(name)[0]);
    const wanted = new Set(['main', ...schemas, ...used]);
    for (const schema of wanted)
      await this.#run(`CREATE SCHEMA IF NOT EXISTS skein.${quoteIdentifier(schema)}`);
    const unused = [...this.#schemas].filter((schema) => !wanted.has(schema));
    this.#schemas = wanted;
    return unused;
  }

  /** Each after those that it reads. One that cannot be read is shown with its columns. */
  async #createViews(views: ReadonlyMap<string, ShadowView>, qualify: QualifyView): Promise<void> {
    let left = [...views];
    for (let before = left.length + 1; left.length > 0 && left.length < before; ) {
      before = left.length;
      const failed: typeof left = [];
      for (const [name, view] of left) {
        const isDone = await this.#createView(name, view, qualify);
        if (!isDone) failed.push([name, view]);
      }
      left = failed;
    }
    for (const [name, { columns }] of left) {
      const nulls = columns.map((column) => `NULL AS ${quoteIdentifier(column)}`);
      await this.#run(`CREATE VIEW ${qualified(name)} AS SELECT ${nulls.join(', ')}`);
    }
    this.#views = [...views.keys()];
  }

  async #createView(name: string, view: ShadowView, qualify: QualifyView): Promise<boolean> {
    const aliases = view.aliases.map(quoteIdentifier).join(', ');
    try {
      const sql = await qualify(view);
      await this.#run(`CREATE VIEW ${qualified(name)}${aliases === '' ? '' : ` (${aliases})`} AS ${sql}`);
      return true;
    } catch {
      return false;
    }
  }

  async #comment({ comments = [], views }: ShadowTables): Promise<void> {
    for (const { schema, name, column, text } of comments) {
      const table = [schema, ...(name === undefined ? [] : [name])].map(quoteIdentifier).join('.');
      const isView = views?.has(`${schema}.${name}`) === true;
      const kind = name === undefined ? 'SCHEMA' : isView ? 'VIEW' : 'TABLE';
      const on = column === undefined ? `${kind} ${table}` : `COLUMN ${table}.${quoteIdentifier(column)}`;
      // What a remark is on may be broken, or gone by now; DuckDB takes none on schemas.
      await this.#run(`COMMENT ON ${on} IS ${quoteLiteral(text)}`).catch(() => undefined);
    }
  }
}

function usePath(schema: string | undefined): string {
  return schema === undefined ? 'USE skein' : searchPath(schema);
}

function columnList(schema: Schema): string {
  return schema.map((column) => `${quoteIdentifier(column.name)} ${formatType(column.type)}`).join(', ');
}

async function fill(
  connection: DuckDBConnection,
  name: string,
  rows: readonly (readonly SqlValue[])[],
): Promise<void> {
  const appender = await connection.createAppender(name, 'system', 'skein');
  const types: DuckDBType[] = Array.from({ length: appender.columnCount }, (_, index) =>
    appender.columnType(index),
  );
  for (let start = 0; start < rows.length; start += chunkRows) {
    const part = rows.slice(start, start + chunkRows);
    const chunk = DuckDBDataChunk.create(types, part.length);
    chunk.setRows(part.map((row) => row.map((value, index) => toDuckDb(value, types[index]))));
    appender.appendDataChunk(chunk);
  }
  appender.closeSync();
}

/** Numbers stand for whatever the column has: counts, and milliseconds since 1970. */
function toDuckDb(value: SqlValue, type: DuckDBType | undefined): DuckDBValue {
  if (typeof value !== 'number') return value as DuckDBValue;
  if (type?.typeId === DuckDBTypeId.BIGINT) return BigInt(Math.round(value));
  if (type?.typeId !== DuckDBTypeId.TIMESTAMP_TZ) return value;
  return new DuckDBTimestampTZValue(BigInt(Math.round(value * 1000)));
}

async function* closeAtEnd<T>(connection: AsyncDisposable, items: AsyncIterable<T>): AsyncGenerator<T> {
  try {
    yield* items;
  } finally {
    await connection[Symbol.asyncDispose]();
  }
}
