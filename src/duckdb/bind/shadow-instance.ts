import {
  type DuckDBConnection,
  DuckDBInstance,
  DuckDBTableFunction,
  type DuckDBType,
  VARCHAR,
} from '@duckdb/node-api';
import { SkeinError, SqlState } from '../../common/index.ts';
import { formatType, quoteIdentifier, quoteLiteral, type Schema } from '../../types/index.ts';
import { parseDuckDbError, toSkeinDuckDbError } from '../duckdb-error.ts';
import { fromDuckDbType } from '../duckdb-type.ts';
import type { NamedShadowTable, ShadowTables } from './bound-query.ts';
import { type Json, parseJson } from './parse-json.ts';
import type { SettingStatements } from './session-settings.ts';
import { splitTableName, TableSync } from './table-sync.ts';

/**
 * The optimizers that a bound plan goes through; DESIGN.md says why these and no others. Whatever a new version of
 * DuckDB brings is off until it is named here.
 */
const optimizers: ReadonlySet<string> = new Set([
  'expression_rewriter',
  'filter_pullup',
  'filter_pushdown',
  'cte_filter_pusher',
  'regex_range',
  'join_order',
  'deliminator',
  'unnest_rewriter',
  'common_subexpressions',
  'common_aggregate',
  'limit_pushdown',
  'top_n',
  'duplicate_groups',
  'cte_inlining',
]);

interface ShadowTable {
  readonly schema: Schema;
  readonly types: readonly DuckDBType[];
  readonly rowCount: number;
}

/**
 * A DuckDB without data that binds queries. Every table is a view over `skein_scan(name)`, a table function that
 * reports the table's columns and row count and has no rows. One statement at a time.
 */
