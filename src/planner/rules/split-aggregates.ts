import type { AggregateCall, AggregateNode, Expr, PlanNode } from '../../plan/index.ts';
import { type Column, formatType, type SqlType, sameType } from '../../types/index.ts';
import {
  BIGINT,
  call,
  caseWhen,
  castTo,
  column,
  compare,
  DOUBLE,
  HUGEINT,
  literal,
  VARCHAR,
} from '../expressions.ts';
import { allColumns, columnAt, project } from '../nodes.ts';

/**
 * An aggregate in two steps.
 *
 * ```
 * aggregate by k: avg(x)             project k, sum / count
 *   input                              aggregate by k: sum(#1), sum(#2)
 *                             ->         ... exchange by k ...
 *                                          aggregate by k: sum(x), count(x)
 *                                            input
 * ```
 */
export interface SplitAggregate {
  /** Runs over a share of the rows. Output: groups, for grouping sets the set's number, then the partial values. */
  readonly partial: PlanNode;
  /** Leading columns of the partial output that make up a group. */
  readonly keyCount: number;
  /** Merges partial rows of the same group in one task; gives the aggregate's own schema. */
  readonly finish: (partials: PlanNode) => PlanNode;
}

/** One value that a partial aggregation keeps. */
interface Piece {
  readonly call: AggregateCall;
  /** The type it is carried and merged as, where the call's own travels badly. */
  readonly carried: SqlType;
  readonly merge: string;
  readonly mergedType: SqlType;
}

interface Decomposition {
  readonly pieces: readonly Piece[];
  /** The aggregate's value from the merged pieces. */
  readonly result: (merged: readonly Expr[]) => Expr;
}

/** The aggregate in two steps; undefined when one of its calls needs to see all rows of a group. */
export function splitAggregate(node: AggregateNode): SplitAggregate | undefined {
  if (hasRepeatedSets(node)) return undefined;
  const decompositions: Decomposition[] = [];
  for (const aggregate of node.aggregates) {
    const decomposition = decompose(aggregate);
    if (decomposition === undefined) return undefined;
    decompositions.push(decomposition);
  }
  return node.groupingSets === undefined ? splitPlain(node, decompositions) : splitSets(node, decompositions);
}

function splitPlain(node: AggregateNode, decompositions: readonly Decomposition[]): SplitAggregate {
  const groupCount = node.groups.length;
  return {
    partial: partialAggregate({ ...node, groupingCalls: [] }, decompositions),
    keyCount: groupCount,
    finish: (partials) =>
      mergeAggregate(partials, groupCount, decompositions, (groups, values) => {
        return project(groups.node, [...groups.columns, ...values], node.schema);
      }),
  };
}

/** Partial rows carry which set they belong to: NULLs of a set are not NULLs of the data. */
function splitSets(node: AggregateNode, decompositions: readonly Decomposition[]): SplitAggregate {
  const groupCount = node.groups.length;
  const every = node.groups.map((_, index) => index);
  const groupingCalls = [every, ...node.groupingCalls];
  const keyCount = groupCount + groupingCalls.length;
  return {
    partial: partialAggregate({ ...node, groupingCalls }, decompositions),
    keyCount,
    finish: (partials) =>
      mergeAggregate(partials, keyCount, decompositions, (groups, values) => {
        const own = groups.columns.slice(0, groupCount);
        const calls = groups.columns.slice(groupCount + 1);
        return project(groups.node, [...own, ...values, ...calls], node.schema);
      }),
  };
}

/** Groups, grouping calls, then the pieces, carried as they travel best. */
function partialAggregate(node: AggregateNode, decompositions: readonly Decomposition[]): PlanNode {
  const pieces = decompositions.flatMap((decomposition) => decomposition.pieces);
  const groupCount = node.groups.length;
  const groupSchema = node.schema.slice(0, groupCount);
  const groupingSchema: Column[] = node.groupingCalls.map((_, index) => ({
    name: `grouping_${index}`,
    type: BIGINT,
  }));
  const pieceSchema = pieces.map((piece, index) => ({
    name: `${piece.call.name}_${index}`,
    type: piece.call.type,
  }));
  const aggregate: AggregateNode = {
    ...node,
    aggregates: pieces.map((piece) => piece.call),
    schema: [...groupSchema, ...pieceSchema, ...groupingSchema],
  };
  const callOffset = groupCount + pieces.length;
  const carried = pieces.map((piece, index) =>
    castTo(column(groupCount + index, piece.call.type), piece.carried),
  );
  if (groupingSchema.length === 0 && pieces.every((piece) => sameType(piece.carried, piece.call.type)))
    return aggregate;
  return project(
    aggregate,
    [...allColumns(groupSchema), ...allColumns(groupingSchema, callOffset), ...carried],
    [
      ...groupSchema,
      ...groupingSchema,
      ...pieceSchema.map((field, i) => ({ ...field, type: pieces[i]?.carried ?? field.type })),
    ],
  );
}

