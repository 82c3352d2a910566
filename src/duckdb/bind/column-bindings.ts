import { Fields, UnreadablePlan } from './fields.ts';
import type { Json } from './parse-json.ts';

/** A column of an operator's output by the name that DuckDB gives it: `<table index>.<column index>`. */
export type ColumnBinding = string;

/**
 * The output columns of a bound operator, in order. DuckDB has put positions in place of bindings nearly everywhere;
 * they stay below a table function that takes columns as arguments.
 */
export function columnBindings(json: Json | undefined): readonly ColumnBinding[] {
  const fields = new Fields(json, 'operator');
  const type = fields.string('type').replace(/^LOGICAL_/, '');
  const inputs = fields.list('children');
  const input = (): readonly ColumnBinding[] => columnBindings(inputs[0]);
  switch (type) {
    case 'GET':
      return getBindings(fields, inputs);
    case 'DUMMY_SCAN':
      return numbered(fields, 'table_index', 1);
    case 'PROJECTION':
      return numbered(fields, 'table_index', fields.list('expressions').length);
    case 'EXPRESSION_GET':
      return numbered(fields, 'table_index', fields.list('expr_types').length);
    case 'DELIM_GET':
    case 'CTE_REF':
      return numbered(fields, 'table_index', fields.list('chunk_types').length);
    case 'UNION':
    case 'EXCEPT':
    case 'INTERSECT':
    case 'RECURSIVE_CTE':
      return numbered(fields, 'table_index', fields.integer('column_count'));
    case 'AGGREGATE_AND_GROUP_BY':
      return [
        ...numbered(fields, 'group_index', fields.list('groups').length),
        ...numbered(fields, 'aggregate_index', fields.list('expressions').length),
        ...numbered(fields, 'groupings_index', fields.list('grouping_functions').length),
      ];
    case 'WINDOW':
      return [...input(), ...numbered(fields, 'window_index', fields.list('expressions').length)];
    case 'UNNEST':
      return [...input(), ...numbered(fields, 'unnest_index', fields.list('expressions').length)];
    case 'FILTER':
    case 'ORDER_BY':
      return mapped(input(), [...fields.integers('projection_map'), ...fields.integers('projections')]);
    case 'LIMIT':
    case 'TOP_N':
    case 'DISTINCT':
    case 'SAMPLE':
      return input();
    case 'MATERIALIZED_CTE':
      return columnBindings(inputs[1]);
    case 'COMPARISON_JOIN':
    case 'ASOF_JOIN':
    case 'ANY_JOIN':
    case 'DELIM_JOIN':
    case 'CROSS_PRODUCT':
    case 'POSITIONAL_JOIN':
      return joinBindings(fields, inputs);
    default:
      throw new UnreadablePlan(`columns of the operator ${type}`);
  }
}

function getBindings(fields: Fields, inputs: readonly Json[]): readonly ColumnBinding[] {
  const all = numbered(fields, 'table_index', fields.list('column_indexes').length);
  const passed = fields.integers('projected_input');
  const own = mapped(all, fields.integers('projection_ids'));
  return passed.length === 0 ? own : [...own, ...mapped(columnBindings(inputs[0]), passed)];
}

function joinBindings(fields: Fields, inputs: readonly Json[]): readonly ColumnBinding[] {
  const type = fields.get('join_type');
  const left = mapped(columnBindings(inputs[0]), fields.integers('left_projection_map'));
  if (type === 'SEMI' || type === 'ANTI') return left;
  if (type === 'MARK') return [...left, ...numbered(fields, 'mark_index', 1)];
  const right = mapped(columnBindings(inputs[1]), fields.integers('right_projection_map'));
  return type === 'RIGHT_SEMI' || type === 'RIGHT_ANTI' ? right : [...left, ...right];
}

function numbered(fields: Fields, key: string, count: number): readonly ColumnBinding[] {
  const table = count === 0 ? 0 : fields.integer(key);
  return Array.from({ length: count }, (_, index) => `${table}.${index}`);
}

/** An empty list of positions stands for all. */
function mapped(columns: readonly ColumnBinding[], positions: readonly number[]): readonly ColumnBinding[] {
  return positions.length === 0 ? columns : positions.map((position) => columns[position] ?? '');
}
