import { assertNever } from '../../common/index.ts';
import { printScalar, printSql } from '../../duckdb/index.ts';
import {
  type OperatorTree,
  type PlanNode,
  type ScanNode,
  type StageInputNode,
  walk,
} from '../../plan/index.ts';
import {
  createEstimator,
  type DistributedPlan,
  type Estimator,
  fileNotes,
  formatExpr,
  mustMergeAsof,
  operatorTree,
  type PlannerContext,
  type StagePlan,
  type WritePlan,
} from '../../planner/index.ts';
import {
  ShardPlacement,
  shardTaskSql,
  type TableSnapshot,
  type TableWrite,
  wholeSplits,
  writtenFileColumns,
} from '../../storage/index.ts';
import { type Schema, wireType } from '../../types/index.ts';
import type { CapableWorker } from '../members/index.ts';
import { pruneScan } from '../prune-scan.ts';
import { type Dealing, type DealtScan, dealScan, nearTo, placeNotes } from './deal-scan.ts';
import type {
  ExecutionInput,
  ExecutionOutput,
  ExecutionPlan,
  ExecutionStage,
  ScanInput,
  StageDescription,
} from './execution-plan.ts';

type Tables = ReadonlyMap<string, TableSnapshot>;

/**
 * Turns a distributed plan into SQL and dealt splits.
 * @param workers that take tasks: task i of every parallel stage reads what is near the worker i, in order of their ids
 */
export function buildExecution(
  plan: DistributedPlan,
  tables: Tables,
  columns: Schema,
  context: PlannerContext,
  workers: readonly CapableWorker[],
): ExecutionPlan {
  const all = [...plan.stages, plan.root];
  const rows = new Map(all.map((stage) => [stage.id, stage.estimatedRows]));
  const inOrder = workers.toSorted((a, b) => (a.id < b.id ? -1 : 1));
  const estimator = once(() => createEstimator(context, rows));
  const stages: StageContext = {
    positions: new Map(all.map((stage, position) => [stage.id, position])),
    tables,
    estimator,
    context,
    dealing: { workers: inOrder, placement: new ShardPlacement(inOrder) },
  };
  return {
    columns,
    stages: all.map((stage) => buildStage(stage, stage === plan.root, stages)),
    notes: plan.notes,
    bypassed: false,
    original: false,
  };
}

/** True when some rows would have to travel as a type that the exchange's files cannot hold. */
export function cannotTravel(plan: DistributedPlan): boolean {
  return plan.stages.some((stage) => hasUntravelled(stage.fragment.schema));
}

export function hasUntravelled(schema: Schema): boolean {
  return schema.some(({ type }) => wireType(type) === 'unsupported');
}

/** The whole query as its original SQL, in one fragment on the coordinator. */
export function buildLocal(query: OriginalQuery, tables: Tables, bypassed: boolean): ExecutionPlan {
  return {
    columns: query.columns,
    stages: [originalStage(query, tables, 0, { kind: 'result' })],
    notes: query.notes,
    bypassed,
    original: true,
  };
}

/** The whole query as its original SQL, in one task on a worker; the root passes its rows on. */
export function buildWhole(query: OriginalQuery, tables: Tables): ExecutionPlan {
  const stage = originalStage(query, tables, 0, { kind: 'gather' });
  const names = query.columns.map((_, index) => `c${index}`).join(', ');
  const root: ExecutionStage = {
    id: 1,
    sql: `SELECT ${names} FROM stage_0`,
    inputs: [{ kind: 'stage', name: 'stage_0', stage: 0, read: 'all' }],
    columns: query.columns,
    output: { kind: 'result' },
    taskCount: 1,
    deterministic: true,
    ordered: true,
    describe: () => {
      const whole = query.describe();
      const { estimatedRows } = whole;
      const operators = { kind: 'stage input', details: ['stage 0 (whole)'], estimatedRows, children: [] };
      return { ...whole, operators };
    },
  };
  return {
    columns: query.columns,
    stages: [stage, root],
    notes: query.notes,
    bypassed: false,
    original: true,
  };
}

