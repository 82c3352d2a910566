import { assert } from '../../common/index.ts';
import type {
  AggregateNode,
  CteRefNode,
  DistinctNode,
  Expr,
  FilterNode,
  LimitNode,
  PlanNode,
  ProjectNode,
  RecursiveCteNode,
  SampleNode,
  ScanNode,
  SetOperationNode,
  SortNode,
  StageInputNode,
  TableFunctionNode,
  UnnestNode,
  ValuesNode,
  WindowNode,
  WithNode,
} from '../../plan/index.ts';
import { walk } from '../../plan/index.ts';
import type { Schema } from '../../types/index.ts';
import {
  canInline,
  cellAt,
  conjuncts,
  everyColumn,
  inline,
  inlineCell,
  isVolatile,
  type Needed,
  union,
  usesOf,
} from './cell-uses.ts';
import { printAggregate, printWindowCall } from './print-aggregate.ts';
import { functionName, positionless, printExpr } from './print-expr.ts';
import { printJoin, printPositionalJoin } from './print-join.ts';
import { printLiteral } from './print-literal.ts';
import {
  blockOf,
  type Cell,
  columnCell,
  type FromClause,
  isPlain,
  type OrderKey,
  renderSelect,
  type SelectBlock,
} from './select-block.ts';
import {
  finish,
  identifier,
  lineBreak,
  operand,
  parenthesize,
  relationName,
  tight,
  uniqueNames,
} from './sql-text.ts';

export type LeafName = (leaf: ScanNode | StageInputNode) => string;

/**
 * Prints a plan as one SELECT of DuckDB's SQL that binds to the plan's own functions and types.
 * @param leafName the relation that a leaf reads: `table` or `schema.table`. A scan's has the table's columns by
 *   their names, a stage input's has `c0`, `c1` ...
 * @returns columns `c0`, `c1` ... by position; a plan without columns gives one dummy column
 * @throws SkeinError 0A000 for a cast to a type that SQL cannot spell
 */
export function printSql(plan: PlanNode, leafName: LeafName): string {
  const printer = new PlanPrinter(plan, leafName);
  const block = printer.print(plan, everyColumn(plan.schema));
  const names = plan.schema.length === 0 ? ['c0'] : plan.schema.map((_, index) => `c${index}`);
  return finish(printer.withCtes(printer.ctes, renderSelect(block, names).sql));
}

interface Cte {
  readonly name: string;
  readonly columns: readonly string[];
  readonly needed: Set<number>;
}

interface CteText {
  readonly sql: string;
  readonly isRecursive: boolean;
}

/** The state of one printing: names in use, and common table expressions on their way to the WITH clause. */
export class PlanPrinter {
  ctes: CteText[] = [];
  private readonly leafName: LeafName;
  private readonly usedNames = new Set<string>();
  private readonly readCtes = new Set<string>();
  private readonly cteById = new Map<number, Cte>();

  constructor(plan: PlanNode, leafName: LeafName) {
    this.leafName = leafName;
    // A CTE must not hide a table.
    for (const node of walk(plan))
      if (node.kind === 'scan' || node.kind === 'stageInput')
        for (const part of leafName(node).split('.')) this.usedNames.add(`${part.toLowerCase()} `);
  }

  /** The node as a block; its cells at the needed positions are there, others may be. */
  print(node: PlanNode, needed: Needed): SelectBlock {
    switch (node.kind) {
      case 'scan':
      case 'stageInput':
        return this.printLeaf(node);
      case 'tableFunction':
        return this.printTableFunction(node);
      case 'values':
        return this.printValues(node);
      case 'filter':
        return this.printFilter(node, needed);
      case 'project':
        return this.printProject(node, needed);
      case 'aggregate':
        return this.printAggregate(node, needed);
      case 'join':
        return printJoin(this, node, needed);
      case 'positionalJoin':
        return printPositionalJoin(this, node, needed);
      case 'window':
        return this.printWindow(node, needed);
      case 'sort':
        return this.printSort(node, needed);
      case 'limit':
        return this.printLimit(node, needed);
      case 'distinct':
        return this.printDistinct(node, needed);
      case 'setOperation':
        return this.printSetOperation(node, needed);
      case 'unnest':
        return this.printUnnest(node, needed);
      case 'sample':
        return this.printSample(node, needed);
      case 'with':
        return this.printWith(node, needed);
      case 'cteRef':
        return this.printCteRef(node, needed);
      case 'recursiveCte':
        return this.printRecursiveCte(node);
      case 'exchange':
        return this.print(node.input, needed);
    }
  }

