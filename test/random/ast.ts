/**
 * What a generated expression gives, as far as the generator must know. `inexact` is a float that may differ in its
 * last digits between two right answers: it may be shown, but nothing may be decided by it.
 */
export type Type = 'int' | 'dec' | 'dbl' | 'str' | 'bool' | 'date' | 'inexact' | 'list';

export type Expr =
  | { readonly kind: 'column'; readonly type: Type; readonly alias: string; readonly name: string }
  /** The select's GROUP BY key of this number. */
  | { readonly kind: 'key'; readonly type: Type; readonly index: number }
  /** SQL text around operands. */
  | { readonly kind: 'op'; readonly type: Type; readonly parts: readonly (string | Expr | Query)[] };

export interface Item {
  readonly name: string;
  readonly expr: Expr;
}

export type From =
  | { readonly kind: 'table'; readonly name: string; readonly alias: string; readonly columns: Columns }
  | { readonly kind: 'derived'; readonly query: Query; readonly alias: string; readonly lateral: boolean }
  | {
      readonly kind: 'join';
      /** `LEFT JOIN`, `CROSS JOIN` ... */
      readonly join: string;
      readonly left: From;
      readonly right: From;
      readonly on: Expr | undefined;
    };

export type Columns = readonly { readonly name: string; readonly type: Type }[];

export interface GroupBy {
  readonly mode: 'plain' | 'rollup' | 'cube' | 'sets';
  readonly keys: readonly Expr[];
  /** Of `sets`: numbers of keys. */
  readonly sets: readonly (readonly number[])[];
}

export type Query =
  | {
      readonly kind: 'select';
      readonly distinct: boolean;
      readonly items: readonly Item[];
      readonly from: From | undefined;
      readonly where: Expr | undefined;
      readonly groupBy: GroupBy | undefined;
      readonly having: Expr | undefined;
      readonly qualify: Expr | undefined;
    }
  | {
      readonly kind: 'set';
      readonly op: string;
      readonly left: Query;
      readonly right: Query;
    }
  /** Ordered by all columns, so that LIMIT has one answer. */
  | {
      readonly kind: 'ordered';
      readonly query: Query;
      readonly directions: readonly string[];
      readonly limit: number | undefined;
      readonly offset: number | undefined;
    }
  | {
      readonly kind: 'with';
      readonly name: string;
      readonly materialized: boolean;
      readonly definition: Query;
      readonly body: Query;
    };

export type Select = Extract<Query, { kind: 'select' }>;

export function isQuery(part: Expr | Query): part is Query {
  return part.kind === 'select' || part.kind === 'set' || part.kind === 'ordered' || part.kind === 'with';
}

/** Names and types of a query's output. */
export function columnsOf(query: Query): Columns {
  switch (query.kind) {
    case 'select':
      return query.items.map(({ name, expr }) => ({ name, type: expr.type }));
    case 'set':
      return columnsOf(query.left);
    case 'ordered':
      return columnsOf(query.query);
    case 'with':
      return columnsOf(query.body);
  }
}

export function renderQuery(query: Query): string {
  switch (query.kind) {
    case 'select':
      return renderSelect(query);
    case 'set':
      return `(${renderQuery(query.left)}) ${query.op} (${renderQuery(query.right)})`;
    case 'ordered': {
      const width = columnsOf(query.query).length;
      const keys = Array.from(
        { length: width },
        (_, index) => `${index + 1} ${query.directions[index] ?? ''}`,
      );
      return [
        `SELECT * FROM (${renderQuery(query.query)}) ordered ORDER BY ${keys.join(', ')}`,
        query.limit === undefined ? '' : ` LIMIT ${query.limit}`,
        query.offset === undefined ? '' : ` OFFSET ${query.offset}`,
      ].join('');
    }
    case 'with': {
      const definitions: string[] = [];
      let rest: Query = query;
      for (; rest.kind === 'with'; rest = rest.body) {
        const how = rest.materialized ? 'AS MATERIALIZED' : 'AS';
        definitions.push(`${rest.name} ${how} (${renderQuery(rest.definition)})`);
      }
      return `WITH ${definitions.join(', ')} ${renderQuery(rest)}`;
    }
  }
}

function renderSelect(select: Select): string {
  const keys = (select.groupBy?.keys ?? []).map((key) => renderExpr(key, []));
  const items = select.items.map(({ name, expr }) => `${renderExpr(expr, keys)} AS ${name}`);
  const clause = (word: string, expr: Expr | undefined): string =>
    expr === undefined ? '' : ` ${word} ${renderExpr(expr, keys)}`;
  return [
    `SELECT ${select.distinct ? 'DISTINCT ' : ''}${items.join(', ')}`,
    select.from === undefined ? '' : ` FROM ${renderFrom(select.from)}`,
    clause('WHERE', select.where),
    select.groupBy === undefined ? '' : renderGroupBy(select.groupBy, keys),
    clause('HAVING', select.having),
    clause('QUALIFY', select.qualify),
  ].join('');
}

function renderGroupBy(groupBy: GroupBy, keys: readonly string[]): string {
  if (keys.length === 0) return '';
  switch (groupBy.mode) {
    case 'plain':
      return ` GROUP BY ${keys.join(', ')}`;
    case 'rollup':
      return ` GROUP BY ROLLUP (${keys.join(', ')})`;
    case 'cube':
      return ` GROUP BY CUBE (${keys.join(', ')})`;
    case 'sets': {
      const sets = groupBy.sets.map((set) => `(${set.map((index) => keys[index] ?? 'NULL').join(', ')})`);
      return ` GROUP BY GROUPING SETS (${sets.join(', ')})`;
    }
  }
}

function renderFrom(from: From): string {
  switch (from.kind) {
    case 'table':
      return `${from.name} ${from.alias}`;
    case 'derived':
      return `${from.lateral ? 'LATERAL ' : ''}(${renderQuery(from.query)}) ${from.alias}`;
    case 'join': {
      const on = from.on === undefined ? '' : ` ON ${renderExpr(from.on, [])}`;
      return `${renderFrom(from.left)} ${from.join} ${from.right.kind === 'join' ? `(${renderFrom(from.right)})` : renderFrom(from.right)}${on}`;
    }
  }
}

function renderExpr(expr: Expr, keys: readonly string[]): string {
  switch (expr.kind) {
    case 'column':
      return `${expr.alias}.${expr.name}`;
    case 'key':
      return keys[expr.index] ?? 'NULL';
    case 'op':
      return expr.parts
        .map((part) => {
          if (typeof part === 'string') return part;
          return isQuery(part) ? renderQuery(part) : renderExpr(part, keys);
        })
        .join('');
  }
}