/** As `buildExecution`, of a query whose rows become files. The result is what is said of each of them. */
export function buildWrite(
  plan: WritePlan,
  tables: Tables,
  write: TableWrite,
  context: PlannerContext,
  workers: readonly CapableWorker[],
): ExecutionPlan {
  const built = buildExecution(plan, tables, writtenFileColumns, context, workers);
  return {
    ...built,
    stages: built.stages.map((stage) => (stage.id === plan.writer ? withWrite(stage, write) : stage)),
  };
}

/** The whole query as its original SQL, in one task on a worker, which writes its rows. */
export function buildWholeWrite(
  query: OriginalQuery,
  tables: Tables,
  write: TableWrite,
  bypassed: boolean,
): ExecutionPlan {
  const { stages, ...plan } = buildWhole(query, tables);
  const [stage, root] = stages;
  if (stage === undefined || root === undefined) throw new Error('a whole query has two stages');
  return {
    ...plan,
    columns: writtenFileColumns,
    stages: [
      withWrite({ ...stage, ordered: query.ordered }, write),
      {
        ...root,
        sql: 'SELECT * FROM stage_0',
        columns: writtenFileColumns,
        ordered: false,
        describe: () => ({ ...root.describe(), estimatedRows: 1, estimatedBytes: 0 }),
      },
    ],
    bypassed,
  };
}

function withWrite(stage: ExecutionStage, table: TableWrite): ExecutionStage {
  return {
    ...stage,
    columns: writtenFileColumns,
    output: { kind: 'gather' },
    write: { table, columns: stage.columns },
    describe: once(() => {
      const { operators, ...amounts } = stage.describe();
      return { ...amounts, operators: describeWrite(table, stage.columns, operators) };
    }),
  };
}

function describeWrite(table: TableWrite, columns: Schema, input: OperatorTree): OperatorTree {
  const names = table.columns.map(({ name, stored }) => name ?? stored.name).join(', ');
  const partition = table.partitionBy.map(({ name }) => name).join(', ');
  const shard = table.shardColumn === undefined ? undefined : columns[table.shardColumn];
  return {
    kind: table.plain === undefined ? 'write table' : 'write files',
    details: [
      `${table.location}${table.folder === '' ? '' : `/${table.folder}`}`,
      `columns: ${names}`,
      ...(partition === '' ? [] : [`partitioned by: ${partition}`]),
      ...(shard === undefined ? [] : [`sharded by: ${shard.name}`]),
    ],
    estimatedRows: input.estimatedRows,
    children: [input],
  };
}

export interface OriginalQuery {
  /** With parameters filled in. */
  readonly sql: string;
  readonly columns: Schema;
  /** Qualified names of the tables it reads. */
  readonly tables: readonly string[];
  readonly notes: readonly string[];
  /** Its rows come in an order that it asks for. */
  readonly ordered: boolean;
  readonly describe: () => StageDescription;
}

function originalStage(
  query: OriginalQuery,
  tables: Tables,
  id: number,
  output: ExecutionOutput,
): ExecutionStage {
  const inputs = query.tables.map((name): ScanInput => {
    const table = tableOf(tables, name);
    return { kind: 'scan', name, table, columns: [...table.schema.keys()], splits: [wholeSplits(table)] };
  });
  return {
    id,
    sql: query.sql,
    inputs,
    columns: query.columns,
    output,
    taskCount: 1,
    // Nobody has looked inside: it may well draw random numbers.
    deterministic: false,
    ordered: true,
    describe: once(query.describe),
  };
}

/** What the stages of a query share. */
interface StageContext {
  readonly positions: ReadonlyMap<number, number>;
  readonly tables: Tables;
  readonly estimator: () => Estimator;
  readonly context: PlannerContext;
  readonly dealing: Dealing;
}

