import { type Clock, SkeinError, SqlState, systemClock } from '../../common/index.ts';
import type { PlanNode } from '../../plan/index.ts';
import {
  type BoundParameters,
  bindParameters,
  expandPivots,
  isWord,
  mentionsPivot,
  substitute,
  tokenize,
} from '../../sql/index.ts';
import type { Schema } from '../../types/index.ts';
import type { StreamedResult } from '../duckdb-connection.ts';
import { toSkeinDuckDbError } from '../duckdb-error.ts';
import { type ErrorContext, readJsonError, toBindError } from './bind-error.ts';
import type {
  BindRequest,
  BoundCatalogQuery,
  BoundPlan,
  BoundQuery,
  BoundWhole,
  ShadowTables,
} from './bound-query.ts';
import { characterOffset } from './byte-offset.ts';
import { CatalogMirror } from './catalog-mirror.ts';
import { checkNames } from './function-gate.ts';
import { inspectSql, type SqlFacts } from './inspect-sql.ts';
import { Mutex } from './mutex.ts';
import type { Json, JsonObject } from './parse-json.ts';
import { qualifyTables } from './qualify-tables.ts';
import { readBoundPlan, tryParseJson } from './read-bound-plan.ts';
import { settingStatements } from './session-settings.ts';
import { ShadowInstance } from './shadow-instance.ts';

/** Binds queries against tables that exist only as names, columns and row counts. */
export class ShadowCatalog {
  readonly #shadow: ShadowInstance;
  readonly #mirror: CatalogMirror;
  readonly #mutex = new Mutex();

  private constructor(shadow: ShadowInstance, mirror: CatalogMirror) {
    this.#shadow = shadow;
    this.#mirror = mirror;
  }

  static async create(clock: Clock = systemClock): Promise<ShadowCatalog> {
    const [shadow, mirror] = await Promise.all([ShadowInstance.create(), CatalogMirror.create(clock)]);
    return new ShadowCatalog(shadow, mirror);
  }

  close(): void {
    this.#shadow.close();
    this.#mirror.close();
  }

  /**
   * Binds one query: checks every name in it, gives its result's columns and its plan.
   * @throws SkeinError with the position in the user's text: 42601, 42P01, 42703, 42883, 42501, 08P01 ...; the
   * signal's reason when it aborts
   */
  async bind(request: BindRequest): Promise<BoundQuery> {
    const filled = bindParameters(request.sql, request.params);
    const bound = await this.#exclusive(request.signal, () => this.#bindText(filled, request));
    if (bound !== 'pivots') return bound;
    const expanded = await expandPivots(filled.sql, request.evaluate);
    const mapPosition = (position: number): number => filled.mapPosition(expanded.mapPosition(position));
    const text = { sql: expanded.sql, mapPosition };
    const result = await this.#exclusive(request.signal, () => this.#bindText(text, request));
    return result === 'pivots' ? Promise.reject(otherStatement(text)) : result;
  }

  /** Runs a catalog query on tables that are as they were when it was last bound. */
  stream(bound: BoundCatalogQuery, signal: AbortSignal): Promise<StreamedResult> {
    return this.#mirror.stream(bound, signal);
  }

