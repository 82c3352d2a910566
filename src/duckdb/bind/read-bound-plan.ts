import type { PlanNode } from '../../plan/index.ts';
import { UnreadablePlan } from './fields.ts';
import { type Json, parseJson } from './parse-json.ts';
import { PlanReader, type TableSchemas } from './read-plan.ts';

export type ReadPlan =
  | { readonly kind: 'plan'; readonly plan: PlanNode }
  | { readonly kind: 'unreadable'; readonly reason: string };

/** Reads one plan of `json_serialize_plan`; says what it does not know rather than leave it out. */
export function readBoundPlan(json: Json, tables: TableSchemas): ReadPlan {
  try {
    return { kind: 'plan', plan: new PlanReader(tables).read(json) };
  } catch (error) {
    if (error instanceof UnreadablePlan) return { kind: 'unreadable', reason: error.message };
    throw error;
  }
}

/** As `parseJson`; undefined for text that is no JSON, as DuckDB writes it for constants of type BIT. */
export function tryParseJson(text: string): Json | undefined {
  try {
    return parseJson(text);
  } catch (error) {
    if (error instanceof SyntaxError) return undefined;
    throw error;
  }
}
