import { assertNever } from '../common/index.ts';
import {
  children,
  type JoinKind,
  type JoinNode,
  type OperatorTree,
  type PlanNode,
  type ScanNode,
} from '../plan/index.ts';
import type { Schema } from '../types/index.ts';
import { conjuncts } from './expressions.ts';
import { formatAggregate, formatExpr, formatSortKey, formatWindow } from './format-expression.ts';
import type { PlannerContext } from './stage-plan.ts';

/**
 * The operators of a plan or a fragment for EXPLAIN.
 * @param estimate rows a node is thought to give
 * @param notes more to say of a scan, after its own details
 */
export function operatorTree(
  node: PlanNode,
  estimate?: (node: PlanNode) => number | undefined,
  notes?: (scan: ScanNode) => readonly string[],
): OperatorTree {
  return {
    kind: kindOf(node),
    details: [...detailsOf(node), ...(node.kind === 'scan' ? (notes?.(node) ?? []) : [])],
    estimatedRows: estimate?.(node),
    children: children(node).map((child) => operatorTree(child, estimate, notes)),
  };
}

/** Which files a scan reads, where it can leave out some. */
export function fileNotes(scan: ScanNode, { table }: Pick<PlannerContext, 'table'>): readonly string[] {
  const note = table(scan.table).prunedScan?.(scan).note;
  return note === undefined ? [] : [note];
}

const joinNames: Readonly<Record<JoinKind, string>> = {
  inner: 'inner',
  left: 'left',
  right: 'right',
  full: 'full',
  semi: 'semi',
  anti: 'anti',
  mark: 'mark',
  single: 'single',
  asofInner: 'asof inner',
  asofLeft: 'asof left',
  asofRight: 'asof right',
  asofFull: 'asof full',
};

function kindOf(node: PlanNode): string {
  switch (node.kind) {
    case 'join':
      return joinKindOf(node);
    case 'limit':
      return node.keys.length > 0 ? 'top n' : 'limit';
    case 'setOperation':
      return `${node.op}${node.all ? ' all' : ''}`;
    case 'distinct':
      return node.on === undefined ? 'distinct' : 'distinct on';
    case 'aggregate':
      return node.groups.length > 0 ? 'hash aggregate' : 'aggregate';
    case 'tableFunction':
      return 'table function';
    case 'positionalJoin':
      return 'positional join';
    case 'recursiveCte':
      return 'recursive cte';
    case 'cteRef':
      return 'cte reference';
    case 'stageInput':
      return 'stage input';
    case 'with':
      return 'cte';
    case 'scan':
    case 'values':
    case 'filter':
    case 'project':
    case 'window':
    case 'sort':
    case 'unnest':
    case 'sample':
    case 'exchange':
      return node.kind;
    default:
      return assertNever(node);
  }
}

function joinKindOf(node: JoinNode): string {
  const name = joinNames[node.joinKind];
  if (node.joinKind.startsWith('asof')) return `${name} join`;
  if (node.conditions.length === 0 && node.residual === undefined) return 'cross product';
  const equal = node.conditions.some(({ op }) => op === '=' || op === 'IS NOT DISTINCT FROM');
  return equal ? `hash join (${name})` : `nested loop join (${name})`;
}

function names(schema: Schema): string {
  return schema.map((field) => field.name).join(', ');
}

function detailsOf(node: PlanNode): readonly string[] {
  switch (node.kind) {
    case 'scan': {
      const prune = node.prune.map((expr) => formatExpr(expr, node.schema));
      return [
        `${node.table}${node.read === 'all' ? ' (whole)' : node.read === 'shard' ? ' (by shard)' : ''}`,
        `columns: ${names(node.schema)}`,
        ...(prune.length === 0 ? [] : [`prunes by: ${prune.join(' AND ')}`]),
      ];
    }
    case 'tableFunction':
      return [`${node.name}(${node.args.map((arg) => formatExpr(arg, [])).join(', ')})`];
    case 'values':
      return [`rows: ${node.rows.length}`];
    case 'filter':
      return conjuncts(node.predicate).map((term) => formatExpr(term, node.input.schema));
    case 'project':
    case 'unnest':
      return node.exprs.map((expr) => formatExpr(expr, node.input.schema));
    case 'aggregate': {
      const { schema } = node.input;
      const sets = node.groupingSets?.map(
        (set) => `(${set.map((index) => formatGroup(node, index, schema)).join(', ')})`,
      );
      return [
        ...(node.groups.length === 0
          ? []
          : [`by: ${node.groups.map((expr) => formatExpr(expr, schema)).join(', ')}`]),
        ...(sets === undefined ? [] : [`sets: ${sets.join(', ')}`]),
        ...node.aggregates.map((call) => formatAggregate(call, schema)),
      ];
    }
    case 'join': {
      const { left, right } = node;
      return [
        ...node.conditions.map(
          (on) => `${formatExpr(on.left, left.schema)} ${on.op} ${formatExpr(on.right, right.schema)}`,
        ),
        ...(node.residual === undefined
          ? []
          : [formatExpr(node.residual, [...left.schema, ...right.schema])]),
      ];
    }
    case 'window':
      return node.calls.map((call) => formatWindow(call, node.input.schema));
    case 'sort':
      return [node.keys.map((key) => formatSortKey(key, node.input.schema)).join(', ')];
    case 'limit':
      return limitDetails(node);
    case 'distinct':
      return node.on === undefined
        ? []
        : [node.on.map((expr) => formatExpr(expr, node.input.schema)).join(', ')];
    case 'sample':
      return [`${node.method} ${node.size}${node.percent ? '%' : ' rows'}`];
    case 'with':
    case 'cteRef':
    case 'recursiveCte':
      return [node.name];
    case 'exchange':
      return [
        node.to.kind === 'hash'
          ? `${node.to.shards === undefined ? 'hash' : 'shard'} (${node.to.keys.map((key) => formatExpr(key, node.input.schema)).join(', ')})`
          : node.to.kind === 'single'
            ? 'gather'
            : node.to.kind,
      ];
    case 'stageInput':
      return [`stage ${node.stage}${node.read === 'all' ? ' (whole)' : ''}`];
    case 'positionalJoin':
    case 'setOperation':
      return [];
    default:
      return assertNever(node);
  }
}

function formatGroup(node: Extract<PlanNode, { kind: 'aggregate' }>, index: number, input: Schema): string {
  const group = node.groups[index];
  return group === undefined ? `#${index}` : formatExpr(group, input);
}

function limitDetails(node: Extract<PlanNode, { kind: 'limit' }>): readonly string[] {
  const { schema } = node.input;
  const count = node.count === undefined ? 'all' : formatExpr(node.count, schema);
  const offset = node.offset === undefined ? '' : ` offset ${formatExpr(node.offset, schema)}`;
  const keys = node.keys.map((key) => formatSortKey(key, schema)).join(', ');
  return [`${count}${node.percent ? '%' : ''}${offset}`, ...(keys === '' ? [] : [`by: ${keys}`])];
}
