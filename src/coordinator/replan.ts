import type { SkeinError } from '../common/index.ts';
import { formatType, type Schema } from '../types/index.ts';
import type { ExecutionPlan } from './execution/execution-plan.ts';
import type { Prepared } from './prepare-query.ts';

/** A plan that a worker could not run is no reason to refuse the query: its own text can still run, in one task. */
export function whyWhole(cause: SkeinError): string | undefined {
  return cause.sqlState.startsWith('42') || cause.details.fault === 'plan'
    ? `its distributed plan could not be run (${cause.message})`
    : undefined;
}

/** The new plan of a query whose columns its client knows already. @throws `cause` where they are others now */
export function samePlanned(before: ExecutionPlan, again: Prepared, cause: SkeinError): ExecutionPlan {
  if (again.kind !== 'run' || !sameSchema(before.columns, again.columns)) throw cause;
  return again.plan;
}

function sameSchema(a: Schema, b: Schema): boolean {
  const text = (schema: Schema): string =>
    schema.map(({ name, type }) => `${name} ${formatType(type)}`).join();
  return text(a) === text(b);
}