  /** A name for a relation that no other relation of the query has. */
  newName(base: string): string {
    const clean = base.toLowerCase().replace(/[^a-z0-9_]+/g, '_') || 't';
    for (let count = 1; ; count++) {
      const name = count === 1 ? clean : `${clean}_${count}`;
      if (this.usedNames.has(name)) continue;
      this.usedNames.add(name);
      return name;
    }
  }

  /** The block as a subquery in FROM, with the needed columns. */
  wrap(block: SelectBlock, needed: Needed, base = 't'): SelectBlock {
    const kept = outputCells(block, needed);
    const { sql, names } = renderSelect({ ...block, cells: kept });
    const name = this.newName(base);
    const from = { sql: `${parenthesize(sql)} AS ${identifier(name)}`, isJoin: false };
    const cells = names.map((column, index) =>
      kept[index] === undefined ? undefined : columnCell(name, column),
    );
    return blockOf(from, cells, block.names);
  }

  /** The block as a CTE of its own, with the needed columns; each call gives it anew to a FROM clause. */
  materialize(block: SelectBlock, needed: Needed, base: string): () => SelectBlock {
    const { sql, names } = renderSelect({ ...block, cells: outputCells(block, needed) });
    const name = this.newName(base);
    this.ctes.push({ sql: `${identifier(name)} AS MATERIALIZED ${parenthesize(sql)}`, isRecursive: false });
    return () => {
      const { from, alias } = this.readCte(name);
      const cells = names.map((column, index) => (needed.has(index) ? columnCell(alias, column) : undefined));
      return blockOf(from, cells, block.names);
    };
  }

  /** The first reading goes by the CTE's own name. */
  private readCte(name: string): { from: FromClause; alias: string } {
    const isFirst = !this.readCtes.has(name);
    this.readCtes.add(name);
    const alias = isFirst ? name : this.newName(name);
    const sql = isFirst ? identifier(name) : `${identifier(name)} AS ${identifier(alias)}`;
    return { from: { sql, isJoin: false, isTable: true }, alias };
  }

  /** `WITH a AS MATERIALIZED (...) SELECT ...` */
  withCtes(ctes: readonly CteText[], select: string): string {
    if (ctes.length === 0) return select;
    const head = ctes.some((cte) => cte.isRecursive) ? 'WITH RECURSIVE' : 'WITH';
    return `${head} ${ctes.map((cte) => cte.sql).join(`,${lineBreak}`)}${lineBreak}${select}`;
  }

  private printLeaf(node: ScanNode | StageInputNode): SelectBlock {
    const relation = this.leafName(node);
    const table = relation.slice(relation.indexOf('.') + 1);
    const name = this.newName(table);
    const alias = name === table ? '' : ` AS ${identifier(name)}`;
    const columns =
      node.kind === 'scan'
        ? node.schema.map((column) => column.name)
        : node.schema.map((_, index) => `c${index}`);
    const from = { sql: `${relationName(relation)}${alias}`, isJoin: false, isTable: true };
    return blockOf(
      from,
      columns.map((column) => columnCell(name, column)),
      namesOf(node.schema),
    );
  }

  private printTableFunction(node: TableFunctionNode): SelectBlock {
    const name = this.newName(node.name);
    const columns = uniqueNames(namesOf(node.schema));
    const none = (): never => {
      throw new Error('a table function has constant arguments');
    };
    const args = node.args.map((arg) => printExpr(arg, none).sql);
    const named = node.namedArgs.map(
      ({ name: key, value }) => `${identifier(key)} := ${printExpr(value, none).sql}`,
    );
    const list = columns.length === 0 ? '' : `(${columns.map(identifier).join(', ')})`;
    const sql = `${functionName(node.name)}(${[...args, ...named].join(', ')}) AS ${identifier(name)}${list}`;
    return blockOf(
      { sql, isJoin: false },
      columns.map((column) => columnCell(name, column)),
      columns,
    );
  }

