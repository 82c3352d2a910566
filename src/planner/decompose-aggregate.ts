import type { AggregateCall, Expr } from '../plan/index.ts';
import { formatType, type SqlType, sameType } from '../types/index.ts';
import { decomposeMoments } from './decompose-moments.ts';
import {
  BIGINT,
  BOOLEAN,
  call,
  caseWhen,
  castTo,
  compare,
  DOUBLE,
  HUGEINT,
  literal,
  VARCHAR,
  zeroIfNull,
} from './expressions.ts';

/** One value that a partial aggregation keeps. */
export interface Piece {
  readonly call: AggregateCall;
  /** The type it is carried and merged as, where the call's own travels badly. */
  readonly carried: SqlType;
}

/** How an aggregate's value comes from values over shares of the rows. */
export interface Decomposition {
  readonly pieces: readonly Piece[];
  /** Means over all partial rows of a group that the merge reads: pieces `value`, weighted by pieces `weight`. */
  readonly means: readonly { readonly weight: number; readonly value: number }[];
  /** Calls over partial rows, from references to the pieces and to the means. */
  readonly merge: (pieces: readonly Expr[], means: readonly Expr[]) => readonly AggregateCall[];
  /** The aggregate's value, from references to the merged values. */
  readonly result: (merged: readonly Expr[]) => Expr;
  /** True when merging a part of the partial rows gives a partial row again. */
  readonly mergesInSteps: boolean;
}

/** Undefined when the call must see all rows of a group at once. DISTINCT calls, too, unless it changes nothing. */
export function decomposeAggregate(aggregate: AggregateCall): Decomposition | undefined {
  const plain = withoutIdleDistinct(aggregate);
  if (plain.distinct || plain.orderBy.length > 0) return undefined;
  const [arg, second, ...more] = plain.args;
  switch (plain.name) {
    case 'count':
    case 'count_star':
      return decomposeCount(plain);
    case 'count_if':
    case 'countif':
      return sameType(plain.type, HUGEINT) ? viaWideInteger(plain) : undefined;
    case 'sum':
    case 'sum_no_overflow':
      return arg === undefined ? undefined : decomposeSum(plain, arg.type);
    case 'fsum':
    case 'kahan_sum':
    case 'sumkahan':
    case 'min':
    case 'max':
    case 'bool_and':
    case 'bool_or':
    case 'bit_and':
    case 'bit_or':
    case 'bit_xor':
    case 'product':
    case 'any_value':
    case 'arbitrary':
      return second === undefined ? sameAgain(plain, plain.name) : undefined;
    case 'avg':
    case 'mean':
    case 'favg':
      return arg === undefined ? undefined : decomposeAverage(plain, arg);
    case 'arg_min':
    case 'argmin':
    case 'min_by':
    case 'arg_max':
    case 'argmax':
    case 'max_by':
      if (arg === undefined || second === undefined || more.length > 0) return undefined;
      return decomposeExtreme(plain, arg, second);
    default:
      return decomposeMoments(plain);
  }
}

const indifferentToRepeats = new Set(['min', 'max', 'bool_and', 'bool_or', 'bit_and', 'bit_or', 'any_value']);

/** Drops DISTINCT and ORDER BY where they cannot change the value. */
export function withoutIdleDistinct(aggregate: AggregateCall): AggregateCall {
  const idle = aggregate.args.length === 1 && indifferentToRepeats.has(aggregate.name);
  const ordered = aggregate.name === 'any_value' && aggregate.orderBy.length > 0;
  return idle && !ordered ? { ...aggregate, distinct: false, orderBy: [] } : aggregate;
}

/** A call over partial rows. */
function mergeCall(name: string, args: readonly Expr[], type: SqlType): AggregateCall {
  return { name, args, distinct: false, filter: undefined, orderBy: [], type };
}

/** The call over the rows, and `merge` over its values; the type does not change. */
function sameAgain(aggregate: AggregateCall, merge: string): Decomposition {
  return {
    pieces: [{ call: aggregate, carried: aggregate.type }],
    means: [],
    merge: (pieces) => [mergeCall(merge, pieces, aggregate.type)],
    result: ([value]) => value ?? literal(null, aggregate.type),
    mergesInSteps: true,
  };
}

function decomposeCount(aggregate: AggregateCall): Decomposition {
  return {
    pieces: [{ call: aggregate, carried: BIGINT }],
    means: [],
    merge: (pieces) => [mergeCall('sum', pieces, HUGEINT)],
    // A count is never NULL, not even over no partial rows.
    result: ([sum]) => zeroIfNull(sum ?? literal(null, HUGEINT), aggregate.type),
    mergesInSteps: true,
  };
}

const WIDE_INTEGER: SqlType = { kind: 'decimal', width: 38, scale: 0 };

