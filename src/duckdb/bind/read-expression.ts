import { type CompareOp, type Expr, type SortKey, walkExpr } from '../../plan/index.ts';
import { scalar } from '../../types/index.ts';
import { type ColumnBinding, columnBindings } from './column-bindings.ts';
import { Fields, UnreadablePlan } from './fields.ts';
import type { Json } from './parse-json.ts';
import { readCall } from './read-call.ts';
import { readLiteral } from './read-literal.ts';
import { readType } from './read-type.ts';

/** What the positions of column references mean. */
export type Scope = (index: number, type: Expr['type']) => Expr;

const boolean = scalar('BOOLEAN');

const compareOps: Readonly<Record<string, CompareOp>> = {
  COMPARE_EQUAL: '=',
  COMPARE_NOTEQUAL: '<>',
  COMPARE_LESSTHAN: '<',
  COMPARE_LESSTHANOREQUALTO: '<=',
  COMPARE_GREATERTHAN: '>',
  COMPARE_GREATERTHANOREQUALTO: '>=',
  COMPARE_DISTINCT_FROM: 'IS DISTINCT FROM',
  COMPARE_NOT_DISTINCT_FROM: 'IS NOT DISTINCT FROM',
};

export function readCompareOp(name: string): CompareOp {
  const op = compareOps[name];
  if (op === undefined) throw new UnreadablePlan(`the comparison ${name}`);
  return op;
}

/** Reads bound scalar expressions; every method throws UnreadablePlan on anything it does not know. */
export class ExpressionReader {
  readonly #scope: Scope;
  readonly #bindings: () => readonly ColumnBinding[];

  /** `bindings`: the input's columns, for references that DuckDB left unresolved. */
  constructor(scope: Scope, bindings: () => readonly ColumnBinding[]) {
    this.#scope = scope;
    this.#bindings = bindings;
  }

  /** The reader for an expression in which references mean something else. */
  within(scope: Scope): ExpressionReader {
    return new ExpressionReader(scope, this.#bindings);
  }

  read(json: Json | undefined): Expr {
    const fields = new Fields(json, 'expression').ignore('alias', 'query_location');
    const expr = this.#readByClass(fields);
    fields.done();
    return expr;
  }

  readAll(values: readonly Json[]): Expr[] {
    return values.map((value) => this.read(value));
  }

  readOptional(json: Json | undefined): Expr | undefined {
    return json === undefined || json === null ? undefined : this.read(json);
  }

  /** Reads `{ type, null_order, expression }`. */
  readSortKey(json: Json): SortKey {
    const fields = new Fields(json, 'sort key');
    const key = {
      expr: this.read(fields.get('expression')),
      descending: isOneOf(fields.string('type'), 'DESCENDING', 'ASCENDING'),
      nullsFirst: isOneOf(fields.string('null_order'), 'NULLS FIRST', 'NULLS LAST'),
    };
    fields.done();
    return key;
  }

  readSortKeys(values: readonly Json[]): SortKey[] {
    return values.map((value) => this.readSortKey(value));
  }

  /** Reads the keys of an ORDER BY inside a call or of DISTINCT ON: `{ orders: [...] }`, or nothing. */
  readOrders(fields: Fields | undefined): SortKey[] {
    if (fields === undefined) return [];
    const keys = this.readSortKeys(fields.list('orders'));
    fields.ignore('type').done();
    return keys;
  }

  #readByClass(fields: Fields): Expr {
    const expressionClass = fields.string('expression_class');
    const name = fields.string('type');
    switch (expressionClass) {
      case 'BOUND_REF':
        return this.#scope(fields.integer('index'), readType(fields.get('return_type')));
      case 'BOUND_COLUMN_REF':
        return this.#readBinding(fields);
      case 'BOUND_CONSTANT':
        return readLiteral(fields.get('value'));
      case 'BOUND_COMPARISON': {
        const left = this.read(fields.get('left'));
        const right = this.read(fields.get('right'));
        return { kind: 'compare', op: readCompareOp(name), left, right, type: boolean };
      }
      case 'BOUND_CONJUNCTION': {
        if (name !== 'CONJUNCTION_AND' && name !== 'CONJUNCTION_OR') break;
        const args = this.readAll(fields.list('children'));
        return { kind: name === 'CONJUNCTION_AND' ? 'and' : 'or', args, type: boolean };
      }
      case 'BOUND_CAST': {
        const type = readType(fields.get('return_type'));
        return { kind: 'cast', input: this.read(fields.get('child')), type, try: fields.boolean('try_cast') };
      }
      case 'BOUND_BETWEEN':
        return this.#readBetween(fields);
      case 'BOUND_CASE':
        return this.#readCase(fields);
      case 'BOUND_OPERATOR':
        return this.#readOperator(fields, name);
      case 'BOUND_FUNCTION':
        return readCall(fields, this);
      default:
        break;
    }
    throw new UnreadablePlan(`the expression ${name}`);
  }

