import type { Expr, JoinCondition, JoinKind, JoinNode, PlanNode } from '../../plan/index.ts';
import { type Schema, scalar } from '../../types/index.ts';
import { Fields, UnreadablePlan } from './fields.ts';
import type { Json } from './parse-json.ts';
import { projectColumns } from './project-columns.ts';
import { type ExpressionReader, readCompareOp } from './read-expression.ts';
import type { PlanReader } from './read-plan.ts';

const joinKinds: Readonly<Record<string, JoinKind>> = {
  INNER: 'inner',
  LEFT: 'left',
  RIGHT: 'right',
  FULL: 'full',
  OUTER: 'full',
  SEMI: 'semi',
  ANTI: 'anti',
  MARK: 'mark',
  SINGLE: 'single',
};

const asofKinds: Readonly<Record<string, JoinKind>> = {
  INNER: 'asofInner',
  LEFT: 'asofLeft',
  RIGHT: 'asofRight',
  FULL: 'asofFull',
  OUTER: 'asofFull',
};

export type JoinOperator = 'COMPARISON_JOIN' | 'ASOF_JOIN' | 'ANY_JOIN' | 'CROSS_PRODUCT' | 'POSITIONAL_JOIN';

export function readJoin(reader: PlanReader, operator: JoinOperator, fields: Fields): PlanNode {
  const [left, right] = reader.inputs(fields);
  if (operator === 'POSITIONAL_JOIN') {
    return { kind: 'positionalJoin', left, right, schema: [...left.schema, ...right.schema] };
  }
  if (operator === 'CROSS_PRODUCT') return makeJoin('inner', left, right, [], undefined);
  return readConditions(reader, operator, fields, left, right);
}

/**
 * A delim join evaluates one side (`definition`) once and hands the distinct values of some of its columns to the
 * delim gets inside the other side:
 *
 *     delimJoin(L, R[delimGet])  ->  with d = L: join(d, R[distinct(project(d, columns))])
 */
export function readDelimJoin(reader: PlanReader, fields: Fields): PlanNode {
  const [leftJson, rightJson, ...rest] = fields.list('children');
  if (rightJson === undefined || rest.length > 0) throw new UnreadablePlan('a delim join without two inputs');
  const flipped = fields.flag('delim_flipped');
  const definition = reader.read(flipped ? rightJson : leftJson);
  const cteId = reader.newCteId();
  const name = `delim${cteId}`;
  const source: PlanNode = { kind: 'cteRef', cteId, name, schema: definition.schema };
  const columns = reader.side(fields, flipped ? 1 : 0).readAll(fields.list('duplicate_eliminated_columns'));
  reader.delimGets.push(distinctValues(source, columns));
  const other = reader.read(flipped ? leftJson : rightJson);
  reader.delimGets.pop();
  const [left, right] = flipped ? [other, source] : [source, other];
  const body = readConditions(reader, 'COMPARISON_JOIN', fields, left, right);
  return { kind: 'with', cteId, name, definition, body, schema: body.schema };
}

function distinctValues(source: PlanNode, exprs: readonly Expr[]): PlanNode {
  const schema = exprs.map((expr) => ({
    name: (expr.kind === 'column' ? source.schema[expr.index]?.name : undefined) ?? '',
    type: expr.type,
  }));
  const input: PlanNode = { kind: 'project', input: source, exprs, schema };
  return { kind: 'distinct', input, on: undefined, orderBy: [], schema };
}

