import { type Clock, mapConcurrently, SkeinError, SqlState, systemClock } from '../../common/index.ts';
import type { PlanNode } from '../../plan/index.ts';
import {
  type BoundParameters,
  bindParameters,
  expandPivots,
  isWord,
  mapErrorPosition,
  mentionsPivot,
  substitute,
  tokenize,
} from '../../sql/index.ts';
import type { Schema } from '../../types/index.ts';
import type { StreamedResult } from '../duckdb-connection.ts';
import { parseDuckDbError, toSkeinDuckDbError } from '../duckdb-error.ts';
import { type ErrorContext, readJsonError, toBindError } from './bind-error.ts';
import type {
  BindRequest,
  BoundCatalogQuery,
  BoundPlan,
  BoundQuery,
  BoundWhole,
  NamedShadowTable,
  ShadowTable,
  ShadowView,
  SystemRows,
} from './bound-query.ts';
import { characterOffset } from './byte-offset.ts';
import { CatalogMirror } from './catalog-mirror.ts';
import { checkNames } from './function-gate.ts';
import { inspectSql, type SqlFacts } from './inspect-sql.ts';
import { Mutex } from './mutex.ts';
import type { Json, JsonObject } from './parse-json.ts';
import { readBoundPlan, tryParseJson } from './read-bound-plan.ts';
import {
  type ExpandedQuery,
  type ExpanderHost,
  type MissingVersion,
  RelationExpander,
} from './relation-expander.ts';
import { RelationNames } from './relation-names.ts';
import { settingStatements } from './session-settings.ts';
import { ShadowInstance } from './shadow-instance.ts';

interface MissingVersions {
  readonly kind: 'missing';
  readonly versions: readonly MissingVersion[];
}

