import { assert } from '../../common/index.ts';
import type {
  AggregateNode,
  DistinctNode,
  Expr,
  FilterNode,
  LimitNode,
  PlanNode,
  ProjectNode,
  SampleNode,
  ScanNode,
  SetOperationNode,
  SortNode,
  StageInputNode,
  UnnestNode,
  WindowNode,
} from '../../plan/index.ts';
import { walk } from '../../plan/index.ts';
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
import { type Cte, printCteRef, printRecursiveCte, printWith } from './print-cte.ts';
import { positionless } from './print-expr.ts';
import { printJoin, printPositionalJoin } from './print-join.ts';
import { namesOf, printLeaf, printTableFunction, printValues } from './print-leaf.ts';
import { PrintScope } from './print-scope.ts';
import {
  blockOf,
  type Cell,
  columnCell,
  isPlain,
  type OrderKey,
  renderSelect,
  type SelectBlock,
} from './select-block.ts';
import { finish, identifier, lineBreak, operand, parenthesize, tight, uniqueNames } from './sql-text.ts';

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
  return finish(printer.scope.withCtes(renderSelect(block, names).sql));
}

/** Prints nodes as blocks. */
export class PlanPrinter {
  readonly scope: PrintScope;
  readonly cteById = new Map<number, Cte>();
  private readonly leafName: LeafName;

  constructor(plan: PlanNode, leafName: LeafName) {
    this.leafName = leafName;
    const tables: string[] = [];
    for (const node of walk(plan))
      if (node.kind === 'scan' || node.kind === 'stageInput') tables.push(...leafName(node).split('.'));
    this.scope = new PrintScope(tables);
  }

  /** The node as an input of a join. */
  printJoined(node: PlanNode, needed: Needed): SelectBlock {
    return this.scope.inJoin(() => this.print(node, needed));
  }

  /** The node as a block; its cells at the needed positions are there, others may be. */
  print(node: PlanNode, needed: Needed): SelectBlock {
    switch (node.kind) {
      case 'scan':
      case 'stageInput':
        return printLeaf(this.scope, node, this.leafName(node));
      case 'tableFunction':
        return printTableFunction(this.scope, node);
      case 'values':
        return printValues(this.scope, node);
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
        return printWith(this, node, needed);
      case 'cteRef':
        return printCteRef(this, node, needed);
      case 'recursiveCte':
        return printRecursiveCte(this, node);
      case 'exchange':
        return this.print(node.input, needed);
    }
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
    const wrapped = this.scope.wrap(block, wanted);
    return { ...wrapped, where: conjuncts(wrapped, node.predicate) };
  }

  private printProject(node: ProjectNode, needed: Needed): SelectBlock {
    const exprs = node.exprs.filter((_, index) => needed.has(index));
    const used = new Set(usesOf(exprs).keys());
    let block = this.print(node.input, used);
    const isOpen = block.distinct === undefined && block.expands !== 'unnest';
    const forms = ['column', 'constant', 'computed', 'aggregate', 'window', 'subquery'] as const;
    if (!isOpen || !canInline(block, exprs, forms, new Set())) block = this.scope.wrap(block, used);
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
      block = this.scope.wrap(block, used);
    let keys = groups.map((group) => inlineCell(block, group));
    if (groupingSets !== undefined && !areDistinctColumns(keys)) {
      // A key is NULL in the sets that leave it out: it must be told from every other one, and from constants.
      const inner = {
        ...block,
        cells: [...block.cells, ...keys],
        names: [...block.names, ...groups.map((_, index) => `key${index}`)],
      };
      const width = block.cells.length;
      block = this.scope.wrap(inner, new Set([...used, ...keys.map((_, index) => width + index)]));
      keys = keys.map((_, index) => cellAt(block, width + index));
    }
    if (groupingSets === undefined && keys.some((key) => key.volatile)) {
      const inner = {
        ...block,
        cells: [...block.cells, ...keys],
        names: [...block.names, ...namesOf(node.schema.slice(0, keys.length))],
      };
      const width = block.cells.length;
      block = this.scope.wrap(inner, new Set([...used, ...keys.map((_, index) => width + index)]));
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
    if (!isOpen || !canInline(block, exprs, ['column', 'constant'], kept))
      block = this.scope.wrap(block, wanted);
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
      block = this.scope.wrap(block, wanted);
    }
    return { ...block, limit: limitClause(node, (bound) => limitText(bound)) };
  }

  /** Bounds that the rows hold, the same in each: read from the first one. The input must be the same both times. */
  private printLimitOverRows(node: LimitNode, needed: Needed): SelectBlock {
    const bounds = [node.count, node.offset].filter((bound) => bound !== undefined);
    const keys = node.keys.map((key) => key.expr);
    const wanted = union(needed, [...keys, ...bounds]);
    const relation = this.scope.materialize(this.print(node.input, wanted), wanted, 'limited');
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
      : this.scope.wrap(block, wanted);
  }

  private printDistinct(node: DistinctNode, needed: Needed): SelectBlock {
    const { on } = node;
    const keys = node.orderBy.map((key) => key.expr);
    const exprs = [...(on ?? []), ...keys];
    const wanted = on === undefined ? everyColumn(node.schema) : union(needed, exprs);
    let block = this.print(node.input, wanted);
    const isOpen = isPlain({ ...block, expands: 'no', groupBy: undefined }) && block.expands !== 'unnest';
    const isSimple = on === undefined || canInline(block, exprs, ['column', 'constant'], new Set());
    if (!isOpen || !isSimple) block = this.scope.wrap(block, wanted);
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
    const operands = node.inputs.map((input) =>
      this.scope.select(this.print(input, wanted), wanted, columns),
    );
    const [first = '', ...rest] = operands.map(parenthesize);
    // INTERSECT binds tighter than the others: parentheses leave no room for that.
    const sql = rest.reduce(
      (left, right, index) =>
        `${index === 0 || isUnionAll ? left : parenthesize(left)}${lineBreak}${operator}${lineBreak}${right}`,
      first,
    );
    const name = this.scope.newName(node.op);
    const cells = columns.map((column, index) => (wanted.has(index) ? columnCell(name, column) : undefined));
    return blockOf(
      { sql: `${parenthesize(sql)} AS ${identifier(name)}`, isJoin: false },
      cells,
      namesOf(node.schema),
    );
  }

  private printUnnest(node: UnnestNode, needed: Needed): SelectBlock {
    const width = node.input.schema.length;
    const kept = new Set([...needed].filter((index) => index < width));
    const wanted = union(kept, node.exprs);
    let block = this.print(node.input, wanted);
    if (!isPlain(block) || !canInline(block, node.exprs, ['column', 'constant', 'computed'], kept))
      block = this.scope.wrap(block, wanted);
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
    return this.scope.wrap(unnested, needed);
  }

  private printSample(node: SampleNode, needed: Needed): SelectBlock {
    const inner = this.scope.wrap(this.print(node.input, needed), needed, 'sampled');
    assert(inner.from !== undefined, 'a subquery stands in FROM');
    const size = node.percent ? `${node.size} PERCENT` : `${node.size} ROWS`;
    const repeatable = node.seed === undefined ? '' : ` REPEATABLE (${node.seed})`;
    const sql = `${inner.from.sql} TABLESAMPLE ${node.method}(${size})${repeatable}`;
    return { ...inner, from: { sql, isJoin: false } };
  }
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