  private printValues(node: ValuesNode): SelectBlock {
    const names = namesOf(node.schema);
    const [first, ...more] = node.rows;
    const empty = blockOf(undefined, [], []);
    if (first === undefined) {
      const cells = node.schema.map(
        ({ type }): Cell => ({ ...printLiteral(null, type), form: 'constant', volatile: false }),
      );
      return this.wrap(
        { ...blockOf(undefined, cells, names), where: ['false'] },
        everyColumn(cells),
        'empty',
      );
    }
    if (more.length === 0)
      return blockOf(
        undefined,
        first.map((expr) => inlineCell(empty, expr)),
        names,
      );
    const name = this.newName('v');
    if (names.length === 0)
      return blockOf({ sql: `range(${node.rows.length}) AS ${name}`, isJoin: false }, [], []);
    const columns = uniqueNames(names);
    const rows = node.rows.map((row) => `(${row.map((expr) => inline(empty, expr).sql).join(', ')})`);
    const body = parenthesize(`VALUES${lineBreak}  ${rows.join(`,${lineBreak}  `)}`);
    const sql = `${body} AS ${name}(${columns.map(identifier).join(', ')})`;
    return blockOf(
      { sql, isJoin: false },
      columns.map((column) => columnCell(name, column)),
      names,
    );
  }

  private printFilter(node: FilterNode, needed: Needed): SelectBlock {
    const wanted = union(needed, [node.predicate]);
    const block = this.print(node.input, wanted);
    const mayRepeat = !isVolatile(node.predicate);
    if (block.groupBy !== undefined) {
      const isOpen = block.distinct === undefined && block.limit === undefined && block.expands === 'no';
      if (
        isOpen &&
        mayRepeat &&
        canInline(block, [node.predicate], ['column', 'constant', 'computed', 'aggregate'], needed)
      )
        return { ...block, having: [...block.having, ...conjuncts(block, node.predicate)] };
    } else if (
      isPlain({ ...block, orderBy: [] }) &&
      canInline(block, [node.predicate], ['column', 'constant', 'computed', 'subquery'], needed)
    ) {
      return { ...block, where: [...block.where, ...conjuncts(block, node.predicate)] };
    }
    const wrapped = this.wrap(block, wanted);
    return { ...wrapped, where: conjuncts(wrapped, node.predicate) };
  }

  private printProject(node: ProjectNode, needed: Needed): SelectBlock {
    const exprs = node.exprs.filter((_, index) => needed.has(index));
    const used = new Set(usesOf(exprs).keys());
    let block = this.print(node.input, used);
    const isOpen = block.distinct === undefined && block.expands !== 'unnest';
    const forms = ['column', 'constant', 'computed', 'aggregate', 'window', 'subquery'] as const;
    if (!isOpen || !canInline(block, exprs, forms, new Set())) block = this.wrap(block, used);
    const cells = node.exprs.map((expr, index) => (needed.has(index) ? inlineCell(block, expr) : undefined));
    return { ...block, cells, names: namesOf(node.schema) };
  }

  private printAggregate(node: AggregateNode, needed: Needed): SelectBlock {
    const { groups, groupingSets, groupingCalls } = node;
    const aggregates = node.aggregates.map((call, index) =>
      needed.has(groups.length + index) ? call : undefined,
    );
    const exprs = [...groups, ...aggregates.flatMap((call) => (call === undefined ? [] : callExprs(call)))];
    const used = new Set(usesOf(exprs).keys());
    let block = this.print(node.input, used);
    if (!isPlain(block) || !canInline(block, exprs, ['column', 'constant', 'computed'], new Set()))
      block = this.wrap(block, used);
    let keys = groups.map((group) => inlineCell(block, group));
    if (groupingSets !== undefined && !areDistinctColumns(keys)) {
      // A key is NULL in the sets that leave it out: it must be told from every other one, and from constants.
      const inner = {
        ...block,
        cells: [...block.cells, ...keys],
        names: [...block.names, ...groups.map((_, index) => `key${index}`)],
      };
      const width = block.cells.length;
      block = this.wrap(inner, new Set([...used, ...keys.map((_, index) => width + index)]));
      keys = keys.map((_, index) => cellAt(block, width + index));
    }
    if (groupingSets === undefined && keys.some((key) => key.volatile)) {
      const inner = {
        ...block,
        cells: [...block.cells, ...keys],
        names: [...block.names, ...namesOf(node.schema.slice(0, keys.length))],
      };
      const width = block.cells.length;
      block = this.wrap(inner, new Set([...used, ...keys.map((_, index) => width + index)]));
      keys = keys.map((_, index) => cellAt(block, width + index));
    }
    const texts = keys.map(positionless);
    const calls = aggregates.map((call): Cell | undefined => {
      if (call === undefined) return undefined;
      return {
        ...tight(printAggregate(call, (index) => cellAt(block, index))),
        form: 'aggregate',
        volatile: callExprs(call).some(isVolatile),
      };
    });
    const groupings = groupingCalls.map(
      (call): Cell => ({
        ...tight(`GROUPING(${call.map((index) => texts[index]).join(', ')})`),
        form: 'aggregate',
        volatile: false,
      }),
    );
    const sets = groupingSets?.map((set) => `(${set.map((index) => texts[index]).join(', ')})`);
    return {
      ...block,
      groupBy: sets === undefined ? [...new Set(texts)] : [`GROUPING SETS (${sets.join(', ')})`],
      cells: [
        ...keys.map((key, index): Cell => ({ ...key, sql: texts[index] ?? key.sql })),
        ...calls,
        ...groupings,
      ],
      names: namesOf(node.schema),
    };
  }

