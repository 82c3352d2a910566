import type { CatalogSnapshot } from '../catalog/index.ts';
import { assertNever, SkeinError, SqlState, toSkeinError } from '../common/index.ts';
import type { BoundCatalogQuery, BoundQuery, VersionRequest } from '../duckdb/index.ts';
import type { PlanNode, ScanNode } from '../plan/index.ts';
import {
  applyRules,
  createEstimator,
  fileNotes,
  operatorTree,
  type PlannerContext,
  planDistributed,
} from '../planner/index.ts';
import { tokenize } from '../sql/index.ts';
import { countSplits, type TableSnapshot } from '../storage/index.ts';
import type { Schema, SqlValue } from '../types/index.ts';
import {
  buildExecution,
  buildLocal,
  buildWhole,
  cannotTravel,
  hasUntravelled,
  type OriginalQuery,
} from './execution/build-execution.ts';
import type { ExecutionPlan, StageDescription } from './execution/execution-plan.ts';
import type { CapableWorker } from './members/index.ts';
import type { Binder } from './ports.ts';
import { pruneScan, pruneTables } from './prune-scan.ts';
import type { QueryRequest } from './query-service.ts';
import type { SessionSettings } from './settings.ts';
import { systemSchemas } from './system/index.ts';

export interface PrepareContext {
  readonly binder: Binder;
  readonly snapshot: CatalogSnapshot;
  readonly settings: SessionSettings;
  /** Where unqualified names are looked up first. */
  readonly schema: string;
  /** Those that take tasks. */
  readonly workers: readonly CapableWorker[];
  /** The only worker is in the coordinator's own process: what it would do, the coordinator can do itself. */
  readonly alone: boolean;
  readonly bypassBytes: number;
  /** Why the query must not be cut into pieces, if it must not. */
  readonly wholeBecause: string | undefined;
  readonly broadcastBytes: number;
  /** Runs an inner query: PIVOT needs its values before it can be bound. */
  readonly evaluate: (sql: string) => Promise<readonly (readonly SqlValue[])[]>;
  /** Finds another version of a table than the snapshot's. */
  readonly tableAt: (request: VersionRequest) => Promise<TableSnapshot>;
  readonly signal: AbortSignal;
}

export type Prepared =
  | { readonly kind: 'run'; readonly columns: Schema; readonly plan: ExecutionPlan }
  | { readonly kind: 'catalog'; readonly columns: Schema; readonly bound: BoundCatalogQuery };

/**
 * Binds a query and decides where its pieces run.
 * @param offset where `sql` begins in the user's text: positions of errors count from there
 */
export async function prepareQuery(
  sql: string,
  offset: number,
  params: QueryRequest['params'],
  context: PrepareContext,
): Promise<Prepared> {
  const versions = new Map<string, TableSnapshot>();
  const bound = await bindQuery(sql, offset, params, context, versions);
  switch (bound.kind) {
    case 'catalog':
      return { kind: 'catalog', columns: bound.columns, bound };
    case 'whole':
    case 'plan':
      return { kind: 'run', columns: bound.columns, plan: planBound(bound, withTables(context, versions)) };
    default:
      return assertNever(bound);
  }
}

/** @throws SkeinError as DuckDB refuses the query; of a table whose files cannot be read, that table's own */
export async function bindQuery(
  sql: string,
  offset: number,
  params: QueryRequest['params'],
  context: PrepareContext,
  versions = new Map<string, TableSnapshot>(),
): Promise<BoundQuery> {
  const { snapshot, settings, schema, evaluate, signal } = context;
  try {
    return await context.binder.bind({
      sql,
      ...(params === undefined ? {} : { params }),
      schema,
      settings: settings.duckdb,
      tables: snapshot,
      tableAt: async (request) => {
        const table = await context.tableAt(request);
        versions.set(table.name, table);
        return table;
      },
      systemTables: systemSchemas,
      evaluate,
      signal,
    });
  } catch (error) {
    throw brokenTable(error, sql, snapshot) ?? shifted(error, offset);
  }
}

/** The context of one statement that also reads other versions. */
export function withTables(
  context: PrepareContext,
  more: ReadonlyMap<string, TableSnapshot>,
): PrepareContext {
  if (more.size === 0) return context;
  const { snapshot } = context;
  return { ...context, snapshot: { ...snapshot, tables: new Map([...snapshot.tables, ...more]) } };
}

/** A table whose files cannot be read is not there to be bound: its own error says more than that it is unknown. */
function brokenTable(error: unknown, sql: string, { broken }: CatalogSnapshot): Error | undefined {
  if (!(error instanceof SkeinError) || error.sqlState !== SqlState.undefinedTable) return undefined;
  if (broken.size === 0) return undefined;
  const words = new Set(tokenize(sql).map(({ text }) => text.replaceAll(/^"|"$/g, '').toLowerCase()));
  for (const [name, cause] of broken) {
    if (words.has(name.slice(name.indexOf('.') + 1).toLowerCase())) return cause;
  }
  return undefined;
}

function shifted(error: unknown, offset: number): unknown {
  if (!(error instanceof SkeinError) || error.position === undefined || offset === 0) return error;
  const { sqlState, message, retry, hint, details, position } = error;
  return new SkeinError(sqlState, message, {
    retry,
    details,
    position: position + offset,
    ...(hint === undefined ? {} : { hint }),
    cause: error,
  });
}

