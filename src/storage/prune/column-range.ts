import type { CompareOp } from '../../plan/index.ts';
import type { SqlType } from '../../types/index.ts';
import { castOrdered, compareValues, type OrderedValue, readValue } from './ordered-value.ts';
import { maybeFalse, maybeNull, maybeTrue, nothing, type Truth } from './truth.ts';

/** What the values of a column in a file may be. */
export interface ColumnRange {
  readonly nulls: boolean;
  /** Some value may be not NULL; it is from `min` to `max`, where these are known, or NaN. */
  readonly values: boolean;
  readonly min: OrderedValue | undefined;
  readonly max: OrderedValue | undefined;
  /** NaN may be among the values, whatever `max` says. */
  readonly nan: boolean;
}

export const unknownRange: ColumnRange = {
  nulls: true,
  values: true,
  min: undefined,
  max: undefined,
  nan: true,
};

export const onlyNulls: ColumnRange = {
  nulls: true,
  values: false,
  min: undefined,
  max: undefined,
  nan: false,
};

export function onlyValue(value: OrderedValue): ColumnRange {
  return { nulls: false, values: true, min: value, max: value, nan: false };
}

/** The range of what a cast makes of the values. */
export function castRange(range: ColumnRange, from: SqlType, to: SqlType): ColumnRange {
  const { min, max } = range;
  if (min !== undefined && min === max && min.kind === 'text') {
    // A single text, such as a partition value, is whatever it spells.
    const value = isText(to) ? min : readValue(Buffer.from(min.bytes).toString('utf8'), to);
    return { ...range, min: value, max: value };
  }
  const cast = (value: OrderedValue | undefined): OrderedValue | undefined =>
    value === undefined ? undefined : castOrdered(value, from, to);
  return { ...range, min: cast(min), max: cast(max) };
}

function isText(type: SqlType): boolean {
  return type.kind === 'scalar' && type.name === 'VARCHAR';
}

/** What comparing the values with a constant may give. */
export function compareRange(range: ColumnRange, op: CompareOp, constant: OrderedValue | null): Truth {
  const distinct = op === 'IS DISTINCT FROM' || op === 'IS NOT DISTINCT FROM';
  if (constant === null) {
    if (!distinct) return maybeNull;
    const same = op === 'IS NOT DISTINCT FROM';
    return (
      (range.nulls ? (same ? maybeTrue : maybeFalse) : 0) |
      (range.values ? (same ? maybeFalse : maybeTrue) : 0)
    );
  }
  const ofNull = distinct ? (op === 'IS DISTINCT FROM' ? maybeTrue : maybeFalse) : maybeNull;
  const ofValues = range.values ? compareValuesOf(range, op, constant) : nothing;
  return ofValues | (range.nulls ? ofNull : nothing);
}

function compareValuesOf(range: ColumnRange, op: CompareOp, constant: OrderedValue): Truth {
  const low = range.min === undefined ? -1 : compareValues(range.min, constant);
  const high = range.max === undefined ? 1 : compareValues(range.max, constant);
  // Bounds of another kind say nothing.
  const below = low === undefined || low < 0;
  let above = high === undefined || high > 0;
  let equal = (low === undefined || low <= 0) && (high === undefined || high >= 0);
  if (range.nan) {
    const isNan = constant.kind === 'float' && Number.isNaN(constant.value);
    if (isNan) equal = true;
    else above = true;
  }
  const [isTrue, isFalse] = outcomes(op, below, equal, above);
  return (isTrue ? maybeTrue : 0) | (isFalse ? maybeFalse : 0);
}

/** Whether the comparison can be true, and false, of values that may be below, equal to or above the constant. */
function outcomes(
  op: CompareOp,
  below: boolean,
  equal: boolean,
  above: boolean,
): readonly [boolean, boolean] {
  switch (op) {
    case '=':
    case 'IS NOT DISTINCT FROM':
      return [equal, below || above];
    case '<>':
    case 'IS DISTINCT FROM':
      return [below || above, equal];
    case '<':
      return [below, equal || above];
    case '<=':
      return [below || equal, above];
    case '>':
      return [above, below || equal];
    case '>=':
      return [equal || above, below];
  }
}

/** Whether some text, and every text, may begin with the bytes. */
export function prefixOfRange(range: ColumnRange, prefix: Uint8Array): Truth {
  const ofNull = range.nulls ? maybeNull : nothing;
  if (!range.values) return ofNull;
  const { min, max } = range;
  const tooHigh = min?.kind === 'text' && Buffer.compare(min.bytes.subarray(0, prefix.length), prefix) > 0;
  const tooLow = max?.kind === 'text' && Buffer.compare(max.bytes, prefix) < 0;
  return ofNull | maybeFalse | (tooHigh || tooLow ? 0 : maybeTrue);
}
