import { SkeinError, SqlState } from '../../common/index.ts';
import { mapErrorPosition, type Span, type TimeTravel, type VersionAt } from '../../sql/index.ts';
import { quoteIdentifier, type Schema } from '../../types/index.ts';
import type { NamedShadowTable, ShadowView, VersionPoint, VersionRequest } from './bound-query.ts';
import { characterOffset } from './byte-offset.ts';
import { checkNames, type QueryTarget, type TableUse } from './function-gate.ts';
import type { SqlFacts } from './inspect-sql.ts';
import type { RelationNames } from './relation-names.ts';
import { splitTableName } from './table-sync.ts';
import { takeVersions } from './take-versions.ts';
import { bracketed, type Replacement, writeRelations } from './write-relations.ts';

/** What the expander asks of the DuckDB that binds. */
export interface ExpanderHost {
  /** @throws SkeinError with a position in `sql` */
  parse(sql: string): Promise<SqlFacts>;
  /** Columns of a query of tables. @throws SkeinError */
  columns(sql: string): Promise<Schema>;
  /** Milliseconds since 1970 of an expression of constants. @throws SkeinError with a position in `expression` */
  timestamp(expression: string): Promise<number>;
}

export interface ExpanderOptions {
  readonly host: ExpanderHost;
  readonly names: RelationNames;
  readonly views: ReadonlyMap<string, ShadowView>;
  readonly knownFunctions: ReadonlySet<string>;
  /** Versions that were found before, by `versionKey`. */
  readonly versions: ReadonlyMap<string, NamedShadowTable>;
}

/** A query in which every name of ours stands for what it means wherever the text runs. */
export interface ExpandedQuery {
  readonly kind: QueryTarget['kind'];
  readonly sql: string;
  /** From an offset in `sql` to one in the text that was expanded. */
  mapPosition(offset: number): number;
  /** The statement itself has an ORDER BY. */
  readonly ordered: boolean;
  /** Uses of relations of the schema `system`. */
  readonly system: readonly string[];
}

/** A version that must be found before the query can be bound. */
export interface MissingVersion {
  readonly key: string;
  readonly request: VersionRequest;
}

/**
 * Writes views and versions out: a view becomes its query in brackets, recursively, an older version the name of the
 * relation that stands for it. What a view reads goes through the same checks as what the user wrote.
 */
export class RelationExpander {
  readonly #options: ExpanderOptions;
  readonly tables = new Set<string>();
  readonly views = new Set<string>();
  readonly missing: MissingVersion[] = [];
  /** Versions that the text names now, by their relation's name. */
  readonly versions = new Map<string, NamedShadowTable>();

  constructor(options: ExpanderOptions) {
    this.#options = options;
  }

  /**
   * @param schema where unqualified names are looked up first
   * @throws SkeinError with a position in `sql`
   */
  async expand(sql: string, schema: string): Promise<ExpandedQuery> {
    return await this.#expand(sql, schema, []);
  }

  /** A view's query with every name qualified, views by their names: for a DuckDB that has these views. */
  async qualify(view: ShadowView): Promise<string> {
    const { host, names, knownFunctions } = this.#options;
    const facts = await host.parse(view.sql);
    const context = { names, schema: view.searchSchema, knownFunctions, position: () => 0 };
    const { uses } = checkNames(facts, context);
    return writeRelations(view.sql, uses, ({ table }) => ({ kind: 'name', name: table, alias: undefined }))
      .sql;
  }

  /** @param path views that the text is in, outermost first */
  async #expand(sql: string, schema: string, path: readonly string[]): Promise<ExpandedQuery> {
    const { host, names, knownFunctions } = this.#options;
    const text = takeVersions(sql);
    const position = (bytes: number): number => text.mapPosition(characterOffset(text.sql, bytes));
    const facts = await host.parse(text.sql).catch((error: unknown) => {
      throw mapErrorPosition(error, (offset) => text.mapPosition(offset));
    });
    const { kind, uses } = checkNames(facts, { names, schema, knownFunctions, position });
    const replacements = new Map<TableUse, Replacement | undefined>();
    const left = new Map(text.uses);
    for (const use of uses) {
      const start = characterOffset(text.sql, use.use.position ?? 0);
      const version = use.use.position === undefined ? undefined : left.get(start);
      if (version !== undefined) left.delete(start);
      replacements.set(use, await this.#replace(use, version, path));
    }
    for (const use of left.values()) throw noVersions(use, kind);
    const written = writeRelations(text.sql, uses, (use) => replacements.get(use));
    return {
      kind,
      sql: written.sql,
      mapPosition: (offset) => text.mapPosition(written.mapPosition(offset)),
      ordered: facts.ordered,
      system: uses.filter((use) => use.kind === 'system').map(({ table }) => splitTableName(table)[1]),
    };
  }

