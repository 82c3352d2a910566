import type { Expr, PlanNode } from '../../plan/index.ts';
import { type Column, type Schema, type SqlType, sameType, scalar } from '../../types/index.ts';
import { Fields, UnreadablePlan } from './fields.ts';
import type { Json } from './parse-json.ts';
import { columnAt, projectMap } from './project-columns.ts';
import { readAggregateNode } from './read-aggregate-node.ts';
import { columnReader, type ExpressionReader } from './read-expression.ts';
import { readGet } from './read-get.ts';
import { readDelimJoin, readJoin } from './read-join.ts';
import { readLimit, readSample, readTopN } from './read-limit.ts';
import { readPivot } from './read-pivot.ts';
import { readType } from './read-type.ts';
import { readWindow } from './read-window.ts';

/** Tables that the query may name: what `skein_scan` was called with, to the table's columns. */
export type TableSchemas = ReadonlyMap<string, Schema>;

/**
 * DuckDB's row without a table. It has a column that nothing reads but that counts: what UNNEST or a window puts
 * behind it is column 1. Below a projection it goes.
 */
const dummyRow: PlanNode = {
  kind: 'values',
  rows: [[{ kind: 'literal', value: '0', type: scalar('INTEGER') }]],
  schema: [{ name: 'dummy', type: scalar('INTEGER') }],
};

/** The state of one reading. */
export class PlanReader {
  readonly tables: TableSchemas;
  /** For each enclosing delim join, innermost last: what a delim get stands for. */
  readonly delimGets: PlanNode[] = [];
  #nextCteId = 0;
  readonly #cteIds = new Map<number, number>();

  constructor(tables: TableSchemas) {
    this.tables = tables;
  }

  newCteId(): number {
    return this.#nextCteId++;
  }

  /** Our id of DuckDB's `table_index` of a CTE. */
  cteId(tableIndex: number): number {
    const known = this.#cteIds.get(tableIndex);
    if (known !== undefined) return known;
    const id = this.newCteId();
    this.#cteIds.set(tableIndex, id);
    return id;
  }

  /**
   * Reads an operator and everything below it.
   * @throws UnreadablePlan
   */
  read(json: Json | undefined): PlanNode {
    const fields = new Fields(json, 'operator');
    const type = fields.string('type').replace(/^LOGICAL_/, '');
    const operator = new Fields(json, type).ignore(
      'type',
      'estimated_cardinality',
      'has_estimated_cardinality',
    );
    const node = this.#readOperator(type, operator);
    operator.done();
    return node;
  }

  /** The only input. */
  input(fields: Fields): PlanNode {
    const children = fields.list('children');
    if (children.length !== 1) throw new UnreadablePlan(`${fields.what} with ${children.length} inputs`);
    return this.read(children[0]);
  }

  /** Reads an operator's expressions over the columns of all of its inputs. */
  expressions(fields: Fields): ExpressionReader {
    return columnReader(...fields.list('children'));
  }

  /** Reads a join's expressions over the columns of one side. */
  side(fields: Fields, index: 0 | 1): ExpressionReader {
    return columnReader(fields.list('children')[index]);
  }

  inputs(fields: Fields): [PlanNode, PlanNode] {
    const [left, right, ...rest] = fields.list('children');
    if (right === undefined || rest.length > 0) throw new UnreadablePlan(`${fields.what} without two inputs`);
    return [this.read(left), this.read(right)];
  }

