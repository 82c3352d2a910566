import { assert, assertNever } from '../../common/index.ts';
import {
  type AggregateNode,
  aggregateExprs,
  type Expr,
  type JoinNode,
  mapAggregateCall,
  mapChildren,
  mapSortKeys,
  mapWindowCall,
  nodeExprs,
  type PlanNode,
  remapColumns,
  type SetOperationNode,
  type WindowNode,
  type WithNode,
  windowExprs,
} from '../../plan/index.ts';
import { columnsOf } from '../expressions.ts';
import { samePlan, select } from '../nodes.ts';
import type { Rule } from '../rule.ts';
import { narrowestColumn } from '../widths.ts';

/**
 * Reads, computes and carries only the columns that something above needs.
 *
 * ```
 * project [#0]                      project [#0]
 *   join on #1 = #0         ->        join on #1 = #0
 *     scan t (a, b, c, d)               scan t (a, b)
 *     scan u (x, y, z)                  scan u (x)
 * ```
 *
 * Operators that pass columns through get a projection below them where their input would carry more than they need.
 * A relation keeps at least one column. Recursive CTEs keep all of theirs.
 */
export const pruneColumns: Rule = {
  name: 'prune-columns',
  reason: 'after the filters have moved, so that a column needed only below a filter goes no further',
  apply(plan) {
    const pruned = exactly(plan, new Set(plan.schema.keys()), new Map());
    return samePlan(plan, pruned) ? undefined : pruned;
  },
};

/** A node with some columns left out: `kept` lists the old positions of the columns that remain, ascending. */
interface Pruned {
  readonly node: PlanNode;
  readonly kept: readonly number[];
}

/** Columns that the references to each CTE read, by CTE id: filled on the way. */
type CteColumns = Map<number, Set<number>>;

/** Prunes `node`; what remains has at least the `required` columns. */
function prune(node: PlanNode, required: ReadonlySet<number>, ctes: CteColumns): Pruned {
  switch (node.kind) {
    case 'scan':
      return pruneScan(node, required);
    case 'values': {
      const kept = atLeastOne(node, required);
      return {
        node: { ...node, rows: node.rows.map((row) => pick(row, kept)), schema: pick(node.schema, kept) },
        kept,
      };
    }
    case 'tableFunction':
    case 'stageInput':
    case 'exchange':
      return whole(node);
    case 'cteRef': {
      const kept = atLeastOne(node, required);
      const columns = ctes.get(node.cteId);
      if (columns === undefined) return whole(node);
      for (const position of kept) columns.add(position);
      return { node: select(node, kept), kept };
    }
    case 'project': {
      const kept = atLeastOne(node, required);
      const exprs = pick(node.exprs, kept);
      const columns = node.input.kind === 'cteRef' ? ctes.get(node.input.cteId) : undefined;
      if (columns !== undefined) {
        for (const position of atLeastOne(node.input, columnsOfAll(exprs))) columns.add(position);
        return { node: { ...node, exprs, schema: pick(node.schema, kept) }, kept };
      }
      const { input, at } = inputFor(node.input, columnsOfAll(exprs), ctes);
      return {
        node: {
          ...node,
          input,
          exprs: exprs.map((expr) => remapColumns(expr, at)),
          schema: pick(node.schema, kept),
        },
        kept,
      };
    }
    case 'filter':
    case 'sort':
    case 'limit':
    case 'sample':
      return prunePassing(node, required, ctes);
    case 'distinct':
      return node.on === undefined ? everything(node, ctes) : prunePassing(node, required, ctes);
    case 'aggregate':
      return pruneAggregate(node, required, ctes);
    case 'join':
      return pruneJoin(node, required, ctes);
    case 'positionalJoin': {
      const width = node.left.schema.length;
      const left = exactPart(node.left, below(required, width), ctes);
      const right = exactPart(node.right, above(required, width), ctes);
      return {
        node: {
          ...node,
          left: left.node,
          right: right.node,
          schema: [...left.node.schema, ...right.node.schema],
        },
        kept: [...left.kept, ...right.kept.map((position) => position + width)],
      };
    }
    case 'window':
      return pruneWindow(node, required, ctes);
    case 'setOperation':
      return pruneSetOperation(node, required, ctes);
    case 'unnest': {
      const width = node.input.schema.length;
      const needed = new Set([...below(required, width), ...columnsOfAll(node.exprs)]);
      const input = exactPart(node.input, needed, ctes);
      const at = newPosition(input.kept);
      const exprs = node.exprs.map((expr) => remapColumns(expr, at));
      const kept = [...input.kept, ...node.exprs.map((_, index) => width + index)];
      return { node: { ...node, input: input.node, exprs, schema: pick(node.schema, kept) }, kept };
    }
    case 'with':
      return pruneWith(node, required, ctes);
    case 'recursiveCte':
      return everything(node, ctes);
    default:
      return assertNever(node);
  }
}

/** Prunes `node` to exactly the required columns (to one of them when none is required). */
function exactly(node: PlanNode, required: ReadonlySet<number>, ctes: CteColumns): PlanNode {
  return exactPart(node, required, ctes).node;
}