  #readBinding(fields: Fields): Expr {
    const binding = fields.object('binding');
    const name = `${binding.integer('table_index')}.${binding.integer('column_index')}`;
    const index = this.#bindings().indexOf(name);
    if (index < 0 || fields.integer('depth') !== 0) throw new UnreadablePlan('an unresolved column');
    return this.#scope(index, readType(fields.get('return_type')));
  }

  #readOperator(fields: Fields, name: string): Expr {
    const type = readType(fields.get('return_type'));
    const args = this.readAll(fields.list('children'));
    const [input, ...rest] = args;
    if (input === undefined) throw new UnreadablePlan(`the operator ${name} without operands`);
    switch (name) {
      case 'OPERATOR_NOT':
        return { kind: 'not', input, type };
      case 'OPERATOR_IS_NULL':
        return { kind: 'isNull', input, type };
      case 'OPERATOR_IS_NOT_NULL':
        return { kind: 'isNotNull', input, type };
      case 'COMPARE_IN':
      case 'COMPARE_NOT_IN':
        return { kind: 'in', input, list: rest, negated: name === 'COMPARE_NOT_IN', type };
      case 'OPERATOR_COALESCE':
        return { kind: 'call', name: 'coalesce', args, type, volatile: false };
      case 'OPERATOR_TRY':
        return { kind: 'call', name: 'try', args, type, volatile: false };
      default:
        throw new UnreadablePlan(`the operator ${name}`);
    }
  }

  #readCase(fields: Fields): Expr {
    const whens = fields.list('case_checks').map((check) => {
      const branch = new Fields(check, 'case');
      return { when: this.read(branch.get('when_expr')), result: this.read(branch.get('then_expr')) };
    });
    const otherwise = this.read(fields.get('else_expr'));
    return { kind: 'case', whens, otherwise, type: readType(fields.get('return_type')) };
  }

  /** Written as two comparisons, which a volatile input would not be the same in. */
  #readBetween(fields: Fields): Expr {
    const input = this.read(fields.get('input'));
    const lower = this.read(fields.get('lower'));
    const upper = this.read(fields.get('upper'));
    const lowerOp = fields.boolean('lower_inclusive') ? '>=' : '>';
    const upperOp = fields.boolean('upper_inclusive') ? '<=' : '<';
    if ([...walkExpr(input)].some((expr) => expr.kind === 'call' && expr.volatile)) {
      if (lowerOp === '>' || upperOp === '<')
        throw new UnreadablePlan('an open BETWEEN of a volatile expression');
      return { kind: 'call', name: 'between', args: [input, lower, upper], type: boolean, volatile: false };
    }
    const args: Expr[] = [
      { kind: 'compare', op: lowerOp, left: input, right: lower, type: boolean },
      { kind: 'compare', op: upperOp, left: input, right: upper, type: boolean },
    ];
    return { kind: 'and', args, type: boolean };
  }
}

/** Reads expressions over the columns of an operator's inputs, given as the operators that DuckDB bound. */
export function columnReader(...inputs: readonly (Json | undefined)[]): ExpressionReader {
  let bindings: readonly ColumnBinding[] | undefined;
  return new ExpressionReader(
    (index, type) => ({ kind: 'column', index, type }),
    () => {
      bindings ??= inputs.flatMap((input) => columnBindings(input));
      return bindings;
    },
  );
}

function isOneOf(value: string, yes: string, no: string): boolean {
  if (value !== yes && value !== no) throw new UnreadablePlan(`the order ${value}`);
  return value === yes;
}