/** Sums of integers up to 64 bits fit DECIMAL(38,0), which Parquet holds as it is; HUGEINT would travel as text. */
function viaWideInteger(aggregate: AggregateCall): Decomposition {
  return {
    pieces: [{ call: aggregate, carried: WIDE_INTEGER }],
    means: [],
    merge: (pieces) => [mergeCall('sum', pieces, WIDE_INTEGER)],
    result: ([sum]) => castTo(sum ?? literal(null, WIDE_INTEGER), aggregate.type),
    mergesInSteps: true,
  };
}

function decomposeSum(aggregate: AggregateCall, type: SqlType): Decomposition {
  return isSmallInteger(type) && sameType(aggregate.type, HUGEINT)
    ? viaWideInteger(aggregate)
    : sameAgain(aggregate, 'sum');
}

/**
 * As DuckDB does: the exact sum, as a DOUBLE, by the count. Of a DECIMAL it divides the unscaled sum by
 * count * 10^scale in one step; dividing a scaled DOUBLE would round twice.
 */
function decomposeAverage(aggregate: AggregateCall, arg: Expr): Decomposition | undefined {
  const sumType = averageSumType(arg.type);
  if (sumType === undefined || !sameType(aggregate.type, DOUBLE)) return undefined;
  const name = aggregate.name === 'favg' ? 'fsum' : 'sum';
  const sum = decomposeSum({ ...aggregate, name, type: sumType }, arg.type);
  const count: AggregateCall = { ...aggregate, name: 'count', type: BIGINT };
  const scale = sumType.kind === 'decimal' ? sumType.scale : 0;
  return {
    pieces: [...sum.pieces, { call: count, carried: BIGINT }],
    means: [],
    merge: ([sums, counts]) => [
      ...(sums === undefined ? [] : sum.merge([sums], [])),
      ...(counts === undefined ? [] : [mergeCall('sum', [counts], HUGEINT)]),
    ],
    result: ([merged, counts]) => {
      const total = sum.result(merged === undefined ? [] : [merged]);
      const rows = castTo(counts ?? literal('0', HUGEINT), DOUBLE);
      const divisor = scale === 0 ? rows : call('*', [rows, literal(`1e${scale}`, DOUBLE)], DOUBLE);
      const quotient = call('/', [castTo(scale === 0 ? total : unscaled(total), DOUBLE), divisor], DOUBLE);
      const some = compare('>', counts ?? literal('0', HUGEINT), literal('0', HUGEINT));
      return caseWhen(some, quotient, literal(null, DOUBLE));
    },
    mergesInSteps: true,
  };
}

/** The integer behind a DECIMAL: its digits without the point. */
function unscaled(decimal: Expr): Expr {
  const digits = call(
    'replace',
    [castTo(decimal, VARCHAR), literal('.', VARCHAR), literal('', VARCHAR)],
    VARCHAR,
  );
  return castTo(digits, HUGEINT);
}

function averageSumType(type: SqlType): SqlType | undefined {
  if (type.kind === 'decimal') return { kind: 'decimal', width: 38, scale: type.scale };
  if (type.kind !== 'scalar') return undefined;
  if (isSmallInteger(type) || type.name === 'HUGEINT') return HUGEINT;
  return type.name === 'DOUBLE' || type.name === 'FLOAT' ? DOUBLE : undefined;
}

const smallIntegers = new Set([
  'BOOLEAN',
  'TINYINT',
  'SMALLINT',
  'INTEGER',
  'BIGINT',
  'UTINYINT',
  'USMALLINT',
  'UINTEGER',
  'UBIGINT',
]);

function isSmallInteger(type: SqlType): boolean {
  return smallIntegers.has(formatType(type));
}

/** The value and what it was chosen by; rows where either is NULL do not count. Ties go to any of the rows. */
function decomposeExtreme(aggregate: AggregateCall, value: Expr, by: Expr): Decomposition {
  const smallest = ['arg_min', 'argmin', 'min_by'].includes(aggregate.name);
  const extreme = smallest ? 'min' : 'max';
  const present: Expr = { kind: 'isNotNull', input: value, type: BOOLEAN };
  const filter: Expr =
    aggregate.filter === undefined
      ? present
      : { kind: 'and', args: [aggregate.filter, present], type: BOOLEAN };
  const bound: AggregateCall = { ...mergeCall(extreme, [by], by.type), filter };
  return {
    pieces: [
      { call: aggregate, carried: aggregate.type },
      { call: bound, carried: by.type },
    ],
    means: [],
    merge: ([values, bounds]) =>
      values === undefined || bounds === undefined
        ? []
        : [
            mergeCall(aggregate.name, [values, bounds], aggregate.type),
            mergeCall(extreme, [bounds], by.type),
          ],
    result: ([chosen]) => chosen ?? literal(null, aggregate.type),
    mergesInSteps: true,
  };
}
