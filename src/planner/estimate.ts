import { assertNever } from '../common/index.ts';
import {
  children,
  type Expr,
  type FilterNode,
  type JoinNode,
  type LimitNode,
  type PlanNode,
} from '../plan/index.ts';
import { columnsOf, conjuncts, integerLiteral } from './expressions.ts';
import type { PlannerContext } from './stage-plan.ts';
import { rowWidth, typeWidth } from './widths.ts';

/** What a node is thought to give. Only choices depend on it, never answers. */
export interface Estimate {
  readonly rows: number;
  /** For each output column, the values that its table may hold, before any filter; undefined when unknown. */
  readonly distinct: readonly (number | undefined)[];
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
        const { rowCount } = context.table(node.table);
        return {
          rows: rowCount,
          distinct: node.schema.map(({ type }) => tableDistinct(typeWidth(type), rowCount)),
        };
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
        return { rows: Math.max(left.rows, right.rows), distinct: [...left.distinct, ...right.distinct] };
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
      return (table.bytes * rowWidth(node.schema)) / rowWidth(table.schema);
    }
    return children(node).reduce((sum, child) => sum + scannedBytes(child), 0);
  };
  return { estimate, bytes: (node) => estimate(node).rows * rowWidth(node.schema), scannedBytes };
}

function unknown(node: PlanNode, rows: number): Estimate {
  return { rows, distinct: node.schema.map(() => undefined) };
}

/** Without statistics, a column of one byte is a flag; any other may be a key. */
function tableDistinct(width: number, rowCount: number): number {
  return width === 1 ? Math.min(2, rowCount) : rowCount;
}

function estimateUnary(node: Extract<PlanNode, { readonly input: PlanNode }>, input: Estimate): Estimate {
  switch (node.kind) {
    case 'filter':
      return { rows: input.rows * filterShare(node), distinct: input.distinct };
    case 'project':
      return {
        rows: input.rows,
        distinct: node.exprs.map((expr) => (expr.kind === 'column' ? input.distinct[expr.index] : undefined)),
      };
    case 'aggregate':
      return {
        rows: groupCount(node.groups, input) * (node.groupingSets?.length ?? 1),
        distinct: [
          ...node.groups.map((expr) => (expr.kind === 'column' ? input.distinct[expr.index] : undefined)),
          ...node.aggregates.map(() => undefined),
          ...node.groupingCalls.map(() => undefined),
        ],
      };
    case 'window':
      return { rows: input.rows, distinct: [...input.distinct, ...node.calls.map(() => undefined)] };
    case 'unnest':
      return { rows: input.rows * 5, distinct: [...input.distinct, ...node.exprs.map(() => undefined)] };
    case 'limit':
      return { rows: limitRows(node, input.rows), distinct: input.distinct };
    case 'sample': {
      const rows = node.percent ? (input.rows * node.size) / 100 : Math.min(input.rows, node.size);
      return { rows, distinct: input.distinct };
    }
    case 'distinct':
      return { rows: Math.max(Math.min(1, input.rows), input.rows * 0.5), distinct: input.distinct };
    case 'sort':
    case 'exchange':
      return input;
    default:
      return assertNever(node);
  }
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
    const distinct = group.kind === 'column' ? input.distinct[group.index] : undefined;
    combinations *= distinct ?? Math.max(1, input.rows / 5);
  }
  return Math.max(Math.min(1, input.rows), Math.min(input.rows, combinations));
}

/**
 * Equi-joins: one side's key is taken to be the key of the smaller table, so a row of the other side meets one row of
 * it, less what filters took away.
 */