/** Thrown where DuckDB's parser takes the text for no query: the text's owner says what it is. */
const unparsed = new SkeinError(SqlState.featureNotSupported, 'this is no single query');

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
    const versions = new Map<string, NamedShadowTable>();
    const bound = await this.#bindVersions(filled, request, versions);
    if (bound !== 'pivots') return bound;
    const expanded = await expandPivots(filled.sql, request.evaluate);
    const mapPosition = (position: number): number => filled.mapPosition(expanded.mapPosition(position));
    const text = { sql: expanded.sql, mapPosition };
    const result = await this.#bindVersions(text, request, versions);
    return result === 'pivots' ? Promise.reject(otherStatement(text)) : result;
  }

  /** Runs a catalog query on tables that are as they were when it was last bound. @param rows of `bound.system` */
  stream(
    bound: BoundCatalogQuery,
    signal: AbortSignal,
    rows: SystemRows = new Map(),
  ): Promise<StreamedResult> {
    return this.#mirror.stream(bound, rows, signal);
  }

  /** Finds the versions that the query names, then binds it. Others bind while they are looked for. */
  async #bindVersions(
    text: BoundParameters,
    request: BindRequest,
    versions: Map<string, NamedShadowTable>,
  ): Promise<BoundQuery | 'pivots'> {
    for (;;) {
      const bound = await this.#exclusive(request.signal, () => this.#bindText(text, request, versions));
      if (bound === 'pivots' || bound.kind !== 'missing') return bound;
      const { tableAt } = request;
      if (tableAt === undefined) {
        throw new SkeinError(SqlState.featureNotSupported, 'versions of tables cannot be read here');
      }
      await mapConcurrently(bound.versions, 8, async ({ key, request: wanted }) => {
        versions.set(key, await tableAt(wanted));
      });
    }
  }

  /** `pivots`: the text must be bound again with its pivots expanded; `missing`: once its versions are found. */
  async #bindText(
    text: BoundParameters,
    request: BindRequest,
    versions: ReadonlyMap<string, NamedShadowTable>,
  ): Promise<BoundQuery | 'pivots' | MissingVersions> {
    const { tables, systemTables } = request;
    const names = new RelationNames(tables, systemTables);
    await this.#shadow.refresh(tables);
    const schema = ownSchema(request);
    await this.#shadow.configure(settingStatements(request.settings, schema));
    return await this.#shadow.withTables([...versions.values()], async () => {
      const expander = new RelationExpander({
        host: this.#host(names),
        names,
        views: tables.views ?? new Map(),
        knownFunctions: this.#shadow.functions,
        versions,
      });
      let expanded: ExpandedQuery;
      try {
        expanded = await expander.expand(text.sql, request.schema);
      } catch (error) {
        if (error === unparsed) return this.#unparsed(text);
        throw mapErrorPosition(error, (position) => text.mapPosition(position));
      }
      if (expander.missing.length > 0) return { kind: 'missing', versions: expander.missing };
      const context: ErrorContext = {
        position: (bytes) => text.mapPosition(expanded.mapPosition(characterOffset(expanded.sql, bytes))),
        tables: names.all(),
      };
      if (expanded.kind === 'catalog')
        return await this.#bindCatalogQuery(expanded, request, expander, context);
      const all = new Map([...tables.tables, ...expander.versions]);
      const bound = await this.#bindTables(expanded.sql, request, all, context);
      const { sql, ordered } = expanded;
      return { ...bound, sql, ordered, tables: [...expander.tables], views: [...expander.views] };
    });
  }

  #host(names: RelationNames): ExpanderHost {
    return {
      parse: (sql) => this.#parse(sql, names),
      columns: async (sql) => {
        const columns = await this.#shadow.columns(sql);
        if (!(columns instanceof Error)) return columns;
        const context: ErrorContext = { position: (bytes) => bytes, tables: names.all() };
        throw planError(tryParseJson(await this.#shadow.plan(sql)), context) ?? toSkeinDuckDbError(columns);
      },
      timestamp: async (expression) => {
        const lead = 'SELECT ';
        const facts = await this.#parse(`${lead}${expression}`, names);
        const position = (bytes: number): number => characterOffset(lead + expression, bytes) - lead.length;
        const context = { names, schema: 'main', knownFunctions: this.#shadow.functions, position };
        const { kind, uses } = checkNames(facts, context);
        if (kind === 'catalog' || uses.length > 0 || facts.tableFunctions.length > 0) {
          const message = 'the time of a version must be an expression of constants';
          throw new SkeinError(SqlState.invalidParameterValue, message, { position: 0 });
        }
        return await this.#shadow.timestamp(expression);
      },
    };
  }

  async #bindTables(
    sql: string,
    request: BindRequest,
    tables: ReadonlyMap<string, ShadowTable>,
    context: ErrorContext,
  ): Promise<Bound> {
    // json_serialize_plan parses with the parser's defaults, whatever the session's integer_division is.
    const planned = request.settings.integer_division === 'true' ? divideIntegers(sql) : sql;
    const answer = tryParseJson(await this.#shadow.plan(planned));
    const columns = await this.#shadow.columns(sql);
    if (columns instanceof Error) {
      const asSent = planned === sql ? answer : tryParseJson(await this.#shadow.plan(sql));
      throw planError(asSent, context) ?? toSkeinDuckDbError(columns);
    }
    const plan = readAnswer(answer, tables, columns, context);
    if (typeof plan === 'string') return { kind: 'whole', columns, reason: plan };
    const named = columns.map((column, index) => ({
      name: column.name,
      type: plan.schema[index]?.type ?? column.type,
    }));
    return { kind: 'plan', columns: named, plan };
  }

  async #bindCatalogQuery(
    { sql, system }: ExpandedQuery,
    request: BindRequest,
    expander: RelationExpander,
    context: ErrorContext,
  ): Promise<BoundQuery> {
    const schema = ownSchema(request);
    const qualify = (view: ShadowView): Promise<string> => expander.qualify(view);
    await this.#mirror.refresh(request.tables, request.systemTables ?? new Map(), qualify);
    const columns = await this.#mirror.columns(sql, schema);
    if (columns instanceof Error) {
      const info = parseDuckDbError(columns);
      throw info === undefined ? toSkeinDuckDbError(columns) : toBindError(info, context);
    }
    return { kind: 'catalog', columns, sql, schema, system };
  }

  /** @throws SkeinError with a position in `sql`; `unparsed` where DuckDB's parser takes it for something else */
  async #parse(sql: string, names: RelationNames): Promise<SqlFacts> {
    const context: ErrorContext = {
      position: (bytes) => characterOffset(sql, bytes),
      tables: names.all(),
    };
    const answer = (await this.#shadow.parse(sql)) as JsonObject;
    const error = readJsonError(answer);
    if (error?.type === 'Not implemented') throw unparsed;
    if (error !== undefined) throw toBindError(error, context);
    const [statement, ...rest] = answer.get('statements') as readonly Json[];
    if (statement === undefined)
      throw new SkeinError(SqlState.syntaxError, 'there is no statement', { position: 0 });
    if (rest.length > 0)
      throw new SkeinError(SqlState.syntaxError, 'only one statement can be sent at a time');
    return inspectSql(statement);
  }

  /** PIVOT without IN is several statements to DuckDB's parser. */
  #unparsed(text: BoundParameters): 'pivots' {
    if (mentionsPivot(text.sql)) return 'pivots';
    throw otherStatement(text);
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
  tables: ReadonlyMap<string, ShadowTable>,
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
  return new SkeinError(SqlState.featureNotSupported, `${what} is not supported`, {
    position: mapPosition(first?.start ?? 0),
  });
}
