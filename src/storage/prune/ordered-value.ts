import { integerTypes, type SqlType } from '../../types/index.ts';

/** A value that is not NULL, as it is ordered. Values of different kinds cannot be compared. */
export type OrderedValue =
  /** units / 10^scale: integers, decimals, booleans (0 and 1). */
  | { readonly kind: 'number'; readonly units: bigint; readonly scale: number }
  /** NaN is the greatest, as in DuckDB; -0 equals 0. */
  | { readonly kind: 'float'; readonly value: number }
  /** By its UTF-8 bytes. */
  | { readonly kind: 'text'; readonly bytes: Uint8Array }
  /** Microseconds since 1970-01-01: dates too, which are their midnight. */
  | { readonly kind: 'time'; readonly micros: bigint };

type ValueKind = OrderedValue['kind'];

const times: ReadonlySet<string> = new Set([
  'DATE',
  'TIMESTAMP',
  'TIMESTAMP_S',
  'TIMESTAMP_MS',
  'TIMESTAMP WITH TIME ZONE',
]);

/** Undefined for types whose order is not known here. */
export function kindOf(type: SqlType): ValueKind | undefined {
  if (type.kind === 'decimal') return 'number';
  if (type.kind !== 'scalar') return undefined;
  if (integerTypes.has(type.name) || type.name === 'BOOLEAN') return 'number';
  if (type.name === 'FLOAT' || type.name === 'DOUBLE') return 'float';
  if (times.has(type.name)) return 'time';
  return type.name === 'VARCHAR' || type.name === 'UUID' ? 'text' : undefined;
}

function isInteger(type: SqlType): boolean {
  return type.kind === 'scalar' && integerTypes.has(type.name);
}

/**
 * Reads a value as DuckDB prints it and as Delta logs spell it.
 * @returns undefined where it is not certain what it is
 */
export function readValue(text: string, type: SqlType): OrderedValue | undefined {
  switch (kindOf(type)) {
    case 'number':
      return readNumber(text, type);
    case 'float':
      return readFloat(text, type);
    case 'text':
      return { kind: 'text', bytes: Buffer.from(isUuid(type) ? text.toLowerCase() : text, 'utf8') };
    case 'time': {
      const micros = readMicros(text);
      return micros === undefined ? undefined : { kind: 'time', micros };
    }
    case undefined:
      return undefined;
  }
}

function isUuid(type: SqlType): boolean {
  return type.kind === 'scalar' && type.name === 'UUID';
}

function readNumber(text: string, type: SqlType): OrderedValue | undefined {
  if (type.kind === 'scalar' && type.name === 'BOOLEAN') {
    if (text !== 'true' && text !== 'false') return undefined;
    return { kind: 'number', units: text === 'true' ? 1n : 0n, scale: 0 };
  }
  const match = /^(-?\d+)(?:\.(\d+))?$/.exec(text);
  if (match === null) return undefined;
  const [, whole = '0', fraction = ''] = match;
  const scale = type.kind === 'decimal' ? type.scale : 0;
  if (fraction.length > scale && /[1-9]/.test(fraction.slice(scale))) return undefined;
  return { kind: 'number', units: BigInt(whole + fraction.slice(0, scale).padEnd(scale, '0')), scale };
}

function readFloat(text: string, type: SqlType): OrderedValue | undefined {
  const named: Readonly<Record<string, number>> = {
    nan: Number.NaN,
    inf: Number.POSITIVE_INFINITY,
    infinity: Number.POSITIVE_INFINITY,
    '-inf': Number.NEGATIVE_INFINITY,
    '-infinity': Number.NEGATIVE_INFINITY,
  };
  const known = named[text.toLowerCase()];
  if (known === undefined && !/^-?\d+(\.\d*)?([eE][-+]?\d+)?$/.test(text)) return undefined;
  const value = known ?? Number(text);
  return { kind: 'float', value: isFloat32(type) ? Math.fround(value) : value };
}

function isFloat32(type: SqlType): boolean {
  return type.kind === 'scalar' && type.name === 'FLOAT';
}