  #readOperator(type: string, fields: Fields): PlanNode {
    switch (type) {
      case 'GET':
        return readGet(this, fields);
      case 'DUMMY_SCAN':
        fields.ignore('table_index');
        return dummyRow;
      case 'EMPTY_RESULT':
        fields.ignore('bindings', 'children');
        return { kind: 'values', rows: [], schema: unnamed(fields.list('return_types').map(readType)) };
      case 'EXPRESSION_GET':
        return this.#readValues(fields);
      case 'PROJECTION':
        return this.#readProjection(fields);
      case 'FILTER':
        return this.#readFilter(fields);
      case 'AGGREGATE_AND_GROUP_BY':
        return readAggregateNode(this, fields);
      case 'COMPARISON_JOIN':
      case 'ASOF_JOIN':
      case 'ANY_JOIN':
      case 'CROSS_PRODUCT':
      case 'POSITIONAL_JOIN':
        return readJoin(this, type, fields);
      case 'DELIM_JOIN':
        return readDelimJoin(this, fields);
      case 'DELIM_GET':
        return this.#readDelimGet(fields);
      case 'WINDOW':
        return this.#readWindow(fields);
      case 'ORDER_BY':
        return this.#readSort(fields);
      case 'LIMIT':
        return readLimit(this, fields);
      case 'TOP_N':
        return readTopN(this, fields);
      case 'SAMPLE':
        return readSample(this, fields);
      case 'DISTINCT':
        return this.#readDistinct(fields);
      case 'UNION':
      case 'EXCEPT':
      case 'INTERSECT':
        return this.#readSetOperation(type, fields);
      case 'UNNEST':
        return this.#readUnnest(fields);
      case 'PIVOT':
        return readPivot(this, fields);
      case 'MATERIALIZED_CTE':
        return this.#readMaterializedCte(fields);
      case 'RECURSIVE_CTE':
        return this.#readRecursiveCte(fields);
      case 'CTE_REF':
        return this.#readCteRef(fields);
      default:
        throw new UnreadablePlan(`the operator ${type}`);
    }
  }

  #readValues(fields: Fields): PlanNode {
    const input = this.input(fields);
    fields.ignore('table_index');
    const over = this.expressions(fields);
    const rows = fields.list('expressions').map((row) => {
      if (!Array.isArray(row)) throw new UnreadablePlan('VALUES without rows');
      return over.readAll(row as readonly Json[]);
    });
    const schema = unnamed(fields.list('expr_types').map(readType));
    return input === dummyRow ? { kind: 'values', rows, schema } : this.#valuesOver(input, rows, schema);
  }

  /** VALUES of the columns of its input, once for each of the input's rows: a union of projections of the same rows. */
  #valuesOver(input: PlanNode, rows: readonly (readonly Expr[])[], schema: Schema): PlanNode {
    const [first, ...rest] = rows;
    if (first === undefined) throw new UnreadablePlan('VALUES without rows');
    if (rest.length === 0) return { kind: 'project', input, exprs: first, schema };
    const cteId = this.newCteId();
    const name = `rows${cteId}`;
    const source: PlanNode = { kind: 'cteRef', cteId, name, schema: input.schema };
    const inputs = rows.map((exprs): PlanNode => ({ kind: 'project', input: source, exprs, schema }));
    const body: PlanNode = { kind: 'setOperation', op: 'union', all: true, inputs, schema };
    return { kind: 'with', cteId, name, definition: input, body, schema };
  }

  #readProjection(fields: Fields): PlanNode {
    const child = this.input(fields);
    const input: PlanNode = child === dummyRow ? { kind: 'values', rows: [[]], schema: [] } : child;
    fields.ignore('table_index');
    const expressions = fields.list('expressions');
    const exprs = this.expressions(fields).readAll(expressions);
    const schema = exprs.map((expr, index) => ({
      name: columnName(expressions[index], expr, input.schema),
      type: expr.type,
    }));
    return { kind: 'project', input, exprs, schema };
  }

  #readFilter(fields: Fields): PlanNode {
    const input = this.input(fields);
    const predicate = conjunction(this.expressions(fields).readAll(fields.list('expressions')));
    const filter: PlanNode =
      predicate === undefined ? input : { kind: 'filter', input, predicate, schema: input.schema };
    return projectMap(filter, fields, 'projection_map');
  }

  #readWindow(fields: Fields): PlanNode {
    const input = this.input(fields);
    const over = this.expressions(fields);
    fields.ignore('window_index');
    const calls = fields.list('expressions').map((json) => readWindow(json, over));
    const schema = [...input.schema, ...calls.map((call) => ({ name: call.name, type: call.type }))];
    return { kind: 'window', input, calls, schema };
  }

  #readSort(fields: Fields): PlanNode {
    const input = this.input(fields);
    const keys = this.expressions(fields).readSortKeys(fields.list('orders'));
    fields.ignore('is_index_sort');
    return projectMap(
      { kind: 'sort', input, keys, schema: input.schema },
      fields,
      'projections',
      'projection_map',
    );
  }

  #readDistinct(fields: Fields): PlanNode {
    const input = this.input(fields);
    const type = fields.string('distinct_type');
    const targets = this.expressions(fields).readAll(fields.list('distinct_targets'));
    const orderBy = this.expressions(fields).readOrders(fields.optionalObject('order_by'));
    if (type === 'DISTINCT_ON')
      return { kind: 'distinct', input, on: targets, orderBy, schema: input.schema };
    if (type !== 'DISTINCT') throw new UnreadablePlan(`DISTINCT of type ${type}`);
    const on = isEveryColumn(targets, input.schema) ? undefined : targets;
    return { kind: 'distinct', input, on, orderBy: [], schema: input.schema };
  }

  #readSetOperation(type: 'UNION' | 'EXCEPT' | 'INTERSECT', fields: Fields): PlanNode {
    const children = fields.list('children').map((child) => this.read(child));
    const [first] = children;
    if (first === undefined) throw new UnreadablePlan(`${type} without inputs`);
    fields.ignore('table_index', 'column_count', 'allow_out_of_order');
    const all = fields.boolean('setop_all');
    const op = type === 'UNION' ? 'union' : type === 'EXCEPT' ? 'except' : 'intersect';
    const inputs = children.map((child) => matchTypes(child, first.schema));
    const operation: PlanNode = {
      kind: 'setOperation',
      op,
      all: op === 'union' || all,
      inputs,
      schema: first.schema,
    };
    if (op !== 'union' || all) return operation;
    return { kind: 'distinct', input: operation, on: undefined, orderBy: [], schema: first.schema };
  }

  #readUnnest(fields: Fields): PlanNode {
    const input = this.input(fields);
    const over = this.expressions(fields);
    fields.ignore('unnest_index');
    const exprs: Expr[] = [];
    const schema: Column[] = [...input.schema];
    for (const json of fields.list('expressions')) {
      const unnest = new Fields(json, 'unnest').ignore('expression_class', 'query_location');
      if (unnest.string('type') !== 'BOUND_UNNEST') throw new UnreadablePlan('UNNEST of something else');
      const alias = unnest.get('alias');
      exprs.push(over.read(unnest.get('child')));
      schema.push({
        name: typeof alias === 'string' && alias !== '' ? alias : 'unnest',
        type: readType(unnest.get('return_type')),
      });
      unnest.done();
    }
    return { kind: 'unnest', input, exprs, schema };
  }

  #readMaterializedCte(fields: Fields): PlanNode {
    const cteId = this.cteId(fields.integer('table_index'));
    const name = fields.string('ctename');
    fields.ignore('column_count', 'materialize');
    const [definition, body] = this.inputs(fields);
    return { kind: 'with', cteId, name, definition, body, schema: body.schema };
  }

  #readRecursiveCte(fields: Fields): PlanNode {
    const cteId = this.cteId(fields.integer('table_index'));
    const name = fields.string('ctename');
    const all = fields.boolean('union_all');
    fields.ignore('column_count');
    if (fields.flag('ref_recurring')) throw new UnreadablePlan('a recursive CTE that reads all of its rows');
    if (fields.list('key_targets').length > 0) throw new UnreadablePlan('a recursive CTE with keys');
    const [anchor, step] = this.inputs(fields);
    return { kind: 'recursiveCte', cteId, name, anchor, step, all, schema: anchor.schema };
  }

  #readCteRef(fields: Fields): PlanNode {
    const cteId = this.cteId(fields.integer('cte_index'));
    fields.ignore('table_index');
    if (fields.flag('is_recurring')) throw new UnreadablePlan('a recursive CTE that reads all of its rows');
    const names = fields.strings('bound_columns');
    const schema = fields
      .list('chunk_types')
      .map((type, index) => ({ name: names[index] ?? `c${index}`, type: readType(type) }));
    return { kind: 'cteRef', cteId, name: `cte${cteId}`, schema };
  }

  #readDelimGet(fields: Fields): PlanNode {
    fields.ignore('table_index');
    const types = fields.list('chunk_types').map(readType);
    const source = this.delimGets.at(-1);
    if (source === undefined) throw new UnreadablePlan('a delim get without its join');
    const same =
      source.schema.length === types.length &&
      source.schema.every((column, index) => sameType(column.type, types[index] ?? scalar('NULL')));
    if (!same) throw new UnreadablePlan('a delim get of another join');
    return source;
  }
}

