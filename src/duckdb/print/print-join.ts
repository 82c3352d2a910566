import type { Expr, JoinCondition, JoinKind, JoinNode, PositionalJoinNode } from '../../plan/index.ts';
import { isUniqueOn } from '../../plan/index.ts';
import {
  canInline,
  cellAt,
  conjuncts,
  everyColumn,
  inline,
  inlineCell,
  type Needed,
  union,
  usesOf,
} from './cell-uses.ts';
import { printStruct } from './print-literal.ts';
import type { PlanPrinter } from './print-plan.ts';
import {
  blockOf,
  type Cell,
  type FromClause,
  isPlain,
  renderSelect,
  type SelectBlock,
} from './select-block.ts';
import {
  type Fragment,
  indent,
  lineBreak,
  loose,
  operand,
  parenthesize,
  stringLiteral,
  tight,
} from './sql-text.ts';

interface Sides {
  readonly left: Set<number>;
  readonly right: Set<number>;
}

/** What the join needs of its inputs, for its own conditions and for those above. */
function neededSides(node: JoinNode, needed: Needed): Sides {
  const width = node.left.schema.length;
  const both = node.residual === undefined ? needed : union(needed, [node.residual]);
  const left = new Set([...both].filter((index) => index < width));
  const right = new Set([...both].filter((index) => index >= width).map((index) => index - width));
  return {
    left: union(
      left,
      node.conditions.map((condition) => condition.left),
    ),
    right: union(
      node.joinKind === 'mark' ? new Set<number>() : right,
      node.conditions.map((condition) => condition.right),
    ),
  };
}

const joinWords: Readonly<Record<Exclude<JoinKind, 'mark' | 'single'>, string>> = {
  inner: 'JOIN',
  left: 'LEFT JOIN',
  right: 'RIGHT JOIN',
  full: 'FULL JOIN',
  semi: 'SEMI JOIN',
  anti: 'ANTI JOIN',
  asofInner: 'ASOF JOIN',
  asofLeft: 'ASOF LEFT JOIN',
  asofRight: 'ASOF RIGHT JOIN',
  asofFull: 'ASOF FULL JOIN',
};

/** Sides whose WHERE may wait until after the join: every row of the result has a row of theirs. */
const filtersAfter: Readonly<Record<JoinKind, 'both' | 'left' | 'right' | 'none'>> = {
  inner: 'both',
  left: 'left',
  right: 'right',
  full: 'none',
  semi: 'left',
  anti: 'left',
  mark: 'left',
  single: 'left',
  asofInner: 'left',
  asofLeft: 'left',
  asofRight: 'none',
  asofFull: 'none',
};

export function printJoin(printer: PlanPrinter, node: JoinNode, needed: Needed): SelectBlock {
  if (node.joinKind === 'mark') return printMark(printer, node, needed);
  if (node.joinKind === 'single') {
    if (!isSingleRow(node)) return printSingle(printer, node, needed);
    return printRelations(printer, node, 'left', needed);
  }
  return printRelations(printer, node, node.joinKind, needed);
}

export function printPositionalJoin(
  printer: PlanPrinter,
  node: PositionalJoinNode,
  needed: Needed,
): SelectBlock {
  const width = node.left.schema.length;
  const left = new Set([...needed].filter((index) => index < width));
  const right = new Set([...needed].filter((index) => index >= width).map((index) => index - width));
  const sides = [
    asRelation(printer, printer.printJoined(node.left, left), left, false),
    asRelation(printer, printer.printJoined(node.right, right), right, false),
  ] as const;
  const from = {
    sql: `${fromOf(sides[0]).sql}${lineBreak}POSITIONAL JOIN ${rightOperand(sides[1])}`,
    isJoin: true,
  };
  return blockOf(
    from,
    joinCells(node, sides),
    node.schema.map((column) => column.name),
  );
}

/** True when no row of the left side can have two matches. */
function isSingleRow({ right, conditions }: JoinNode): boolean {
  const keys = conditions.flatMap(({ op, right: key }) =>
    (op === '=' || op === 'IS NOT DISTINCT FROM') && key.kind === 'column' ? [key.index] : [],
  );
  return isUniqueOn(right, new Set(keys));
}

