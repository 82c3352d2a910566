import type { PlanNode } from '../../plan/index.ts';
import { scalar } from '../../types/index.ts';
import { type Fields, readInteger, UnreadablePlan } from './fields.ts';
import type { Json } from './parse-json.ts';
import { readAggregate } from './read-aggregate.ts';
import type { PlanReader } from './read-plan.ts';

/** Reads an AGGREGATE_AND_GROUP_BY. Without grouping sets, as decorrelation leaves it, it groups by all groups. */
export function readAggregateNode(reader: PlanReader, fields: Fields): PlanNode {
  const input = reader.input(fields);
  const over = reader.expressions(fields);
  fields.ignore('group_index', 'aggregate_index', 'groupings_index', 'distinct_validity');
  const groups = over.readAll(fields.list('groups'));
  const aggregates = fields.list('expressions').map((json) => readAggregate(json, over));
  const groupingCalls = fields.list('grouping_functions').map((json) => positions(json, 'GROUPING'));
  const sets = fields.list('grouping_sets').map((json) => positions(json, 'grouping set'));
  const [first] = sets;
  const plain = sets.length === 0 || (sets.length === 1 && first?.length === groups.length);
  const schema = [
    ...groups.map((group) => ({ name: groupName(group, input), type: group.type })),
    ...aggregates.map((call) => ({ name: call.name, type: call.type })),
    ...groupingCalls.map(() => ({ name: 'grouping', type: scalar('BIGINT') })),
  ];
  return {
    kind: 'aggregate',
    input,
    groups,
    groupingSets: plain ? undefined : sets,
    aggregates,
    groupingCalls,
    schema,
  };
}

function positions(json: Json, what: string): readonly number[] {
  if (!Array.isArray(json)) throw new UnreadablePlan(`a ${what} that is no list`);
  return (json as readonly Json[]).map((value) => readInteger(value, what));
}

function groupName(group: { readonly kind: string; readonly index?: number }, input: PlanNode): string {
  return (group.kind === 'column' && group.index !== undefined ? input.schema[group.index]?.name : '') ?? '';
}
