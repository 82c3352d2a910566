import { assertNever } from '../common/index.ts';
import { type AggregateCall, nodeExprs, type PlanNode } from '../plan/index.ts';
import { isFloat, isVolatile } from './expressions.ts';

/** Aggregates whose answer does not depend on the order of the rows, over any type. */
const orderFree = new Set([
  'count',
  'count_star',
  'count_if',
  'countif',
  'min',
  'max',
  'bool_and',
  'bool_or',
  'bit_and',
  'bit_or',
  'bit_xor',
  'approx_count_distinct',
  'median',
  'quantile_cont',
  'quantile_disc',
  'mad',
]);

/** Sums: free of order where addition is exact. */
const exactOverIntegers = new Set(['sum', 'sum_no_overflow', 'avg', 'mean']);

/** True when the call gives the same value, bit for bit, in whatever order its rows come. */
export function isOrderFree(call: AggregateCall): boolean {
  if (call.args.length > 1) return false;
  if (orderFree.has(call.name)) return true;
  return exactOverIntegers.has(call.name) && call.args.every(({ type }) => !isFloat(type));
}

/** Exact but for rounding. */
const nearlyOrderFree = new Set([
  'sum',
  'sum_no_overflow',
  'avg',
  'mean',
  'favg',
  'fsum',
  'kahan_sum',
  'sumkahan',
  'product',
  'stddev',
  'stddev_samp',
  'stddev_pop',
  'variance',
  'var_samp',
  'var_pop',
  'sem',
  'skewness',
  'kurtosis',
  'kurtosis_pop',
  'covar_samp',
  'covar_pop',
  'corr',
  'regr_avgx',
  'regr_avgy',
  'regr_count',
  'regr_intercept',
  'regr_r2',
  'regr_slope',
  'regr_sxx',
  'regr_sxy',
  'regr_syy',
]);

/** As `isOrderFree`, but for the last digits of floating-point values. */
export function isNearlyOrderFree(call: AggregateCall): boolean {
  return isOrderFree(call) || nearlyOrderFree.has(call.name);
}

/** True when the node, run twice over the same rows in any order, gives the same rows. Its inputs are not looked at. */
export function isRepeatable(node: PlanNode): boolean {
  if (nodeExprs(node).some(isVolatile)) return false;
  switch (node.kind) {
    case 'limit':
    case 'window':
    case 'sample':
    case 'positionalJoin':
      return false;
    case 'distinct':
      return node.on === undefined;
    case 'aggregate':
      return node.aggregates.every(isOrderFree);
    case 'scan':
    case 'tableFunction':
    case 'values':
    case 'filter':
    case 'project':
    case 'join':
    case 'sort':
    case 'setOperation':
    case 'unnest':
    case 'with':
    case 'cteRef':
    case 'recursiveCte':
    case 'exchange':
    case 'stageInput':
      return true;
    default:
      return assertNever(node);
  }
}