  private printWindow(node: WindowNode, needed: Needed): SelectBlock {
    const width = node.input.schema.length;
    const calls = node.calls.map((call, index) => (needed.has(width + index) ? call : undefined));
    const exprs = calls.flatMap((call) => (call === undefined ? [] : windowExprs(call)));
    const kept = new Set([...needed].filter((index) => index < width));
    const wanted = union(kept, exprs);
    let block = this.print(node.input, wanted);
    const isOpen = isPlain({ ...block, expands: block.expands === 'unnest' ? 'unnest' : 'no' });
    if (!isOpen || !canInline(block, exprs, ['column', 'constant'], kept)) block = this.wrap(block, wanted);
    const cells = calls.map((call): Cell | undefined => {
      if (call === undefined) return undefined;
      const sql = printWindowCall(call, (index) => cellAt(block, index));
      return { ...tight(sql), form: 'window', volatile: false };
    });
    const inputs = block.cells.slice(0, width);
    return { ...block, expands: 'window', cells: [...inputs, ...cells], names: namesOf(node.schema) };
  }

  private printSort(node: SortNode, needed: Needed): SelectBlock {
    const keys = node.keys.map((key) => key.expr);
    const wanted = union(needed, keys);
    const block = this.openForOrder(this.print(node.input, wanted), keys, wanted, needed);
    return { ...block, orderBy: orderKeys(block, node) };
  }

  private printLimit(node: LimitNode, needed: Needed): SelectBlock {
    const bounds = [node.count, node.offset].filter((bound) => bound !== undefined);
    if (usesOf(bounds).size > 0) return this.printLimitOverRows(node, needed);
    const keys = node.keys.map((key) => key.expr);
    const wanted = union(needed, keys);
    let block = this.print(node.input, wanted);
    if (keys.length > 0) {
      block = this.openForOrder(block, keys, wanted, needed);
      block = { ...block, orderBy: orderKeys(block, node) };
    } else if (block.limit !== undefined) {
      block = this.wrap(block, wanted);
    }
    return { ...block, limit: limitClause(node, (bound) => limitText(bound)) };
  }

  /** Bounds that the rows hold, the same in each: read from the first one. The input must be the same both times. */
  private printLimitOverRows(node: LimitNode, needed: Needed): SelectBlock {
    const bounds = [node.count, node.offset].filter((bound) => bound !== undefined);
    const keys = node.keys.map((key) => key.expr);
    const wanted = union(needed, [...keys, ...bounds]);
    const relation = this.materialize(this.print(node.input, wanted), wanted, 'limited');
    const rows = relation();
    const first = relation();
    const limit = limitClause(
      node,
      (bound) => `(SELECT ${inline(first, bound).sql} FROM ${first.from?.sql} LIMIT 1)`,
    );
    return { ...rows, orderBy: orderKeys(rows, node), limit };
  }

  /** A block whose ORDER BY can be set to the keys. */
  private openForOrder(
    block: SelectBlock,
    keys: readonly Expr[],
    wanted: Needed,
    needed: Needed,
  ): SelectBlock {
    const isOpen =
      block.limit === undefined &&
      block.distinct === undefined &&
      block.orderBy.length === 0 &&
      block.expands !== 'unnest';
    // A key that is a column of the output is written once, by its alias.
    const computed = keys.filter((key) => key.kind !== 'column' || !needed.has(key.index));
    const forms = ['column', 'constant', 'computed', 'aggregate', 'window'] as const;
    const plainKeys = keys.every(
      (key) => key.kind !== 'column' || cellAt(block, key.index).form !== 'subquery',
    );
    return isOpen && plainKeys && canInline(block, computed, forms, needed)
      ? block
      : this.wrap(block, wanted);
  }