  async #replace(
    use: TableUse,
    version: TimeTravel | undefined,
    path: readonly string[],
  ): Promise<Replacement | undefined> {
    const { table, kind } = use;
    const { name, catalog, schema } = use.use;
    if (version !== undefined && kind !== 'table') throw noVersions(version, 'tables');
    if (version !== undefined) return await this.#version(table, version);
    if (kind === 'view') {
      return { kind: 'query', sql: await this.#view(table, path), alias: name };
    }
    if (kind === 'table') this.tables.add(table);
    // Unqualified names are looked up in main wherever the text runs; in a view nothing may come between.
    const isPlain = catalog === '' && (schema !== '' || splitTableName(table)[0] === 'main');
    if (isPlain && kind === 'table' && path.length === 0) return undefined;
    return { kind: 'name', name: table, alias: undefined };
  }

  async #version(table: string, use: TimeTravel): Promise<Replacement> {
    const key = versionKey(table, use);
    const found = this.#options.versions.get(key);
    const alias = use.kind === 'at' ? use.table.name : 'table_changes';
    if (found === undefined) {
      this.missing.push({ key, request: await this.#request(table, use) });
      return { kind: 'name', name: table, alias };
    }
    this.versions.set(found.name, found);
    this.tables.add(found.name);
    return { kind: 'name', name: found.name, alias };
  }

  async #request(table: string, use: TimeTravel): Promise<VersionRequest> {
    if (use.kind === 'at') return { kind: 'at', table, at: await this.#point(use.at) };
    const from = await this.#point(use.from);
    const to = use.to === undefined ? undefined : await this.#point(use.to);
    return { kind: 'changes', table, from, to };
  }

  async #point(at: VersionAt): Promise<VersionPoint> {
    if (at.kind === 'version') return { version: at.version };
    const { sql, offset }: Span = at.timestamp;
    const timestampMs = await this.#options.host.timestamp(sql).catch((error: unknown) => {
      throw mapErrorPosition(error, (position) => position + offset);
    });
    return { timestampMs };
  }

  /** The query that stands for a view. Its errors name the view: they are not in the user's text. */
  async #view(key: string, path: readonly string[]): Promise<string> {
    const view = this.#options.views.get(key);
    if (view === undefined) throw new Error(`view ${key} is not in the snapshot`);
    if (path.includes(key)) {
      const ring = [...path.slice(path.indexOf(key)), key].join(' -> ');
      throw new SkeinError(SqlState.invalidDefinition, `the view ${key} reads itself: ${ring}`);
    }
    this.views.add(key);
    try {
      const { kind, sql } = await this.#expand(view.sql, view.searchSchema, [...path, key]);
      if (kind === 'catalog') {
        throw new SkeinError(SqlState.featureNotSupported, 'it reads the catalog');
      }
      if (this.missing.length > 0) return sql;
      return selectColumns(view, sql, await this.#options.host.columns(sql));
    } catch (error) {
      throw invalidView(key, error);
    }
  }
}

/** The columns that the view had when it was made, by name. */
function selectColumns(view: ShadowView, sql: string, columns: Schema): string {
  const names = columns.map(({ name }, index) => view.aliases[index] ?? name);
  const lower = names.map((name) => name.toLowerCase());
  const gone = view.columns.find((column) => !lower.includes(column.toLowerCase()));
  if (gone !== undefined) {
    throw new SkeinError(SqlState.undefinedColumn, `its query gives no column ${gone} any more`);
  }
  const isSame =
    names.length === view.columns.length && names.every((name, index) => name === view.columns[index]);
  if (isSame && view.aliases.length === 0) return sql;
  const list = (items: readonly string[]): string => items.map(quoteIdentifier).join(', ');
  const aliases = view.aliases.length === 0 ? '' : `(${list(view.aliases)})`;
  const selected = isSame ? '*' : list(view.columns);
  return `SELECT ${selected} FROM ${bracketed(sql)} AS ${quoteIdentifier(view.name)}${aliases}`;
}

function invalidView(key: string, error: unknown): unknown {
  if (!(error instanceof SkeinError)) return error;
  // Of a view inside: it says enough itself.
  if (error.details.view !== undefined) return error;
  const { sqlState, message, hint, retry } = error;
  const isRing = sqlState === SqlState.invalidDefinition;
  return new SkeinError(sqlState, isRing ? message : `the view ${key} cannot be read: ${message}`, {
    retry,
    details: { view: key },
    cause: error,
    ...(hint === undefined ? {} : { hint }),
  });
}

function noVersions(use: TimeTravel, kind: QueryTarget['kind']): SkeinError {
  const { name, offset } = use.table;
  const why = kind === 'catalog' ? 'a query of the catalog has none' : `${name} is none`;
  return new SkeinError(SqlState.wrongObjectType, `only tables have versions: ${why}`, { position: offset });
}

/** The same for uses that mean one relation: an expression of time is taken once. */
function versionKey(table: string, use: TimeTravel): string {
  const point = (at: VersionAt): string => (at.kind === 'version' ? String(at.version) : at.timestamp.sql);
  if (use.kind === 'at') return JSON.stringify([table, use.at.kind, point(use.at)]);
  const to = use.to === undefined ? [] : [use.to.kind, point(use.to)];
  return JSON.stringify([table, 'changes', use.from.kind, point(use.from), ...to]);
}
