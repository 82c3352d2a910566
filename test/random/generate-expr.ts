import type { Expr, Query, Type } from './ast.ts';
import type { Prng } from './prng.ts';

type ColumnExpr = Extract<Expr, { kind: 'column' }>;

/** Columns that an expression may name; `outer` are those of the query around it. */
export interface Scope {
  readonly columns: readonly ColumnExpr[];
  readonly outer: Scope | undefined;
}

/** The scope without what lies outside. */
export function local(scope: Scope): Scope {
  return { columns: scope.columns, outer: undefined };
}

/** Makes the queries inside expressions. */
export interface Subqueries {
  /** One column, at most one row. */
  scalar(type: Type, outer: Scope): Query;
  /** One column, any number of rows. */
  list(type: Type, outer: Scope): Query;
  any(outer: Scope): Query;
}

const comparable: readonly Type[] = ['int', 'int', 'int', 'str', 'str', 'dec', 'dbl', 'date', 'bool'];
const sqlTypes: Record<Type, string> = {
  int: 'INTEGER',
  dec: 'DECIMAL(10,2)',
  dbl: 'DOUBLE',
  str: 'VARCHAR',
  bool: 'BOOLEAN',
  date: 'DATE',
  inexact: 'DOUBLE',
  list: 'INTEGER[]',
};

/** `NULL` of a type. */
export function nullOf(type: Type): Expr {
  return op(type, `CAST(NULL AS ${sqlTypes[type]})`);
}

function op(type: Type, ...parts: readonly (string | Expr | Query)[]): Expr {
  return { kind: 'op', type, parts };
}

/**
 * Expressions whose value depends on nothing but their operands and which cannot fail: two right engines agree on
 * them whatever the order of evaluation.
 */
export class ExprGenerator {
  readonly #random: Prng;
  readonly #subqueries: Subqueries;

  constructor(random: Prng, subqueries: Subqueries) {
    this.#random = random;
    this.#subqueries = subqueries;
  }

