import { assertNever } from '../common/index.ts';
import {
  children,
  type Expr,
  type JoinNode,
  type LimitNode,
  type PlanNode,
  type ScanNode,
} from '../plan/index.ts';
import { integerLiteral } from './expressions.ts';
import { allColumns } from './nodes.ts';
import { distinctOf, type KnownColumns, type KnownValues, selectivity } from './selectivity.ts';
import type { PlannerContext, PlannerTable, ScanSize } from './stage-plan.ts';
import { rowWidth, typeWidth } from './widths.ts';

/** What a node is thought to give. Only choices depend on it, never answers. */
interface Estimate {
  readonly rows: number;
  /** Of a scan and what only filters it: rows of all its files, also those that are left out for what filters say. */
  readonly unprunedRows?: number | undefined;
  /** For each output column, what its table holds, before any filter; undefined when unknown. */
  readonly columns: KnownColumns;
}

/** Estimates nodes of one query; remembers what it has estimated. */
export interface Estimator {
  estimate(node: PlanNode): Estimate;
  bytes(node: PlanNode): number;
  /** Bytes of the files that the scans below read, of the columns they read. */
  scannedBytes(node: PlanNode): number;
}

/** @param stageRows rows of a stage's output, by stage id */
export function createEstimator(
  context: Pick<PlannerContext, 'table'>,
  stageRows: ReadonlyMap<number, number> = new Map(),
): Estimator {
  const known = new WeakMap<PlanNode, Estimate>();
  const ctes = new Map<number, Estimate>();
  const estimate = (node: PlanNode): Estimate => {
    const found = known.get(node);
    if (found !== undefined) return found;
    const fresh = compute(node);
    known.set(node, fresh);
    return fresh;
  };
  const compute = (node: PlanNode): Estimate => {
    switch (node.kind) {
      case 'scan': {
        const table = context.table(node.table);
        const { rowCount, statistics } = table;
        const columns = node.schema.map(({ type }, index) => {
          const known = statistics?.[node.columns[index] ?? -1];
          const distinct = known?.distinct ?? (typeWidth(type) === 1 ? 2 : undefined);
          return { distinct, min: known?.min, max: known?.max, tableRows: rowCount };
        });
        return { rows: scanSize(table, node).rowCount, unprunedRows: rowCount, columns };
      }
      case 'stageInput':
        return unknown(node, stageRows.get(node.stage) ?? 1000);
      case 'cteRef':
        return ctes.get(node.cteId) ?? unknown(node, 1000);
      case 'with': {
        ctes.set(node.cteId, estimate(node.definition));
        return estimate(node.body);
      }
      case 'recursiveCte': {
        const anchor = estimate(node.anchor);
        ctes.set(node.cteId, anchor);
        const step = estimate(node.step);
        return unknown(node, anchor.rows + step.rows * 10);
      }
      case 'join':
        return estimateJoin(node, estimate(node.left), estimate(node.right));
      case 'positionalJoin': {
        const left = estimate(node.left);
        const right = estimate(node.right);
        return { rows: Math.max(left.rows, right.rows), columns: [...left.columns, ...right.columns] };
      }
      case 'setOperation': {
        const rows = node.inputs.map((input) => estimate(input).rows);
        const total = rows.reduce((sum, count) => sum + count, 0);
        return unknown(
          node,
          node.op === 'union' ? total : node.op === 'except' ? (rows[0] ?? 0) : Math.min(...rows),
        );
      }
      case 'values':
        return unknown(node, node.rows.length);
      case 'tableFunction':
        return unknown(node, tableFunctionRows(node.args));
      case 'filter':
      case 'project':
      case 'aggregate':
      case 'window':
      case 'sort':
      case 'limit':
      case 'distinct':
      case 'unnest':
      case 'sample':
      case 'exchange':
        return estimateUnary(node, estimate(node.input));
      default:
        return assertNever(node);
    }
  };
  const scannedBytes = (node: PlanNode): number => {
    if (node.kind === 'scan') {
      const table = context.table(node.table);
      const known = node.columns.map((position) => table.statistics?.[position]?.bytes);
      const read = scanSize(table, node).bytes;
      if (known.every((bytes) => bytes !== undefined)) {
        const share = table.bytes > 0 ? read / table.bytes : 1;
        return known.reduce((sum, bytes) => sum + bytes, 0) * share;
      }
      return (read * rowWidth(node.schema)) / rowWidth(table.schema);
    }
    return children(node).reduce((sum, child) => sum + scannedBytes(child), 0);
  };
  return { estimate, bytes: (node) => estimate(node).rows * rowWidth(node.schema), scannedBytes };
}

/** What a scan reads of its table. */
export function scanSize(table: PlannerTable, node: ScanNode): ScanSize {
  return table.prunedScan?.(node) ?? table;
}

function unknown(node: PlanNode, rows: number): Estimate {
  return { rows, columns: node.schema.map(() => undefined) };
}

/** What a projection or a grouping knows of an expression's values. */
function valuesOf(expr: Expr, input: Estimate): KnownValues | undefined {
  if (expr.kind === 'column') return input.columns[expr.index];
  const distinct = distinctOf(expr, input.columns);
  return distinct === undefined
    ? undefined
    : { distinct, min: undefined, max: undefined, tableRows: Number.POSITIVE_INFINITY };
}

