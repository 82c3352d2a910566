import { DuckDBInstance } from '@duckdb/node-api';
import { SkeinError, SqlState } from '../../src/common/index.ts';
import {
  type BoundQuery,
  fromDuckDbType,
  printSql,
  ShadowCatalog,
  type ShadowTables,
} from '../../src/duckdb/index.ts';
import type { Schema } from '../../src/types/index.ts';
import { bareDuckDb } from './bare-duckdb.ts';
import { difference, type Order } from './compare.ts';
import { type TableSource, viewStatements } from './data-set.ts';
import type { Runner } from './runner.ts';

export type RoundTripOutcome =
  | { readonly kind: 'same' | 'different'; readonly printed: string; readonly problem: string | undefined }
  /** Not a plan: runs whole, or is a catalog query. */
  | { readonly kind: 'unplanned'; readonly reason: string };

/**
 * Binds a query, prints its plan back as SQL, and runs both on the same bare DuckDB: they must give the same rows of
 * the same types.
 */
export class RoundTrip {
  readonly bare: Runner;
  private readonly shadow: ShadowCatalog;
  private readonly tables: ShadowTables;

  private constructor(bare: Runner, shadow: ShadowCatalog, tables: ShadowTables) {
    this.bare = bare;
    this.shadow = shadow;
    this.tables = tables;
  }

  static async open(sources: readonly TableSource[]): Promise<RoundTrip> {
    const bare = await bareDuckDb(sources);
    return new RoundTrip(bare, await ShadowCatalog.create(), { version: 1, tables: await describe(sources) });
  }

  async close(): Promise<void> {
    this.shadow.close();
    await this.bare.close();
  }

  bind(sql: string, settings: Readonly<Record<string, string>> = {}): Promise<BoundQuery> {
    return this.shadow.bind({
      sql,
      schema: 'main',
      settings,
      tables: this.tables,
      evaluate: async (query) => (await this.bare.query(query, { settings })).rows,
      signal: new AbortController().signal,
    });
  }

  async check(
    sql: string,
    order: Order = { kind: 'multiset' },
    settings: Readonly<Record<string, string>> = {},
  ): Promise<RoundTripOutcome> {
    const bound = await this.bind(sql, settings).catch(refusal);
    if (bound instanceof SkeinError) return { kind: 'unplanned', reason: bound.message };
    if (bound.kind !== 'plan') {
      return { kind: 'unplanned', reason: bound.kind === 'whole' ? bound.reason : 'a query of the catalog' };
    }
    const printed = printSql(bound.plan, (leaf) =>
      leaf.kind === 'scan' ? leaf.table : `stage_${leaf.stage}`,
    );
    const original = await this.bare.query(sql, { settings });
    try {
      const copy = await this.bare.query(printed, { settings });
      const columns = original.columns.map(({ type }, index) => ({ name: `c${index}`, type }));
      const problem = difference({ ...original, columns }, copy, order);
      return { kind: problem === undefined ? 'same' : 'different', printed, problem };
    } catch (error) {
      return { kind: 'different', printed, problem: String(error) };
    }
  }
}

/** What Skein does not do yet is for other tests to find. */
function refusal(error: unknown): SkeinError {
  if (error instanceof SkeinError && error.sqlState === SqlState.featureNotSupported) return error;
  throw error;
}

async function describe(sources: readonly TableSource[]): Promise<ShadowTables['tables']> {
  const instance = await DuckDBInstance.create(':memory:', { threads: '1' });
  try {
    const connection = await instance.connect();
    for (const statement of viewStatements(sources)) await connection.run(statement);
    const tables = new Map<string, { schema: Schema; rowCount: number }>();
    for (const { name } of sources) {
      const result = await connection.run(`SELECT * FROM "${name}" LIMIT 0`);
      const schema = result
        .columnTypes()
        .map((type, index) => ({ name: result.columnName(index), type: fromDuckDbType(type) }));
      const [[count] = []] = await (await connection.run(`SELECT count(*) FROM "${name}"`)).getRows();
      tables.set(`main.${name}`, { schema, rowCount: Number(count) });
    }
    return tables;
  } finally {
    instance.closeSync();
  }
}
