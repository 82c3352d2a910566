import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type DuckDBConnection, DuckDBInstance } from '@duckdb/node-api';
import {
  type BoundQuery,
  fromDuckDbType,
  type LeafName,
  printScalar,
  printSql,
  ShadowCatalog,
  type ShadowTables,
} from '../../src/duckdb/index.ts';
import type { Expr, PlanNode, ScanNode, StageInputNode } from '../../src/plan/index.ts';
import {
  type DistributedPlan,
  type PlannerContext,
  planDistributed,
  type StagePlan,
  validatePlan,
} from '../../src/planner/index.ts';
import { hashShardSql } from '../../src/storage/index.ts';
import {
  exchangeParquetOptions,
  fromWireSql,
  quoteIdentifier,
  quoteLiteral,
  type Schema,
  scalar,
  toWireSql,
} from '../../src/types/index.ts';
import type { TableSource } from './data-set.ts';
import type { QueryOptions, Result, Runner } from './runner.ts';
import { sqlValue, typeName } from './values.ts';

/** Below 64 rows DuckDB joins ASOF by another algorithm, which treats NULLs otherwise; a task's share may be smaller. */
const sessionSettings = { TimeZone: 'UTC', asof_loop_join_threshold: '0' };

/** Rows of a split: small, so that every table has many. */
const SPLIT_ROWS = 7;

/** Not a multiple of the tasks, nor the other way round. */
const SHARDS = 7;

interface TableFacts {
  readonly fileCount: number;
  readonly schema: Schema;
  readonly rowCount: number;
  readonly sharding?: { readonly columns: readonly number[]; readonly shards: number };
}

/**
 * Runs distributed plans on one DuckDB: every task's output is a Parquet file, as in an exchange, and
 * a hash partition is a filter over these. Nothing but the
 * plan decides what a task sees, so a wrong exchange gives a wrong answer.
 */
export class StagedDuckDb implements Runner {
  readonly name: string;
  private readonly instance: DuckDBInstance;
  private readonly shadow: ShadowCatalog;
  private readonly facts: ReadonlyMap<string, TableFacts>;
  private readonly directory: string;
  private readonly parallelism: number;
  /** Bytes that a broadcast may have: small ones make joins move by hash. */
  private readonly broadcastBytes: number;

  private constructor(
    instance: DuckDBInstance,
    shadow: ShadowCatalog,
    facts: ReadonlyMap<string, TableFacts>,
    directory: string,
    parallelism: number,
    broadcastBytes: number,
  ) {
    this.name = `${parallelism} tasks`;
    this.instance = instance;
    this.shadow = shadow;
    this.facts = facts;
    this.directory = directory;
    this.parallelism = parallelism;
    this.broadcastBytes = broadcastBytes;
  }

  static async open(
    sources: readonly TableSource[],
    parallelism: number,
    broadcastBytes = 10_000,
    shardedBy: Readonly<Record<string, readonly string[]>> = {},
  ): Promise<StagedDuckDb> {
    const instance = await DuckDBInstance.create(':memory:', { threads: '2' });
    const connection = await instance.connect();
    const facts = new Map<string, TableFacts>();
    for (const { name, from } of sources) {
      const table = quoteIdentifier(name);
      await connection.run(`CREATE TABLE ${table} AS SELECT * FROM ${from}`);
      const result = await connection.run(`SELECT * FROM ${table} LIMIT 0`);
      const schema = result
        .columnTypes()
        .map((type, index) => ({ name: result.columnName(index), type: fromDuckDbType(type) }));
      const [[count] = []] = await (await connection.run(`SELECT count(*) FROM ${table}`)).getRows();
      const columns = shardedBy[name]?.map((key) => schema.findIndex((field) => field.name === key));
      const sharding = columns === undefined ? {} : { sharding: { columns, shards: SHARDS } };
      facts.set(`main.${name}`, {
        schema,
        rowCount: Number(count),
        fileCount: from.includes('*') ? 2 : 1,
        ...sharding,
      });
    }
    connection.closeSync();
    const directory = await mkdtemp(join(tmpdir(), 'skein-staged-'));
    return new StagedDuckDb(
      instance,
      await ShadowCatalog.create(),
      facts,
      directory,
      parallelism,
      broadcastBytes,
    );
  }

  async close(): Promise<void> {
    this.shadow.close();
    this.instance.closeSync();
    await rm(this.directory, { recursive: true, force: true });
  }

