import { type DuckDBConnection, DuckDBInstance } from '@duckdb/node-api';
import type { Clock } from '../../common/index.ts';
import { formatType, quoteIdentifier } from '../../types/index.ts';
import { DuckDbConnection, type StreamedResult } from '../duckdb-connection.ts';
import { toSkeinDuckDbError } from '../duckdb-error.ts';
import type { BoundCatalogQuery, ShadowTables } from './bound-query.ts';
import { searchPath } from './session-settings.ts';
import { splitTableName, TableSync } from './table-sync.ts';

/** A DuckDB that holds every table, empty, so that SHOW, DESCRIBE and information_schema show tables of the user. */
export class CatalogMirror {
  readonly #instance: DuckDBInstance;
  readonly #connection: DuckDBConnection;
  readonly #clock: Clock;
  readonly #sync: TableSync;

  private constructor(instance: DuckDBInstance, connection: DuckDBConnection, clock: Clock) {
    this.#instance = instance;
    this.#connection = connection;
    this.#clock = clock;
    const run = async (sql: string): Promise<void> => {
      await connection.run(sql);
    };
    this.#sync = new TableSync({
      run,
      create: (name, schema) => {
        const table = splitTableName(name).map(quoteIdentifier).join('.');
        const columns = schema.map((column) => `${quoteIdentifier(column.name)} ${formatType(column.type)}`);
        return run(`CREATE TABLE ${table} (${columns.join(', ')})`);
      },
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
  async refresh(tables: ShadowTables): Promise<void> {
    try {
      await this.#sync.update(tables);
    } catch (error) {
      throw toSkeinDuckDbError(error);
    }
  }

  /** Runs a query on a connection of its own, which ends with the rows. */
  async stream({ sql, schema }: BoundCatalogQuery, signal: AbortSignal): Promise<StreamedResult> {
    const connection = new DuckDbConnection(await this.#instance.connect(), this.#clock);
    try {
      await connection.run(schema === undefined ? 'USE skein' : searchPath(schema), signal);
      const result = await connection.stream(sql, signal);
      return { schema: result.schema, batches: closeAtEnd(connection, result.batches) };
    } catch (error) {
      await connection[Symbol.asyncDispose]();
      throw error;
    }
  }
}

async function* closeAtEnd<T>(connection: AsyncDisposable, items: AsyncIterable<T>): AsyncGenerator<T> {
  try {
    yield* items;
  } finally {
    await connection[Symbol.asyncDispose]();
  }
}
