import type { Columns, Expr, From, GroupBy, Item, Query, Select, Type } from './ast.ts';
import { columnsOf } from './ast.ts';
import { ExprGenerator, local, type Scope } from './generate-expr.ts';
import { Prng } from './prng.ts';
import { randomTables } from './tables.ts';

const itemTypes: readonly Type[] = ['int', 'int', 'int', 'str', 'str', 'dec', 'dbl', 'bool', 'date'];

/** A query with one right answer as a multiset, made from a seed. */
export function generateQuery(seed: number): Query {
  return new QueryGenerator(new Prng(seed)).top();
}

class QueryGenerator {
  readonly #random: Prng;
  readonly #exprs: ExprGenerator;
  readonly #ctes: { readonly name: string; readonly columns: Columns }[] = [];
  #aliases = 0;

  constructor(random: Prng) {
    this.#random = random;
    this.#exprs = new ExprGenerator(random, {
      scalar: (type, outer) => this.#scalar(type, outer),
      list: (type, outer) => this.#select(1, outer, [type]),
      any: (outer) => this.#select(1, outer, undefined),
    });
  }

  top(): Query {
    return this.#random.weighted<Query>([
      [55, () => this.#maybeOrdered(this.#select(3, undefined, undefined))],
      [15, () => this.#maybeOrdered(this.#setOperation(2, undefined))],
      [20, () => this.#with(2)],
    ]);
  }

  #alias(prefix: string): string {
    this.#aliases += 1;
    return `${prefix}${this.#aliases}`;
  }

  #with(count: number): Query {
    const definition = this.#derivable(2, undefined);
    const name = this.#alias('w');
    this.#ctes.push({ name, columns: columnsOf(definition) });
    const body =
      count > 1 && this.#random.chance(30)
        ? this.#with(count - 1)
        : this.#maybeOrdered(this.#select(3, undefined, undefined));
    return { kind: 'with', name, materialized: this.#random.chance(50), definition, body };
  }

  /** A query for a derived table or a CTE. */
  #derivable(depth: number, outer: Scope | undefined): Query {
    return this.#random.weighted<Query>([
      [70, () => this.#select(depth, outer, undefined)],
      [15, () => this.#setOperation(depth, outer)],
      [15, () => this.#maybeOrdered(this.#select(depth, outer, undefined))],
    ]);
  }

  #setOperation(depth: number, outer: Scope | undefined): Query {
    // Columns of the same names on both sides, or hardly a row is in both.
    const columns = ['k', 'v', 's', 'b', 't', 'd'].filter(() => this.#random.chance(25)).slice(0, 2);
    if (columns.length > 0 && this.#random.chance(70)) {
      return {
        kind: 'set',
        op: this.#setOperator(),
        left: this.#columns(columns),
        right: this.#columns(columns),
      };
    }
    const types = Array.from({ length: 1 + this.#random.below(2) }, () => this.#random.pick(itemTypes));
    const side = (): Query => this.#select(depth, outer, types);
    return { kind: 'set', op: this.#setOperator(), left: side(), right: side() };
  }

  #columns(names: readonly string[]): Query {
    const { from, columns } = this.#table();
    const items = columns.filter(({ name }) => names.includes(name));
    const where = this.#random.chance(30)
      ? this.#exprs.predicate({ columns, outer: undefined }, 1)
      : undefined;
    return this.#finish({ from, where, distinct: false }, items);
  }

  #setOperator(): string {
    return this.#random.pick(['UNION', 'UNION ALL', 'INTERSECT', 'INTERSECT ALL', 'EXCEPT', 'EXCEPT ALL']);
  }

  #maybeOrdered(query: Query): Query {
    const columns = columnsOf(query);
    // Floats that may differ in their last digits must not decide which rows stay.
    if (columns.some(({ type }) => type === 'inexact') || this.#random.chance(50)) return query;
    return {
      kind: 'ordered',
      query,
      directions: columns.map(() =>
        this.#random.pick(['', 'DESC', 'NULLS FIRST', 'DESC NULLS LAST', 'DESC NULLS FIRST']),
      ),
      limit: this.#random.chance(85) ? 1 + this.#random.below(12) : undefined,
      offset: this.#random.chance(15) ? this.#random.below(6) : undefined,
    };
  }

  #scalar(type: Type, outer: Scope): Query {
    if (this.#random.chance(75)) return this.#grouped(1, outer, [type], 0);
    const query = this.#select(1, outer, [type]);
    return { kind: 'ordered', query, directions: ['DESC NULLS LAST'], limit: 1, offset: undefined };
  }

  #select(depth: number, outer: Scope | undefined, wanted: readonly Type[] | undefined): Select {
    return this.#random.weighted<Select>([
      [45, () => this.#plain(depth, outer, wanted)],
      [40, () => this.#grouped(depth, outer, wanted, this.#random.below(4))],
      [15, () => this.#windowed(depth, outer, wanted)],
    ]);
  }

  #plain(depth: number, outer: Scope | undefined, wanted: readonly Type[] | undefined): Select {
    const { from, scope, where } = this.#source(depth, outer);
    const types = wanted ?? Array.from({ length: 1 + this.#random.below(4) }, () => this.#anyType(scope));
    const items = types.map((type) => this.#exprs.expr(type, scope, 2));
    const exact = types.every((type) => type !== 'inexact');
    return this.#finish({ from, where, distinct: exact && this.#random.chance(15) }, items);
  }

  #windowed(depth: number, outer: Scope | undefined, wanted: readonly Type[] | undefined): Select {
    const { from, scope, where } = this.#source(depth, outer);
    const inner = local(scope);
    const types = wanted ?? ['int', this.#anyType(inner), 'int', 'dbl'];
    const items = types.map((type) =>
      this.#random.chance(60) ? this.#exprs.window(type, inner) : this.#exprs.expr(type, inner, 1),
    );
    const select = this.#finish({ from, where, distinct: false }, items);
    if (!this.#random.chance(20)) return select;
    return { ...select, qualify: this.#exprs.windowPredicate(inner) };
  }

  #grouped(
    depth: number,
    outer: Scope | undefined,
    wanted: readonly Type[] | undefined,
    keyCount: number,
  ): Select {
    const { from, scope, where } = this.#source(depth, outer);
    // Aggregates over outer columns alone would belong to the outer query.
    const inner = local(scope);
    const keys = Array.from({ length: keyCount }, () => this.#exprs.groupKey(inner));
    const groupBy = keyCount === 0 ? undefined : this.#groupBy(keys);
    const key = (index: number): Expr => ({ kind: 'key', type: keys[index]?.type ?? 'int', index });
    let items: Expr[];
    if (wanted === undefined) {
      items = keys.map((_, index) => key(index)).filter(() => this.#random.chance(90));
      const count = 1 + this.#random.below(3);
      for (let i = 0; i < count; i += 1) {
        const type = this.#random.pick<Type>([...itemTypes, 'inexact', 'list', 'int', 'int']);
        items.push(this.#exprs.aggregate(type, inner));
      }
      if (groupBy !== undefined && groupBy.mode !== 'plain') {
        items.push({ kind: 'op', type: 'int', parts: ['grouping(', key(0), ')'] });
      }
    } else {
      items = wanted.map((type) => {
        const same = keys.findIndex((candidate) => candidate.type === type);
        return same >= 0 && this.#random.chance(50) ? key(same) : this.#exprs.aggregate(type, inner);
      });
    }
    const select = this.#finish({ from, where, distinct: false }, items);
    const having = this.#random.chance(20)
      ? this.#exprs.comparison('int', () => this.#exprs.aggregate('int', inner))
      : undefined;
    return { ...select, groupBy, having };
  }

  #groupBy(keys: readonly Expr[]): GroupBy {
    const mode = this.#random.weighted<GroupBy['mode']>([
      [75, () => 'plain'],
      [9, () => 'rollup'],
      [7, () => 'cube'],
      [9, () => 'sets'],
    ]);
    const every = keys.map((_, index) => index);
    const sets = [every, ...Array.from({ length: 2 }, () => every.filter(() => this.#random.chance(50)))];
    return { mode, keys, sets: mode === 'sets' ? sets : [] };
  }

  #finish(base: { from: From; where: Expr | undefined; distinct: boolean }, items: readonly Expr[]): Select {
    return {
      kind: 'select',
      ...base,
      items: items.map((expr, index): Item => ({ name: `o${index}`, expr })),
      groupBy: undefined,
      having: undefined,
      qualify: undefined,
    };
  }

  #anyType(scope: Scope): Type {
    return this.#random.chance(60) ? this.#random.pick(scope.columns).type : this.#random.pick(itemTypes);
  }

  #source(depth: number, outer: Scope | undefined): { from: From; scope: Scope; where: Expr | undefined } {
    const { from, columns } = this.#from(depth, outer, 3);
    const scope: Scope = { columns, outer };
    // A subquery that does not look outside is dull.
    const percent = outer === undefined ? 40 : 60;
    const where = this.#random.chance(percent) ? this.#exprs.predicate(scope, depth > 1 ? 2 : 1) : undefined;
    const link = outer !== undefined && this.#random.chance(70) ? this.#exprs.link(scope, outer) : undefined;
    return { from, scope, where: both(link, where) };
  }

  #from(
    depth: number,
    outer: Scope | undefined,
    relations: number,
  ): { from: From; columns: Scope['columns'] } {
    return this.#random.weighted([
      [50, () => this.#relation(depth, outer)],
      [relations > 1 && depth > 0 ? 50 : 0, () => this.#join(depth, outer, relations)],
    ]);
  }

  #relation(depth: number, outer: Scope | undefined): { from: From; columns: Scope['columns'] } {
    return this.#random.weighted([
      [60, () => this.#table()],
      [this.#ctes.length * 40, () => this.#cte()],
      [depth > 1 ? 20 : 0, () => this.#derived(depth - 1, outer, false)],
    ]);
  }

  #table(): { from: From; columns: Scope['columns'] } {
    const [t1, t2, t3, t0] = randomTables;
    const table =
      this.#random.pick([t1, t1, t1, t1, t1, t2, t2, t2, t2, t2, t2, t3, t3, t3, t0]) ??
      this.#random.pick(randomTables);
    const alias = this.#alias('r');
    return this.#named(
      { kind: 'table', name: table.name, alias, columns: table.columns },
      alias,
      table.columns,
    );
  }

  #cte(): { from: From; columns: Scope['columns'] } {
    const { name, columns } = this.#random.pick(this.#ctes);
    const alias = this.#alias('c');
    return this.#named({ kind: 'table', name, alias, columns }, alias, columns);
  }

  #derived(
    depth: number,
    outer: Scope | undefined,
    lateral: boolean,
  ): { from: From; columns: Scope['columns'] } {
    const query = lateral ? this.#select(depth, outer, undefined) : this.#derivable(depth, undefined);
    const alias = this.#alias('d');
    return this.#named({ kind: 'derived', query, alias, lateral }, alias, columnsOf(query));
  }

  #named(from: From, alias: string, columns: Columns): { from: From; columns: Scope['columns'] } {
    return { from, columns: columns.map(({ name, type }) => ({ kind: 'column', alias, name, type })) };
  }

  #join(
    depth: number,
    outer: Scope | undefined,
    relations: number,
  ): { from: From; columns: Scope['columns'] } {
    const left = this.#from(depth - 1, outer, relations - 1);
    if (this.#random.chance(12)) return this.#lateral(depth, left);
    const right = this.#relation(depth - 1, outer);
    const join = this.#random.pick([
      'JOIN',
      'JOIN',
      'JOIN',
      'LEFT JOIN',
      'LEFT JOIN',
      'RIGHT JOIN',
      'FULL JOIN',
      'SEMI JOIN',
      'ANTI JOIN',
      relations > 2 ? 'JOIN' : 'CROSS JOIN',
    ]);
    const on = join === 'CROSS JOIN' ? undefined : this.#exprs.joinCondition(left.columns, right.columns);
    const rightHidden = join === 'SEMI JOIN' || join === 'ANTI JOIN';
    return {
      from: { kind: 'join', join, left: left.from, right: right.from, on },
      columns: rightHidden ? left.columns : [...left.columns, ...right.columns],
    };
  }

  #lateral(
    depth: number,
    left: { from: From; columns: Scope['columns'] },
  ): { from: From; columns: Scope['columns'] } {
    const right = this.#derived(Math.min(depth, 1), { columns: left.columns, outer: undefined }, true);
    const outerJoin = this.#random.chance(50);
    const on: Expr | undefined = outerJoin ? { kind: 'op', type: 'bool', parts: ['true'] } : undefined;
    const join = outerJoin ? 'LEFT JOIN' : 'CROSS JOIN';
    return {
      from: { kind: 'join', join, left: left.from, right: right.from, on },
      columns: [...left.columns, ...right.columns],
    };
  }
}

function both(a: Expr | undefined, b: Expr | undefined): Expr | undefined {
  if (a === undefined || b === undefined) return a ?? b;
  return { kind: 'op', type: 'bool', parts: ['(', a, ' AND ', b, ')'] };
}