  private printDistinct(node: DistinctNode, needed: Needed): SelectBlock {
    const { on } = node;
    const keys = node.orderBy.map((key) => key.expr);
    const exprs = [...(on ?? []), ...keys];
    const wanted = on === undefined ? everyColumn(node.schema) : union(needed, exprs);
    let block = this.print(node.input, wanted);
    const isOpen = isPlain({ ...block, expands: 'no', groupBy: undefined }) && block.expands !== 'unnest';
    const isSimple = on === undefined || canInline(block, exprs, ['column', 'constant'], new Set());
    if (!isOpen || !isSimple) block = this.wrap(block, wanted);
    if (on === undefined) return { ...block, distinct: 'DISTINCT' };
    const targets = on.map((expr) => positionless(inline(block, expr)));
    const cells = block.cells.map((cell, index) => (needed.has(index) ? cell : undefined));
    const distinct = `DISTINCT ON (${targets.join(', ')})`;
    return { ...block, distinct, cells, orderBy: orderKeys(block, { keys: node.orderBy }) };
  }

  private printSetOperation(node: SetOperationNode, needed: Needed): SelectBlock {
    const isUnionAll = node.op === 'union' && node.all;
    const wanted = isUnionAll ? needed : everyColumn(node.schema);
    const columns = uniqueNames(namesOf(node.schema));
    const operator = `${node.op.toUpperCase()}${node.all ? ' ALL' : ''}`;
    const operands = node.inputs.map((input) => this.select(input, wanted, columns));
    const [first = '', ...rest] = operands.map(parenthesize);
    // INTERSECT binds tighter than the others: parentheses leave no room for that.
    const sql = rest.reduce(
      (left, right, index) =>
        `${index === 0 || isUnionAll ? left : parenthesize(left)}${lineBreak}${operator}${lineBreak}${right}`,
      first,
    );
    const name = this.newName(node.op);
    const cells = columns.map((column, index) => (wanted.has(index) ? columnCell(name, column) : undefined));
    return blockOf(
      { sql: `${parenthesize(sql)} AS ${identifier(name)}`, isJoin: false },
      cells,
      namesOf(node.schema),
    );
  }

  /** The node as a SELECT of the wanted columns, by the given names. */
  private select(node: PlanNode, wanted: Needed, names: readonly string[]): string {
    const block = this.print(node, wanted);
    const isWhole = block.distinct !== 'DISTINCT' || wanted.size === node.schema.length;
    const open = isWhole ? block : this.wrap(block, wanted);
    return renderSelect({ ...open, cells: outputCells(open, wanted) }, names).sql;
  }

  private printUnnest(node: UnnestNode, needed: Needed): SelectBlock {
    const width = node.input.schema.length;
    const kept = new Set([...needed].filter((index) => index < width));
    const wanted = union(kept, node.exprs);
    let block = this.print(node.input, wanted);
    if (!isPlain(block) || !canInline(block, node.exprs, ['column', 'constant', 'computed'], kept))
      block = this.wrap(block, wanted);
    const inputs = block.cells.map((cell, index) => (kept.has(index) ? cell : undefined)).slice(0, width);
    const lists = node.exprs.map(
      (expr): Cell => ({ ...tight(`unnest(${inline(block, expr).sql})`), form: 'computed', volatile: true }),
    );
    const unnested: SelectBlock = {
      ...block,
      cells: [...inputs, ...lists],
      names: namesOf(node.schema),
      expands: 'unnest',
    };
    return this.wrap(unnested, needed);
  }

  private printSample(node: SampleNode, needed: Needed): SelectBlock {
    const inner = this.wrap(this.print(node.input, needed), needed, 'sampled');
    assert(inner.from !== undefined, 'a subquery stands in FROM');
    const size = node.percent ? `${node.size} PERCENT` : `${node.size} ROWS`;
    const repeatable = node.seed === undefined ? '' : ` REPEATABLE (${node.seed})`;
    const sql = `${inner.from.sql} TABLESAMPLE ${node.method}(${size})${repeatable}`;
    return { ...inner, from: { sql, isJoin: false } };
  }

