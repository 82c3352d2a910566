import { DuckDBInstance, type DuckDBConnection as NativeConnection } from '@duckdb/node-api';
import { type Clock, SkeinError, SqlState, systemClock } from '../common/index.ts';
import { type CheckConstraint, type ColumnDefinition, type Span, tokenize } from '../sql/index.ts';
import { formatType, quoteIdentifier, quoteLiteral, type Schema, type SqlType } from '../types/index.ts';
import { readJsonError, toBindError } from './bind/bind-error.ts';
import { characterOffset } from './bind/byte-offset.ts';
import { checkNames } from './bind/function-gate.ts';
import { inspectSql } from './bind/inspect-sql.ts';
import { Mutex } from './bind/mutex.ts';
import { type Json, type JsonObject, parseJson } from './bind/parse-json.ts';
import { DuckDbConnection } from './duckdb-connection.ts';
import { parseDuckDbError, toSkeinDuckDbError } from './duckdb-error.ts';

export interface ColumnsToDescribe {
  readonly columns: readonly ColumnDefinition[];
  readonly checks: readonly CheckConstraint[];
  /** Columns that the table has already: expressions may use them. */
  readonly existing?: Schema;
}

/** Expressions are as DuckDB writes them: in brackets, and cast to the column's type where it is generated. */
export interface DescribedColumn {
  readonly name: string;
  readonly type: SqlType;
  readonly nullable: boolean;
  readonly default: string | undefined;
  readonly generated: string | undefined;
}

export interface DescribedTable {
  /** Those that were asked for, in order. */
  readonly columns: readonly DescribedColumn[];
  /** Of the columns in their order, then of the table. */
  readonly checks: readonly { readonly name: string | undefined; readonly expression: string }[];
}

const table = 'skein_described';

/** A scratch DuckDB without data, files or network, that says what column definitions mean. */
export class ColumnDescriber {
  readonly #instance: DuckDBInstance;
  readonly #native: NativeConnection;
  readonly #connection: DuckDbConnection;
  readonly #functions: ReadonlySet<string>;
  readonly #mutex = new Mutex();

  private constructor(
    instance: DuckDBInstance,
    native: NativeConnection,
    connection: DuckDbConnection,
    functions: ReadonlySet<string>,
  ) {
    this.#instance = instance;
    this.#native = native;
    this.#connection = connection;
    this.#functions = functions;
  }

  static async create(clock: Clock = systemClock): Promise<ColumnDescriber> {
    const instance = await DuckDBInstance.create(':memory:', {
      threads: '1',
      memory_limit: '256MiB',
      temp_directory: '',
      errors_as_json: 'true',
      autoinstall_known_extensions: 'false',
      autoload_known_extensions: 'false',
      allow_community_extensions: 'false',
      allow_persistent_secrets: 'false',
    });
    const native = await instance.connect();
    await native.run('SET enable_external_access = false');
    await native.run('SET lock_configuration = true');
    const connection = new DuckDbConnection(native, clock);
    const names = await connection.rows('SELECT DISTINCT lower(function_name) FROM duckdb_functions()');
    return new ColumnDescriber(instance, native, connection, new Set(names.map(([name]) => String(name))));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#connection[Symbol.asyncDispose]();
    this.#instance.closeSync();
  }

  /**
   * Gives types and expressions as DuckDB reads them. Nothing is evaluated but constants, by functions that queries may
   * call.
   * @throws SkeinError with the position in the user's text: 42601, 42703, 42704 (no such type), 42883, 42501 (a
   * function that must not be called), 0A000 (a query in an expression) ...
   */
  async describe(wanted: ColumnsToDescribe, signal: AbortSignal): Promise<DescribedTable> {
    return await this.#mutex.run(async () => {
      signal.throwIfAborted();
      for (const span of expressions(wanted)) await this.#checkExpression(span, signal);
      for (const { type } of wanted.columns) if (type !== undefined) await this.#checkType(type, signal);
      const text = createTable(wanted);
      try {
        await this.#connection.run(text.sql, signal);
      } catch (error) {
        throw atUser(error, text, wanted);
      }
      try {
        return await this.#read(wanted);
      } finally {
        await this.#native.run(`DROP TABLE ${table}`);
      }
    });
  }

  async #read(wanted: ColumnsToDescribe): Promise<DescribedTable> {
    const { schema, batches } = await this.#connection.stream(`FROM ${table} LIMIT 0`);
    for await (const _ of batches);
    const first = wanted.existing?.length ?? 0;
    const texts = await this.#connection.rows(
      `SELECT column_default FROM duckdb_columns() WHERE table_name = '${table}' ORDER BY column_index`,
    );
    const checks = await this.#connection.rows(
      `SELECT expression FROM duckdb_constraints() WHERE table_name = '${table}' AND constraint_type = 'CHECK' ` +
        'ORDER BY constraint_index',
    );
    const columns = wanted.columns.map((column, index): DescribedColumn => {
      const [text = null] = texts[first + index] ?? [];
      const expression = text === null ? undefined : String(text);
      return {
        name: column.name,
        type: schema[first + index]?.type ?? { kind: 'scalar', name: 'NULL' },
        nullable: column.nullable,
        default: column.default === undefined ? undefined : expression,
        generated: column.generated === undefined ? undefined : expression,
      };
    });
    return {
      columns,
      checks: allChecks(wanted).map(({ name }, index) => ({
        name: name?.name,
        expression: String(checks[index]?.[0] ?? ''),
      })),
    };
  }

  /** Holds the names in an expression against what queries may call. */
  #checkExpression(span: Span, signal: AbortSignal): Promise<void> {
    return this.#checkText(fromPieces(['SELECT (', span, ')']), signal);
  }

  /** The length of a type may be an expression, too. */
  #checkType(span: Span, signal: AbortSignal): Promise<void> {
    return this.#checkText(fromPieces(['SELECT CAST(NULL AS ', span, ')']), signal);
  }

  async #checkText(text: MappedText, signal: AbortSignal): Promise<void> {
    const [row] = await this.#connection.rows(
      `SELECT json_serialize_sql(${quoteLiteral(text.sql)}, skip_empty := true, skip_null := true)`,
      signal,
    );
    const answer = parseJson(String(row?.[0])) as JsonObject;
    const info = readJsonError(answer);
    const position = (bytes: number): number => text.position(characterOffset(text.sql, bytes));
    if (info !== undefined) throw toBindError(info, { position, tables: [] });
    const [statement, ...rest] = answer.get('statements') as readonly Json[];
    const facts = statement === undefined ? undefined : inspectSql(statement);
    const reads = facts === undefined || rest.length > 0 || facts.shows || facts.tables.length > 0;
    if (reads || facts.tableFunctions.length > 0) throw noQuery(text);
    const context = { tables: new Map(), schema: 'main', knownFunctions: this.#functions, position };
    if (checkNames(facts, context).kind === 'catalog') throw noQuery(text);
  }
}

