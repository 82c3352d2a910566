/**
 * DuckDB's spelling of dates, times and intervals, from their numbers. The tests hold every one of these to
 * DuckDB's own CAST(x AS VARCHAR).
 */

const dateInfinity = 2_147_483_647;
const timestampInfinity = 2n ** 63n - 1n;
const secondsPerDay = 86_400;

const two = (value: number): string => (value < 10 ? `0${value}` : String(value));

/** `days` counts from 1970-01-01, proleptic Gregorian. */
export function formatDate(days: number): string {
  if (days === dateInfinity) return 'infinity';
  if (days === -dateInfinity) return '-infinity';
  // Count in eras of 400 years that begin on March 1 of year 0, so that the leap day ends each year.
  const shifted = days + 719_468;
  const era = Math.floor(shifted / 146_097);
  const dayOfEra = shifted - era * 146_097;
  const yearOfEra = Math.floor(
    (dayOfEra -
      Math.floor(dayOfEra / 1460) +
      Math.floor(dayOfEra / 36_524) -
      Math.floor(dayOfEra / 146_096)) /
      365,
  );
  const dayOfYear = dayOfEra - (365 * yearOfEra + Math.floor(yearOfEra / 4) - Math.floor(yearOfEra / 100));
  const marchMonth = Math.floor((5 * dayOfYear + 2) / 153);
  const day = dayOfYear - Math.floor((153 * marchMonth + 2) / 5) + 1;
  const month = marchMonth < 10 ? marchMonth + 3 : marchMonth - 9;
  const year = yearOfEra + era * 400 + (month <= 2 ? 1 : 0);
  const shown = String(year > 0 ? year : 1 - year).padStart(4, '0');
  return `${shown}-${two(month)}-${two(day)}${year > 0 ? '' : ' (BC)'}`;
}

/** Whole seconds since midnight, up to 24:00:00. */
function formatSeconds(seconds: number): string {
  const minutes = Math.floor(seconds / 60);
  return `${two(Math.floor(minutes / 60))}:${two(minutes % 60)}:${two(seconds % 60)}`;
}

/** `.5`, `.000001`, or nothing for zero; `digits` is the unit: 6 for microseconds. */
function formatFraction(fraction: number, digits: number): string {
  if (fraction === 0) return '';
  return `.${String(fraction).padStart(digits, '0').replace(/0+$/, '')}`;
}

/** `count` of 10^-digits seconds since midnight. */
export function formatTime(count: bigint, digits: 6 | 9): string {
  const unit = digits === 6 ? 1_000_000n : 1_000_000_000n;
  return formatSeconds(Number(count / unit)) + formatFraction(Number(count % unit), digits);
}

/** `offset` is in seconds, east positive. DuckDB leaves out zero minutes even where seconds follow. */
export function formatOffset(offset: number): string {
  const absolute = Math.abs(offset);
  const minutes = Math.floor(absolute / 60) % 60;
  const seconds = absolute % 60;
  let text = (offset < 0 ? '-' : '+') + two(Math.floor(absolute / 3600));
  if (minutes !== 0) text += `:${two(minutes)}`;
  if (seconds !== 0) text += `:${two(seconds)}`;
  return text;
}

/** `count` of 10^-digits seconds since 1970, without a time zone. */
export function formatTimestamp(count: bigint, digits: 0 | 3 | 6 | 9): string {
  if (count === timestampInfinity) return 'infinity';
  if (count === -timestampInfinity) return '-infinity';
  const unit = 10n ** BigInt(digits);
  let fraction = count % unit;
  let seconds = Number((count - fraction) / unit);
  if (fraction < 0n) {
    fraction += unit;
    seconds -= 1;
  }
  const days = Math.floor(seconds / secondsPerDay);
  const time = formatSeconds(seconds - days * secondsPerDay);
  return `${formatDate(days)} ${time}${formatFraction(Number(fraction), digits)}`;
}

export function formatInterval(months: number, days: number, micros: bigint): string {
  const parts: string[] = [];
  const part = (count: number, unit: string): void => {
    if (count !== 0) parts.push(`${count} ${unit}${Math.abs(count) === 1 ? '' : 's'}`);
  };
  part(Math.trunc(months / 12), 'year');
  part(months % 12, 'month');
  part(days, 'day');
  if (micros !== 0n || parts.length === 0) {
    const absolute = micros < 0n ? -micros : micros;
    parts.push((micros < 0n ? '-' : '') + formatTime(absolute, 6));
  }
  return parts.join(' ');
}

/** `scaled` is the value times 10^scale. DuckDB writes no zero before the point where the type has no room for one. */
export function formatDecimal(scaled: bigint, width: number, scale: number): string {
  if (scale === 0) return String(scaled);
  const negative = scaled < 0n;
  const digits = String(negative ? -scaled : scaled).padStart(width > scale ? scale + 1 : scale, '0');
  const point = digits.length - scale;
  return `${negative ? '-' : ''}${digits.slice(0, point)}.${digits.slice(point)}`;
}