  expr(type: Type, scope: Scope, depth: number): Expr {
    const columns = scope.columns.filter((column) => column.type === type);
    const outer = scope.outer?.columns.filter((column) => column.type === type) ?? [];
    return this.#random.weighted<Expr>([
      [columns.length > 0 ? 50 : 0, () => this.#random.pick(columns)],
      [outer.length > 0 ? 8 : 0, () => this.#random.pick(outer)],
      [depth > 0 ? 30 : 0, () => this.#operation(type, scope, depth - 1)],
      [8, () => this.#literal(type)],
      [depth > 1 && isScalar(type) ? 4 : 0, () => op(type, '(', this.#subqueries.scalar(type, scope), ')')],
    ]);
  }

  #literal(type: Type): Expr {
    if (this.#random.chance(8)) return nullOf(type);
    switch (type) {
      case 'int':
        return op('int', String(this.#random.below(12)));
      case 'dec':
        return op('dec', `${this.#random.below(20)}.25::DECIMAL(10,2)`);
      case 'dbl':
        return op('dbl', this.#random.pick(['0.5::DOUBLE', '2.25::DOUBLE', '(-0.0)::DOUBLE', '0::DOUBLE']));
      case 'inexact':
        return op('inexact', '0.1::DOUBLE');
      case 'str':
        return op('str', this.#random.pick(["'s1'", "'s2'", "''", "'é'", "'S'"]));
      case 'bool':
        return op('bool', this.#random.pick(['true', 'false']));
      case 'date':
        return op('date', `DATE '2024-02-0${1 + this.#random.below(9)}'`);
      case 'list':
        return op('list', '[1, NULL]');
    }
  }

  #operation(type: Type, scope: Scope, depth: number): Expr {
    const e = (of: Type): Expr => this.expr(of, scope, depth);
    const shared: (() => Expr)[] = [
      () => op(type, 'coalesce(', e(type), ', ', e(type), ')'),
      () =>
        op(type, 'CASE WHEN ', this.predicate(scope, depth), ' THEN ', e(type), ' ELSE ', e(type), ' END'),
    ];
    if (type !== 'list' && type !== 'inexact')
      shared.push(() => op(type, 'nullif(', e(type), ', ', e(type), ')'));
    return this.#random.pick([...shared, ...this.#own(type, scope, depth, e)])();
  }

  #own(type: Type, scope: Scope, depth: number, e: (of: Type) => Expr): (() => Expr)[] {
    const small = (): string => String(2 + this.#random.below(5));
    switch (type) {
      case 'int':
        return [
          () => op('int', '(', e('int'), ' + ', e('int'), ')'),
          () => op('int', '(', e('int'), ' - ', e('int'), ')'),
          () => op('int', '(', e('int'), '::BIGINT * ', small(), ')'),
          () => op('int', '(', e('int'), ` % ${small()})`),
          () => op('int', 'length(', e('str'), ')'),
          () => op('int', 'CAST(', e('bool'), ' AS INTEGER)'),
          () => op('int', "date_diff('day', ", e('date'), ", DATE '2024-02-10')"),
          () => op('int', 'greatest(', e('int'), ', ', e('int'), ')'),
        ];
      case 'dec':
        return [
          () => op('dec', '(', e('dec'), ' + ', e('dec'), ')'),
          () => op('dec', '(', e('dec'), ' - ', e('dec'), ')'),
          () => op('dec', 'round(', e('dec'), ', 1)'),
          () => op('dec', 'CAST(', e('int'), ' % 100 AS DECIMAL(10,2))'),
        ];
      case 'dbl':
        return [
          () => op('dbl', '(', e('dbl'), ' + ', e('dbl'), ')'),
          () => op('dbl', '(', e('dbl'), ' * 0.5::DOUBLE)'),
          () => op('dbl', '(-', e('dbl'), ')'),
          () => op('dbl', 'CAST(', e('int'), ' % 100 AS DOUBLE)'),
        ];
      case 'inexact':
        return [
          () => op('inexact', '(', e('int'), ' / 7)'),
          () => op('inexact', 'sqrt(abs(', e('int'), '))'),
        ];
      case 'str':
        return [
          () => op('str', '(', e('str'), ' || ', e('str'), ')'),
          () => op('str', 'upper(', e('str'), ')'),
          () => op('str', 'left(', e('str'), ', 1)'),
          () => op('str', 'CAST(', e('int'), ' AS VARCHAR)'),
          () => op('str', 'replace(', e('str'), ", 's', 'z')"),
        ];
      case 'bool':
        return [() => this.predicate(scope, depth)];
      case 'date':
        return [() => op('date', '(', e('date'), ` + ${small()})`)];
      case 'list':
        return [() => op('list', '[', e('int'), ', ', e('int'), ']')];
    }
  }

  predicate(scope: Scope, depth: number): Expr {
    const type = this.#random.pick(comparable);
    const e = (): Expr => this.expr(type, scope, depth);
    const deep = depth > 0;
    const nested = (): Expr => this.predicate(scope, depth - 1);
    const not = this.#random.pick(['', 'NOT ']);
    return this.#random.weighted<Expr>([
      [40, () => this.comparison(type, e)],
      [8, () => op('bool', '(', e(), this.#random.pick([' IS NULL', ' IS NOT NULL']), ')')],
      [7, () => op('bool', '(', e(), ` ${not}IN (`, e(), ', ', e(), ', ', this.#literal(type), '))')],
      [5, () => op('bool', '(', e(), ' BETWEEN ', e(), ' AND ', e(), ')')],
      [4, () => op('bool', '(', this.expr('str', scope, depth), ` ${not}LIKE '%1')`)],
      [deep ? 14 : 0, () => op('bool', '(', nested(), this.#random.pick([' AND ', ' OR ']), nested(), ')')],
      [deep ? 5 : 0, () => op('bool', '(NOT ', nested(), ')')],
      [deep ? 10 : 0, () => op('bool', '(', e(), ` ${not}IN (`, this.#subqueries.list(type, scope), '))')],
      [deep ? 8 : 0, () => op('bool', `(${not}EXISTS (`, this.#subqueries.any(scope), '))')],
      [
        deep ? 3 : 0,
        () =>
          op(
            'bool',
            '(',
            e(),
            this.#random.pick([' = ANY (', ' > ALL (', ' <= ANY (', ' <> ALL (']),
            this.#subqueries.list(type, scope),
            '))',
          ),
      ],
    ]);
  }

  comparison(type: Type, operand: () => Expr): Expr {
    const operators = [
      '=',
      '<>',
      '<>',
      '<',
      '<=',
      '<=',
      '>',
      '>=',
      '>=',
      'IS DISTINCT FROM',
      'IS NOT DISTINCT FROM',
    ];
    // A constant on one side now and then: what pushes down.
    const right = this.#random.chance(40) ? this.#literal(type) : operand();
    return op('bool', '(', operand(), ` ${this.#random.pick(operators)} `, right, ')');
  }

  /** Ties a subquery to the query around it. */
  link(scope: Scope, outer: Scope): Expr | undefined {
    return this.#pair(scope.columns, outer.columns, this.#random.chance(85) ? '=' : '<');
  }

  joinCondition(left: readonly ColumnExpr[], right: readonly ColumnExpr[]): Expr {
    const operator = this.#random.weighted([
      [75, () => '='],
      [12, () => 'IS NOT DISTINCT FROM'],
      [13, () => '<'],
    ]);
    const first = this.#pair(left, right, operator) ?? op('bool', 'true');
    if (this.#random.chance(60)) return first;
    const second = this.#random.chance(50)
      ? (this.#pair(left, right, '=') ?? op('bool', 'true'))
      : this.predicate({ columns: [...left, ...right], outer: undefined }, 0);
    return op('bool', '(', first, ' AND ', second, ')');
  }

  /** A comparison of two columns of one type, more often of one name, or of two numbers of different types. */
  #pair(left: readonly ColumnExpr[], right: readonly ColumnExpr[], operator: string): Expr | undefined {
    const numbers: readonly Type[] = ['int', 'dec', 'dbl'];
    const pairs: [ColumnExpr, ColumnExpr][] = [];
    for (const a of left) {
      if (a.type === 'inexact' || a.type === 'list') continue;
      for (const b of right) {
        if (a.type === b.type) for (let i = a.name === b.name ? 8 : 2; i > 0; i -= 1) pairs.push([a, b]);
        else if (numbers.includes(a.type) && numbers.includes(b.type)) pairs.push([a, b]);
      }
    }
    if (pairs.length === 0) return undefined;
    const [a, b] = this.#random.pick(pairs);
    return op('bool', '(', a, ` ${operator} `, b, ')');
  }

  /** Never a bare literal: that would be a position. */
  groupKey(scope: Scope): Expr {
    const exact = scope.columns.filter(({ type }) => type !== 'inexact' && type !== 'list');
    if (exact.length === 0) return op('int', '(1 + 1)');
    const column = this.#random.pick(exact);
    if (this.#random.chance(75)) return column;
    switch (column.type) {
      case 'int':
        return op('int', '(', column, ' % 3)');
      case 'str':
        return op('str', 'upper(', column, ')');
      case 'date':
        return op('int', 'day(', column, ')');
      default:
        return op('bool', '(', column, ' IS NULL)');
    }
  }

  aggregate(type: Type, scope: Scope): Expr {
    const e = (of: Type): Expr => this.expr(of, scope, 1);
    const filter = this.#random.chance(20) ? [' FILTER (WHERE ', this.predicate(scope, 0), ')'] : [];
    const distinct = this.#random.chance(25) ? 'DISTINCT ' : '';
    const call = (...parts: readonly (string | Expr)[]): Expr => op(type, ...parts, ...filter);
    const extreme = (): Expr => call(this.#random.pick(['min(', 'max(']), e(type), ')');
    switch (type) {
      case 'int':
        return this.#random.weighted<Expr>([
          [25, () => call('count(*)')],
          [20, () => call(`count(${distinct}`, this.expr(this.#random.pick(comparable), scope, 1), ')')],
          [25, () => call(`sum(${distinct}`, e('int'), ')')],
          [20, extreme],
          [4, () => call('bit_xor(', e('int'), ')')],
          [4, () => call('quantile_disc(', e('int'), ', 0.5)')],
        ]);
      case 'dec':
      case 'dbl':
        return this.#random.chance(50) ? call(`sum(${distinct}`, e(type), ')') : extreme();
      case 'inexact':
        return this.#random.weighted<Expr>([
          [50, () => call(`avg(${distinct}`, e('int'), ')')],
          [20, () => call('stddev(', e('int'), ')')],
          [15, () => call('var_pop(', e('int'), ')')],
          [15, () => call('median(', e('int'), ')')],
        ]);
      case 'str': {
        // ORDER BY takes no bare literal.
        const value = op('str', '(', e('str'), " || '')");
        return this.#random.chance(60)
          ? extreme()
          : call(`string_agg(${distinct}`, value, ", ',' ORDER BY ", value, ')');
      }
      case 'bool':
        return this.#random.chance(70)
          ? call(this.#random.pick(['bool_and(', 'bool_or(']), e('bool'), ')')
          : extreme();
      case 'date':
        return extreme();
      case 'list': {
        const value = e('int');
        return call(`list(${distinct}`, value, ' ORDER BY ', value, ' NULLS LAST)');
      }
    }
  }

  /** A window whose ties, if any, are rows that are equal in every column. */
  window(type: Type, scope: Scope): Expr {
    const exact = scope.columns.filter((column) => column.type !== 'inexact' && column.type !== 'list');
    const total = exact.length === scope.columns.length;
    const partition = exact.filter(() => this.#random.chance(20)).slice(0, 2);
    const over = (order: readonly ColumnExpr[], frame: string): (string | Expr)[] => [
      ' OVER (',
      ...(partition.length > 0 ? ['PARTITION BY ', ...separated(partition)] : []),
      ...(order.length > 0
        ? [' ORDER BY ', ...separated(order, this.#random.pick(['', ' DESC', ' NULLS FIRST']))]
        : []),
      frame,
      ')',
    ];
    const some = exact.filter(() => this.#random.chance(25));
    const frame = this.#random.pick([
      ' ROWS BETWEEN 2 PRECEDING AND 1 FOLLOWING',
      ' ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING',
      ' ROWS BETWEEN 1 FOLLOWING AND UNBOUNDED FOLLOWING',
      ' ROWS BETWEEN 3 PRECEDING AND CURRENT ROW EXCLUDE CURRENT ROW',
    ]);
    const value = this.expr(type, scope, 0);
    const shiftable = total && type !== 'bool';
    return this.#random.weighted<Expr>([
      [
        type === 'int' && some.length > 0 ? 30 : 0,
        () => op('int', this.#random.pick(['rank()', 'dense_rank()']), ...over(some, '')),
      ],
      [
        type === 'int' && total ? 20 : 0,
        () => op('int', this.#random.pick(['row_number()', 'ntile(3)']), ...over(exact, '')),
      ],
      [type === 'int' ? 10 : 0, () => op('int', 'count(*)', ...over(some, ''))],
      [
        type === 'int' || type === 'dbl' || type === 'dec' ? 15 : 0,
        () => op(type, 'sum(', value, ')', ...over(some, '')),
      ],
      [
        type === 'inexact' ? 30 : 0,
        () => op(type, 'avg(', this.expr('int', scope, 0), ')', ...over(some, '')),
      ],
      [
        type === 'list' || type === 'bool' || type === 'inexact' ? 0 : 15,
        () => op(type, 'max(', value, ')', ...over(some, '')),
      ],
      [
        type === 'list' || type === 'bool' || type === 'inexact' || !total ? 0 : 10,
        () => op(type, 'min(', value, ')', ...over(exact, frame)),
      ],
      [
        shiftable ? 15 : 0,
        () => op(type, this.#random.pick(['lag(', 'lead(']), value, ')', ...over(exact, '')),
      ],
      [
        shiftable ? 8 : 0,
        () => op(type, this.#random.pick(['first_value(', 'last_value(']), value, ')', ...over(exact, frame)),
      ],
      [1, () => value],
    ]);
  }

  windowPredicate(scope: Scope): Expr {
    const calls = this.#random.pick<Type>(['int', 'int', 'int']);
    return op('bool', '(', this.window(calls, scope), ` <= ${1 + this.#random.below(4)})`);
  }
}

function isScalar(type: Type): boolean {
  return type !== 'list' && type !== 'inexact';
}

function separated(exprs: readonly Expr[], suffix = ''): (string | Expr)[] {
  return exprs.flatMap((expr, index) => [...(index > 0 ? [', '] : []), expr, suffix]);
}