function exactPart(node: PlanNode, required: ReadonlySet<number>, ctes: CteColumns): Pruned {
  const kept = atLeastOne(node, required);
  const pruned = prune(node, new Set(kept), ctes);
  const at = newPosition(pruned.kept);
  return { node: select(pruned.node, kept.map(at)), kept };
}

/** Prunes an input whose superfluous columns do no harm: its columns are not passed on. */
function inputFor(
  node: PlanNode,
  required: ReadonlySet<number>,
  ctes: CteColumns,
): { readonly input: PlanNode; readonly at: (position: number) => number } {
  const pruned = prune(node, new Set(atLeastOne(node, required)), ctes);
  return { input: pruned.node, at: newPosition(pruned.kept) };
}

/** Keeps the node's columns, and prunes inside its inputs only. */
function everything(node: PlanNode, ctes: CteColumns): Pruned {
  const pruned = mapChildren(node, (child) => exactly(child, new Set(child.schema.keys()), ctes));
  return whole(pruned);
}

function whole(node: PlanNode): Pruned {
  return { node, kept: [...node.schema.keys()] };
}

function pruneScan(node: Extract<PlanNode, { kind: 'scan' }>, required: ReadonlySet<number>): Pruned {
  const kept = atLeastOne(node, required);
  const at = newPosition(kept);
  const covered = node.prune.filter((expr) =>
    [...columnsOf(expr)].every((position) => kept.includes(position)),
  );
  return {
    node: {
      ...node,
      columns: pick(node.columns, kept),
      prune: covered.map((expr) => remapColumns(expr, at)),
      schema: pick(node.schema, kept),
    },
    kept,
  };
}

/** Filter, sort, limit, sample, DISTINCT ON: the input's columns pass through, and some are read. */
function prunePassing(
  node: Extract<PlanNode, { kind: 'filter' | 'sort' | 'limit' | 'sample' | 'distinct' }>,
  required: ReadonlySet<number>,
  ctes: CteColumns,
): Pruned {
  const needed = new Set([...required, ...columnsOfAll(nodeExprs(node))]);
  const pruned =
    node.kind === 'filter'
      ? prune(node.input, new Set(atLeastOne(node.input, needed)), ctes)
      : exactPart(node.input, needed, ctes);
  const at = newPosition(pruned.kept);
  const remap = (expr: Expr): Expr => remapColumns(expr, at);
  const rest = { input: pruned.node, schema: pick(node.schema, pruned.kept) };
  switch (node.kind) {
    case 'filter':
      return { node: { ...node, ...rest, predicate: remap(node.predicate) }, kept: pruned.kept };
    case 'sort':
      return { node: { ...node, ...rest, keys: mapSortKeys(node.keys, remap) }, kept: pruned.kept };
    case 'limit':
      return {
        node: {
          ...node,
          ...rest,
          keys: mapSortKeys(node.keys, remap),
          count: node.count && remap(node.count),
          offset: node.offset && remap(node.offset),
        },
        kept: pruned.kept,
      };
    case 'sample':
      return { node: { ...node, ...rest }, kept: pruned.kept };
    case 'distinct':
      return {
        node: { ...node, ...rest, on: node.on?.map(remap), orderBy: mapSortKeys(node.orderBy, remap) },
        kept: pruned.kept,
      };
    default:
      return assertNever(node);
  }
}

function pruneAggregate(node: AggregateNode, required: ReadonlySet<number>, ctes: CteColumns): Pruned {
  const groupCount = node.groups.length;
  const callCount = node.aggregates.length;
  const wanted = [...node.schema.keys()].filter(
    (position) => position < groupCount || required.has(position),
  );
  const first = groupCount + callCount > 0 ? 0 : undefined;
  const kept = wanted.length > 0 || first === undefined ? wanted : [first];
  const aggregates = node.aggregates.filter((_, index) => kept.includes(groupCount + index));
  const groupingCalls = node.groupingCalls.filter((_, index) =>
    kept.includes(groupCount + callCount + index),
  );
  const needed = columnsOfAll([...node.groups, ...aggregates.flatMap(aggregateExprs)]);
  const { input, at } = inputFor(node.input, needed, ctes);
  const remap = (expr: Expr): Expr => remapColumns(expr, at);
  return {
    node: {
      ...node,
      input,
      groups: node.groups.map(remap),
      aggregates: aggregates.map((call) => mapAggregateCall(call, remap)),
      groupingCalls,
      schema: pick(node.schema, kept),
    },
    kept,
  };
}

