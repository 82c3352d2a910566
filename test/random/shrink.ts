import { columnsOf, type Expr, type From, isQuery, type Query, type Select } from './ast.ts';
import { nullOf } from './generate-expr.ts';

/**
 * Makes a failing query smaller while it still fails: takes the first smaller form that fails, again and again.
 * @param fails runs a candidate; one that bare DuckDB does not bind has not failed
 * @param budget how many candidates may be run
 */
export async function shrink(
  query: Query,
  fails: (candidate: Query) => Promise<boolean>,
  budget: number,
): Promise<Query> {
  let current = query;
  let left = budget;
  for (let progress = true; progress && left > 0; ) {
    progress = false;
    for (const candidate of smallerQueries(current)) {
      if (left === 0) break;
      left -= 1;
      if (await fails(candidate)) {
        current = candidate;
        progress = true;
        break;
      }
    }
  }
  return current;
}

/** Smaller forms of a query, the most drastic first. */
function* smallerQueries(query: Query): Generator<Query> {
  switch (query.kind) {
    case 'ordered':
      yield query.query;
      if (query.offset !== undefined) yield { ...query, offset: undefined };
      if (query.limit !== undefined) yield { ...query, limit: undefined };
      for (const inner of smallerQueries(query.query)) yield { ...query, query: inner };
      return;
    case 'set':
      yield query.left;
      yield query.right;
      if (!query.op.endsWith('ALL')) yield { ...query, op: 'UNION ALL' };
      for (const left of smallerQueries(query.left)) yield { ...query, left };
      for (const right of smallerQueries(query.right)) yield { ...query, right };
      return;
    case 'with':
      yield query.body;
      yield query.definition;
      if (query.materialized) yield { ...query, materialized: false };
      for (const definition of smallerQueries(query.definition)) yield { ...query, definition };
      for (const body of smallerQueries(query.body)) yield { ...query, body };
      return;
    case 'select':
      yield* smallerSelects(query);
      return;
  }
}

function* smallerSelects(select: Select): Generator<Query> {
  if (select.from !== undefined) yield* derivedQueries(select.from);
  if (select.having !== undefined) yield { ...select, having: undefined };
  if (select.qualify !== undefined) yield { ...select, qualify: undefined };
  if (select.where !== undefined) yield { ...select, where: undefined };
  if (select.distinct) yield { ...select, distinct: false };
  if (select.groupBy !== undefined && select.groupBy.mode !== 'plain') {
    yield { ...select, groupBy: { ...select.groupBy, mode: 'plain' } };
  }
  if (select.items.length > 1) {
    for (const dropped of select.items)
      yield { ...select, items: select.items.filter((item) => item !== dropped) };
  }
  if (select.groupBy !== undefined) yield* fewerKeys(select, select.groupBy.keys);
  if (select.from !== undefined) {
    for (const from of smallerFroms(select.from)) yield withFrom(select, from);
  }
  yield* smallerParts(select);
}

/** Queries in FROM may stand for the whole. */
function* derivedQueries(from: From): Generator<Query> {
  if (from.kind === 'derived') yield from.query;
  if (from.kind !== 'join') return;
  yield* derivedQueries(from.left);
  yield* derivedQueries(from.right);
}

function* fewerKeys(select: Select, keys: readonly Expr[]): Generator<Query> {
  if (select.groupBy === undefined) return;
  for (const index of keys.keys()) {
    const remap = (expr: Expr): Expr => {
      if (expr.kind === 'column') return expr;
      if (expr.kind === 'op') return mapParts(expr, remap, (query) => query);
      if (expr.index === index) return nullOf(expr.type);
      return expr.index > index ? { ...expr, index: expr.index - 1 } : expr;
    };
    const groupBy = {
      ...select.groupBy,
      mode: 'plain' as const,
      keys: keys.filter((_, other) => other !== index),
      sets: [],
    };
    yield { ...select, groupBy, items: select.items.map((item) => ({ ...item, expr: remap(item.expr) })) };
  }
}

function* smallerFroms(from: From): Generator<From> {
  switch (from.kind) {
    case 'table':
      return;
    case 'derived':
      for (const query of smallerQueries(from.query)) yield { ...from, query };
      return;
    case 'join':
      yield from.left;
      yield from.right;
      if (from.join.endsWith(' JOIN') && from.on !== undefined && from.join !== 'JOIN')
        yield { ...from, join: 'JOIN' };
      if (from.on !== undefined) {
        for (const on of smallerExprs(from.on)) yield { ...from, on };
      }
      for (const left of smallerFroms(from.left)) yield { ...from, left };
      for (const right of smallerFroms(from.right)) yield { ...from, right };
      return;
  }
}