  bind(sql: string, options: QueryOptions = {}): Promise<BoundQuery> {
    const tables: ShadowTables = { version: 1, tables: this.facts };
    return this.shadow.bind({
      sql,
      schema: 'main',
      settings: options.settings ?? {},
      tables,
      evaluate: async (query) => (await this.runWhole(query, options)).rows,
      signal: new AbortController().signal,
    });
  }

  /** The plan of a query; undefined for one that is not distributed. */
  async plan(sql: string, options: QueryOptions = {}): Promise<DistributedPlan | undefined> {
    const bound = await this.bind(sql, options);
    if (bound.kind !== 'plan') return undefined;
    const plan = planDistributed(bound.plan, this.context());
    for (const stage of [...plan.stages, plan.root]) {
      const problems = validatePlan(stage.fragment);
      if (problems.length > 0) throw new Error(`stage ${stage.id} is not sound: ${problems.join('; ')}`);
    }
    return plan;
  }

  async query(sql: string, options: QueryOptions = {}): Promise<Result> {
    const bound = await this.bind(sql, options);
    if (bound.kind !== 'plan') return this.runWhole(sql, options);
    const plan = planDistributed(bound.plan, this.context());
    const connection = await this.connect(options);
    try {
      const task = new TaskTables(connection, this.facts, this.parallelism, this.directory);
      for (const stage of plan.stages) await task.runStage(stage);
      const result = await read(connection, await task.sqlOf(plan.root, 0, undefined));
      await task.drop();
      const columns = result.columns.map(({ type }, index) => ({
        name: bound.columns[index]?.name ?? '',
        type,
      }));
      return { ...result, columns };
    } finally {
      connection.closeSync();
    }
  }

  private context(): PlannerContext {
    return {
      parallelism: this.parallelism,
      broadcastBytes: this.broadcastBytes,
      table: (name) => {
        const facts = this.facts.get(name);
        if (facts === undefined) throw new Error(`no table ${name}`);
        const splitCount = Math.ceil(facts.rowCount / SPLIT_ROWS);
        return { ...facts, bytes: facts.rowCount * 20, splitCount };
      },
    };
  }

  private async connect(options: QueryOptions): Promise<DuckDBConnection> {
    const connection = await this.instance.connect();
    for (const [name, value] of Object.entries({ ...sessionSettings, ...options.settings })) {
      await connection.run(`SET SESSION ${name} = ${quoteLiteral(value)}`);
    }
    return connection;
  }

  private async runWhole(sql: string, options: QueryOptions): Promise<Result> {
    const connection = await this.connect(options);
    try {
      return await read(connection, sql);
    } finally {
      connection.closeSync();
    }
  }
}

async function read(connection: DuckDBConnection, sql: string): Promise<Result> {
  const reader = await connection.runAndReadAll(sql);
  const types = reader.columnTypes();
  return {
    columns: reader.columnNames().map((name, index) => {
      const type = types[index];
      return { name, type: type === undefined ? '' : typeName(type) };
    }),
    rows: reader.getRows().map((row) => row.map(sqlValue)),
  };
}

let nextQuery = 0;

/** What the tasks of one query write and read. */
class TaskTables {
  private readonly connection: DuckDBConnection;
  private readonly facts: ReadonlyMap<string, TableFacts>;
  private readonly parallelism: number;
  private readonly directory: string;
  private readonly prefix: string;
  private readonly tasks = new Map<number, number>();
  private readonly made: string[] = [];

  constructor(
    connection: DuckDBConnection,
    facts: ReadonlyMap<string, TableFacts>,
    parallelism: number,
    directory: string,
  ) {
    this.facts = facts;
    this.connection = connection;
    this.directory = directory;
    this.parallelism = parallelism;
    nextQuery += 1;
    this.prefix = `staged_${nextQuery}`;
  }

  async runStage(stage: StagePlan): Promise<void> {
    const count = stage.tasks.kind === 'parallel' ? stage.tasks.count : 1;
    this.tasks.set(stage.id, count);
    const keys = stage.output.kind === 'hash' ? stage.output : undefined;
    for (let task = 0; task < count; task += 1) {
      const sql = await this.sqlOf(stage, task, keys);
      const columns = stage.fragment.schema.map(
        ({ type }, index) => `${toWireSql(`c${index}`, type)} AS c${index}`,
      );
      if (keys !== undefined) columns.push(`c${columns.length}`);
      const file = quoteLiteral(this.output(stage.id, task));
      const options = exchangeParquetOptions(stage.fragment.schema.map(({ type }) => type));
      try {
        await this.connection.run(
          `COPY (SELECT ${columns.join(', ')} FROM (${sql})) TO ${file} (${options})`,
        );
      } catch (error) {
        throw new Error(`stage ${stage.id}, task ${task}: ${String(error)}\n${sql}`, { cause: error });
      }
    }
  }

