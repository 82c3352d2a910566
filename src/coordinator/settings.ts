import { nearestName, SkeinError, SqlState } from '../common/index.ts';

/** A session's settings, checked and apart. */
export interface SessionSettings {
  readonly localBypass: 'auto' | 'off';
  /** DuckDB's own, by DuckDB's name: for binding and for every task. */
  readonly duckdb: Readonly<Record<string, string>>;
}

type Check = (value: string) => string | undefined;

const oneOf =
  (...allowed: readonly string[]): Check =>
  (value) =>
    allowed.find((word) => word.toLowerCase() === value.toLowerCase());

const boolean: Check = (value) => {
  const word = value.toLowerCase();
  if (['true', 'on', 'yes', '1'].includes(word)) return 'true';
  return ['false', 'off', 'no', '0'].includes(word) ? 'false' : undefined;
};

const name: Check = (value) => (/^[\w+\-/ :.]{1,64}$/.test(value) ? value : undefined);

const nullOrder = oneOf(
  'nulls_first',
  'nulls_last',
  'nulls_first_on_asc_last_on_desc',
  'nulls_last_on_asc_first_on_desc',
);

/** What a session may set of DuckDB: how a query reads and what it means, nothing about the process that runs it. */
const duckdbSettings: Readonly<Record<string, Check>> = {
  TimeZone: name,
  Calendar: name,
  default_collation: name,
  default_null_order: nullOrder,
  default_order: oneOf('asc', 'desc'),
  ieee_floating_point_ops: boolean,
  integer_division: boolean,
  old_implicit_casting: boolean,
  order_by_non_integer_literal: boolean,
  scalar_subquery_error_on_multiple_rows: boolean,
};

const aliases: Readonly<Record<string, string>> = { null_order: 'default_null_order' };
const bypassSetting = 'local_bypass';
const bypassCheck = oneOf('auto', 'off');

/** Every name that a session may set. */
export const settingNames: readonly string[] = [bypassSetting, ...Object.keys(duckdbSettings)];

/**
 * Checks what a session has set. Names are found in any case.
 * @param timeZone the coordinator's, for sessions that set none: every node must use the same
 * @throws SkeinError 42704 on an unknown name, 22023 on a value it cannot take
 */
export function readSettings(
  settings: Readonly<Record<string, string | number | boolean>> | undefined,
  timeZone: string,
): SessionSettings {
  const duckdb: Record<string, string> = { TimeZone: timeZone };
  let localBypass: SessionSettings['localBypass'] = 'auto';
  for (const [given, raw] of Object.entries(settings ?? {})) {
    const wanted = aliases[given.toLowerCase()] ?? given;
    const known = settingNames.find((setting) => setting.toLowerCase() === wanted.toLowerCase());
    if (known === undefined) throw unknownSetting(given);
    const value = String(raw);
    if (known === bypassSetting) {
      localBypass = accepted(known, value, bypassCheck) === 'off' ? 'off' : 'auto';
    } else {
      const check = duckdbSettings[known];
      if (check !== undefined) duckdb[known] = accepted(known, value, check);
    }
  }
  return { localBypass, duckdb };
}

function accepted(setting: string, value: string, check: Check): string {
  const checked = check(value);
  if (checked !== undefined) return checked;
  throw new SkeinError(
    SqlState.invalidParameterValue,
    `${JSON.stringify(value)} is not a value of ${setting}`,
  );
}

function unknownSetting(given: string): SkeinError {
  const nearest = nearestName(given, settingNames);
  return new SkeinError(SqlState.undefinedObject, `there is no setting ${JSON.stringify(given)}`, {
    hint: nearest === undefined ? `settings: ${settingNames.join(', ')}` : `did you mean ${nearest}?`,
  });
}