/** A name for people: the alias, or the name of the column that the expression hands on. */
function columnName(json: Json | undefined, expr: Expr, input: Schema): string {
  const alias = json instanceof Map ? json.get('alias') : undefined;
  if (typeof alias === 'string' && alias !== '') return alias;
  if (expr.kind === 'column') return input[expr.index]?.name ?? '';
  return expr.kind === 'call' ? expr.name : '';
}

function unnamed(types: readonly SqlType[]): Schema {
  return types.map((type, index) => ({ name: `col${index}`, type }));
}

function isEveryColumn(targets: readonly Expr[], schema: Schema): boolean {
  const used = new Set(targets.map((target) => (target.kind === 'column' ? target.index : -1)));
  return schema.every((_, index) => used.has(index)) && !used.has(-1);
}

/** All of the predicates; undefined for none. */
function conjunction(predicates: readonly Expr[]): Expr | undefined {
  const [first, ...rest] = predicates;
  if (first === undefined || rest.length === 0) return first;
  return { kind: 'and', args: predicates, type: scalar('BOOLEAN') };
}

/** Casts columns whose type differs from the first input's, position by position. */
function matchTypes(input: PlanNode, schema: Schema): PlanNode {
  if (input.schema.length !== schema.length) throw new UnreadablePlan('a set operation over unlike inputs');
  if (input.schema.every((column, index) => sameType(column.type, columnAt(schema, index).type)))
    return input;
  throw new UnreadablePlan('a set operation over unlike types');
}