function printRelations(
  printer: PlanPrinter,
  node: JoinNode,
  kind: Exclude<JoinKind, 'mark' | 'single'>,
  needed: Needed,
): SelectBlock {
  const sides = neededSides(node, needed);
  const after = filtersAfter[kind];
  const left = asRelation(
    printer,
    printer.printJoined(node.left, sides.left),
    sides.left,
    after === 'both' || after === 'left',
  );
  const right = asRelation(
    printer,
    printer.printJoined(node.right, sides.right),
    sides.right,
    after === 'both' || after === 'right',
  );
  const joined = joinCells(node, [left, right]);
  const conditions = printConditions(node, left, right, joined);
  const isCross = conditions.length === 0 && kind === 'inner';
  const words = isCross ? 'CROSS JOIN' : joinWords[kind];
  const on = isCross ? '' : ` ON ${conditions.join(' AND ') || 'true'}`;
  const operands = `${fromOf(left).sql}${lineBreak}${words} ${rightOperand(right)}`;
  const line = operands.slice(operands.lastIndexOf(lineBreak));
  const from = {
    sql:
      on.length + line.length > 120 && conditions.length > 1
        ? `${operands}${lineBreak}${indent(`ON ${conditions.join(`${lineBreak}AND `)}`)}`
        : operands + on,
    isJoin: true,
  };
  const cells = kind === 'semi' || kind === 'anti' ? joined.slice(0, node.left.schema.length) : joined;
  return {
    ...blockOf(
      from,
      cells,
      node.schema.map((column) => column.name),
    ),
    where: [...left.where, ...right.where],
  };
}

function printConditions(
  node: JoinNode,
  left: SelectBlock,
  right: SelectBlock,
  joined: readonly (Cell | undefined)[],
): string[] {
  const conditions = node.conditions.map((condition) => printCondition(condition, left, right));
  if (node.residual === undefined) return conditions;
  return [...conditions, ...conjuncts(blockOf(undefined, joined, []), node.residual)];
}

function printCondition(condition: JoinCondition, left: SelectBlock, right: SelectBlock): string {
  return `${operand(inline(left, condition.left))} ${condition.op} ${operand(inline(right, condition.right))}`;
}

/**
 * The block as something that a join can name: columns of relations, and no clause but FROM; its WHERE stays where
 * it may be applied to the result of the join.
 */
function asRelation(
  printer: PlanPrinter,
  block: SelectBlock,
  needed: Needed,
  mayFilterAfter: boolean,
): SelectBlock {
  const isRelation =
    block.from !== undefined &&
    isPlain(block) &&
    (mayFilterAfter || block.where.length === 0) &&
    [...needed].every((index) => cellAt(block, index).form === 'column');
  return isRelation ? block : printer.scope.inJoin(() => printer.scope.wrap(block, needed));
}

function fromOf(block: SelectBlock): FromClause {
  if (block.from === undefined) throw new Error('a relation has a FROM clause');
  return block.from;
}

function rightOperand(block: SelectBlock): string {
  const { sql, isJoin } = fromOf(block);
  return isJoin ? parenthesize(sql) : sql;
}

/** Left columns, then right columns, whether there or not. */
function joinCells(
  node: Pick<JoinNode, 'left' | 'right'>,
  [left, right]: readonly [SelectBlock, SelectBlock],
): (Cell | undefined)[] {
  return [
    ...node.left.schema.map((_, index) => left.cells[index]),
    ...node.right.schema.map((_, index) => right.cells[index]),
  ];
}

const nullSafe: ReadonlySet<string> = new Set(['IS DISTINCT FROM', 'IS NOT DISTINCT FROM']);

