import {
  type Expr,
  type FilterNode,
  type JoinKind,
  type JoinNode,
  mapChildren,
  type PlanNode,
  remapColumns,
} from '../../plan/index.ts';
import { cannotFail, columnsOf, conjunction, conjuncts, sameExpr, trySubstitute } from '../expressions.ts';
import { samePlan } from '../nodes.ts';
import type { Rule } from '../rule.ts';

/**
 * Moves the terms of a filter below the operators that do not mind. DuckDB has done most of it; what remains are
 * filters above CTEs that were inlined since, and above joins that DuckDB keeps apart.
 *
 * ```
 * filter a = 1 and b = 2            join
 *   join                     ->       filter a = 1 (left)
 *     left                            filter b = 2 (right)
 *     right
 * ```
 *
 * Only terms that cannot raise an error move: below a join they see rows which the query would not have shown them.
 */
export const pushDownFilters: Rule = {
  name: 'push-down-filters',
  reason: 'after inlining and merging, which open the way; before scans learn what to prune',
  apply(plan) {
    const pushed = pushAll(plan);
    return samePlan(plan, pushed) ? undefined : pushed;
  },
};

function pushAll(node: PlanNode): PlanNode {
  if (node.kind !== 'filter') return mapChildren(node, pushAll);
  const terms = conjuncts(node.predicate);
  const movable = terms.filter(cannotFail);
  const { node: below, rest } = push(node.input, movable);
  if (rest.length === movable.length) return { ...node, input: pushAll(node.input) };
  const kept = terms.filter((term) => !movable.includes(term) || rest.includes(term));
  return filtered(pushAll(below), kept, node);
}

function filtered(input: PlanNode, terms: readonly Expr[], like?: FilterNode): PlanNode {
  const predicate = conjunction(terms);
  if (predicate === undefined) return input;
  if (input.kind === 'filter' && like === undefined) {
    const known = conjuncts(input.predicate);
    const fresh = terms.filter((term) => !known.some((other) => sameExpr(other, term)));
    return { ...input, predicate: conjunction([...known, ...fresh]) ?? predicate };
  }
  return { kind: 'filter', input, predicate, schema: input.schema };
}

interface Pushed {
  readonly node: PlanNode;
  /** Terms that could not go below. */
  readonly rest: readonly Expr[];
}

/** Puts terms over the node's output below the node. */
function push(node: PlanNode, terms: readonly Expr[]): Pushed {
  if (terms.length === 0) return { node, rest: [] };
  switch (node.kind) {
    case 'filter': {
      const { node: input, rest } = push(node.input, terms);
      return { node: { ...node, input }, rest };
    }
    case 'project':
      return through(node, terms, (term) => {
        const moved = trySubstitute(term, (index) => node.exprs[index]);
        return moved !== undefined && cannotFail(moved) ? moved : undefined;
      });
    case 'sort':
      return through(node, terms, (term) => term);
    case 'distinct':
      return node.on === undefined ? through(node, terms, (term) => term) : { node, rest: terms };
    case 'aggregate':
      if (node.groupingSets !== undefined || node.groups.length === 0) return { node, rest: terms };
      return through(node, terms, (term) => {
        const moved = trySubstitute(term, (index) => node.groups[index]);
        return moved !== undefined && cannotFail(moved) ? moved : undefined;
      });
    case 'window':
      return through(node, terms, (term) =>
        [...columnsOf(term)].every((index) =>
          node.calls.every((call) =>
            call.partitionBy.some((key) => key.kind === 'column' && key.index === index),
          ),
        )
          ? term
          : undefined,
      );
    case 'unnest':
      return through(node, terms, (term) =>
        [...columnsOf(term)].every((index) => index < node.input.schema.length) ? term : undefined,
      );
    case 'setOperation':
      return { node: { ...node, inputs: node.inputs.map((input) => below(input, terms)) }, rest: [] };
    case 'join':
      return pushIntoJoin(node, terms);
    case 'with': {
      const { node: body, rest } = push(node.body, terms);
      return { node: { ...node, body }, rest };
    }
    case 'scan':
    case 'tableFunction':
    case 'values':
    case 'positionalJoin':
    case 'limit':
    case 'sample':
    case 'cteRef':
    case 'recursiveCte':
    case 'exchange':
    case 'stageInput':
      return { node, rest: terms };
  }
}

/** Puts the terms that `translate` can state over the input above that input, and further down. */
function through(
  node: Extract<PlanNode, { kind: 'project' | 'sort' | 'distinct' | 'aggregate' | 'window' | 'unnest' }>,
  terms: readonly Expr[],
  translate: (term: Expr) => Expr | undefined,
): Pushed {
  const moved: Expr[] = [];
  const rest: Expr[] = [];
  for (const term of terms) {
    const below = columnsOf(term).size === 0 ? undefined : translate(term);
    if (below === undefined) rest.push(term);
    else moved.push(below);
  }
  return moved.length === 0 ? { node, rest } : { node: { ...node, input: below(node.input, moved) }, rest };
}

/** `terms` as deep below as they go; a filter above `node` for those that cannot. */
function below(node: PlanNode, terms: readonly Expr[]): PlanNode {
  const pushed = push(node, terms);
  return filtered(pushed.node, pushed.rest);
}

const keepsLeftRows: ReadonlySet<JoinKind> = new Set([
  'inner',
  'left',
  'semi',
  'anti',
  'mark',
  'single',
  'asofInner',
  'asofLeft',
]);

function pushIntoJoin(node: JoinNode, terms: readonly Expr[]): Pushed {
  const width = node.left.schema.length;
  const leftTerms: Expr[] = [];
  const rightTerms: Expr[] = [];
  const rest: Expr[] = [];
  for (const term of terms) {
    const columns = [...columnsOf(term)];
    const isLeft = columns.length > 0 && columns.every((index) => index < width);
    const isRight = columns.length > 0 && columns.every((index) => index >= width);
    if (isLeft && keepsLeftRows.has(node.joinKind)) leftTerms.push(term);
    else if (isRight && (node.joinKind === 'inner' || node.joinKind === 'right')) {
      rightTerms.push(remapColumns(term, (index) => index - width));
    } else rest.push(term);
  }
  if (rest.length === terms.length) return { node, rest };
  const left = leftTerms.length === 0 ? node.left : below(node.left, leftTerms);
  const right = rightTerms.length === 0 ? node.right : below(node.right, rightTerms);
  return { node: { ...node, left, right }, rest };
}
