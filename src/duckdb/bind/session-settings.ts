import { nearestName, SkeinError, SqlState } from '../../common/index.ts';
import { quoteIdentifier, quoteLiteral } from '../../types/index.ts';

/** Settings of DuckDB's that a session may choose, by lower-case name. They change how a query binds or computes. */
const settings: ReadonlyMap<string, string> = new Map(
  [
    'TimeZone',
    'Calendar',
    'default_null_order',
    'default_order',
    'default_collation',
    'integer_division',
    'ieee_floating_point_ops',
    'old_implicit_casting',
    'order_by_non_integer_literal',
    'scalar_subquery_error_on_multiple_rows',
    'lambda_syntax',
  ].map((name) => [name.toLowerCase(), name]),
);

export function isSessionSetting(name: string): boolean {
  return settings.has(name.toLowerCase());
}

/**
 * DuckDB's spelling of a setting's name.
 * @throws SkeinError 42704 for a name that no session may set, with the nearest that one may
 */
export function settingName(name: string): string {
  const known = settings.get(name.toLowerCase());
  if (known !== undefined) return known;
  const nearest = nearestName(name, settings.values());
  const hint = nearest === undefined ? {} : { hint: `did you mean ${nearest}?` };
  throw new SkeinError(SqlState.undefinedObject, `there is no setting ${name}`, hint);
}

export interface SettingStatements {
  readonly set: readonly string[];
  /** Takes back what `set` does. */
  readonly reset: readonly string[];
}

/** Statements for a session's settings, and for the schema that it looks names up in first, if there is one. */
export function settingStatements(
  values: Readonly<Record<string, string>>,
  schema: string | undefined,
): SettingStatements {
  const entries = Object.entries(values).map(([name, value]) => [settingName(name), value] as const);
  const path = schema === undefined ? [] : [searchPath(schema)];
  return {
    set: [...path, ...entries.map(([name, value]) => `SET ${name} = ${quoteLiteral(value)}`)],
    reset: [...path.map(() => 'USE skein'), ...entries.map(([name]) => `RESET ${name}`)],
  };
}

/** Makes `schema` the first that names are looked up in, before `main`. */
export function searchPath(schema: string): string {
  return `SET search_path = ${quoteLiteral(`skein.${quoteIdentifier(schema)},skein.main`)}`;
}