export class ShadowInstance {
  readonly #instance: DuckDBInstance;
  readonly #connection: DuckDBConnection;
  readonly #tables = new Map<string, ShadowTable>();
  readonly #sync: TableSync;
  readonly #disabled: readonly string[];
  /** What the connection is set to; undefined where that went wrong half-way. */
  #configured: { readonly set: string | undefined; readonly reset: readonly string[] } = {
    set: '',
    reset: [],
  };
  /** Every function that DuckDB has, in lower case. */
  readonly functions: ReadonlySet<string>;

  private constructor(
    instance: DuckDBInstance,
    connection: DuckDBConnection,
    disabled: readonly string[],
    functions: ReadonlySet<string>,
  ) {
    this.#instance = instance;
    this.#connection = connection;
    this.#disabled = disabled;
    this.functions = functions;
    this.#sync = new TableSync({
      run: async (sql) => {
        await connection.run(sql);
      },
      create: (name, { schema, rowCount }) => this.#createTable(name, schema, rowCount),
      dropped: (name) => {
        this.#tables.delete(name);
      },
      dropStatement: 'DROP VIEW',
    });
  }

  static async create(): Promise<ShadowInstance> {
    const instance = await DuckDBInstance.create(':memory:', {
      threads: '1',
      memory_limit: '512MiB',
      temp_directory: '',
      autoinstall_known_extensions: 'false',
      autoload_known_extensions: 'false',
      allow_community_extensions: 'false',
      allow_persistent_secrets: 'false',
    });
    const connection = await instance.connect();
    const names = async (sql: string): Promise<string[]> => {
      const result = await connection.runAndReadAll(sql);
      return result.getRows().map(([name]) => String(name));
    };
    const all = await names('SELECT name FROM duckdb_optimizers()');
    const disabled = all.filter((name) => !optimizers.has(name));
    const functions = await names('SELECT DISTINCT lower(function_name) FROM duckdb_functions()');
    const shadow = new ShadowInstance(instance, connection, disabled, new Set(functions));
    shadow.#registerScan();
    await connection.run("ATTACH ':memory:' AS skein; USE skein");
    // The connection's own statements need no optimizer; json_serialize_plan runs the ones that are not disabled.
    await connection.run('PRAGMA disable_optimizer');
    await shadow.#disableOptimizers(disabled);
    await connection.run('SET enable_external_access = false');
    return shadow;
  }

  close(): void {
    this.#connection.disconnectSync();
    this.#instance.closeSync();
  }

  /** Stops the statement under way, if there is one. */
  interrupt(): void {
    this.#connection.interrupt();
  }

  /** Makes the views those of `tables`. */
  async refresh(tables: ShadowTables): Promise<void> {
    await this.#sync.update(tables);
  }

  /** Runs `work` with more tables, whose names no table has. */
  async withTables<T>(tables: readonly NamedShadowTable[], work: () => Promise<T>): Promise<T> {
    const made: string[] = [];
    try {
      for (const { name, schema, rowCount } of new Map(tables.map((table) => [table.name, table])).values()) {
        made.push(name);
        await this.#createTable(name, schema, rowCount);
      }
      return await work();
    } finally {
      for (const name of made) {
        const view = splitTableName(name).map(quoteIdentifier).join('.');
        await this.#connection.run(`DROP VIEW IF EXISTS ${view}`);
        this.#tables.delete(name);
      }
    }
  }

  /** An expression of constants as milliseconds since 1970. @throws SkeinError 22023, or as DuckDB refuses it */
  async timestamp(expression: string): Promise<number> {
    let value: unknown;
    try {
      const sql = `SELECT epoch_ms(CAST((${expression}\n) AS TIMESTAMPTZ))`;
      value = (await this.#connection.runAndReadAll(sql)).getRows()[0]?.[0];
    } catch (error) {
      throw withoutPosition(toSkeinDuckDbError(error));
    }
    if (typeof value === 'bigint') return Number(value);
    throw new SkeinError(SqlState.invalidParameterValue, 'the time of a version is NULL', { position: 0 });
  }

  /**
   * Makes a session's settings those of the statements to come, and takes the last session's back.
   * @throws SkeinError 22023 on a value that a setting cannot have
   */
  async configure({ set, reset }: SettingStatements): Promise<void> {
    const wanted = set.join(';');
    if (wanted === this.#configured.set) return;
    for (const sql of this.#configured.reset) await this.#connection.run(sql);
    this.#configured = { set: undefined, reset };
    try {
      for (const sql of set) await this.#connection.run(sql);
    } catch (error) {
      const message = parseDuckDbError(error)?.message ?? String(error);
      throw new SkeinError(SqlState.invalidParameterValue, message.split('\n')[0] ?? message, {
        cause: error,
      });
    }
    this.#configured = { set: wanted, reset };
  }

  /** The answer of `json_serialize_sql`: `{ error, statements }`. */
  parse(sql: string): Promise<Json> {
    return this.#json(`json_serialize_sql(${quoteLiteral(sql)}, skip_empty := true, skip_null := true)`);
  }

  /**
   * The answer of `json_serialize_plan` as text: `{ error, plans }`. Empty values stay in it: an empty grouping set
   * says something.
   */
  async plan(sql: string): Promise<string> {
    const answer = await this.#serialize(sql);
    // Some recursive CTEs do not serialise once they are inlined.
    if (!/^\{"error":true,"error_type":"internal"/.test(answer)) return answer;
    await this.#disableOptimizers([...this.#disabled, 'cte_inlining']);
    try {
      return await this.#serialize(sql);
    } finally {
      await this.#disableOptimizers(this.#disabled);
    }
  }

  #serialize(sql: string): Promise<string> {
    return this.#text(
      `json_serialize_plan(${quoteLiteral(sql)}, optimize := true, skip_empty := false, skip_null := true)`,
    );
  }

  /** The result's columns; an Error of DuckDB's where the query does not bind. */
  async columns(sql: string): Promise<Schema | Error> {
    try {
      const statement = await this.#connection.prepare(sql);
      const schema = Array.from({ length: statement.columnCount }, (_, index) => ({
        name: statement.columnName(index),
        type: fromDuckDbType(statement.columnType(index)),
      }));
      statement.destroySync();
      return schema;
    } catch (error) {
      if (error instanceof Error && parseDuckDbError(error) !== undefined) return error;
      throw toSkeinDuckDbError(error);
    }
  }

  async #disableOptimizers(names: readonly string[]): Promise<void> {
    await this.#connection.run(`SET disabled_optimizers = ${quoteLiteral(names.join(','))}`);
  }

  async #json(call: string): Promise<Json> {
    return parseJson(await this.#text(call));
  }

  async #text(call: string): Promise<string> {
    try {
      const result = await this.#connection.runAndReadAll(`SELECT ${call}`);
      return String(result.getRows()[0]?.[0]);
    } catch (error) {
      throw toSkeinDuckDbError(error);
    }
  }

  async #createTable(name: string, schema: Schema, rowCount: number): Promise<void> {
    const nulls = schema.map(({ type }) => `CAST(NULL AS ${formatType(type)})`);
    const result = await this.#connection.run(`SELECT ${nulls.join(', ')}`);
    this.#tables.set(name, { schema, types: result.columnTypes(), rowCount });
    const view = splitTableName(name).map(quoteIdentifier).join('.');
    await this.#connection.run(`CREATE VIEW ${view} AS SELECT * FROM skein_scan(${quoteLiteral(name)})`);
  }

  #registerScan(): void {
    const scan = DuckDBTableFunction.create({
      name: 'skein_scan',
      parameterTypes: [VARCHAR],
      supportsProjectionPushdown: true,
      bindFunction: (bind) => {
        const table = this.#tables.get(String(bind.getParameter(0)));
        if (table === undefined) throw new Error('there is no such table');
        table.schema.forEach(({ name }, index) => {
          const type = table.types[index];
          if (type !== undefined) bind.addResultColumn(name, type);
        });
        bind.setCardinality(table.rowCount, true);
      },
      initFunction: () => {},
      mainFunction: (_info, output) => {
        output.rowCount = 0;
      },
    });
    this.#connection.registerTableFunction(scan);
  }
}

/** A position in text that DuckDB saw and the user did not: the start of it is near enough. */
function withoutPosition({ sqlState, message, cause }: SkeinError): SkeinError {
  return new SkeinError(sqlState, message, { position: 0, cause });
}
