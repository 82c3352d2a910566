import type { Expr, PlanNode } from '../../plan/index.ts';
import { type Column, type Schema, scalar } from '../../types/index.ts';
import { type Fields, readInteger, UnreadablePlan } from './fields.ts';

/** @throws UnreadablePlan where there is no such column */
export function columnAt(schema: Schema, index: number): Column {
  const column = schema[index];
  if (column === undefined) throw new UnreadablePlan(`column ${index} of ${schema.length}`);
  return column;
}

/** Keeps the columns at `columns`, in this order. */
export function projectColumns(input: PlanNode, columns: readonly number[]): PlanNode {
  const schema = columns.map((index) => columnAt(input.schema, index));
  const exprs: Expr[] = columns.map((index, position) => ({
    kind: 'column',
    index,
    type: schema[position]?.type ?? scalar('NULL'),
  }));
  return { kind: 'project', input, exprs, schema };
}

/** Applies an operator's list of the columns that it hands on, where it has one. */
export function projectMap(input: PlanNode, fields: Fields, ...keys: readonly string[]): PlanNode {
  for (const key of keys) {
    const columns = fields.list(key).map((index) => readInteger(index, key));
    if (columns.length > 0) return projectColumns(input, columns);
  }
  return input;
}
