import type { Expr, PlanNode } from '../../plan/index.ts';
import { scalar } from '../../types/index.ts';
import { type Fields, UnreadablePlan } from './fields.ts';
import { JsonNumber } from './parse-json.ts';
import type { ExpressionReader } from './read-expression.ts';
import { readLiteral } from './read-literal.ts';
import type { PlanReader } from './read-plan.ts';

export function readLimit(reader: PlanReader, fields: Fields): PlanNode {
  const input = reader.input(fields);
  const over = reader.expressions(fields);
  const count = readBound(fields.object('limit_val'), over);
  const offset = readBound(fields.object('offset_val'), over);
  if (offset.percent) throw new UnreadablePlan('OFFSET as a percentage');
  return {
    kind: 'limit',
    input,
    keys: [],
    count: count.expr,
    percent: count.percent,
    offset: offset.expr,
    schema: input.schema,
  };
}

export function readTopN(reader: PlanReader, fields: Fields): PlanNode {
  const input = reader.input(fields);
  const offset = fields.integer('offset');
  return {
    kind: 'limit',
    input,
    keys: reader.expressions(fields).readSortKeys(fields.list('orders')),
    count: bigint(String(fields.integer('limit'))),
    percent: false,
    offset: offset === 0 ? undefined : bigint(String(offset)),
    schema: input.schema,
  };
}

export function readSample(reader: PlanReader, fields: Fields): PlanNode {
  const input = reader.input(fields);
  const options = fields.object('sample_options');
  const size = Number(readLiteral(options.get('sample_size')).value);
  const method = options.string('method').toLowerCase();
  if (method !== 'reservoir' && method !== 'bernoulli' && method !== 'system') {
    throw new UnreadablePlan(`the sample method ${method}`);
  }
  const seed = options.integer('seed');
  options.ignore('repeatable');
  const percent = options.boolean('is_percentage');
  options.done();
  return {
    kind: 'sample',
    input,
    method,
    size,
    percent,
    seed: seed < 0 ? undefined : seed,
    schema: input.schema,
  };
}

interface Bound {
  readonly expr: Expr | undefined;
  readonly percent: boolean;
}

function readBound(fields: Fields, reader: ExpressionReader): Bound {
  const type = fields.string('type');
  const expression = fields.get('expression');
  switch (type) {
    case 'UNSET':
      return { expr: undefined, percent: false };
    case 'CONSTANT_VALUE':
      return { expr: readCount(fields), percent: false };
    case 'CONSTANT_PERCENTAGE': {
      const value = fields.get('constant_percentage');
      if (!(value instanceof JsonNumber)) throw new UnreadablePlan('LIMIT without its percentage');
      return { expr: { kind: 'literal', value: value.text, type: scalar('DOUBLE') }, percent: true };
    }
    case 'EXPRESSION_VALUE':
    case 'EXPRESSION_PERCENTAGE':
      return { expr: reader.read(expression), percent: type === 'EXPRESSION_PERCENTAGE' };
    default:
      throw new UnreadablePlan(`LIMIT of type ${type}`);
  }
}

/** DuckDB writes LIMIT NULL as the largest BIGINT: no limit. */
function readCount(fields: Fields): Expr | undefined {
  const value = fields.get('constant_integer');
  if (!(value instanceof JsonNumber)) throw new UnreadablePlan('LIMIT without its count');
  return value.text === '9223372036854775807' ? undefined : bigint(value.text);
}

function bigint(value: string): Expr {
  return { kind: 'literal', value, type: scalar('BIGINT') };
}
