import type { Expr, FrameBound, WindowCall, WindowFrame } from '../../plan/index.ts';
import { Fields, UnreadablePlan } from './fields.ts';
import type { Json } from './parse-json.ts';
import { readAggregateArgs } from './read-aggregate.ts';
import type { ExpressionReader } from './read-expression.ts';
import { readType } from './read-type.ts';

/** Window functions by the type of their expression; aggregates have a name of their own. */
const functionNames: Readonly<Record<string, string>> = {
  WINDOW_ROW_NUMBER: 'row_number',
  WINDOW_RANK: 'rank',
  WINDOW_RANK_DENSE: 'dense_rank',
  WINDOW_PERCENT_RANK: 'percent_rank',
  WINDOW_CUME_DIST: 'cume_dist',
  WINDOW_NTILE: 'ntile',
  WINDOW_LAG: 'lag',
  WINDOW_LEAD: 'lead',
  WINDOW_FIRST_VALUE: 'first_value',
  WINDOW_LAST_VALUE: 'last_value',
  WINDOW_NTH_VALUE: 'nth_value',
  WINDOW_FILL: 'fill',
};

/** These look at the whole partition unless an ORDER BY stands inside their parentheses. */
const frameless: ReadonlySet<string> = new Set([
  'row_number',
  'rank',
  'dense_rank',
  'percent_rank',
  'cume_dist',
  'ntile',
  'lag',
  'lead',
  'fill',
]);

const excludes: Readonly<Record<string, WindowFrame['exclude']>> = {
  NO_OTHER: 'NO OTHERS',
  CURRENT_ROW: 'CURRENT ROW',
  GROUP: 'GROUP',
  TIES: 'TIES',
};

/** Reads a BOUND_WINDOW. */
export function readWindow(json: Json, reader: ExpressionReader): WindowCall {
  const fields = new Fields(json, 'window').ignore(
    'expression_class',
    'alias',
    'query_location',
    'arguments',
    'catalog_name',
    'schema_name',
    'has_serialize',
  );
  const kind = fields.string('type');
  const isAggregate = kind === 'WINDOW_AGGREGATE';
  const name = isAggregate ? fields.string('name') : functionNames[kind];
  if (name === undefined) throw new UnreadablePlan(`the window function ${kind}`);
  const argOrder = reader.readSortKeys(fields.list('arg_orders'));
  const frame = readFrame(fields, reader);
  const call: WindowCall = {
    name: isAggregate && name === 'count' && fields.list('children').length === 0 ? 'count_star' : name,
    args: isAggregate ? readAggregateArgs(name, fields, reader) : readArgs(fields, reader),
    distinct: fields.boolean('distinct'),
    ignoreNulls: fields.boolean('ignore_nulls'),
    filter: reader.readOptional(fields.get('filters')),
    argOrder,
    partitionBy: reader.readAll(fields.list('partitions')),
    orderBy: reader.readSortKeys(fields.list('orders')),
    frame: frameless.has(name) && argOrder.length === 0 ? undefined : frame,
    type: readType(fields.get('return_type')),
  };
  fields.done();
  return call;
}

/** lag and lead keep their offset and default apart; a default needs its offset before it. */
function readArgs(fields: Fields, reader: ExpressionReader): readonly Expr[] {
  const args = reader.readAll(fields.list('children'));
  const offset = reader.readOptional(fields.get('offset_expr'));
  const fallback = reader.readOptional(fields.get('default_expr'));
  if (offset !== undefined) args.push(offset);
  if (fallback === undefined) return args;
  if (offset === undefined) throw new UnreadablePlan('a default without an offset');
  return [...args, fallback];
}

function readFrame(fields: Fields, reader: ExpressionReader): WindowFrame {
  const start = readBound(fields, 'start', reader);
  const end = readBound(fields, 'end', reader);
  const exclude = excludes[fields.string('exclude_clause')];
  if (exclude === undefined) throw new UnreadablePlan('the EXCLUDE clause of a window');
  const units = new Set([start.unit, end.unit].filter((unit) => unit !== undefined));
  if (units.size > 1) throw new UnreadablePlan('a window frame of two units');
  const [unit = 'ROWS'] = units;
  return { unit, start: start.bound, end: end.bound, exclude };
}

interface ReadBound {
  readonly bound: FrameBound;
  /** Undefined where the bound goes with any unit. */
  readonly unit: WindowFrame['unit'] | undefined;
}

function readBound(fields: Fields, side: 'start' | 'end', reader: ExpressionReader): ReadBound {
  const text = fields.string(side);
  const json = fields.get(`${side}_expr`);
  if (text === 'UNBOUNDED_PRECEDING') return { bound: { kind: 'unboundedPreceding' }, unit: undefined };
  if (text === 'UNBOUNDED_FOLLOWING') return { bound: { kind: 'unboundedFollowing' }, unit: undefined };
  const match = /^(CURRENT_ROW|EXPR_PRECEDING|EXPR_FOLLOWING)_(ROWS|RANGE|GROUPS)$/.exec(text);
  const unit = match?.[2] as WindowFrame['unit'] | undefined;
  if (match === null || unit === undefined) throw new UnreadablePlan(`the window bound ${text}`);
  if (match[1] === 'CURRENT_ROW') return { bound: { kind: 'currentRow' }, unit };
  if (json === undefined || json === null)
    throw new UnreadablePlan(`the window bound ${text} without a distance`);
  const offset = unit === 'RANGE' ? readRangeOffset(json, reader) : reader.read(json);
  return { bound: { kind: match[1] === 'EXPR_PRECEDING' ? 'preceding' : 'following', offset }, unit };
}

/** DuckDB has already added the distance to the order key, or taken it away: `key + distance`. */
function readRangeOffset(json: Json, reader: ExpressionReader): Expr {
  const sum = reader.read(json);
  const offset = sum.kind === 'call' && (sum.name === '+' || sum.name === '-') ? sum.args[1] : undefined;
  if (offset === undefined) throw new UnreadablePlan('the distance of a RANGE frame');
  return offset;
}