function estimateJoin(node: JoinNode, left: Estimate, right: Estimate): Estimate {
  const both = [...left.distinct, ...right.distinct];
  const cross = left.rows * right.rows;
  let matches = cross * (node.residual === undefined ? 1 : selectivity(node.residual));
  const equalities = node.conditions.filter(({ op }) => op === '=' || op === 'IS NOT DISTINCT FROM');
  if (equalities.length > 0) {
    const keys = equalities.map(({ left: l, right: r }) =>
      Math.min(distinctOf(l, left) ?? left.rows, distinctOf(r, right) ?? right.rows),
    );
    matches = cross / Math.max(1, ...keys);
  } else if (node.conditions.length > 0) matches = cross / 3;
  switch (node.joinKind) {
    case 'inner':
    case 'asofInner':
      return { rows: matches, distinct: both };
    case 'left':
      return { rows: Math.max(left.rows, matches), distinct: both };
    case 'single':
    case 'asofLeft':
      return { rows: left.rows, distinct: both };
    case 'right':
    case 'asofRight':
      return { rows: Math.max(right.rows, matches), distinct: both };
    case 'full':
    case 'asofFull':
      return { rows: Math.max(left.rows + right.rows, matches), distinct: both };
    case 'semi':
      return { rows: Math.min(left.rows, Math.max(matches, left.rows / 10)), distinct: left.distinct };
    case 'anti':
      return { rows: left.rows / 2, distinct: left.distinct };
    case 'mark':
      return { rows: left.rows, distinct: [...left.distinct, 2] };
    default:
      return assertNever(node.joinKind);
  }
}

function distinctOf(expr: Expr, input: Estimate): number | undefined {
  if (expr.kind === 'column') return input.distinct[expr.index];
  return expr.kind === 'cast' ? distinctOf(expr.input, input) : undefined;
}

/** A condition on aggregates (HAVING) mostly looks for the few groups that stand out. */
const HAVING_SHARE = 0.1;

function filterShare({ input, predicate }: FilterNode): number {
  const groups = input.kind === 'aggregate' ? input.groups.length : undefined;
  const share = (term: Expr): number =>
    groups !== undefined && groups > 0 && [...columnsOf(term)].some((index) => index >= groups)
      ? Math.min(HAVING_SHARE, selectivity(term))
      : selectivity(term);
  return combine(conjuncts(predicate).map(share));
}

/** Terms are seldom independent: after two, each one counts less than the one before. */
function combine(shares: readonly number[]): number {
  return shares
    .toSorted((a, b) => a - b)
    .reduce((product, share, index) => product * share ** (1 / 2 ** Math.max(0, index - 1)), 1);
}

/** Share of rows that a predicate lets through, by textbook guesses. */
function selectivity(predicate: Expr): number {
  switch (predicate.kind) {
    case 'and':
      return combine(conjuncts(predicate).map(selectivity));
    case 'or':
      return Math.min(
        1,
        predicate.args.map(selectivity).reduce((sum, share) => sum + share, 0),
      );
    case 'not':
      return 1 - selectivity(predicate.input);
    case 'compare':
      if (predicate.op === '=' || predicate.op === 'IS NOT DISTINCT FROM') return 0.1;
      return predicate.op === '<>' || predicate.op === 'IS DISTINCT FROM' ? 0.9 : 0.35;
    case 'in': {
      const share = Math.min(0.5, predicate.list.length * 0.1);
      return predicate.negated ? 1 - share : share;
    }
    case 'isNull':
      return 0.1;
    case 'isNotNull':
      return 0.95;
    case 'literal':
      return predicate.value === 'true' ? 1 : 0;
    case 'column':
    case 'call':
    case 'cast':
    case 'case':
    case 'struct':
    case 'lambda':
    case 'lambdaParam':
      return 0.2;
    default:
      return assertNever(predicate);
  }
}

function tableFunctionRows(args: readonly Expr[]): number {
  const [first, second, step] = args.map(integerLiteral);
  if (first === undefined) return 1000;
  if (second === undefined) return Math.max(0, first);
  return Math.max(0, Math.floor((second - first) / (step === undefined || step === 0 ? 1 : step)));
}
