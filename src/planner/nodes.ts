import { assert } from '../common/index.ts';
import type { Expr, PlanNode } from '../plan/index.ts';
import type { Column, Schema } from '../types/index.ts';
import { column } from './expressions.ts';

/** The column at `index`; a bug of ours when there is none. */
export function columnAt(schema: Schema, index: number): Column {
  const field = schema[index];
  assert(field !== undefined, `column ${index} of ${schema.length}`);
  return field;
}

/** References to all columns of `schema`, the first one at position `offset`. */
export function allColumns(schema: Schema, offset = 0): readonly Expr[] {
  return schema.map((field, index) => column(index + offset, field.type));
}

/** A projection; names are for people. */
export function project(input: PlanNode, exprs: readonly Expr[], schema: Schema): PlanNode {
  return { kind: 'project', input, exprs, schema };
}

/** Keeps the columns at `positions`, in this order; `input` itself when these are all of its columns. */
export function select(input: PlanNode, positions: readonly number[]): PlanNode {
  const identity =
    positions.length === input.schema.length && positions.every((position, index) => position === index);
  if (identity) return input;
  return project(
    input,
    positions.map((position) => column(position, columnAt(input.schema, position).type)),
    positions.map((position) => columnAt(input.schema, position)),
  );
}

/** True when the two plans are built alike. */
export function samePlan(a: PlanNode, b: PlanNode): boolean {
  return a === b || JSON.stringify(a) === JSON.stringify(b);
}