  private printWith(node: WithNode, needed: Needed): SelectBlock {
    const columns = uniqueNames(namesOf(node.definition.schema));
    const cte: Cte = { name: this.newName(node.name), columns, needed: new Set() };
    this.cteById.set(node.cteId, cte);
    const before = this.ctes;
    this.ctes = [];
    const body = this.print(node.body, needed);
    const bodyCtes = this.ctes;
    this.ctes = before;
    const select = this.select(node.definition, cte.needed, columns);
    const sql = `${identifier(cte.name)} AS MATERIALIZED ${parenthesize(select)}`;
    this.ctes.push({ sql, isRecursive: false }, ...bodyCtes);
    return body;
  }

  private printCteRef(node: CteRefNode, needed: Needed): SelectBlock {
    const cte = this.cteById.get(node.cteId);
    assert(cte !== undefined, `the CTE ${node.cteId} encloses its references`);
    for (const index of needed) cte.needed.add(index);
    const { from, alias } = this.readCte(cte.name);
    const cells = cte.columns.map((column, index) =>
      needed.has(index) ? columnCell(alias, column) : undefined,
    );
    return blockOf(from, cells, namesOf(node.schema));
  }

  private printRecursiveCte(node: RecursiveCteNode): SelectBlock {
    const columns = uniqueNames(namesOf(node.schema));
    const name = this.newName(node.name);
    const every = everyColumn(node.schema);
    const anchor = this.select(node.anchor, every, columns);
    this.cteById.set(node.cteId, { name, columns, needed: new Set() });
    // What the step needs may read the rows of the last round: it stays inside of the step.
    const before = this.ctes;
    this.ctes = [];
    const step = this.withCtes(this.ctes, '') + this.select(node.step, every, columns);
    const stepText = this.withCtes(this.ctes, step);
    this.ctes = before;
    const operator = node.all ? 'UNION ALL' : 'UNION';
    const list = columns.map(identifier).join(', ');
    const body = `${parenthesize(anchor)}${lineBreak}${operator}${lineBreak}${parenthesize(stepText)}`;
    this.ctes.push({ sql: `${identifier(name)}(${list}) AS ${parenthesize(body)}`, isRecursive: true });
    const { from, alias } = this.readCte(name);
    return blockOf(
      from,
      columns.map((column) => columnCell(alias, column)),
      namesOf(node.schema),
    );
  }
}

/** The cells to print where only some are needed: those that say how many rows there are must stay. */
function outputCells(block: SelectBlock, needed: Needed): (Cell | undefined)[] {
  const keepsAll = block.expands === 'unnest' || block.distinct === 'DISTINCT';
  return block.cells.map((cell, index) => (keepsAll || needed.has(index) ? cell : undefined));
}

function namesOf(schema: Schema): string[] {
  return schema.map((column) => column.name);
}

function callExprs(call: AggregateNode['aggregates'][number]): Expr[] {
  return [
    ...call.args,
    ...(call.filter === undefined ? [] : [call.filter]),
    ...call.orderBy.map((key) => key.expr),
  ];
}

function windowExprs(call: WindowNode['calls'][number]): Expr[] {
  const bounds = [call.frame?.start, call.frame?.end].flatMap((bound) =>
    bound?.kind === 'preceding' || bound?.kind === 'following' ? [bound.offset] : [],
  );
  const keys = [...call.argOrder, ...call.orderBy].map((key) => key.expr);
  const filter = call.filter === undefined ? [] : [call.filter];
  return [...call.args, ...filter, ...call.partitionBy, ...keys, ...bounds];
}

function areDistinctColumns(keys: readonly Cell[]): boolean {
  return (
    keys.every((key) => key.form === 'column') && new Set(keys.map((key) => key.sql)).size === keys.length
  );
}

function orderKeys(block: SelectBlock, { keys }: Pick<SortNode, 'keys'>): OrderKey[] {
  return keys.map((key) => ({
    key: inline(block, key.expr),
    suffix: `${key.descending ? ' DESC' : ' ASC'} ${key.nullsFirst ? 'NULLS FIRST' : 'NULLS LAST'}`,
  }));
}

function limitClause(node: LimitNode, print: (bound: Expr) => string): string {
  const parts: string[] = [];
  if (node.count !== undefined) parts.push(`LIMIT ${print(node.count)}${node.percent ? ' PERCENT' : ''}`);
  if (node.offset !== undefined) parts.push(`OFFSET ${print(node.offset)}`);
  return parts.join(' ');
}

/** Numbers stand bare: LIMIT 10. */
function limitText(bound: Expr): string {
  if (bound.kind === 'literal' && typeof bound.value === 'string' && /^\d+(\.\d+)?$/.test(bound.value))
    return bound.value;
  return operand(inline(blockOf(undefined, [], []), bound));
}
