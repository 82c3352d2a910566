import { type Json, JsonNumber, type JsonObject } from './parse-json.ts';
import { constantSize } from './value-size.ts';

/** A value of constants is made when its query is bound, on the coordinator. */
const maxValueBytes = 64 * 1024 * 1024;

/** A name in the SQL, as the parser took it. */
export interface NamedUse {
  /** Empty where the SQL names none. */
  readonly catalog: string;
  readonly schema: string;
  readonly name: string;
  /** Byte offset; undefined where the parser made the name itself. */
  readonly position: number | undefined;
  /** A call's only argument, where it is a string. */
  readonly literal?: string;
  /** What the query calls a table, where it says so. */
  readonly alias?: string;
}

/** What a parsed statement mentions, whatever it means. */
export interface SqlFacts {
  readonly functions: readonly NamedUse[];
  readonly tableFunctions: readonly NamedUse[];
  /** Tables and views whose rows are read; a CTE is none. */
  readonly tables: readonly NamedUse[];
  /** Tables inside DESCRIBE: only their columns matter. */
  readonly describedTables: readonly NamedUse[];
  /** True for SHOW and DESCRIBE anywhere in the statement. */
  readonly shows: boolean;
  /** Calls of constants whose value may be larger than `maxValueBytes`. */
  readonly largeValues: readonly NamedUse[];
  /** The statement itself has an ORDER BY. */
  readonly ordered: boolean;
}

/** Collects the names in one statement of `json_serialize_sql`. */
export function inspectSql(statement: Json): SqlFacts {
  const inspector = new Inspector();
  inspector.visit(statement, { ctes: new Set(), describing: false });
  const node = statement instanceof Map ? (statement as JsonObject).get('node') : undefined;
  const { functions, tableFunctions, tables, describedTables, shows, largeValues } = inspector;
  return { functions, tableFunctions, tables, describedTables, shows, largeValues, ordered: hasOrder(node) };
}

interface Scope {
  /** Lower-case names of the CTEs that can be seen. */
  readonly ctes: ReadonlySet<string>;
  readonly describing: boolean;
}

class Inspector {
  readonly functions: NamedUse[] = [];
  readonly tableFunctions: NamedUse[] = [];
  readonly tables: NamedUse[] = [];
  readonly describedTables: NamedUse[] = [];
  readonly largeValues: NamedUse[] = [];
  shows = false;

  visit(json: Json | undefined, scope: Scope): void {
    if (Array.isArray(json)) {
      for (const item of json as readonly Json[]) this.visit(item, scope);
    } else if (json instanceof Map) {
      this.#visitObject(json as JsonObject, scope);
    }
  }

  #visitObject(object: JsonObject, scope: Scope): void {
    const type = object.get('type');
    const kind = object.get('class');
    if (kind === 'FUNCTION' || kind === 'WINDOW') {
      const found = call(object);
      this.functions.push(found);
      if (constantSize(object) > maxValueBytes) this.largeValues.push(found);
    }
    let inside = scope;
    if (type === 'BASE_TABLE') {
      const alias = object.get('alias');
      const named = typeof alias === 'string' && alias !== '' ? { alias } : {};
      this.#visitTable({ ...use(object, 'table_name'), ...named }, scope);
    } else if (type === 'SHOW_REF' && object.get('show_type') !== 'SUMMARY') {
      this.shows = true;
      inside = { ...scope, describing: true };
    }
    inside = this.#visitCtes(object.get('cte_map'), inside);
    for (const [key, value] of object) {
      if (key === 'cte_map') continue;
      // Only the step of a recursive CTE sees itself: in the anchor the name is that of a table.
      const name = type === 'RECURSIVE_CTE_NODE' && key === 'right' ? object.get('cte_name') : undefined;
      const seen = typeof name === 'string' ? withCte(inside, name) : inside;
      if (type === 'TABLE_FUNCTION' && key === 'function' && value instanceof Map) {
        this.#visitTableFunction(value as JsonObject, seen);
      } else {
        this.visit(value, seen);
      }
    }
  }

  #visitTable(table: NamedUse, { ctes, describing }: Scope): void {
    // `recurring.t` is what a recursive CTE t with USING KEY has so far.
    const isCte = ctes.has(table.name.toLowerCase()) && /^(recurring)?$/i.test(table.schema);
    if (isCte && table.catalog === '') return;
    (describing ? this.describedTables : this.tables).push(table);
  }

  /** The function of FROM f(...) is a table function; its arguments are expressions or a subquery. */
  #visitTableFunction(object: JsonObject, scope: Scope): void {
    this.tableFunctions.push(call(object));
    for (const part of object.values()) this.visit(part, scope);
  }

  /** Each CTE sees those before it, and the query all of them. */
  #visitCtes(json: Json | undefined, scope: Scope): Scope {
    const map = json instanceof Map ? (json as JsonObject).get('map') : undefined;
    let inside = scope;
    for (const entry of Array.isArray(map) ? (map as readonly Json[]) : []) {
      if (!(entry instanceof Map)) continue;
      const cte = entry as JsonObject;
      this.visit(cte.get('value'), inside);
      const name = cte.get('key');
      if (typeof name === 'string') inside = withCte(inside, name);
    }
    return inside;
  }
}

function withCte(scope: Scope, name: string): Scope {
  return { ...scope, ctes: new Set([...scope.ctes, name.toLowerCase()]) };
}

function call(object: JsonObject): NamedUse {
  const children = object.get('children');
  const [only, ...rest] = Array.isArray(children) ? (children as readonly Json[]) : [];
  const constant = only instanceof Map && rest.length === 0 ? (only as JsonObject).get('value') : undefined;
  const literal = constant instanceof Map ? (constant as JsonObject).get('value') : undefined;
  const found = use(object, 'function_name');
  return typeof literal === 'string' ? { ...found, literal } : found;
}

function use(object: JsonObject, key: string): NamedUse {
  const text = (name: string): string => {
    const value = object.get(name);
    return typeof value === 'string' ? value : '';
  };
  const location = object.get('query_location');
  const position = location instanceof JsonNumber ? Number(location.text) : Number.NaN;
  return {
    catalog: text(key === 'table_name' ? 'catalog_name' : 'catalog'),
    schema: text(key === 'table_name' ? 'schema_name' : 'schema'),
    name: text(key),
    position: Number.isSafeInteger(position) ? position : undefined,
  };
}

function hasOrder(node: Json | undefined): boolean {
  const modifiers = node instanceof Map ? (node as JsonObject).get('modifiers') : undefined;
  if (!Array.isArray(modifiers)) return false;
  return (modifiers as readonly Json[]).some(
    (modifier) => modifier instanceof Map && (modifier as JsonObject).get('type') === 'ORDER_MODIFIER',
  );
}
