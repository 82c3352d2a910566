import { assert, SkeinError, SqlState } from '../../common/index.ts';
import type { Expr, SortKey } from '../../plan/index.ts';
import { formatType, type SqlType, sameType, scalar } from '../../types/index.ts';
import { printDecimalArithmetic, shortType } from './print-decimal.ts';
import { castable, printLiteral, printStruct } from './print-literal.ts';
import { type Fragment, identifier, isKeyword, loose, operand, tight } from './sql-text.ts';

/** The SQL of an input column, by position. */
export type ColumnText = (index: number) => Fragment;

export function printExpr(expr: Expr, column: ColumnText): Fragment {
  const print = (child: Expr): Fragment => printExpr(child, column);
  const operate = (child: Expr): string => operand(print(child));
  switch (expr.kind) {
    case 'column':
      return column(expr.index);
    case 'literal':
      return printLiteral(expr.value, expr.type);
    case 'lambdaParam':
      return tight(identifier(expr.name));
    case 'lambda':
      return loose(`lambda ${expr.params.map(identifier).join(', ')}: ${print(expr.body).sql}`);
    case 'call': {
      const { name, args, type } = expr;
      const [left, right] = args;
      const isSum = name === '+' || name === '-' || name === '*';
      if (isSum && type.kind === 'decimal' && left !== undefined && right !== undefined)
        return printDecimalArithmetic(name, [left, right], type, print);
      if (/^(array|list)_slice$/.test(name) && args.slice(1).some(isEmptyList))
        return printSlice(args, print);
      const isPlain = (arg: Expr): boolean =>
        plainNumbers.has(name) ||
        (arithmetic.has(name) &&
          args.some((other) => other.kind !== 'literal' && sameType(other.type, arg.type)));
      return printCall(
        name,
        args.map((arg) => (isPlain(arg) ? plainInteger(arg) : undefined) ?? print(arg)),
        type,
      );
    }
    case 'struct':
      return tight(
        printStruct(
          expr.names,
          expr.values.map((value) => print(value).sql),
        ),
      );
    case 'cast':
      return printCast(print(expr.input), expr.input.type, expr.type, expr.try);
    case 'compare': {
      const [left, right] = [expr.left, expr.right].map((side, index, sides) =>
        compared(side, [sides[1 - index]], print),
      );
      return loose(`${left} ${expr.op} ${right}`);
    }
    case 'and':
    case 'or':
      if (expr.args.length === 1 && expr.args[0] !== undefined) return print(expr.args[0]);
      return loose(expr.args.map(operate).join(expr.kind === 'and' ? ' AND ' : ' OR '));
    case 'not':
      return loose(`NOT ${operate(expr.input)}`);
    case 'isNull':
      return loose(`${operate(expr.input)} IS NULL`);
    case 'isNotNull':
      return loose(`${operate(expr.input)} IS NOT NULL`);
    case 'in': {
      const list = expr.list.map((item) => compared(item, [expr.input], print)).join(', ');
      return loose(`${operate(expr.input)} ${expr.negated ? 'NOT IN' : 'IN'} (${list})`);
    }
    case 'case': {
      const whens = expr.whens.map(({ when, result }) => `WHEN ${print(when).sql} THEN ${print(result).sql}`);
      return tight(`CASE ${whens.join(' ')} ELSE ${print(expr.otherwise).sql} END`);
    }
  }
}

/** Operators that come to the same type with a bare integer as with one of their other operand's type. */
const arithmetic: ReadonlySet<string> = new Set(['+', '-', '*', '//', '%']);

/** Functions of one signature, whose integers can be nothing but what they are. */
const plainNumbers: ReadonlySet<string> = new Set([
  'substring',
  'substr',
  'left',
  'right',
  'lpad',
  'rpad',
  'repeat',
  'split_part',
  'array_extract',
  'list_extract',
  'range',
  'generate_series',
]);

/** An INTEGER or a BIGINT as it stands. */
function plainInteger(expr: Expr): Fragment | undefined {
  if (expr.kind !== 'literal' || expr.type.kind !== 'scalar' || typeof expr.value !== 'string')
    return undefined;
  if (expr.type.name !== 'INTEGER' && expr.type.name !== 'BIGINT') return undefined;
  if (Math.abs(Number(expr.value)) >= 2 ** 31) return undefined;
  return printLiteral(expr.value, { kind: 'scalar', name: 'INTEGER' });
}