/** Another FROM; columns of relations that are gone become NULLs. */
function withFrom(select: Select, from: From): Select {
  const gone = new Set(aliases(select.from));
  for (const alias of aliases(from)) gone.delete(alias);
  return gone.size === 0 ? { ...select, from } : withoutAliases({ ...select, from }, gone);
}

function aliases(from: From | undefined): string[] {
  if (from === undefined) return [];
  return from.kind === 'join' ? [...aliases(from.left), ...aliases(from.right)] : [from.alias];
}

function withoutAliases(select: Select, gone: ReadonlySet<string>): Select {
  const clean = (expr: Expr): Expr => {
    if (expr.kind === 'column') return gone.has(expr.alias) ? nullOf(expr.type) : expr;
    return expr.kind === 'key' ? expr : mapParts(expr, clean, cleanQuery);
  };
  const cleanQuery = (query: Query): Query => {
    switch (query.kind) {
      case 'select':
        return cleanSelect(query);
      case 'set':
        return { ...query, left: cleanQuery(query.left), right: cleanQuery(query.right) };
      case 'ordered':
        return { ...query, query: cleanQuery(query.query) };
      case 'with':
        return { ...query, definition: cleanQuery(query.definition), body: cleanQuery(query.body) };
    }
  };
  const cleanFrom = (from: From): From => {
    if (from.kind === 'table') return from;
    if (from.kind === 'derived') return { ...from, query: cleanQuery(from.query) };
    const on = from.on === undefined ? undefined : clean(from.on);
    return { ...from, left: cleanFrom(from.left), right: cleanFrom(from.right), on };
  };
  const cleanSelect = (inner: Select): Select => ({
    ...inner,
    items: inner.items.map((item) => ({ ...item, expr: clean(item.expr) })),
    from: inner.from === undefined ? undefined : cleanFrom(inner.from),
    where: inner.where === undefined ? undefined : clean(inner.where),
    groupBy:
      inner.groupBy === undefined ? undefined : { ...inner.groupBy, keys: inner.groupBy.keys.map(clean) },
    having: inner.having === undefined ? undefined : clean(inner.having),
    qualify: inner.qualify === undefined ? undefined : clean(inner.qualify),
  });
  return cleanSelect(select);
}

function* smallerParts(select: Select): Generator<Query> {
  if (select.where !== undefined) for (const where of smallerExprs(select.where)) yield { ...select, where };
  if (select.having !== undefined)
    for (const having of smallerExprs(select.having)) yield { ...select, having };
  if (select.qualify !== undefined)
    for (const qualify of smallerExprs(select.qualify)) yield { ...select, qualify };
  for (const [index, item] of select.items.entries()) {
    for (const expr of smallerExprs(item.expr)) {
      yield { ...select, items: select.items.with(index, { ...item, expr }) };
    }
  }
  if (select.groupBy === undefined) return;
  for (const [index, key] of select.groupBy.keys.entries()) {
    for (const smaller of smallerExprs(key)) {
      if (smaller.kind === 'column') {
        yield { ...select, groupBy: { ...select.groupBy, keys: select.groupBy.keys.with(index, smaller) } };
      }
    }
  }
}

/** An operand of the same type for the whole, NULL for the whole, or a smaller operand. */
function* smallerExprs(expr: Expr): Generator<Expr> {
  if (expr.kind !== 'op') return;
  const operands = expr.parts.filter((part) => typeof part !== 'string');
  if (operands.length === 0) return;
  for (const part of operands) {
    if (!isQuery(part) && part.type === expr.type) yield part;
  }
  yield nullOf(expr.type);
  for (const [index, part] of expr.parts.entries()) {
    if (typeof part === 'string') continue;
    for (const smaller of isQuery(part) ? sameWidth(part) : smallerExprs(part)) {
      yield { ...expr, parts: expr.parts.with(index, smaller) };
    }
  }
}

/** A subquery must keep its number of columns. */
function* sameWidth(query: Query): Generator<Query> {
  const width = columnsOf(query).length;
  for (const smaller of smallerQueries(query)) if (columnsOf(smaller).length === width) yield smaller;
}

function mapParts(
  expr: Extract<Expr, { kind: 'op' }>,
  onExpr: (expr: Expr) => Expr,
  onQuery: (query: Query) => Query,
): Expr {
  const parts = expr.parts.map((part) => {
    if (typeof part === 'string') return part;
    return isQuery(part) ? onQuery(part) : onExpr(part);
  });
  return { ...expr, parts };
}
