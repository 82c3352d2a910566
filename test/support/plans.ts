import type {
  AggregateCall,
  Expr,
  JoinKind,
  OperatorTree,
  PlanNode,
  ScanNode,
} from '../../src/plan/index.ts';
import type { DistributedPlan, PlannerContext, PlannerTable, StagePlan } from '../../src/planner/index.ts';
import { operatorTree } from '../../src/planner/index.ts';
import { type Schema, type SqlType, scalar } from '../../src/types/index.ts';

export const INTEGER = scalar('INTEGER');
export const BIGINT = scalar('BIGINT');
export const HUGEINT = scalar('HUGEINT');
export const DOUBLE = scalar('DOUBLE');
const BOOLEAN = scalar('BOOLEAN');

/** Columns of INTEGER named by the letters of `names`. */
export function integers(names: string): Schema {
  return [...names].map((name) => ({ name, type: INTEGER }));
}

/** A scan as the reader gives it: every column, `read: 'all'`. */
export function scan(table: string, schema: Schema): ScanNode {
  return { kind: 'scan', table, columns: [...schema.keys()], prune: [], read: 'all', schema };
}

export function col(index: number, type: SqlType = INTEGER): Expr {
  return { kind: 'column', index, type };
}

export function int(value: number): Expr {
  return { kind: 'literal', value: String(value), type: INTEGER };
}

export function eq(left: Expr, right: Expr): Expr {
  return { kind: 'compare', op: '=', left, right, type: BOOLEAN };
}

export function filter(input: PlanNode, predicate: Expr): PlanNode {
  return { kind: 'filter', input, predicate, schema: input.schema };
}

/** A projection of plain columns. */
export function columns(input: PlanNode, ...positions: number[]): PlanNode {
  const fields = positions.map((position) => input.schema[position] ?? { name: '?', type: INTEGER });
  return {
    kind: 'project',
    input,
    exprs: positions.map((position, index) => col(position, fields[index]?.type)),
    schema: fields,
  };
}

/** An equi-join on `left` column = `right` column. */
export function join(
  joinKind: JoinKind,
  left: PlanNode,
  right: PlanNode,
  leftKey: number,
  rightKey: number,
): PlanNode {
  const onlyLeft = joinKind === 'semi' || joinKind === 'anti';
  const mark = { name: 'mark', type: BOOLEAN };
  return {
    kind: 'join',
    joinKind,
    left,
    right,
    conditions: [
      {
        left: col(leftKey, left.schema[leftKey]?.type),
        right: col(rightKey, right.schema[rightKey]?.type),
        op: '=',
      },
    ],
    residual: undefined,
    schema: onlyLeft ? left.schema : [...left.schema, ...(joinKind === 'mark' ? [mark] : right.schema)],
  };
}

export function callOf(name: string, args: readonly Expr[], type: SqlType): AggregateCall {
  return { name, args, distinct: false, filter: undefined, orderBy: [], type };
}

export function aggregate(
  input: PlanNode,
  groups: readonly number[],
  calls: readonly AggregateCall[],
): PlanNode {
  const fields = groups.map((position) => input.schema[position] ?? { name: '?', type: INTEGER });
  return {
    kind: 'aggregate',
    input,
    groups: groups.map((position, index) => col(position, fields[index]?.type)),
    groupingSets: undefined,
    aggregates: calls,
    groupingCalls: [],
    schema: [...fields, ...calls.map((call) => ({ name: call.name, type: call.type }))],
  };
}

/** Tables by name: rows, and the splits they can be cut into. */
export function contextOf(
  tables: Readonly<Record<string, Partial<PlannerTable> & { readonly schema: Schema }>>,
  parallelism = 4,
): PlannerContext {
  return {
    parallelism,
    broadcastBytes: 10_000_000,
    table: (name) => {
      const table = tables[name];
      if (table === undefined) throw new Error(`no table ${name}`);
      const rowCount = table.rowCount ?? 1_000_000;
      return {
        rowCount,
        bytes: table.bytes ?? rowCount * 50,
        splitCount: table.splitCount ?? 10,
        schema: table.schema,
        sharding: table.sharding,
        prunedScan: table.prunedScan,
        statistics: table.statistics,
      };
    },
  };
}

/** The plan as indented lines: `filter: a = 1`. */
function drawTree(tree: OperatorTree, indent = ''): string {
  const details = tree.details.length === 0 ? '' : `: ${tree.details.join('; ')}`;
  return [
    `${indent}${tree.kind}${details}`,
    ...tree.children.map((child) => drawTree(child, `${indent}  `)),
  ].join('\n');
}

/** Every stage with its tasks and output, then its fragment; the root last. */
export function drawStages(plan: DistributedPlan): string {
  const draw = (stage: StagePlan, name: string, output: string): string => {
    const tasks = stage.tasks.kind === 'single' ? 'one task' : `${stage.tasks.count} tasks`;
    const marks = [
      ...(stage.ordered ? ['ordered'] : []),
      ...(stage.deterministic ? [] : ['not deterministic']),
    ];
    return `${[`${name}, ${tasks} -> ${output}`, ...marks].join(', ')}\n${drawTree(operatorTree(stage.fragment), '  ')}`;
  };
  const outputOf = (stage: StagePlan): string => {
    if (stage.output.kind === 'gather') return 'gather';
    const { fragment } = stage;
    const keys = operatorTree({
      kind: 'exchange',
      input: fragment,
      to: stage.output,
      schema: fragment.schema,
    }).details;
    return keys.join();
  };
  return [
    ...plan.stages.map((stage) => draw(stage, `stage ${stage.id}`, outputOf(stage))),
    draw(plan.root, 'root', 'result'),
    ...plan.notes.map((note) => `note: ${note}`),
  ].join('\n');
}