/** `2024-01-02`, `2024-01-02 03:04:05.678+01`, `2024-01-02T03:04:05Z`; years of four digits only. */
const timePattern =
  /^(\d{4})-(\d\d)-(\d\d)(?:[ T](\d\d):(\d\d):(\d\d)(?:\.(\d{1,6}))?(?:(Z)|([-+])(\d\d)(?::?(\d\d))?)?)?$/;

function readMicros(text: string): bigint | undefined {
  const match = timePattern.exec(text);
  if (match === null) return undefined;
  const [, year, month, day, hours = '0', minutes = '0', seconds = '0', fraction = ''] = match;
  const [, , , , , , , , , sign, zoneHours = '0', zoneMinutes = '0'] = match;
  const date = new Date(0);
  date.setUTCFullYear(Number(year), Number(month) - 1, Number(day));
  if (date.getUTCMonth() !== Number(month) - 1 || Number(hours) > 23) return undefined;
  const zone = (Number(zoneHours) * 60 + Number(zoneMinutes)) * (sign === '-' ? -1 : 1);
  const secondsOfDay = (Number(hours) * 60 + Number(minutes) - zone) * 60 + Number(seconds);
  return BigInt(date.getTime() + secondsOfDay * 1000) * 1000n + BigInt(fraction.padEnd(6, '0'));
}

/** Below 0, 0 or above; undefined where the two cannot be compared. */
export function compareValues(a: OrderedValue, b: OrderedValue): number | undefined {
  if (a.kind === 'number' && b.kind === 'number') {
    const scale = Math.max(a.scale, b.scale);
    return sign(a.units * 10n ** BigInt(scale - a.scale), b.units * 10n ** BigInt(scale - b.scale));
  }
  if (a.kind === 'float' && b.kind === 'float') {
    if (Number.isNaN(a.value) || Number.isNaN(b.value))
      return Number(Number.isNaN(a.value)) - Number(Number.isNaN(b.value));
    return sign(a.value, b.value);
  }
  if (a.kind === 'text' && b.kind === 'text') return Buffer.compare(a.bytes, b.bytes);
  if (a.kind === 'time' && b.kind === 'time') return sign(a.micros, b.micros);
  return undefined;
}

function sign<T extends bigint | number>(a: T, b: T): number {
  return a < b ? -1 : a > b ? 1 : 0;
}

const dayMicros = 86_400_000_000n;

/**
 * A value as a cast makes it, for casts that keep the order of values.
 * @returns undefined where the cast is none of these
 */
export function castOrdered(value: OrderedValue, from: SqlType, to: SqlType): OrderedValue | undefined {
  if (value.kind === 'number') {
    // A decimal that loses digits is rounded; a boolean is spelled, not counted.
    if (isInteger(from)) {
      if (isInteger(to) || to.kind === 'decimal') return value;
      if (to.kind === 'scalar' && to.name === 'DOUBLE') return { kind: 'float', value: Number(value.units) };
    }
    return from.kind === 'decimal' && to.kind === 'decimal' && to.scale >= from.scale ? value : undefined;
  }
  if (from.kind !== 'scalar' || to.kind !== 'scalar') return undefined;
  if (value.kind === 'float') return from.name === to.name || to.name === 'DOUBLE' ? value : undefined;
  if (value.kind !== 'time') return from.name === to.name ? value : undefined;
  // What is a day in another time zone is not known here.
  if ((from.name === 'TIMESTAMP WITH TIME ZONE') !== (to.name === 'TIMESTAMP WITH TIME ZONE'))
    return undefined;
  if (to.name === 'TIMESTAMP' || to.name === from.name || to.name === 'TIMESTAMP WITH TIME ZONE')
    return value;
  if (to.name === 'DATE') return { kind: 'time', micros: floorTo(value.micros, dayMicros) };
  return from.name === 'DATE' && times.has(to.name) ? value : undefined;
}

function floorTo(micros: bigint, unit: bigint): bigint {
  const rest = micros % unit;
  return micros - (rest < 0n ? rest + unit : rest);
}
