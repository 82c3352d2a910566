/** Days since 1970-01-01 of a date as DuckDB prints it: `2026-11-25`, `0044-03-15 (BC)`. Undefined: infinite. */
export function dateDays(text: string): bigint | undefined {
  const match = /^(-?[0-9]+)-([0-9]{1,2})-([0-9]{1,2})( \(BC\))?$/.exec(text.trim());
  if (match === null) return infinite(text);
  const [, year = '', month = '', day = '', bc] = match;
  return civilDays(bc === undefined ? BigInt(year) : 1n - BigInt(year), BigInt(month), BigInt(day));
}

/**
 * Microseconds since 1970-01-01 (UTC where the text has an offset), cut off toward zero: as DuckDB's `epoch_us`.
 * Undefined: infinite.
 */
export function timestampMicros(text: string): bigint | undefined {
  const match = /^(-?[0-9]+-[0-9]{1,2}-[0-9]{1,2})(?: \(BC\))?[ T]([0-9:.]+)([-+][0-9:]+)?( \(BC\))?$/.exec(
    text.trim(),
  );
  if (match === null) return infinite(text);
  const [, date = '', time = '', offset, bcLast] = match;
  const isBc = bcLast !== undefined || text.includes(' (BC)');
  const days = dateDays(isBc ? `${date} (BC)` : date) ?? 0n;
  const nanos = days * 86_400_000_000_000n + timeNanos(time) - offsetSeconds(offset) * 1_000_000_000n;
  return nanos / 1000n;
}

/** Microseconds since midnight. */
export function timeMicros(text: string): bigint {
  return timeNanos(text) / 1000n;
}

function timeNanos(text: string): bigint {
  const [hours = '0', minutes = '0', rest = '0'] = text.split(':');
  const [seconds = '0', fraction = ''] = rest.split('.');
  const whole = BigInt(hours) * 3600n + BigInt(minutes) * 60n + BigInt(seconds);
  return whole * 1_000_000_000n + BigInt(fraction.padEnd(9, '0').slice(0, 9));
}

/** `+01`, `-03:30`, `+00:53:28`. */
function offsetSeconds(text: string | undefined): bigint {
  if (text === undefined) return 0n;
  const [hours = '0', minutes = '0', seconds = '0'] = text.slice(1).split(':');
  const total = BigInt(hours) * 3600n + BigInt(minutes) * 60n + BigInt(seconds);
  return text.startsWith('-') ? -total : total;
}

function infinite(text: string): undefined {
  if (/^-?infinity$/.test(text.trim())) return undefined;
  throw new Error(`${text} is no date or timestamp as DuckDB prints it`);
}

/** Days since 1970-01-01 in the proleptic Gregorian calendar; the year before 1 is 0. */
function civilDays(year: bigint, month: bigint, day: bigint): bigint {
  const years = month <= 2n ? year - 1n : year;
  const era = (years >= 0n ? years : years - 399n) / 400n;
  const yearOfEra = years - era * 400n;
  const dayOfYear = (153n * (month + (month > 2n ? -3n : 9n)) + 2n) / 5n + day - 1n;
  const dayOfEra = yearOfEra * 365n + yearOfEra / 4n - yearOfEra / 100n + dayOfYear;
  return era * 146_097n + dayOfEra - 719_468n;
}