export type BoundRun = Exclude<BoundQuery, { kind: 'catalog' }>;

function planBound(bound: BoundRun, context: PrepareContext): ExecutionPlan {
  const tables = scannedTables(bound, context);
  const original = originalQuery(bound, context);
  if (isBypassed(bound, tables, context)) {
    const why = context.alone ? 'the only worker is this process' : 'its tables are small';
    return buildLocal(
      withNote(original, `runs as one fragment, because ${why} (local_bypass = auto)`),
      tables,
      true,
    );
  }
  if (bound.kind === 'whole') return planWhole(bound, original, tables, bound.reason);
  if (context.wholeBecause !== undefined) return planWhole(bound, original, tables, context.wholeBecause);
  try {
    const planner = plannerContext(context);
    const plan = planDistributed(bound.plan, planner);
    if (cannotTravel(plan)) return onCoordinator(original, tables);
    return buildExecution(plan, context.snapshot.tables, bound.columns, planner, context.workers);
  } catch (error) {
    // No query is refused because it is hard to cut into pieces.
    const { message } = toSkeinError(error);
    return planWhole(bound, original, tables, `it could not be distributed (${message})`);
  }
}

type Tables = CatalogSnapshot['tables'];

/** What the query's own text has to read: of Delta tables without the files that its filters rule out. */
function scannedTables(bound: BoundRun, context: PrepareContext): Tables {
  const { tables } = context.snapshot;
  if (bound.kind !== 'plan') return tables;
  const hasDelta = bound.tables.some((name) => tables.get(name)?.format.kind === 'delta');
  if (!hasDelta) return tables;
  try {
    return pruneTables(applyRules(bound.plan, plannerContext(context)), tables);
  } catch {
    // No query is refused because it is hard to plan.
    return tables;
  }
}

function planWhole(bound: BoundRun, original: OriginalQuery, tables: Tables, reason: string): ExecutionPlan {
  const query = withNote(original, `runs whole in one task: ${reason}`);
  return hasUntravelled(bound.columns) ? onCoordinator(original, tables) : buildWhole(query, tables);
}

function onCoordinator(original: OriginalQuery, tables: Tables): ExecutionPlan {
  const note = 'runs on the coordinator: it has columns of a type that cannot travel between nodes';
  return buildLocal(withNote(original, note), tables, false);
}

export function withNote(query: OriginalQuery, note: string): OriginalQuery {
  return { ...query, notes: [...query.notes, note] };
}

export function originalQuery(bound: BoundRun, context: PrepareContext): OriginalQuery {
  const { sql, columns, tables } = bound;
  return {
    sql,
    columns,
    tables: [...new Set(tables)],
    notes: [],
    ordered: bound.ordered,
    describe: () =>
      bound.kind === 'plan' ? describePlan(bound.plan, context) : describeWhole(tables, context),
  };
}

/** What DuckDB is likely to do with the text: the plan as it would be pruned. */
function describePlan(plan: PlanNode, context: PrepareContext): StageDescription {
  const planner = plannerContext(context);
  const pruned = applyRules(plan, planner);
  const estimator = createEstimator(planner);
  return {
    operators: operatorTree(
      pruned,
      (node) => estimator.estimate(node).rows,
      (scan) => fileNotes(scan, planner),
    ),
    estimatedRows: estimator.estimate(pruned).rows,
    estimatedBytes: estimator.bytes(pruned),
  };
}

function describeWhole(names: readonly string[], { snapshot }: PrepareContext): StageDescription {
  const tables = names.flatMap((name) => snapshot.tables.get(name) ?? []);
  const estimatedRows = Math.max(0, ...tables.map((table) => table.rowCount));
  const children = tables.map(({ name, rowCount }) => ({
    kind: 'scan',
    details: [name],
    estimatedRows: rowCount,
    children: [],
  }));
  return {
    operators: { kind: 'original query', details: [], estimatedRows, children },
    estimatedRows,
    estimatedBytes: Math.max(0, ...tables.map((table) => table.bytes)),
  };
}

export function isBypassed(bound: BoundRun, tables: Tables, context: PrepareContext): boolean {
  if (context.settings.localBypass === 'off') return false;
  const bytes = bound.tables.reduce((sum, name) => sum + (tables.get(name)?.bytes ?? 0), 0);
  return context.alone || bytes <= context.bypassBytes;
}

export function plannerContext({ snapshot, workers, broadcastBytes }: PrepareContext): PlannerContext {
  return {
    parallelism: Math.max(1, workers.length),
    broadcastBytes,
    table: (name) => {
      const table = snapshot.tables.get(name);
      if (table === undefined) throw new Error(`table ${name} is not in the snapshot`);
      const { rowCount, bytes, schema, statistics } = table;
      const sharding = table.sharding?.kind === 'hash' ? table.sharding : undefined;
      const prunedScan =
        table.format.kind === 'delta' ? (scan: ScanNode) => pruneScan(table, scan) : undefined;
      return {
        rowCount,
        bytes,
        schema,
        statistics,
        splitCount: countSplits(table),
        fileCount: table.files.length,
        sharding,
        prunedScan,
      };
    },
  };
}
