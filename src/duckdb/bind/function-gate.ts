import { nearestName, SkeinError, SqlState } from '../../common/index.ts';
import {
  allowedCatalogFunctions,
  allowedCatalogTableFunctions,
  allowedCatalogViews,
  allowedFunctions,
  allowedTableFunctions,
} from './allowed-functions.ts';
import { unknownTable } from './bind-error.ts';
import type { NamedUse, SqlFacts } from './inspect-sql.ts';
import type { FoundRelation, RelationNames } from './relation-names.ts';
import { isSessionSetting } from './session-settings.ts';

/** What a query asks of: our tables' rows, or the catalog. */
export interface QueryTarget {
  readonly kind: 'tables' | 'catalog';
  readonly uses: readonly TableUse[];
}

/** Where the SQL names one of our tables or views, or a relation of the schema `system`. */
export interface TableUse {
  readonly use: NamedUse;
  readonly kind: 'table' | 'view' | 'system';
  /** The qualified name. */
  readonly table: string;
}

export interface GateContext {
  readonly names: RelationNames;
  /** Where unqualified names are looked up first; then in main. */
  readonly schema: string;
  /** DuckDB's own functions, in lower case. */
  readonly knownFunctions: ReadonlySet<string>;
  /** From a byte offset to a character of the user's text. */
  readonly position: (bytes: number) => number;
}

const collation = /^icu_collate_[a-z_]+$/;
/** What DuckDB would take for a file: a path, an address, a pattern, or a name that ends like a file's. */
const fileLike = /[/\\*?]|\.(csv|tsv|txt|parquet|json|jsonl|ndjson|db|duckdb|gz|zst|xlsx)$/i;
/** They show settings of the engine, or statements of others. */
const hiddenViews: ReadonlySet<string> = new Set(['pg_settings', 'pg_prepared_statements']);
const catalogSchemas: ReadonlySet<string> = new Set(['information_schema', 'pg_catalog']);

/**
 * Holds every function and relation that the SQL names against what is allowed, before anything is bound: binding
 * already runs functions of constants.
 * @throws SkeinError 42501 on a function that must not be called, 54000 on constants that make huge values, 42883 and 42P01 on unknown names, 0A000 where a
 * catalog query reads a table as well
 */
export function checkNames(facts: SqlFacts, context: GateContext): QueryTarget {
  let catalog: NamedUse | undefined;
  for (const call of facts.functions) {
    const name = call.name.toLowerCase();
    if (allowedFunctions.has(name) || collation.test(name)) continue;
    if (name === 'current_setting' && call.literal !== undefined && isSessionSetting(call.literal)) continue;
    if (!allowedCatalogFunctions.has(name))
      throw refusedFunction(call, context, 'function', allowedFunctions);
    catalog ??= call;
  }
  for (const call of facts.tableFunctions) {
    const name = call.name.toLowerCase();
    if (allowedTableFunctions.has(name)) continue;
    if (!allowedCatalogTableFunctions.has(name)) {
      throw refusedFunction(call, context, 'table function', allowedTableFunctions);
    }
    catalog ??= call;
  }
  for (const call of facts.largeValues) {
    const message = `${call.name} of these constants makes a value that is too large`;
    throw new SkeinError(SqlState.limitExceeded, message, at(call, context));
  }
  const uses: TableUse[] = [];
  for (const use of facts.tables) {
    const found = findRelation(use, context);
    if (found === 'catalog' || found.kind === 'system') catalog ??= use;
    if (found !== 'catalog') uses.push({ use, ...found });
  }
  for (const use of facts.describedTables) {
    const found = findRelation(use, context);
    if (found !== 'catalog' && found.kind === 'system') uses.push({ use, ...found });
  }
  if (catalog === undefined && !facts.shows) return { kind: 'tables', uses };
  if (uses.some(({ kind }) => kind !== 'system')) {
    throw new SkeinError(
      SqlState.featureNotSupported,
      'a query of the catalog cannot read tables as well',
      at(catalog, context),
    );
  }
  return { kind: 'catalog', uses };
}

/** What the name stands for, or `catalog` for a view of DuckDB's. */
function findRelation(use: NamedUse, context: GateContext): FoundRelation | 'catalog' {
  const name = use.name.toLowerCase();
  const schema = use.schema.toLowerCase();
  if (catalogSchemas.has(schema) && !hiddenViews.has(name)) return 'catalog';
  const found = relationNamed(use, context);
  if (found !== undefined) return found;
  if (allowedCatalogViews.has(name) && (schema === '' || schema === 'main')) return 'catalog';
  if (fileLike.test(use.name)) {
    const message = `the file ${use.name} may not be read: Skein reads tables, and nothing else`;
    throw new SkeinError(SqlState.insufficientPrivilege, message, at(use, context));
  }
  const shown = [use.catalog, use.schema, use.name].filter((part) => part !== '').join('.');
  throw unknownTable(shown, context.names.all(), at(use, context));
}

function relationNamed(use: NamedUse, { schema, names }: GateContext): FoundRelation | undefined {
  if (use.catalog !== '' && use.catalog.toLowerCase() !== 'skein') return undefined;
  const schemas = use.schema === '' ? [schema, 'main'] : [use.schema];
  for (const each of schemas) {
    const found = names.find(each, use.name);
    if (found !== undefined) return found;
  }
  return undefined;
}

function refusedFunction(
  call: NamedUse,
  context: GateContext,
  what: string,
  allowed: ReadonlySet<string>,
): SkeinError {
  const name = call.name.toLowerCase();
  if (context.knownFunctions.has(name)) {
    const message = `the ${what} ${call.name} may not be called: Skein reads tables, and nothing else`;
    return new SkeinError(SqlState.insufficientPrivilege, message, at(call, context));
  }
  const nearest = nearestName(name, allowed);
  const hint = nearest === undefined ? {} : { hint: `did you mean ${nearest}?` };
  return new SkeinError(SqlState.undefinedFunction, `there is no ${what} ${call.name}`, {
    ...at(call, context),
    ...hint,
  });
}

function at(use: NamedUse | undefined, context: GateContext): { readonly position?: number } {
  return use?.position === undefined ? {} : { position: context.position(use.position) };
}
