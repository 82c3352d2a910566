import {
  type DuckDBConnection,
  DuckDBInstance,
  type DuckDBPreparedStatement,
  type DuckDBResultReader,
  type DuckDBType,
} from '@duckdb/node-api';
import { quoteLiteral, type SqlValue } from '../../src/types/index.ts';
import { type TableSource, viewStatements } from './data-set.ts';
import type { QueryOptions, Result, Runner } from './runner.ts';
import { sqlValue, typeName } from './values.ts';

export interface BareOptions {
  readonly threads?: number;
  /** Tables come in another order of rows, and DuckDB may change it more: finds answers that are an accident. */
  readonly shuffled?: boolean;
}

/** The oracle: DuckDB itself over views of the same files, in UTC. */
export async function bareDuckDb(tables: readonly TableSource[], options: BareOptions = {}): Promise<Runner> {
  const instance = await DuckDBInstance.create(':memory:', { threads: String(options.threads ?? 2) });
  const setup = await instance.connect();
  await setup.run(`SET GLOBAL preserve_insertion_order = ${!options.shuffled}`);
  for (const statement of viewStatements(tables, options.shuffled)) await setup.run(statement);
  return {
    name: 'bare DuckDB',
    async query(sql, queryOptions = {}) {
      const connection = await instance.connect();
      try {
        return await runOn(connection, sql, queryOptions);
      } finally {
        connection.closeSync();
      }
    },
    async close() {
      setup.closeSync();
      instance.closeSync();
    },
  };
}

async function runOn(connection: DuckDBConnection, sql: string, options: QueryOptions): Promise<Result> {
  const settings = { TimeZone: 'UTC', ...options.settings };
  for (const [name, value] of Object.entries(settings)) {
    await connection.run(`SET SESSION ${name} = ${quoteLiteral(value)}`);
  }
  const reader = await run(connection, sql, options.params);
  const columnTypes: DuckDBType[] = reader.columnTypes();
  return {
    columns: reader.columnNames().map((name, index) => {
      const type = columnTypes[index];
      return { name, type: type === undefined ? '' : typeName(type) };
    }),
    rows: reader.getRows().map((row) => row.map(sqlValue)),
  };
}

/** Without parameters not prepared: PIVOT is several statements inside. */
async function run(
  connection: DuckDBConnection,
  sql: string,
  params: QueryOptions['params'],
): Promise<DuckDBResultReader> {
  if (params === undefined) return connection.runAndReadAll(sql);
  const statement = await connection.prepare(sql);
  for (const [index, value] of params.entries()) bind(statement, index + 1, value);
  return statement.runAndReadAll();
}

function bind(statement: DuckDBPreparedStatement, index: number, value: SqlValue): void {
  if (value === null) statement.bindNull(index);
  else if (typeof value === 'string') statement.bindVarchar(index, value);
  else if (typeof value === 'boolean') statement.bindBoolean(index, value);
  else if (typeof value === 'bigint') statement.bindHugeInt(index, value);
  else if (typeof value === 'number' && Number.isInteger(value)) statement.bindInteger(index, value);
  else if (typeof value === 'number') statement.bindDouble(index, value);
  else throw new Error('the oracle binds scalars only');
}
