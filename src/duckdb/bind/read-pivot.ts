import type { Expr, PlanNode } from '../../plan/index.ts';
import { scalar } from '../../types/index.ts';
import { type Fields, UnreadablePlan } from './fields.ts';
import { columnAt } from './project-columns.ts';
import type { PlanReader } from './read-plan.ts';
import { readType } from './read-type.ts';

/** Looking a value up is linear in the values: beyond this DuckDB's own operator is worth one task. */
const maxValues = 1000;
/** What these give over no rows. */
const zeroWhenEmpty: ReadonlySet<string> = new Set([
  'count',
  'count_star',
  'count_if',
  'countif',
  'regr_count',
]);
const nullWhenEmpty: ReadonlySet<string> = new Set([
  'sum',
  'avg',
  'mean',
  'min',
  'max',
  'first',
  'last',
  'any_value',
  'arbitrary',
  'arg_min',
  'arg_max',
  'min_by',
  'max_by',
  'list',
  'array_agg',
  'string_agg',
  'group_concat',
  'median',
  'mode',
  'stddev',
  'stddev_samp',
  'stddev_pop',
  'variance',
  'var_samp',
  'var_pop',
  'bool_and',
  'bool_or',
  'bit_and',
  'bit_or',
  'bit_xor',
]);

/**
 * A PIVOT of many columns. Its input has one row a group: the group, a list of each aggregate's values, and a list of
 * the pivot's values they belong to; so a column is what stands at its value's position.
 *
 *     pivot(input)  ->  project(input, [groups, CASE WHEN p > 0 THEN values[p] ELSE empty END ...])
 *     where p = coalesce(list_position(names, 'value'), 0)
 */
export function readPivot(reader: PlanReader, fields: Fields): PlanNode {
  const input = reader.input(fields);
  fields.ignore('pivot_index');
  const pivot = fields.object('bound_pivot');
  const groupCount = pivot.integer('group_count');
  const types = pivot.list('types').map(readType);
  const values = pivot.strings('pivot_values');
  const aggregates = pivot.list('aggregates').map(emptyValue);
  pivot.done();
  if (values.length > maxValues) throw new UnreadablePlan(`PIVOT into ${values.length} columns`);
  const column = (index: number): Expr => ({
    kind: 'column',
    index,
    type: columnAt(input.schema, index).type,
  });
  const names = column(groupCount + aggregates.length);
  const pivoted = values.map((value, index): Expr => {
    const aggregate = index % aggregates.length;
    const type = types[groupCount + index] ?? scalar('NULL');
    const position = positionOf(value, names);
    const found: Expr = {
      kind: 'call',
      name: 'array_extract',
      args: [column(groupCount + aggregate), position],
      type,
      volatile: false,
    };
    const zero: Expr = { kind: 'literal', value: '0', type: scalar('INTEGER') };
    const when: Expr = { kind: 'compare', op: '>', left: position, right: zero, type: scalar('BOOLEAN') };
    const otherwise: Expr = { kind: 'literal', value: aggregates[aggregate] ?? null, type };
    return { kind: 'case', whens: [{ when, result: found }], otherwise, type };
  });
  const groups = Array.from({ length: groupCount }, (_, index) => column(index));
  const exprs = [...groups, ...pivoted];
  const schema = exprs.map((expr, index) => ({
    name: (index < groupCount ? input.schema[index]?.name : values[index - groupCount]) ?? '',
    type: expr.type,
  }));
  return { kind: 'project', input, exprs, schema };
}

function positionOf(value: string, names: Expr): Expr {
  const literal: Expr = { kind: 'literal', value, type: scalar('VARCHAR') };
  const position: Expr = {
    kind: 'call',
    name: 'list_position',
    args: [names, literal],
    type: scalar('INTEGER'),
    volatile: false,
  };
  const zero: Expr = { kind: 'literal', value: '0', type: scalar('INTEGER') };
  return { kind: 'call', name: 'coalesce', args: [position, zero], type: scalar('INTEGER'), volatile: false };
}

function emptyValue(json: unknown): string | null {
  const name = json instanceof Map ? (json.get('name') as unknown) : undefined;
  if (typeof name === 'string' && zeroWhenEmpty.has(name)) return '0';
  if (typeof name === 'string' && nullWhenEmpty.has(name)) return null;
  throw new UnreadablePlan(`PIVOT of ${String(name)}`);
}