/** The mark is a subquery that looks at the left row: `x IN (SELECT y FROM r WHERE r.k IS NOT DISTINCT FROM l.k)`. */
function printMark(printer: PlanPrinter, node: JoinNode, needed: Needed): SelectBlock {
  const width = node.left.schema.length;
  const sides = neededSides(node, new Set([...needed].filter((index) => index < width)));
  const left = openLeft(printer, node, sides.left, needed);
  const cells: (Cell | undefined)[] = left.cells.slice(0, width);
  const mark = needed.has(width) ? printMarkCell(printer, node, left, sides.right) : undefined;
  return { ...left, cells: [...cells, mark], names: node.schema.map((column) => column.name) };
}

function printMarkCell(printer: PlanPrinter, node: JoinNode, left: SelectBlock, rightNeeded: Needed): Cell {
  const safe = node.conditions.filter(({ op }) => nullSafe.has(op));
  const [compared, ...more] = node.conditions.filter(({ op }) => !nullSafe.has(op));
  // DuckDB has no subquery that compares rows and looks at the outer row.
  const isRow =
    compared !== undefined &&
    more.every(({ op }) => op === compared.op) &&
    (more.length === 0 || safe.length === 0);
  if (node.residual === undefined && isRow) {
    const isCorrelated = safe.length > 0;
    const right = subqueryRelation(printer, node, rightNeeded, isCorrelated)();
    return printMembership([compared, ...more], left, {
      ...right,
      where: [...right.where, ...safe.map((condition) => printCondition(condition, left, right))],
    });
  }
  const isCorrelated = node.residual !== undefined || node.conditions.length > 0;
  const relation = subqueryRelation(printer, node, rightNeeded, isCorrelated);
  const exists = (extra: (right: SelectBlock) => readonly string[]): string => {
    const right = relation();
    const where = safe.map((condition) => printCondition(condition, left, right));
    const probe = { ...right, cells: [], where: [...right.where, ...where, ...extra(right)] };
    return `EXISTS ${parenthesize(renderSelect(probe).sql)}`;
  };
  if (node.residual === undefined && compared === undefined) return subqueryCell(tight(exists(() => [])));
  // True where a row matches, NULL where none does and one might.
  const all = (right: SelectBlock): string[] => {
    const joined = blockOf(undefined, joinCells(node, [left, right]), []);
    const comparisons = node.conditions.flatMap((condition) =>
      nullSafe.has(condition.op) ? [] : [printCondition(condition, left, right)],
    );
    return node.residual === undefined
      ? comparisons
      : [...comparisons, operand(inline(joined, node.residual))];
  };
  const unknown = (right: SelectBlock): string[] => [
    `(${all(right)
      .map((text) => `(${text})`)
      .join(' AND ')}) IS NULL`,
  ];
  return subqueryCell(
    tight(
      `CASE WHEN ${exists(all)} THEN true WHEN ${exists(unknown)} THEN CAST(NULL AS BOOLEAN) ELSE false END`,
    ),
  );
}

/** `x IN (SELECT y FROM ...)`, `(x1, x2) IN (SELECT y1, y2 FROM ...)`, `x < ANY (SELECT y FROM ...)` */
function printMembership(pairs: readonly JoinCondition[], left: SelectBlock, right: SelectBlock): Cell {
  const values = pairs.map((pair) => inlineCell(right, pair.right));
  const names = values.map((_, index) => (values.length === 1 ? 'value' : `value${index + 1}`));
  const select = renderSelect({ ...right, cells: values, names }).sql;
  const lefts = pairs.map((pair) => inline(left, pair.left));
  const [only, ...others] = lefts;
  const isSingle = only !== undefined && others.length === 0;
  const value = isSingle ? operand(only) : `(${lefts.map(({ sql }) => sql).join(', ')})`;
  const op = pairs[0]?.op ?? '=';
  return subqueryCell(loose(`${value} ${op === '=' ? 'IN' : `${op} ANY`} ${parenthesize(select)}`));
}

function subqueryCell(fragment: Fragment): Cell {
  return { ...fragment, form: 'subquery', volatile: false };
}

/**
 * The right side as a relation of a subquery: FROM and WHERE, which takes the conditions. One that looks at the left
 * row reads a CTE, printed before all: DuckDB does not decorrelate every kind of join, and makes a plain hash join of
 * the rest.
 */
