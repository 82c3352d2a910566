import { type DuckDBConnection, DuckDBInstance } from '@duckdb/node-api';
import { toSkeinError } from '../../../src/common/index.ts';
import { tableNames } from '../../../src/sql/index.ts';
import { formatType, type SqlValue } from '../../../src/types/index.ts';
import { difference } from '../../support/compare.ts';
import type { TestEngine } from '../../support/engine.ts';
import type { Result } from '../../support/runner.ts';
import { sqlValue, typeName } from '../../support/values.ts';

/** How Skein's side of a comparison makes its tables, and runs what it is asked. */
export interface Variant {
  readonly name: string;
  readonly engine: TestEngine;
  readonly settings: Readonly<Record<string, string>>;
  /** Clauses behind the columns of CREATE TABLE, in the place of a script's `clausesMark`. */
  readonly clauses: string;
}

const clausesMark = '/*clauses*/';

/** One statement. `state`: both must refuse it, Skein with this SQLSTATE. `skein`: what Skein is told instead. */
export interface Step {
  readonly sql: string;
  readonly state?: string;
  readonly skein?: string;
  readonly params?: readonly SqlValue[];
}

type Outcome =
  | { readonly kind: 'rows'; readonly result: Result }
  | { readonly kind: 'error'; readonly message: string; readonly sqlState: string | undefined };

let schemas = 0;

/** The same tables on bare DuckDB and on Skein, each in a schema of its own. */
export class DmlPair {
  readonly #variant: Variant;
  readonly #schema: string;
  readonly #instance: DuckDBInstance;
  readonly #duckdb: DuckDBConnection;

  private constructor(variant: Variant, schema: string, instance: DuckDBInstance, duckdb: DuckDBConnection) {
    this.#variant = variant;
    this.#schema = schema;
    this.#instance = instance;
    this.#duckdb = duckdb;
  }

  static async open(variant: Variant): Promise<DmlPair> {
    schemas += 1;
    const schema = `s${schemas}`;
    const instance = await DuckDBInstance.create(':memory:', { threads: '1' });
    const duckdb = await instance.connect();
    await duckdb.run(`SET TimeZone = 'UTC'; CREATE SCHEMA ${schema}; USE ${schema}`);
    await variant.engine.rows(`CREATE SCHEMA ${schema}`);
    return new DmlPair(variant, schema, instance, duckdb);
  }

  /** Runs the statements on both sides. @returns how they differed, undefined where they did not */
  async run(steps: readonly (Step | string)[]): Promise<string | undefined> {
    for (const [index, each] of steps.entries()) {
      const step = typeof each === 'string' ? { sql: each } : each;
      const found = (await this.#compare(step)) ?? (await this.#compareTables(step.sql));
      if (found !== undefined) return `${this.#variant.name}: step ${index}: ${step.sql}\n${found}`;
    }
    return undefined;
  }

  async close(): Promise<void> {
    this.#duckdb.closeSync();
    this.#instance.closeSync();
    await this.#variant.engine.rows(`DROP SCHEMA ${this.#schema} CASCADE`);
  }

  async #compare({ sql, skein, state, params }: Step): Promise<string | undefined> {
    const expected = await this.#onDuckDb(sql.replaceAll(clausesMark, ''), params);
    const actual = await this.#onSkein((skein ?? sql).replaceAll(clausesMark, this.#variant.clauses), params);
    if (state !== undefined && expected.kind === 'rows' && skein === undefined) {
      return 'DuckDB does not refuse it';
    }
    if (state !== undefined) {
      if (actual.kind === 'error' && actual.sqlState === state) return undefined;
      return `expected ${state}, got ${actual.kind === 'error' ? `${actual.sqlState} ${actual.message}` : 'none'}`;
    }
    if (expected.kind === 'error') {
      if (actual.kind === 'error') return undefined;
      return `DuckDB refuses it (${expected.message}), Skein does not`;
    }
    if (actual.kind === 'error') return `Skein refuses it: ${actual.sqlState} ${actual.message}`;
    return difference(expected.result, actual.result, { kind: 'multiset' });
  }

  /** Those that the statement names. */
  async #compareTables(statement: string): Promise<string | undefined> {
    const listed = await this.#duckdb.runAndReadAll(
      `SELECT table_name FROM duckdb_tables() WHERE schema_name = '${this.#schema}' ORDER BY 1`,
    );
    for (const [name] of listed.getRows()) {
      if (!tableNames(statement).has(String(name).toLowerCase())) continue;
      const sql = `SELECT * FROM "${String(name).replaceAll('"', '""')}"`;
      const found = await this.#compare({ sql });
      if (found !== undefined) return `${sql}: ${found}`;
    }
    return undefined;
  }

  async #onDuckDb(sql: string, params: Step['params']): Promise<Outcome> {
    try {
      const bound = params?.map((value) => (typeof value === 'bigint' ? Number(value) : value));
      const reader =
        bound === undefined
          ? await this.#duckdb.runAndReadAll(sql)
          : await this.#duckdb.runAndReadAll(sql, bound as (string | number | null)[]);
      const types = reader.columnTypes();
      const columns = reader.columnNames().map((name, index) => {
        const type = types[index];
        return { name, type: type === undefined ? '' : typeName(type) };
      });
      const [first] = columns;
      const says = columns.length === 1 && (first?.name === 'Count' || first?.name === 'Success');
      const isNothing = says && reader.currentRowCount === 0;
      return {
        kind: 'rows',
        result: isNothing
          ? { columns: [], rows: [] }
          : { columns, rows: reader.getRows().map((row) => row.map(sqlValue)) },
      };
    } catch (error) {
      return { kind: 'error', message: String(error), sqlState: undefined };
    }
  }

  async #onSkein(sql: string, params: Step['params']): Promise<Outcome> {
    const { engine, settings } = this.#variant;
    try {
      const handle = await engine.service.submit({
        sql,
        settings,
        schema: this.#schema,
        ...(params === undefined ? {} : { params }),
      });
      const rows: (readonly SqlValue[])[] = [];
      for await (const batch of handle.batches) {
        for (let row = 0; row < batch.rowCount; row += 1) {
          rows.push(batch.columns.map((values) => values[row] ?? null));
        }
      }
      const columns = handle.columns.map(({ name, type }) => ({ name, type: formatType(type) }));
      return { kind: 'rows', result: { columns, rows } };
    } catch (error) {
      const { sqlState, message } = toSkeinError(error);
      return { kind: 'error', sqlState, message };
    }
  }
}
