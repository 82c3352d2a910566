import type { Needed } from './cell-uses.ts';
import {
  blockOf,
  type Cell,
  columnCell,
  type FromClause,
  renderSelect,
  type SelectBlock,
} from './select-block.ts';
import { identifier, lineBreak, parenthesize } from './sql-text.ts';

interface CteText {
  readonly sql: string;
  readonly isRecursive: boolean;
}

/** What the parts of one query share: names in use, and common table expressions on their way to the WITH clause. */
export class PrintScope {
  private ctes: CteText[] = [];
  private readonly usedNames = new Set<string>();
  /** A CTE must not hide a table. */
  private readonly tableNames: ReadonlySet<string>;
  private readonly readCtes = new Set<string>();
  private joinDepth = 0;

  constructor(tableNames: readonly string[]) {
    this.tableNames = new Set(tableNames.map((name) => name.toLowerCase()));
  }

  /** A name that no other relation of the query goes by. */
  newName(base: string): string {
    return this.findName(base, this.usedNames);
  }

  newCteName(base: string): string {
    return this.findName(base, new Set([...this.usedNames, ...this.tableNames]));
  }

  /** The block as a subquery in FROM, with the needed columns. */
  wrap(block: SelectBlock, needed: Needed, base = 't'): SelectBlock {
    if (this.joinDepth > 0 && choosesRows(block)) return this.materialize(block, needed, base)();
    const kept = outputCells(block, needed);
    const { sql, names } = renderSelect({ ...block, cells: kept });
    const name = this.newName(base);
    const from = { sql: `${parenthesize(sql)} AS ${identifier(name)}`, isJoin: false };
    const cells = names.map((column, index) =>
      kept[index] === undefined ? undefined : columnCell(name, column),
    );
    return blockOf(from, cells, block.names);
  }

  /** The block as a SELECT, by the given names where they are given. */
  select(block: SelectBlock, needed: Needed, names?: readonly string[]): string {
    const isBarrier = this.joinDepth > 0 && choosesRows(block);
    const isWhole = block.distinct !== 'DISTINCT' || needed.size === block.cells.length;
    const open = isWhole && !isBarrier ? block : this.wrap(block, needed);
    return renderSelect({ ...open, cells: outputCells(open, needed) }, names).sql;
  }

  /** The block as a CTE of its own, with the needed columns; each call gives it anew to a FROM clause. */
  materialize(block: SelectBlock, needed: Needed, base: string): () => SelectBlock {
    const { sql, names } = renderSelect({ ...block, cells: outputCells(block, needed) });
    const name = this.newCteName(base);
    this.addCte(name, parenthesize(sql));
    return () => {
      const { from, alias } = this.readCte(name);
      const cells = names.map((column, index) => (needed.has(index) ? columnCell(alias, column) : undefined));
      return blockOf(from, cells, block.names);
    };
  }

  addCte(name: string, body: string): void {
    this.ctes.push({ sql: `${identifier(name)} AS MATERIALIZED ${body}`, isRecursive: false });
  }

  addRecursiveCte(name: string, columns: readonly string[], body: string): void {
    const list = columns.map(identifier).join(', ');
    this.ctes.push({ sql: `${identifier(name)}(${list}) AS ${body}`, isRecursive: true });
  }

  /** The first reading goes by the CTE's own name. */
  readCte(name: string): { readonly from: FromClause; readonly alias: string } {
    const isFirst = !this.readCtes.has(name);
    this.readCtes.add(name);
    const alias = isFirst ? name : this.newName(name);
    const sql = isFirst ? identifier(name) : `${identifier(name)} AS ${identifier(alias)}`;
    return { from: { sql, isJoin: false, isTable: true }, alias };
  }

  /**
   * Prints the input of a join. DuckDB 1.5.6 filters a join's input by the keys of the other one, also below a LIMIT
   * or a DISTINCT ON, which then choose other rows; a CTE it leaves alone.
   * @see https://github.com/duckdb/duckdb/pull/22963
   */
  inJoin<T>(print: () => T): T {
    this.joinDepth++;
    try {
      return print();
    } finally {
      this.joinDepth--;
    }
  }

  /** Prints what is materialised: no filter reaches into it. */
  outsideJoins<T>(print: () => T): T {
    const before = this.joinDepth;
    this.joinDepth = 0;
    try {
      return print();
    } finally {
      this.joinDepth = before;
    }
  }

  /** Prints with CTEs that come after those which `last` adds. */
  before<T>(first: () => T, last: () => void): T {
    const before = this.ctes;
    this.ctes = [];
    const result = first();
    const later = this.ctes;
    this.ctes = before;
    last();
    this.ctes.push(...later);
    return result;
  }

  /** A SELECT with the CTEs that printing it takes in a WITH clause of its own. */
  withOwnCtes(print: () => string): string {
    const before = this.ctes;
    this.ctes = [];
    const select = print();
    const text = this.withCtes(select);
    this.ctes = before;
    return text;
  }

  /** `WITH a AS MATERIALIZED (...) SELECT ...` */
  withCtes(select: string): string {
    if (this.ctes.length === 0) return select;
    const head = this.ctes.some((cte) => cte.isRecursive) ? 'WITH RECURSIVE' : 'WITH';
    return `${head} ${this.ctes.map((cte) => cte.sql).join(`,${lineBreak}`)}${lineBreak}${select}`;
  }

  private findName(base: string, taken: ReadonlySet<string>): string {
    const clean = base.toLowerCase().replace(/[^a-z0-9_]+/g, '_') || 't';
    let name = clean;
    for (let count = 2; taken.has(name); count++) name = `${clean}_${count}`;
    this.usedNames.add(name);
    return name;
  }
}

/** Which rows come out depends on which go in. */
function choosesRows(block: SelectBlock): boolean {
  return block.limit !== undefined || block.distinct?.startsWith('DISTINCT ON') === true;
}

/** The cells to print where only some are needed: those that say how many rows there are must stay. */
function outputCells(block: SelectBlock, needed: Needed): (Cell | undefined)[] {
  const keepsAll = block.expands === 'unnest' || block.distinct === 'DISTINCT';
  return block.cells.map((cell, index) => (keepsAll || needed.has(index) ? cell : undefined));
}