/** A side of a comparison: a number beside something of its own type needs no cast to be compared as that type. */
function compared(
  expr: Expr,
  others: readonly (Expr | undefined)[],
  print: (expr: Expr) => Fragment,
): string {
  const isSure = others.every(
    (other) => other !== undefined && other.kind !== 'literal' && sameType(other.type, expr.type),
  );
  if (!isSure || expr.kind !== 'literal' || typeof expr.value !== 'string') return operand(print(expr));
  const short =
    expr.type.kind === 'decimal' ? shortType(expr.value) : plainInteger(expr) && scalar('INTEGER');
  return operand(short === undefined ? print(expr) : printLiteral(expr.value, short));
}

/** A bound plan has an empty list in the place of a bound that was left out, and a call has no word for that. */
function printSlice([list, ...bounds]: readonly Expr[], print: (expr: Expr) => Fragment): Fragment {
  assert(list !== undefined, 'a slice has a list');
  const [begin = '', end = '', step] = bounds.map((bound) =>
    isEmptyList(bound) ? '' : operand(print(bound)),
  );
  const tail = step === undefined ? '' : `:${step}`;
  return tight(`${operand(print(list))}[${begin}:${end === '' && step !== undefined ? '-' : end}${tail}]`);
}

function isEmptyList(expr: Expr): boolean {
  return expr.kind === 'literal' && Array.isArray(expr.value) && expr.value.length === 0;
}

/** Operators that SQL spells between their operands; LIKE and its kin by their words. */
const infix: Readonly<Record<string, string>> = {
  '~~': 'LIKE',
  '!~~': 'NOT LIKE',
  '~~*': 'ILIKE',
  '!~~*': 'NOT ILIKE',
  '~~~': 'GLOB',
};

function printCall(name: string, args: readonly Fragment[], type: SqlType): Fragment {
  const [first, second, third] = args;
  if (!/^[a-z_]/i.test(name)) {
    if (args.length === 2 && first !== undefined && second !== undefined)
      return loose(`${operand(first)} ${infix[name] ?? name} ${operand(second)}`);
    assert(args.length === 1 && first !== undefined, `the operator ${name} has one or two operands`);
    return loose(`${name} ${operand(first)}`);
  }
  if (name === 'between' && first !== undefined && second !== undefined && third !== undefined)
    return loose(`${operand(first)} BETWEEN ${operand(second)} AND ${operand(third)}`);
  const texts = args.map((arg) => arg.sql);
  if (name === 'union_value' && type.kind === 'union')
    return tight(
      `union_value(${type.members.map((member, index) => `${identifier(member.name)} := ${texts[index]}`).join(', ')})`,
    );
  if (name === 'struct_insert' && type.kind === 'struct') {
    const added = type.fields.slice(type.fields.length - args.length + 1);
    const named = added.map((field, index) => `${identifier(field.name)} := ${texts[index + 1]}`);
    return tight(`struct_insert(${[texts[0], ...named].join(', ')})`);
  }
  if (name === 'list_value') return tight(`[${texts.join(', ')}]`);
  return tight(`${functionName(name)}(${texts.join(', ')})`);
}

/** Keywords that the parser takes for a function of theirs; some only so. */
const parsedFunctions = new Set(['coalesce', 'try', 'substring', 'left', 'right', 'trim', 'map', 'row']);

export function functionName(name: string): string {
  if (parsedFunctions.has(name)) return name;
  return isKeyword(name) ? `"${name}"` : identifier(name);
}

/**
 * A type with a STRUCT without field names cannot be written in SQL, so a cast to it cannot either.
 * @throws SkeinError 0A000 then
 */
function printCast(input: Fragment, from: SqlType, to: SqlType, isTry: boolean): Fragment {
  if (formatType(from) === formatType(to)) return input;
  if (!castable(to))
    throw new SkeinError(
      SqlState.featureNotSupported,
      `a cast to ${formatType(to)} cannot be written in SQL`,
    );
  return tight(`${isTry ? 'TRY_CAST' : 'CAST'}(${input.sql} AS ${formatType(to)})`);
}

/** `a DESC NULLS LAST`: nothing is left to the session's defaults. */
export function printSortKey({ descending, nullsFirst }: SortKey, expr: Fragment): string {
  const nulls = nullsFirst ? 'NULLS FIRST' : 'NULLS LAST';
  return `${positionless(expr)} ${descending ? 'DESC' : 'ASC'} ${nulls}`;
}

/** In GROUP BY and ORDER BY a bare number is a position, and a bare string an error. */
export function positionless({ sql }: Fragment): string {
  if (/^-?\d+$/.test(sql)) return `CAST(${sql} AS INTEGER)`;
  return /^(E?'|-?[\d.]+$|NULL$|true$|false$)/.test(sql) ? `coalesce(${sql})` : sql;
}