function subqueryRelation(
  printer: PlanPrinter,
  node: JoinNode,
  needed: Needed,
  isCorrelated: boolean,
): () => SelectBlock {
  const block = printer.printJoined(node.right, needed);
  const isTable = block.from?.isTable === true && block.where.length === 0;
  if (isCorrelated && !(isTable && isPlain(block)))
    return printer.scope.materialize(block, needed, 'matched');
  const isOpen =
    block.from !== undefined &&
    isPlain(block) &&
    [...needed].every((index) => ['column', 'constant'].includes(cellAt(block, index).form));
  const open = isOpen ? block : printer.scope.inJoin(() => printer.scope.wrap(block, needed));
  return () => open;
}

/** The left side of a subquery that looks at its rows: its columns can be named in it. */
function openLeft(printer: PlanPrinter, node: JoinNode, leftNeeded: Needed, needed: Needed): SelectBlock {
  const block = printer.printJoined(node.left, leftNeeded);
  const exprs: Expr[] = node.conditions.map((condition) => condition.left);
  if (node.residual !== undefined) exprs.push(node.residual);
  const width = node.left.schema.length;
  const used = [...usesOf(exprs).keys()].filter((index) => index < width);
  const columns = used.map(
    (index): Expr => ({
      kind: 'column',
      index,
      type: node.schema[index]?.type ?? { kind: 'scalar', name: 'NULL' },
    }),
  );
  return block.from !== undefined &&
    isPlain(block) &&
    canInline(block, columns, ['column', 'constant'], needed)
    ? block
    : printer.scope.inJoin(() => printer.scope.wrap(block, leftNeeded));
}

/** Every left row with the one right row that matches it, as a scalar subquery: two of them are DuckDB's error. */
function printSingle(printer: PlanPrinter, node: JoinNode, needed: Needed): SelectBlock {
  const width = node.left.schema.length;
  const sides = neededSides(node, needed);
  const left = openLeft(printer, node, sides.left, needed);
  const isCorrelated = node.residual !== undefined || node.conditions.length > 0;
  const wanted = node.right.schema.flatMap((_, index) => (needed.has(width + index) ? [index] : []));
  const right = subqueryRelation(printer, node, sides.right, isCorrelated)();
  const where = [...right.where, ...printConditions(node, left, right, joinCells(node, [left, right]))];
  const names = wanted.map((_, position) => `f${position}`);
  const values = wanted.map((index) => cellAt(right, index).sql);
  const [only] = values;
  const isPacked = values.length !== 1 || only === undefined;
  const value = values.length === 0 ? 'true' : isPacked ? printStruct(names, values) : only;
  const select = renderSelect({
    ...right,
    where,
    cells: [{ ...tight(value), form: 'computed', volatile: false }],
    names: ['value'],
  }).sql;
  const subquery: Cell = { ...tight(parenthesize(select)), form: 'subquery', volatile: false };
  const cells: (Cell | undefined)[] = node.left.schema.map((_, index) => left.cells[index]);
  const schemaNames = node.schema.map((column) => column.name);
  if (!isPacked) {
    const rightCells = node.right.schema.map((_, index) => (index === wanted[0] ? subquery : undefined));
    return { ...left, cells: [...cells, ...rightCells], names: schemaNames };
  }
  const kept = [...everyColumn(cells)].filter((index) => needed.has(index));
  const packed = printer.scope.wrap(
    { ...left, cells: [...cells, subquery], names: [...schemaNames.slice(0, width), 'matched'] },
    new Set([...kept, width]),
  );
  const struct = cellAt(packed, width).sql;
  const fields = node.right.schema.map((_, index): Cell | undefined => {
    const position = wanted.indexOf(index);
    if (position < 0) return undefined;
    return {
      ...tight(`struct_extract(${struct}, ${stringLiteral(names[position] ?? '')})`),
      form: 'computed',
      volatile: false,
    };
  });
  return { ...packed, cells: [...packed.cells.slice(0, width), ...fields], names: schemaNames };
}