function pruneJoin(node: JoinNode, required: ReadonlySet<number>, ctes: CteColumns): Pruned {
  const width = node.left.schema.length;
  const residual = node.residual === undefined ? new Set<number>() : columnsOf(node.residual);
  const rightPasses = node.schema.length > width && node.joinKind !== 'mark';
  const leftNeeded = new Set([
    ...below(required, width),
    ...columnsOfAll(node.conditions.map((condition) => condition.left)),
    ...below(residual, width),
  ]);
  const rightNeeded = new Set([
    ...(rightPasses ? above(required, width) : []),
    ...columnsOfAll(node.conditions.map((condition) => condition.right)),
    ...above(residual, width),
  ]);
  const left = exactPart(node.left, leftNeeded, ctes);
  const right = exactPart(node.right, rightNeeded, ctes);
  const leftAt = newPosition(left.kept);
  const rightAt = newPosition(right.kept);
  const at = (position: number): number =>
    position < width ? leftAt(position) : left.kept.length + rightAt(position - width);
  const mark = node.joinKind === 'mark' ? [width] : [];
  const kept = [...left.kept, ...(rightPasses ? right.kept.map((position) => position + width) : mark)];
  return {
    node: {
      ...node,
      left: left.node,
      right: right.node,
      conditions: node.conditions.map((condition) => ({
        ...condition,
        left: remapColumns(condition.left, leftAt),
        right: remapColumns(condition.right, rightAt),
      })),
      residual: node.residual && remapColumns(node.residual, at),
      schema: pick(node.schema, kept),
    },
    kept,
  };
}

function pruneWindow(node: WindowNode, required: ReadonlySet<number>, ctes: CteColumns): Pruned {
  const width = node.input.schema.length;
  const calls = node.calls.filter((_, index) => required.has(width + index));
  if (calls.length === 0) return prune(node.input, below(required, width), ctes);
  const needed = new Set([...below(required, width), ...columnsOfAll(calls.flatMap(windowExprs))]);
  const input = exactPart(node.input, needed, ctes);
  const at = newPosition(input.kept);
  const callPositions = [...node.calls.keys()].map((index) => width + index).filter((p) => required.has(p));
  const kept = [...input.kept, ...callPositions];
  return {
    node: {
      ...node,
      input: input.node,
      calls: calls.map((call) => mapWindowCall(call, (expr) => remapColumns(expr, at))),
      schema: pick(node.schema, kept),
    },
    kept,
  };
}

function pruneSetOperation(node: SetOperationNode, required: ReadonlySet<number>, ctes: CteColumns): Pruned {
  if (node.op !== 'union') return everything(node, ctes);
  const kept = atLeastOne(node, required);
  return {
    node: {
      ...node,
      inputs: node.inputs.map((input) => exactly(input, new Set(kept), ctes)),
      schema: pick(node.schema, kept),
    },
    kept,
  };
}

/** The body tells which columns its references read; the definition then gives these only. */
function pruneWith(node: WithNode, required: ReadonlySet<number>, ctes: CteColumns): Pruned {
  const columns = new Set<number>();
  ctes.set(node.cteId, columns);
  const body = prune(node.body, required, ctes);
  ctes.delete(node.cteId);
  if (columns.size === 0) return body;
  const definition = exactPart(node.definition, columns, ctes);
  const narrowed = narrowRefs(body.node, node.cteId, definition);
  return {
    node: { ...node, definition: definition.node, body: narrowed, schema: narrowed.schema },
    kept: body.kept,
  };
}

/** Gives each reference the columns that its definition still has. */
function narrowRefs(node: PlanNode, cteId: number, definition: Pruned): PlanNode {
  if (node.kind === 'project' && node.input.kind === 'cteRef' && node.input.cteId === cteId) {
    const at = newPosition(definition.kept);
    const input = { ...node.input, schema: pick(node.input.schema, definition.kept) };
    const exprs = node.exprs.map((expr) => remapColumns(expr, at));
    const identity =
      exprs.length === input.schema.length &&
      exprs.every((expr, index) => expr.kind === 'column' && expr.index === index);
    const named = node.schema.every((field, index) => field.name === input.schema[index]?.name);
    return identity && named ? input : { ...node, input, exprs };
  }
  if (node.kind === 'cteRef' && node.cteId === cteId) {
    assert(definition.kept.length === node.schema.length, 'a whole reference needs every column of its CTE');
    return node;
  }
  return mapChildren(node, (child) => narrowRefs(child, cteId, definition));
}

function atLeastOne(node: PlanNode, required: ReadonlySet<number>): readonly number[] {
  const kept = [...required].sort((a, b) => a - b);
  if (kept.length > 0) return kept;
  const narrowest = narrowestColumn(node.schema);
  return narrowest === undefined ? [] : [narrowest];
}

function newPosition(kept: readonly number[]): (position: number) => number {
  const positions = new Map(kept.map((old, index) => [old, index]));
  return (position) => {
    const found = positions.get(position);
    assert(found !== undefined, `column ${position} was pruned though it is read`);
    return found;
  };
}

function pick<T>(items: readonly T[], positions: readonly number[]): readonly T[] {
  return positions.map((position) => {
    const item = items[position];
    assert(item !== undefined, `position ${position} of ${items.length}`);
    return item;
  });
}

function columnsOfAll(exprs: readonly Expr[]): Set<number> {
  const columns = new Set<number>();
  for (const expr of exprs) columnsOf(expr, columns);
  return columns;
}

function below(positions: ReadonlySet<number>, width: number): Set<number> {
  return new Set([...positions].filter((position) => position < width));
}

/** Positions of the right side, counted from its own first column. */
function above(positions: ReadonlySet<number>, width: number): Set<number> {
  return new Set([...positions].filter((position) => position >= width).map((position) => position - width));
}