/** Groups the partial rows by their first `keyCount` columns, merges the pieces and hands their results to `output`. */
function mergeAggregate(
  partials: PlanNode,
  keyCount: number,
  decompositions: readonly Decomposition[],
  output: (groups: { node: PlanNode; columns: readonly Expr[] }, values: readonly Expr[]) => PlanNode,
): PlanNode {
  const keys = partials.schema.slice(0, keyCount);
  const pieces = decompositions.flatMap((decomposition) => decomposition.pieces);
  const merges = pieces.map(
    (piece, index): AggregateCall => ({
      name: piece.merge,
      args: [column(keyCount + index, columnAt(partials.schema, keyCount + index).type)],
      distinct: false,
      filter: undefined,
      orderBy: [],
      type: piece.mergedType,
    }),
  );
  const node: AggregateNode = {
    kind: 'aggregate',
    input: partials,
    groups: allColumns(keys),
    groupingSets: undefined,
    aggregates: merges,
    groupingCalls: [],
    schema: [
      ...keys,
      ...merges.map((merge, index) => ({ name: `${merge.name}_${index}`, type: merge.type })),
    ],
  };
  let next = keyCount;
  const values = decompositions.map((decomposition) => {
    const merged = decomposition.pieces.map((piece, index) => column(next + index, piece.mergedType));
    next += decomposition.pieces.length;
    return decomposition.result(merged);
  });
  return output({ node, columns: allColumns(keys) }, values);
}

/** GROUPING SETS ((a), (a)) gives every group twice: the copies cannot be told apart once they travel. */
function hasRepeatedSets(node: AggregateNode): boolean {
  const sets = (node.groupingSets ?? []).map((set) => [...new Set(set)].sort((a, b) => a - b).join());
  return new Set(sets).size < sets.length;
}

function decompose(aggregate: AggregateCall): Decomposition | undefined {
  const plain = withoutIdleDistinct(aggregate);
  if (plain.distinct || plain.orderBy.length > 0) return undefined;
  const [arg, ...more] = plain.args;
  switch (plain.name) {
    case 'count':
    case 'count_star':
      return {
        pieces: [{ call: plain, carried: BIGINT, merge: 'sum', mergedType: HUGEINT }],
        result: ([sum]) => orZero(sum, plain.type),
      };
    case 'count_if':
    case 'countif':
      return sameAgain(plain, 'sum');
    case 'sum':
    case 'sum_no_overflow':
      return arg === undefined ? undefined : decomposeSum(plain, arg.type);
    case 'min':
    case 'max':
    case 'bool_and':
    case 'bool_or':
    case 'bit_and':
    case 'bit_or':
    case 'bit_xor':
    case 'product':
    case 'any_value':
      return more.length === 0 ? sameAgain(plain, plain.name) : undefined;
    case 'avg':
    case 'mean':
      return arg === undefined ? undefined : decomposeAverage(plain, arg);
    default:
      return undefined;
  }
}

/** These do not care how often they see a value. */
function withoutIdleDistinct(aggregate: AggregateCall): AggregateCall {
  const idle = ['min', 'max', 'bool_and', 'bool_or', 'bit_and', 'bit_or', 'any_value'];
  const single = aggregate.args.length === 1;
  return single && idle.includes(aggregate.name) ? { ...aggregate, distinct: false, orderBy: [] } : aggregate;
}

/** The call over the rows, and `merge` over its values; the type does not change. */
function sameAgain(aggregate: AggregateCall, merge: string): Decomposition {
  return {
    pieces: [{ call: aggregate, carried: aggregate.type, merge, mergedType: aggregate.type }],
    result: ([value]) => value ?? literal(null, aggregate.type),
  };
}

const WIDE_INTEGER: SqlType = { kind: 'decimal', width: 38, scale: 0 };

/**
 * Sums of integers up to 64 bits fit DECIMAL(38,0), which Parquet holds as it is, where HUGEINT would travel as text.
 */
function decomposeSum(aggregate: AggregateCall, type: SqlType): Decomposition | undefined {
  if (isSmallInteger(type)) {
    return {
      pieces: [{ call: aggregate, carried: WIDE_INTEGER, merge: 'sum', mergedType: WIDE_INTEGER }],
      result: ([sum]) => castTo(sum ?? literal(null, WIDE_INTEGER), aggregate.type),
    };
  }
  return sameAgain(aggregate, 'sum');
}

/**
 * As DuckDB does: the exact sum, as a DOUBLE, by the count. Of a DECIMAL it divides the unscaled sum by
 * count * 10^scale in one step; dividing a scaled DOUBLE would round twice.
 */
function decomposeAverage(aggregate: AggregateCall, arg: Expr): Decomposition | undefined {
  const sumType = averageSumType(arg.type);
  if (sumType === undefined || !sameType(aggregate.type, DOUBLE)) return undefined;
  const sum = decomposeSum({ ...aggregate, name: 'sum', type: sumType }, arg.type);
  if (sum === undefined) return undefined;
  const count: AggregateCall = { ...aggregate, name: 'count', type: BIGINT };
  const scale = sumType.kind === 'decimal' ? sumType.scale : 0;
  return {
    pieces: [...sum.pieces, { call: count, carried: BIGINT, merge: 'sum', mergedType: HUGEINT }],
    result: ([merged, counts]) => {
      const total = sum.result(merged === undefined ? [] : [merged]);
      const rows = castTo(counts ?? literal('0', HUGEINT), DOUBLE);
      const divisor = scale === 0 ? rows : call('*', [rows, literal(`1e${scale}`, DOUBLE)], DOUBLE);
      const quotient = call('/', [castTo(scale === 0 ? total : unscaled(total), DOUBLE), divisor], DOUBLE);
      const none = compare('=', counts ?? literal('0', HUGEINT), literal('0', HUGEINT));
      return caseWhen(none, literal(null, DOUBLE), quotient);
    },
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

/** A count is never NULL, not even over no partial rows. */
function orZero(sum: Expr | undefined, type: SqlType): Expr {
  if (sum === undefined) return literal('0', type);
  return caseWhen(
    { kind: 'isNull', input: sum, type: compare('=', sum, sum).type },
    literal('0', type),
    castTo(sum, type),
  );
}
