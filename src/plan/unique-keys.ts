import type { Expr } from './expression.ts';
import type { PlanNode } from './plan-node.ts';

/**
 * True when no two rows of the node's output can agree on these columns (NULLs agreeing with each other), as far as
 * the plan shows it. Over no columns: when there is at most one row.
 */
export function isUniqueOn(node: PlanNode, columns: ReadonlySet<number>): boolean {
  switch (node.kind) {
    case 'filter':
    case 'sort':
    case 'sample':
    case 'exchange':
    case 'window':
      return isUniqueOn(node.input, columns);
    case 'limit':
      return isOne(node.count) || isUniqueOn(node.input, columns);
    case 'project':
      return isUniqueOn(node.input, columnsBelow(node.exprs, columns));
    case 'aggregate':
      return node.groupingSets === undefined
        ? node.groups.every((_, index) => columns.has(index))
        : node.groupingSets.length === 1 && node.groupingSets[0]?.length === 0;
    case 'distinct': {
      const keys = node.on === undefined ? [...node.schema.keys()] : positions(node.on);
      return keys?.every((index) => columns.has(index)) === true || isUniqueOn(node.input, columns);
    }
    case 'values':
      return node.rows.length <= 1;
    case 'with':
      return isUniqueOn(node.body, columns);
    case 'join':
      switch (node.joinKind) {
        case 'semi':
        case 'anti':
        case 'mark':
        case 'single':
        case 'asofInner':
        case 'asofLeft':
          return isUniqueOn(node.left, columns);
        case 'inner':
        case 'left':
        case 'right':
        case 'full':
        case 'asofRight':
        case 'asofFull':
          return false;
      }
      break;
    case 'scan':
    case 'stageInput':
    case 'tableFunction':
    case 'positionalJoin':
    case 'setOperation':
    case 'unnest':
    case 'cteRef':
    case 'recursiveCte':
      return false;
  }
}

function isOne(count: Expr | undefined): boolean {
  return count?.kind === 'literal' && (count.value === '1' || count.value === '0');
}

function columnsBelow(exprs: readonly Expr[], columns: ReadonlySet<number>): Set<number> {
  const below = new Set<number>();
  exprs.forEach((expr, index) => {
    if (columns.has(index) && expr.kind === 'column') below.add(expr.index);
  });
  return below;
}

/** Undefined when one of them is not a plain column. */
function positions(exprs: readonly Expr[]): readonly number[] | undefined {
  const indexes = exprs.map((expr) => (expr.kind === 'column' ? expr.index : -1));
  return indexes.includes(-1) ? undefined : indexes;
}
