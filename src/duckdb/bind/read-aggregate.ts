import type { AggregateCall, Expr, LiteralValue } from '../../plan/index.ts';
import { type SqlType, scalar } from '../../types/index.ts';
import { Fields, UnreadablePlan } from './fields.ts';
import { type Json, JsonNumber } from './parse-json.ts';
import type { ExpressionReader } from './read-expression.ts';
import { readLiteral } from './read-literal.ts';
import { readType } from './read-type.ts';

/** Reads a BOUND_AGGREGATE. */
export function readAggregate(json: Json, reader: ExpressionReader): AggregateCall {
  const fields = new Fields(json, 'aggregate').ignore(
    'expression_class',
    'type',
    'alias',
    'query_location',
    'arguments',
    'catalog_name',
    'schema_name',
    'has_serialize',
  );
  const name = fields.string('name');
  const kind = fields.string('aggregate_type');
  if (kind !== 'DISTINCT' && kind !== 'NON_DISTINCT') throw new UnreadablePlan(`the aggregate type ${kind}`);
  const call: AggregateCall = {
    name,
    args: readAggregateArgs(name, fields, reader),
    distinct: kind === 'DISTINCT',
    filter: reader.readOptional(fields.get('filter')),
    orderBy: reader.readOrders(fields.optionalObject('order_bys')),
    type: readType(fields.get('return_type')),
  };
  fields.done();
  return call;
}

const separated: ReadonlySet<string> = new Set(['string_agg', 'group_concat', 'listagg']);
const quantiles: ReadonlySet<string> = new Set([
  'quantile',
  'quantile_cont',
  'quantile_disc',
  'approx_quantile',
  'reservoir_quantile',
]);

/**
 * The arguments of an aggregate, with the constants that DuckDB took out when it bound the call: from `children`,
 * `original_arguments` (the types of all arguments, where some were taken out) and `function_data`.
 */
export function readAggregateArgs(name: string, fields: Fields, reader: ExpressionReader): readonly Expr[] {
  const args = reader.readAll(fields.list('children'));
  const originals = fields.list('original_arguments');
  const data = fields.optionalObject('function_data');
  const missing = originals.length === 0 ? 0 : originals.length - args.length;
  if (data === undefined) {
    if (missing !== 0) throw new UnreadablePlan(`the arguments of ${name}`);
    return args;
  }
  if (separated.has(name)) {
    return [...args, { kind: 'literal', value: data.string('separator'), type: scalar('VARCHAR') }];
  }
  if (name === 'median') return args;
  if (quantiles.has(name)) return [...args, ...readQuantiles(name, isQuantileList(name, fields), data)];
  if (name === 'bitstring_agg') {
    return missing === 2 ? [...args, readLiteral(data.get('min')), readLiteral(data.get('max'))] : args;
  }
  // The bind data of sum and avg over DECIMAL holds nothing but types.
  if (missing === 0 && data.isEmpty()) return args;
  throw new UnreadablePlan(`the bind data of ${name}`);
}

/** The type of the original argument says it, which approx_quantile does not keep; its result is a list then. */
function isQuantileList(name: string, fields: Fields): boolean {
  if (name === 'approx_quantile') return readType(fields.get('return_type')).kind === 'list';
  const [, quantile] = fields.list('original_arguments');
  return quantile instanceof Map && quantile.get('id') === 'LIST';
}

/** One quantile or a list of them. A descending order is kept as DuckDB takes it from SQL: as negative quantiles. */
function readQuantiles(name: string, asList: boolean, data: Fields): readonly Expr[] {
  const values = data.list('quantiles').map(quantileText);
  const negative = data.flag('desc');
  const texts = values.map((text) => (negative ? `-${text}` : text));
  const float = scalar(name === 'approx_quantile' ? 'FLOAT' : 'DOUBLE');
  const literal = (value: LiteralValue, type: SqlType): Expr => ({ kind: 'literal', value, type });
  const [first] = texts;
  if (first === undefined || (!asList && texts.length > 1))
    throw new UnreadablePlan(`the quantiles of ${name}`);
  const quantile = asList ? literal(texts, { kind: 'list', element: float }) : literal(first, float);
  if (name !== 'reservoir_quantile') return [quantile];
  return [quantile, literal(String(data.integer('sample_size')), scalar('INTEGER'))];
}

function quantileText(json: Json): string {
  if (json instanceof JsonNumber) return json.text;
  const { value } = readLiteral(json);
  if (typeof value !== 'string') throw new UnreadablePlan('a quantile that is NULL');
  return value;
}
