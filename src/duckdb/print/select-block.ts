import { positionless } from './print-expr.ts';
import { clause, type Fragment, identifier, lineBreak, tight, uniqueNames } from './sql-text.ts';

/**
 * What a column of a SELECT is made of, the last of these that occurs in it: what may stand where, and what may be
 * repeated, depends on it.
 */
export type CellForm = 'column' | 'constant' | 'computed' | 'aggregate' | 'window' | 'subquery';

/** A column of a SELECT, as an expression over its FROM clause. */
export interface Cell extends Fragment {
  readonly form: CellForm;
  readonly volatile: boolean;
  /** The name by which SQL knows the column without an alias. */
  readonly column?: string;
}

export interface FromClause {
  readonly sql: string;
  /** A join needs parentheses to be an operand of another one. */
  readonly isJoin: boolean;
  /** A relation by its name: to read it again costs nothing but the reading. */
  readonly isTable?: boolean;
}

export interface OrderKey {
  readonly key: Fragment;
  /** ` DESC NULLS FIRST` */
  readonly suffix: string;
}

/** One SELECT in the making: SQL's clauses in the order in which SQL applies them. */
export interface SelectBlock {
  /** Undefined: one row of no columns. */
  readonly from: FromClause | undefined;
  readonly where: readonly string[];
  /** Undefined: not grouped. Empty: one group, of all rows. */
  readonly groupBy: readonly string[] | undefined;
  readonly having: readonly string[];
  readonly distinct: string | undefined;
  readonly orderBy: readonly OrderKey[];
  /** LIMIT and OFFSET. */
  readonly limit: string | undefined;
  /** `unnest` in the SELECT list makes rows, windows look at all of them: nothing may slip below. */
  readonly expands: 'no' | 'window' | 'unnest';
  /** By output position; undefined where nobody needs the column. */
  readonly cells: readonly (Cell | undefined)[];
  readonly names: readonly string[];
}

export function blockOf(
  from: FromClause | undefined,
  cells: readonly (Cell | undefined)[],
  names: readonly string[],
): SelectBlock {
  return {
    from,
    where: [],
    groupBy: undefined,
    having: [],
    distinct: undefined,
    orderBy: [],
    limit: undefined,
    expands: 'no',
    cells,
    names,
  };
}

export function columnCell(relation: string, name: string): Cell {
  return {
    ...tight(`${identifier(relation)}.${identifier(name)}`),
    form: 'column',
    volatile: false,
    column: name,
  };
}

/** True for FROM and WHERE alone. */
export function isPlain(block: SelectBlock): boolean {
  return (
    block.groupBy === undefined &&
    block.distinct === undefined &&
    block.orderBy.length === 0 &&
    block.limit === undefined &&
    block.expands === 'no'
  );
}

/** A SELECT and the names of its columns, by output position. */
export interface Rendered {
  readonly sql: string;
  readonly names: readonly string[];
}

/** Prints the block with one column for each cell that is there; without any, one dummy column. */
export function renderSelect(block: SelectBlock, chosenNames?: readonly string[]): Rendered {
  const present = block.cells.flatMap((cell, index) => (cell === undefined ? [] : [{ cell, index }]));
  const unique = uniqueNames(present.map(({ cell, index }) => nameOf(cell, block.names[index] ?? '')));
  const names = block.names.map((name) => name);
  const items = present.map(({ cell, index }, position) => {
    const name = chosenNames?.[index] ?? unique[position] ?? '';
    names[index] = name;
    return { sql: cell.column === name ? cell.sql : `${cell.sql} AS ${identifier(name)}`, cell, name };
  });
  const list =
    items.length === 0 ? [`true AS ${chosenNames?.[0] ?? 'dummy'}`] : items.map((item) => item.sql);
  const lines = [clause(block.distinct === undefined ? 'SELECT' : `SELECT ${block.distinct}`, list)];
  if (block.from !== undefined) lines.push(`FROM ${block.from.sql}`);
  if (block.where.length > 0) lines.push(clause('WHERE', block.where, ' AND'));
  if (block.groupBy !== undefined && block.groupBy.length > 0) lines.push(clause('GROUP BY', block.groupBy));
  const having = needsHaving(block) ? ['true'] : block.having;
  if (having.length > 0) lines.push(clause('HAVING', having, ' AND'));
  if (block.orderBy.length > 0) {
    // An alias goes before a column in ORDER BY, and it is unique here.
    const aliased = new Map(
      items.filter(({ cell }) => cell.form !== 'constant').map(({ cell, name }) => [cell.sql, name]),
    );
    const keys = block.orderBy.map(({ key, suffix }) => {
      const alias = aliased.get(key.sql);
      return (alias === undefined ? positionless(key) : identifier(alias)) + suffix;
    });
    lines.push(clause('ORDER BY', keys));
  }
  if (block.limit !== undefined) lines.push(block.limit);
  return { sql: lines.join(lineBreak), names };
}

/** A column keeps its name; a computed one has at best its text for a name, of which a word or two are left. */
function nameOf(cell: Cell, name: string): string {
  if (cell.form === 'column' || /^\w+$/.test(name)) return name;
  return (
    name
      .replace(/\W+/g, '_')
      .replace(/^_+|_+$/g, '')
      .slice(0, 30) || 'value'
  );
}

/** Without an aggregate in sight, only HAVING makes one row of all. */
function needsHaving({ groupBy, having, cells }: SelectBlock): boolean {
  return groupBy?.length === 0 && having.length === 0 && !cells.some((cell) => cell?.form === 'aggregate');
}