function readConditions(
  reader: PlanReader,
  operator: JoinOperator,
  fields: Fields,
  left: PlanNode,
  right: PlanNode,
): PlanNode {
  fields.ignore('mark_index', 'mark_types', 'delim_flipped', 'duplicate_eliminated_columns');
  const type = fields.string('join_type');
  const conditions: JoinCondition[] = [];
  const residuals: Expr[] = [];
  const readers: JoinReaders = {
    left: reader.side(fields, 0),
    right: reader.side(fields, 1),
    both: reader.expressions(fields),
  };
  for (const json of fields.list('conditions')) readCondition(json, readers, conditions, residuals);
  if (operator === 'ANY_JOIN') residuals.push(readers.both.read(fields.get('condition')));
  const predicate = readers.both.readOptional(fields.get('predicate'));
  if (predicate !== undefined) residuals.push(predicate);
  const residual: Expr | undefined =
    residuals.length > 1 ? { kind: 'and', args: residuals, type: scalar('BOOLEAN') } : residuals[0];
  const maps: ColumnMaps = {
    left: fields.integers('left_projection_map'),
    right: fields.integers('right_projection_map'),
  };
  if (type === 'RIGHT_SEMI' || type === 'RIGHT_ANTI') {
    if (residual !== undefined) throw new UnreadablePlan(`a residual condition of ${type}`);
    const swapped = conditions.map(swapCondition);
    const join = makeJoin(type === 'RIGHT_SEMI' ? 'semi' : 'anti', right, left, swapped, undefined);
    return maps.right.length === 0 ? join : projectColumns(join, maps.right);
  }
  const kind = (operator === 'ASOF_JOIN' ? asofKinds : joinKinds)[type];
  if (kind === undefined) throw new UnreadablePlan(`the join type ${type}`);
  const ordered = operator === 'ASOF_JOIN' ? inequalityLast(conditions) : conditions;
  return applyMaps(makeJoin(kind, left, right, ordered, residual), left, right, maps);
}

interface JoinReaders {
  readonly left: ExpressionReader;
  readonly right: ExpressionReader;
  readonly both: ExpressionReader;
}

function readCondition(
  json: Json,
  readers: JoinReaders,
  conditions: JoinCondition[],
  residuals: Expr[],
): void {
  const fields = new Fields(json, 'join condition');
  const expression = readers.both.readOptional(fields.get('expression'));
  if (expression !== undefined) {
    residuals.push(expression);
  } else {
    conditions.push({
      left: readers.left.read(fields.get('left')),
      right: readers.right.read(fields.get('right')),
      op: readCompareOp(fields.string('comparison')),
    });
  }
  fields.done();
}

function makeJoin(
  joinKind: JoinKind,
  left: PlanNode,
  right: PlanNode,
  conditions: readonly JoinCondition[],
  residual: Expr | undefined,
): JoinNode {
  return {
    kind: 'join',
    joinKind,
    left,
    right,
    conditions,
    residual,
    schema: joinSchema(joinKind, left, right),
  };
}

function joinSchema(joinKind: JoinKind, left: PlanNode, right: PlanNode): Schema {
  if (joinKind === 'semi' || joinKind === 'anti') return left.schema;
  if (joinKind === 'mark') return [...left.schema, { name: 'mark', type: scalar('BOOLEAN') }];
  return [...left.schema, ...right.schema];
}

interface ColumnMaps {
  /** Columns of the left input that the join hands on; empty means all. */
  readonly left: readonly number[];
  readonly right: readonly number[];
}

function applyMaps(join: JoinNode, left: PlanNode, right: PlanNode, maps: ColumnMaps): PlanNode {
  if (maps.left.length === 0 && maps.right.length === 0) return join;
  const leftCount = left.schema.length;
  const leftColumns = maps.left.length === 0 ? left.schema.map((_, index) => index) : maps.left;
  if (join.joinKind === 'semi' || join.joinKind === 'anti') return projectColumns(join, leftColumns);
  if (join.joinKind === 'mark') return projectColumns(join, [...leftColumns, leftCount]);
  const rightColumns = maps.right.length === 0 ? right.schema.map((_, index) => index) : maps.right;
  return projectColumns(join, [...leftColumns, ...rightColumns.map((index) => leftCount + index)]);
}

const mirrored: Readonly<Record<JoinCondition['op'], JoinCondition['op']>> = {
  '=': '=',
  '<>': '<>',
  '<': '>',
  '<=': '>=',
  '>': '<',
  '>=': '<=',
  'IS DISTINCT FROM': 'IS DISTINCT FROM',
  'IS NOT DISTINCT FROM': 'IS NOT DISTINCT FROM',
};

function swapCondition({ left, right, op }: JoinCondition): JoinCondition {
  return { left: right, right: left, op: mirrored[op] };
}

/** An ASOF join's inequality goes last. */
function inequalityLast(conditions: readonly JoinCondition[]): readonly JoinCondition[] {
  const isEquality = ({ op }: JoinCondition): boolean => op === '=' || op === 'IS NOT DISTINCT FROM';
  const unequal = conditions.filter((condition) => !isEquality(condition));
  if (unequal.length !== 1) throw new UnreadablePlan('an ASOF join without its one inequality');
  return [...conditions.filter(isEquality), ...unequal];
}