  /** The fragment's SQL over views of the task's own share; with the hash of the keys as a last column. */
  async sqlOf(stage: StagePlan, task: number, keys: HashOutput | undefined): Promise<string> {
    const views = new Map<string, string>();
    const leafName = (leaf: ScanNode | StageInputNode): string => {
      const what = leaf.kind === 'scan' ? `${leaf.table}_${leaf.read}` : `${leaf.stage}_${leaf.read}`;
      const name = `${this.prefix}_in_${stage.id}_${task}_${what}`.replace(/\W/g, '_');
      views.set(name, leaf.kind === 'scan' ? this.share(leaf, task) : this.partition(leaf, task));
      return name;
    };
    const sql =
      keys === undefined ? printSql(stage.fragment, leafName) : withNumber(stage.fragment, keys, leafName);
    for (const [name, query] of views) {
      await this.connection.run(`CREATE VIEW ${name} AS ${query}`);
      this.made.push(`VIEW ${name}`);
    }
    return sql;
  }

  async drop(): Promise<void> {
    for (const what of this.made.reverse()) await this.connection.run(`DROP ${what}`);
  }

  private output(stage: number, task: number): string {
    return join(this.directory, `${this.prefix}_${stage}_${task}.parquet`);
  }

  /** Splits are dealt out in turn. */
  private share(leaf: ScanNode, task: number): string {
    const table = quoteIdentifier(leaf.table.replace(/^main\./, ''));
    if (leaf.read === 'all') return `SELECT * FROM ${table}`;
    if (leaf.read === 'shard') {
      const { schema, sharding } = this.facts.get(leaf.table) ?? {};
      const keys = (sharding?.columns ?? []).flatMap((position) => schema?.[position] ?? []);
      const names = keys.map(({ name }) => quoteIdentifier(name));
      const shard = hashShardSql(
        names,
        keys.map(({ type }) => type),
        SHARDS,
      );
      return `SELECT * FROM ${table} WHERE ${shard} % ${this.parallelism} = ${task}`;
    }
    return `SELECT * FROM ${table} WHERE (rowid // ${SPLIT_ROWS}) % ${this.parallelism} = ${task}`;
  }

  private partition(leaf: StageInputNode, task: number): string {
    const columns = leaf.schema.map(({ type }, index) => `${fromWireSql(`c${index}`, type)} AS c${index}`);
    const filter =
      leaf.read === 'partition' ? ` WHERE c${columns.length} % ${this.parallelism} = ${task}` : '';
    const producers = Array.from({ length: this.tasks.get(leaf.stage) ?? 0 }, (_, producer) => producer);
    const files = producers.map((producer) => quoteLiteral(this.output(leaf.stage, producer)));
    return `SELECT ${columns.join(', ')} FROM read_parquet([${files.join(', ')}])${filter}`;
  }
}

type HashOutput = Extract<StagePlan['output'], { kind: 'hash' }>;

/** The fragment, and as a last column the number by which its rows go to partitions. */
function withNumber(fragment: PlanNode, { keys, shards }: HashOutput, leafName: LeafName): string {
  if (shards === undefined) return printSql(withHash(fragment, keys), leafName);
  const names = fragment.schema.map((_, index) => `c${index}`);
  const number = hashShardSql(
    keys.map((key) => printScalar(key, (index) => `c${index}`)),
    keys.map(({ type }) => type),
    shards,
  );
  return `SELECT *, ${number} AS c${names.length} FROM (${printSql(fragment, leafName)}) AS f(${names.join(', ')})`;
}

function withHash(fragment: PlanNode, keys: readonly Expr[]): PlanNode {
  const type = scalar('UBIGINT');
  const hash: Expr = { kind: 'call', name: 'hash', args: keys, type, volatile: false };
  const columns = fragment.schema.map((field, index): Expr => ({ kind: 'column', index, type: field.type }));
  return {
    kind: 'project',
    input: fragment,
    exprs: [...columns, hash],
    schema: [...fragment.schema, { name: 'hash', type }],
  };
}