  /** `pivots`: the text must be bound again with its pivots expanded. */
  async #bindText(text: BoundParameters, request: BindRequest): Promise<BoundQuery | 'pivots'> {
    const { sql } = text;
    const context: ErrorContext = {
      position: (bytes) => text.mapPosition(characterOffset(sql, bytes)),
      tables: request.tables.tables.keys(),
    };
    await this.#refresh(request.tables);
    const facts = await this.#parse(text, context);
    if (facts === 'pivots') return facts;
    const target = checkNames(facts, {
      tables: request.tables.tables,
      schema: request.schema,
      knownFunctions: this.#shadow.functions,
      position: context.position,
    });
    const schema = ownSchema(request);
    await this.#shadow.configure(settingStatements(request.settings, schema));
    if (target.kind === 'catalog') return this.#bindCatalogQuery(sql, schema, context);
    const bound = await this.#bindTables(sql, request, context);
    return {
      ...bound,
      sql: qualifyTables(sql, target.uses),
      tables: [...new Set(target.uses.map(({ table }) => table))],
      ordered: facts.ordered,
    };
  }

  async #bindTables(sql: string, request: BindRequest, context: ErrorContext): Promise<Bound> {
    // json_serialize_plan parses with the parser's defaults, whatever the session's integer_division is.
    const planned = request.settings.integer_division === 'true' ? divideIntegers(sql) : sql;
    const answer = tryParseJson(await this.#shadow.plan(planned));
    const columns = await this.#shadow.columns(sql);
    if (columns instanceof Error) {
      const asSent = planned === sql ? answer : tryParseJson(await this.#shadow.plan(sql));
      throw planError(asSent, context) ?? toSkeinDuckDbError(columns);
    }
    const plan = readAnswer(answer, request.tables, columns, context);
    if (typeof plan === 'string') return { kind: 'whole', columns, reason: plan };
    const named = columns.map((column, index) => ({
      name: column.name,
      type: plan.schema[index]?.type ?? column.type,
    }));
    return { kind: 'plan', columns: named, plan };
  }

  async #bindCatalogQuery(
    sql: string,
    schema: string | undefined,
    context: ErrorContext,
  ): Promise<BoundQuery> {
    const columns = await this.#shadow.columns(sql);
    if (columns instanceof Error) {
      throw planError(tryParseJson(await this.#shadow.plan(sql)), context) ?? toSkeinDuckDbError(columns);
    }
    return { kind: 'catalog', columns, sql, schema };
  }

  async #parse(text: BoundParameters, context: ErrorContext): Promise<SqlFacts | 'pivots'> {
    const answer = (await this.#shadow.parse(text.sql)) as JsonObject;
    const error = readJsonError(answer);
    if (error?.type === 'Not implemented') {
      // PIVOT without IN is several statements to DuckDB's parser.
      if (mentionsPivot(text.sql)) return 'pivots';
      throw otherStatement(text);
    }
    if (error !== undefined) throw toBindError(error, context);
    const [statement, ...rest] = answer.get('statements') as readonly Json[];
    if (statement === undefined)
      throw new SkeinError(SqlState.syntaxError, 'there is no statement', { position: 0 });
    if (rest.length > 0)
      throw new SkeinError(SqlState.syntaxError, 'only one statement can be sent at a time');
    return inspectSql(statement);
  }

  async #refresh(tables: ShadowTables): Promise<void> {
    await this.#shadow.refresh(tables);
    await this.#mirror.refresh(tables);
  }

  /** One bind at a time; an abort interrupts the one that runs, and takes a waiting one out of the line. */
  async #exclusive<T>(signal: AbortSignal, work: () => Promise<T>): Promise<T> {
    return this.#mutex.run(async () => {
      signal.throwIfAborted();
      const interrupt = (): void => this.#shadow.interrupt();
      signal.addEventListener('abort', interrupt);
      try {
        return await work();
      } catch (error) {
        signal.throwIfAborted();
        throw error;
      } finally {
        signal.removeEventListener('abort', interrupt);
      }
    });
  }
}

/** A schema without tables adds no names. */
function ownSchema({ schema, tables }: BindRequest): string | undefined {
  if (schema === 'main') return undefined;
  return [...tables.tables.keys()].some((name) => name.startsWith(`${schema}.`)) ? schema : undefined;
}

/** A bound query, but for its text. */
type Bound = Pick<BoundPlan, 'kind' | 'columns' | 'plan'> | Pick<BoundWhole, 'kind' | 'columns' | 'reason'>;

/** The plan, or why there is none. */
function readAnswer(
  answer: Json | undefined,
  { tables }: ShadowTables,
  columns: Schema,
  context: ErrorContext,
): PlanNode | string {
  if (answer === undefined) return 'a constant that the plan cannot be written with';
  const error = planError(answer, context);
  if (error !== undefined) return error.message;
  const plans = answer instanceof Map ? (answer as JsonObject).get('plans') : undefined;
  const json = Array.isArray(plans) ? (plans as readonly Json[])[0] : undefined;
  const schemas = new Map([...tables].map(([name, { schema }]) => [name, schema]));
  const read = readBoundPlan(json ?? null, schemas);
  if (read.kind === 'unreadable') return read.reason;
  return read.plan.schema.length === columns.length ? read.plan : 'columns that the plan does not have';
}

/** Writes `//` for `/`, as DuckDB's parser reads it under integer_division. */
function divideIntegers(sql: string): string {
  const slashes = tokenize(sql).filter(({ kind, text }) => kind === 'operator' && /^\/[-+]*$/.test(text));
  return substitute(
    sql,
    slashes.map((token) => ({ token, text: `/${token.text}` })),
  ).sql;
}

function planError(answer: Json | undefined, context: ErrorContext): SkeinError | undefined {
  const error = answer instanceof Map ? readJsonError(answer as JsonObject) : undefined;
  return error === undefined ? undefined : toBindError(error, context);
}

function otherStatement({ sql, mapPosition }: BoundParameters): SkeinError {
  const first = tokenize(sql).find((token) => token.kind !== 'comment');
  const what = first === undefined || isWord(first, 'WITH') ? 'such a statement' : first.text.toUpperCase();
  return new SkeinError(SqlState.featureNotSupported, `Skein reads tables; ${what} is not supported yet`, {
    position: mapPosition(first?.start ?? 0),
  });
}