function buildStage(stage: StagePlan, root: boolean, shared: StageContext): ExecutionStage {
  const { estimator, context, dealing } = shared;
  const taskCount = stage.tasks.kind === 'parallel' ? stage.tasks.count : 1;
  const names = nameLeaves(stage.fragment);
  const scans = [...names.keys()].flatMap((leaf) => (leaf.kind === 'scan' ? [dealtScan(leaf, shared)] : []));
  const inputs = [...names].map(([leaf, name]) => buildInput(leaf, name, taskCount, shared));
  return {
    id: stage.id,
    sql: printSql(stage.fragment, (leaf) => names.get(leaf) ?? unnamed(leaf)),
    inputs: uniqueByName(inputs),
    columns: stage.fragment.schema,
    output: root ? { kind: 'result' } : buildOutput(stage, dealing),
    taskCount,
    near: nearTo(scans, taskCount, dealing),
    deterministic: stage.deterministic,
    ...(mustMergeAsof(stage.fragment) ? { settings: { asof_loop_join_threshold: '0' } } : {}),
    ordered: stage.ordered,
    describe: once(() => ({
      operators: operatorTree(
        stage.fragment,
        (node) => estimator().estimate(node).rows,
        (node) => [...fileNotes(node, context), ...placeNotes(dealtScan(node, shared), taskCount, dealing)],
      ),
      estimatedRows: stage.estimatedRows,
      estimatedBytes: stage.estimatedBytes,
    })),
  };
}

function buildOutput({ output, fragment }: StagePlan, { placement }: Dealing): ExecutionOutput {
  switch (output.kind) {
    case 'gather':
      return { kind: 'gather' };
    case 'hash': {
      const { partitions, shards } = output;
      const keys = output.keys.map((key) => printScalar(key, (index) => `c${index}`));
      const types = output.keys.map(({ type }) => type);
      return {
        kind: 'hash',
        keys,
        labels: output.keys.map((key) => formatExpr(key, fragment.schema)),
        partitions,
        ...(shards === undefined ? {} : { placedBy: shardTaskSql(keys, types, placement.ofHash(shards)) }),
      };
    }
    default:
      return assertNever(output);
  }
}

type Leaf = ScanNode | StageInputNode;

/**
 * Names every leaf: the output of stage 3 `stage_3`, or `stage_3_part` where each task reads its own partition; a
 * table by its own name, numbered where that is taken.
 */
function nameLeaves(fragment: PlanNode): ReadonlyMap<Leaf, string> {
  const names = new Map<Leaf, string>();
  const taken = new Set<string>();
  for (const node of walk(fragment)) {
    if (node.kind !== 'stageInput') continue;
    const name = node.read === 'all' ? `stage_${node.stage}` : `stage_${node.stage}_part`;
    names.set(node, name);
    taken.add(name);
  }
  for (const node of walk(fragment)) {
    if (node.kind !== 'scan') continue;
    // A dot would separate a schema.
    const bare = node.table.slice(node.table.indexOf('.') + 1).replaceAll('.', '_');
    let name = bare;
    for (let number = 2; taken.has(name.toLowerCase()); number += 1) name = `${bare}_${number}`;
    names.set(node, name);
    taken.add(name.toLowerCase());
  }
  return names;
}

function unnamed(leaf: Leaf): never {
  throw new Error(`a leaf of the fragment has no name: ${leaf.kind}`);
}

/** Two leaves that read the same partitions of a stage share an input. */
function uniqueByName(inputs: readonly ExecutionInput[]): readonly ExecutionInput[] {
  return [...new Map(inputs.map((input) => [input.name, input])).values()];
}

function buildInput(leaf: Leaf, name: string, taskCount: number, shared: StageContext): ExecutionInput {
  if (leaf.kind === 'stageInput') {
    const stage = shared.positions.get(leaf.stage);
    if (stage === undefined) throw new Error(`no stage ${leaf.stage}`);
    return { kind: 'stage', name, stage, read: leaf.read };
  }
  const scan = dealtScan(leaf, shared);
  const splits = dealScan(scan, taskCount, shared.dealing);
  return { kind: 'scan', name, table: scan.table, columns: scanColumns(leaf), prune: leaf.prune, splits };
}

function dealtScan(node: ScanNode, { tables }: StageContext): DealtScan {
  const whole = tableOf(tables, node.table);
  return { node, whole, table: pruneScan(whole, node).table };
}

/** Where the fragment needs only the number of rows, some column has to be read. */
function scanColumns({ columns }: ScanNode): readonly number[] {
  return columns.length > 0 ? columns : [0];
}

function tableOf(tables: Tables, name: string): TableSnapshot {
  const table = tables.get(name);
  if (table === undefined) throw new Error(`table ${name} is not in the snapshot`);
  return table;
}

/** Computes a value when it is first asked for. */
function once<T>(compute: () => T): () => T {
  let value: { readonly computed: T } | undefined;
  return () => {
    value ??= { computed: compute() };
    return value.computed;
  };
}
