import { assertNever, SkeinError, SqlState, toSkeinError } from '../common/index.ts';
import { planWrite, type WriteSink } from '../planner/index.ts';
import { type TableSnapshot, type TableWrite, writtenFileColumns } from '../storage/index.ts';
import type { Schema } from '../types/index.ts';
import { buildLocal, buildWholeWrite, buildWrite } from './execution/build-execution.ts';
import type { ExecutionPlan } from './execution/execution-plan.ts';
import {
  type BoundRun,
  bindQuery,
  isBypassed,
  originalQuery,
  type PrepareContext,
  plannerContext,
  withNote,
  withTables,
} from './prepare-query.ts';
import type { QueryRequest } from './query-service.ts';
import type { WriteLayout, WriteRequest } from './statements/statement-context.ts';

/**
 * Binds a query and decides where its rows are computed and written. The plan's result is what is said of each file.
 * @param offset as of prepareQuery
 * @throws SkeinError 0A000 for a query about the catalog itself
 */
export async function prepareWrite(
  { query, write, layout }: WriteRequest,
  offset: number,
  params: QueryRequest['params'],
  context: PrepareContext,
): Promise<ExecutionPlan> {
  const versions = new Map<string, TableSnapshot>();
  const bound = await bindQuery(query.sql, offset, params, context, versions);
  if (bound.kind === 'catalog') {
    throw new SkeinError(
      SqlState.featureNotSupported,
      'a query about the catalog cannot be written to a table',
    );
  }
  return planBound(bound, write(bound.columns), layout ?? { kind: 'auto' }, withTables(context, versions));
}

/**
 * As `prepareWrite`, of a query whose files only the coordinator has: its root is all of it, and writes.
 * @returns the plan, whose result is the query's, and what is to be written of it
 */
export async function prepareLocalWrite(
  { query, write }: Pick<WriteRequest, 'query' | 'write'>,
  params: QueryRequest['params'],
  context: PrepareContext,
): Promise<{ readonly plan: ExecutionPlan; readonly table: TableWrite }> {
  const bound = await bindQuery(query.sql, query.offset ?? 0, params, context);
  if (bound.kind === 'catalog') throw new Error('a query of staged files reads the catalog');
  const original = originalQuery(bound, context);
  const plan = buildLocal(
    withNote(original, 'runs on the coordinator, where its files are'),
    context.snapshot.tables,
    true,
  );
  return { plan, table: write(bound.columns) };
}

function planBound(
  bound: BoundRun,
  table: TableWrite,
  layout: WriteLayout,
  context: PrepareContext,
): ExecutionPlan {
  const { tables } = context.snapshot;
  const original = originalQuery(bound, context);
  const whole = (reason: string): ExecutionPlan =>
    buildWholeWrite(withNote(original, `runs whole in one task: ${reason}`), tables, table, false);
  // In one task every layout but an order comes by itself.
  const sorted = layout.kind === 'sorted';
  if (isBypassed(bound, tables, context) && !sorted) {
    const note = 'is written by one task, because its tables are small (local_bypass = auto)';
    return buildWholeWrite(withNote(original, note), tables, table, true);
  }
  if (bound.kind === 'whole') {
    if (!sorted) return whole(bound.reason);
    throw new SkeinError(SqlState.featureNotSupported, `the rows cannot be sorted: ${bound.reason}`);
  }
  if (context.wholeBecause !== undefined && !sorted) return whole(context.wholeBecause);
  try {
    const planner = plannerContext(context);
    const plan = planWrite(bound.plan, planner, sinkOf(layout, table, bound.columns), writtenFileColumns);
    return buildWrite(plan, tables, table, planner, context.workers);
  } catch (error) {
    if (sorted) throw error;
    return whole(`it could not be distributed (${toSkeinError(error).message})`);
  }
}

function sinkOf(layout: WriteLayout, table: TableWrite, columns: Schema): WriteSink {
  switch (layout.kind) {
    case 'anywhere':
      return { kind: 'any' };
    case 'together':
      return { kind: 'hash', keys: layout.columns.map((index) => columnOf(columns, index)), always: true };
    case 'sorted':
      return {
        kind: 'sorted',
        keys: layout.columns.map((index) => ({
          expr: columnOf(columns, index),
          descending: false,
          nullsFirst: false,
        })),
      };
    case 'auto': {
      // A shard's rows are many, and all of its partitions may as well be written by one task.
      const positions =
        table.shardColumn === undefined
          ? table.partitionBy.map(({ position }) => position)
          : [table.shardColumn];
      return { kind: 'hash', keys: positions.map((index) => columnOf(columns, index)), always: false };
    }
    default:
      return assertNever(layout);
  }
}

function columnOf(columns: Schema, index: number) {
  const column = columns[index];
  if (column === undefined) throw new RangeError(`column ${index} of a query with ${columns.length}`);
  return { kind: 'column' as const, index, type: column.type };
}