function estimateUnary(node: Extract<PlanNode, { readonly input: PlanNode }>, input: Estimate): Estimate {
  switch (node.kind) {
    case 'filter':
      return estimateFilter(node.predicate, input);
    case 'project':
      return {
        rows: input.rows,
        columns: node.exprs.map((expr) => valuesOf(expr, input)),
      };
    case 'aggregate':
      return {
        rows: groupCount(node.groups, input) * (node.groupingSets?.length ?? 1),
        columns: [
          ...node.groups.map((expr) => valuesOf(expr, input)),
          ...node.aggregates.map(() => undefined),
          ...node.groupingCalls.map(() => undefined),
        ],
      };
    case 'window':
      return { rows: input.rows, columns: [...input.columns, ...node.calls.map(() => undefined)] };
    case 'unnest':
      return { rows: input.rows * 5, columns: [...input.columns, ...node.exprs.map(() => undefined)] };
    case 'limit':
      return { rows: limitRows(node, input.rows), columns: input.columns };
    case 'sample': {
      const rows = node.percent ? (input.rows * node.size) / 100 : Math.min(input.rows, node.size);
      return { rows, columns: input.columns };
    }
    case 'distinct':
      return {
        rows: groupCount(node.on ?? allColumns(node.schema), input),
        columns: input.columns,
      };
    case 'sort':
    case 'exchange':
      return input;
    default:
      return assertNever(node);
  }
}

/** Files that are left out for what the filter says must not count against it a second time. */
function estimateFilter(predicate: Expr, input: Estimate): Estimate {
  const { rows, unprunedRows = rows, columns } = input;
  const left = unprunedRows * selectivity(predicate, columns);
  return { rows: Math.min(rows, left), unprunedRows: left, columns };
}

function limitRows(node: LimitNode, rows: number): number {
  if (node.count === undefined) return rows;
  const count = integerLiteral(node.count);
  if (node.percent) return (rows * (count ?? 50)) / 100;
  return Math.min(rows, count ?? 1000);
}

/** Groups: no more than the rows, nor than the values of the group columns together; a fifth of the rows otherwise. */
function groupCount(groups: readonly Expr[], input: Estimate): number {
  if (groups.length === 0) return 1;
  let combinations = 1;
  for (const group of groups) {
    const tableRows = group.kind === 'column' ? input.columns[group.index]?.tableRows : undefined;
    combinations *= distinctOf(group, input.columns) ?? tableRows ?? Math.max(1, input.rows / 5);
  }
  return Math.max(Math.min(1, input.rows), Math.min(input.rows, combinations));
}

/**
 * Equi-joins: one side's key is taken to be the key of the smaller table, so a row of the other side meets one row of
 * it, less what filters took away.
 */
function estimateJoin(node: JoinNode, left: Estimate, right: Estimate): Estimate {
  const both = [...left.columns, ...right.columns];
  const cross = left.rows * right.rows;
  let matches = cross * (node.residual === undefined ? 1 : selectivity(node.residual, both));
  const equalities = node.conditions.filter(({ op }) => op === '=' || op === 'IS NOT DISTINCT FROM');
  if (equalities.length > 0) {
    const keys = equalities.map(({ left: l, right: r }) => Math.min(keyValues(l, left), keyValues(r, right)));
    matches = cross / Math.max(1, ...keys);
  } else if (node.conditions.length > 0) matches = cross / 3;
  switch (node.joinKind) {
    case 'inner':
    case 'asofInner':
      return { rows: matches, columns: both };
    case 'left':
      return { rows: Math.max(left.rows, matches), columns: both };
    case 'single':
    case 'asofLeft':
      return { rows: left.rows, columns: both };
    case 'right':
    case 'asofRight':
      return { rows: Math.max(right.rows, matches), columns: both };
    case 'full':
    case 'asofFull':
      return { rows: Math.max(left.rows + right.rows, matches), columns: both };
    case 'semi':
      return { rows: Math.min(left.rows, Math.max(matches, left.rows / 100)), columns: left.columns };
    case 'anti':
      return { rows: left.rows / 2, columns: left.columns };
    case 'mark':
      return { rows: left.rows, columns: [...left.columns, undefined] };
    default:
      return assertNever(node.joinKind);
  }
}

/** Different values of a join's key; all rows of its table where nothing else is known. */
function keyValues(expr: Expr, input: Estimate): number {
  const known = distinctOf(expr, input.columns);
  if (known !== undefined) return known;
  if (expr.kind === 'cast') return keyValues(expr.input, input);
  return (expr.kind === 'column' ? input.columns[expr.index]?.tableRows : undefined) ?? input.rows;
}

function tableFunctionRows(args: readonly Expr[]): number {
  const [first, second, step] = args.map(integerLiteral);
  if (first === undefined) return 1000;
  if (second === undefined) return Math.max(0, first);
  return Math.max(0, Math.floor((second - first) / (step === undefined || step === 0 ? 1 : step)));
}
