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
}

/** What a parsed statement mentions, whatever it means. */
export interface SqlFacts {
  readonly functions: readonly NamedUse[];
  readonly tableFunctions: readonly NamedUse[];
  /** Tables, views and CTEs whose rows are read. */
  readonly tables: readonly NamedUse[];
  /** Tables inside DESCRIBE: only their columns matter. */
  readonly describedTables: readonly NamedUse[];
  /** Lower-case names of every CTE in the statement. */
  readonly ctes: ReadonlySet<string>;
  /** True for SHOW and DESCRIBE anywhere in the statement. */
  readonly shows: boolean;
  /** Calls of constants whose value may be larger than `maxValueBytes`. */
  readonly largeValues: readonly NamedUse[];
  /** The statement itself has an ORDER BY. */
  readonly ordered: boolean;
}

interface MutableFacts {
  readonly functions: NamedUse[];
  readonly tableFunctions: NamedUse[];
  readonly tables: NamedUse[];
  readonly describedTables: NamedUse[];
  readonly ctes: Set<string>;
  readonly largeValues: NamedUse[];
  shows: boolean;
}

/** Collects the names in one statement of `json_serialize_sql`. */
export function inspectSql(statement: Json): SqlFacts {
  const facts: MutableFacts = {
    functions: [],
    tableFunctions: [],
    tables: [],
    describedTables: [],
    ctes: new Set(),
    largeValues: [],
    shows: false,
  };
  visit(statement, facts, false);
  const node = statement instanceof Map ? (statement as JsonObject).get('node') : undefined;
  return { ...facts, ordered: hasOrder(node) };
}

function visit(json: Json | undefined, facts: MutableFacts, describing: boolean): void {
  if (Array.isArray(json)) {
    for (const item of json as readonly Json[]) visit(item, facts, describing);
    return;
  }
  if (!(json instanceof Map)) return;
  const object = json as JsonObject;
  const type = object.get('type');
  const kind = object.get('class');
  if (type === 'TABLE_FUNCTION' && object.get('function') instanceof Map) {
    visitTableFunction(object, facts, describing);
    return;
  }
  if (kind === 'FUNCTION' || kind === 'WINDOW') {
    const found = call(object);
    facts.functions.push(found);
    if (constantSize(object) > maxValueBytes) facts.largeValues.push(found);
  }
  let inside = describing;
  if (type === 'BASE_TABLE') {
    (describing ? facts.describedTables : facts.tables).push(use(object, 'table_name'));
  } else if (type === 'SHOW_REF' && object.get('show_type') !== 'SUMMARY') {
    facts.shows = true;
    inside = true;
  }
  for (const [key, value] of object) {
    if (key === 'cte_map') collectCtes(value, facts);
    visit(value, facts, inside);
  }
}

/** The function of FROM f(...) is a table function; its arguments are expressions or a subquery. */
function visitTableFunction(object: JsonObject, facts: MutableFacts, describing: boolean): void {
  for (const [key, value] of object) {
    if (key !== 'function') {
      visit(value, facts, describing);
      continue;
    }
    const inner = value as JsonObject;
    facts.tableFunctions.push(call(inner));
    for (const part of inner.values()) visit(part, facts, describing);
  }
}

function collectCtes(json: Json, facts: MutableFacts): void {
  const map = json instanceof Map ? (json as JsonObject).get('map') : undefined;
  if (!Array.isArray(map)) return;
  for (const entry of map as readonly Json[]) {
    const name = entry instanceof Map ? (entry as JsonObject).get('key') : undefined;
    if (typeof name === 'string') facts.ctes.add(name.toLowerCase());
  }
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
