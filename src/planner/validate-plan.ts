import { assertNever } from '../common/index.ts';
import {
  aggregateExprs,
  children,
  type Expr,
  type JoinNode,
  nodeExprs,
  type PlanNode,
  walkExpr,
} from '../plan/index.ts';
import { formatType, type Schema, type SqlType, sameType, scalar } from '../types/index.ts';

/**
 * Finds what is wrong with a plan: references out of range, types that differ from the column they refer to, schemas
 * that do not follow from the inputs, references to CTEs that nothing defines. Empty for a sound plan.
 */
export function validatePlan(plan: PlanNode): readonly string[] {
  const problems: string[] = [];
  validate(plan, new Map(), (text) => problems.push(text));
  return problems;
}

type Report = (problem: string) => void;

function validate(node: PlanNode, ctes: ReadonlyMap<number, Schema>, report: Report): void {
  const say: Report = (text) => report(`${node.kind}: ${text}`);
  checkNode(node, say);
  if (node.kind === 'cteRef') {
    const schema = ctes.get(node.cteId);
    if (schema === undefined) say(`nothing defines CTE ${node.cteId}`);
    else checkTypes(node.schema, types(schema), say);
  }
  if (node.kind === 'with' || node.kind === 'recursiveCte') {
    const [first, second] = children(node);
    if (first === undefined || second === undefined) return;
    validate(first, ctes, report);
    validate(second, new Map([...ctes, [node.cteId, first.schema]]), report);
    return;
  }
  for (const child of children(node)) validate(child, ctes, report);
}

function checkNode(node: PlanNode, say: Report): void {
  switch (node.kind) {
    case 'scan':
      if (node.columns.length !== node.schema.length) say('one schema column a table column');
      for (const expr of node.prune) checkExpr(expr, node.schema, say);
      return;
    case 'tableFunction':
    case 'values':
      for (const expr of nodeExprs(node)) checkExpr(expr, [], say);
      if (node.kind === 'values') for (const row of node.rows) checkTypes(node.schema, row.map(typeOf), say);
      return;
    case 'cteRef':
    case 'stageInput':
      return;
    case 'filter':
    case 'sort':
    case 'limit':
    case 'distinct':
    case 'sample':
    case 'exchange':
      for (const expr of nodeExprs(node)) checkExpr(expr, node.input.schema, say);
      checkTypes(node.schema, types(node.input.schema), say);
      return;
    case 'project':
      for (const expr of node.exprs) checkExpr(expr, node.input.schema, say);
      checkTypes(node.schema, node.exprs.map(typeOf), say);
      return;
    case 'aggregate':
      for (const expr of [...node.groups, ...node.aggregates.flatMap(aggregateExprs)]) {
        checkExpr(expr, node.input.schema, say);
      }
      checkTypes(
        node.schema,
        [
          ...node.groups.map(typeOf),
          ...node.aggregates.map(typeOf),
          ...node.groupingCalls.map(() => undefined),
        ],
        say,
      );
      for (const group of [...(node.groupingSets ?? []), ...node.groupingCalls].flat()) {
        if (node.groups[group] === undefined) say(`no group ${group}`);
      }
      return;
    case 'join':
      checkJoin(node, say);
      return;
    case 'positionalJoin':
      checkTypes(node.schema, [...types(node.left.schema), ...types(node.right.schema)], say);
      return;
    case 'window':
      for (const expr of nodeExprs(node)) checkExpr(expr, node.input.schema, say);
      checkTypes(node.schema, [...types(node.input.schema), ...node.calls.map(typeOf)], say);
      return;
    case 'unnest':
      for (const expr of node.exprs) checkExpr(expr, node.input.schema, say);
      checkTypes(node.schema, [...types(node.input.schema), ...node.exprs.map(() => undefined)], say);
      return;
    case 'setOperation':
      for (const input of node.inputs) checkTypes(node.schema, types(input.schema), say);
      return;
    case 'with':
      checkTypes(node.schema, types(node.body.schema), say);
      return;
    case 'recursiveCte':
      checkTypes(node.schema, types(node.anchor.schema), say);
      checkTypes(node.schema, types(node.step.schema), say);
      return;
    default:
      assertNever(node);
  }
}

function checkJoin(node: JoinNode, say: Report): void {
  const left = node.left.schema;
  const right = node.right.schema;
  for (const condition of node.conditions) {
    checkExpr(condition.left, left, say);
    checkExpr(condition.right, right, say);
    if (!sameType(condition.left.type, condition.right.type)) {
      say(`a condition compares ${formatType(condition.left.type)} with ${formatType(condition.right.type)}`);
    }
  }
  if (node.residual !== undefined) checkExpr(node.residual, [...left, ...right], say);
  const passes = node.joinKind !== 'semi' && node.joinKind !== 'anti';
  const added = node.joinKind === 'mark' ? [scalar('BOOLEAN')] : passes ? types(right) : [];
  checkTypes(node.schema, [...types(left), ...added], say);
}

function checkExpr(expr: Expr, input: Schema, say: Report): void {
  for (const part of walkExpr(expr)) {
    if (part.kind !== 'column') continue;
    const field = input[part.index];
    if (field === undefined) say(`column #${part.index} of ${input.length}`);
    else if (!sameType(field.type, part.type)) {
      say(`column #${part.index} is ${formatType(field.type)}, not ${formatType(part.type)}`);
    }
  }
}

/** Undefined types are not checked. */
function checkTypes(schema: Schema, expected: readonly (SqlType | undefined)[], say: Report): void {
  if (schema.length !== expected.length) {
    say(`${schema.length} columns in the schema, ${expected.length} in the node`);
    return;
  }
  schema.forEach((field, index) => {
    const type = expected[index];
    if (type !== undefined && !sameType(field.type, type)) {
      say(`schema column ${index} is ${formatType(field.type)}, the node gives ${formatType(type)}`);
    }
  });
}

function types(schema: Schema): readonly SqlType[] {
  return schema.map((field) => field.type);
}

function typeOf(item: { readonly type: SqlType }): SqlType {
  return item.type;
}