function noQuery(text: MappedText): SkeinError {
  return new SkeinError(SqlState.featureNotSupported, 'the expressions of a table cannot hold queries', {
    position: text.position(text.first),
  });
}

function allChecks({ columns, checks }: ColumnsToDescribe): readonly CheckConstraint[] {
  return [...columns.flatMap((column) => column.checks), ...checks];
}

function expressions(wanted: ColumnsToDescribe): readonly Span[] {
  const ofColumns = wanted.columns.flatMap((column) => [column.default ?? [], column.generated ?? []].flat());
  return [...ofColumns, ...allChecks(wanted).map(({ condition }) => condition)];
}

/** Everything in its place but what DuckDB has no word for: COMMENT, IDENTITY, names of constraints. */
function createTable(wanted: ColumnsToDescribe): MappedText {
  const pieces: (string | Span)[] = [];
  const item = (...parts: readonly (string | Span)[]): void => {
    pieces.push(pieces.length === 0 ? `CREATE TABLE ${table} (` : ', ', ...parts);
  };
  for (const { name, type } of wanted.existing ?? []) item(`${quoteIdentifier(name)} ${formatType(type)}`);
  for (const column of wanted.columns) {
    const { name, type, nullable, generated } = column;
    item(
      { sql: quoteIdentifier(name), offset: column.offset },
      ...(type === undefined ? [] : [' ', type]),
      ...(nullable || generated !== undefined ? [] : [' NOT NULL']),
      ...(column.default === undefined ? [] : [' DEFAULT (', column.default, ')']),
      ...(generated === undefined ? [] : [' GENERATED ALWAYS AS (', generated, ')']),
    );
  }
  for (const { condition } of allChecks(wanted)) item('CHECK (', condition, ')');
  return fromPieces([...pieces, ')']);
}

/** SQL with pieces of the user's text in it. */
interface MappedText {
  readonly sql: string;
  /** Where the first piece of the user's begins. */
  readonly first: number;
  /** From an offset in `sql` to one in the user's text; what is not the user's counts as the piece before it. */
  position(offset: number): number;
}

function fromPieces(pieces: readonly (string | Span)[]): MappedText {
  let sql = '';
  const spans: { readonly from: number; readonly span: Span }[] = [];
  for (const piece of pieces) {
    if (typeof piece !== 'string') spans.push({ from: sql.length, span: piece });
    sql += typeof piece === 'string' ? piece : piece.sql;
  }
  return {
    sql,
    first: spans[0]?.from ?? 0,
    position: (offset) => {
      const found = spans.findLast(({ from }) => from <= offset) ?? spans[0];
      if (found === undefined) return 0;
      const { from, span } = found;
      return span.offset + Math.min(Math.max(0, offset - from), span.sql.length);
    },
  };
}

function atUser(error: unknown, text: MappedText, wanted: ColumnsToDescribe): unknown {
  const info = error instanceof SkeinError ? parseDuckDbError(error.cause) : undefined;
  if (info === undefined) return toSkeinDuckDbError(error);
  const found = toBindError(info, {
    position: (bytes) => text.position(characterOffset(text.sql, bytes)),
    tables: [],
  });
  const position = found.position ?? mentioned(info.message, wanted);
  if (position === undefined) return found;
  const hint = found.hint === undefined ? {} : { hint: found.hint };
  return new SkeinError(found.sqlState, found.message, { ...hint, position, cause: error });
}

/** DuckDB gives no position for a column that a CHECK lacks: where an expression has its name. */
function mentioned(message: string, wanted: ColumnsToDescribe): number | undefined {
  const name = /does not contain column "?(.+?)"? referenced/.exec(message)?.[1]?.toLowerCase();
  for (const { sql, offset } of expressions(wanted)) {
    const token = tokenize(sql).find(({ text }) => text.replaceAll('"', '').toLowerCase() === name);
    if (token !== undefined) return offset + token.start;
  }
  return undefined;
}
