import { assertNever } from '../common/index.ts';
import type { AggregateCall, Expr, LiteralValue, SortKey, WindowCall } from '../plan/index.ts';
import { formatType, type Schema } from '../types/index.ts';

const operators = new Set([
  '+',
  '-',
  '*',
  '/',
  '//',
  '%',
  '||',
  '&',
  '|',
  '<<',
  '>>',
  '^',
  '**',
  '->',
  '->>',
  '@>',
  '<@',
]);
const likes: ReadonlyMap<string, string> = new Map([
  ['~~', 'LIKE'],
  ['!~~', 'NOT LIKE'],
  ['~~*', 'ILIKE'],
  ['!~~*', 'NOT ILIKE'],
  ['~~~', 'GLOB'],
]);
const quotedTypes = new Set(['VARCHAR', 'BLOB', 'UUID', 'JSON', 'BIT']);

/** The expression for people: columns by name, casts that DuckDB added left out. Not SQL to run. */
export function formatExpr(expr: Expr, input: Schema): string {
  return format(expr, input, 0);
}

/** `binding`: how tightly what is around binds; 0 nothing, 1 OR, 2 AND, 3 NOT, 4 comparison, 5 arithmetic. */
function format(expr: Expr, input: Schema, binding: number): string {
  const wrap = (own: number, text: string): string => (own <= binding ? `(${text})` : text);
  const inner = (part: Expr, own: number): string => format(part, input, own);
  switch (expr.kind) {
    case 'column':
      return input[expr.index]?.name ?? `#${expr.index}`;
    case 'literal':
      return formatLiteral(expr.value, formatType(expr.type));
    case 'call':
      return formatCall(expr, inner, wrap);
    case 'struct':
      return `{${expr.names.map((name, index) => `${name}: ${partAt(expr.values, index, inner)}`).join(', ')}}`;
    case 'cast':
      return expr.try
        ? `TRY_CAST(${inner(expr.input, 0)} AS ${formatType(expr.type)})`
        : inner(expr.input, binding);
    case 'compare':
      return wrap(4, `${inner(expr.left, 4)} ${expr.op} ${inner(expr.right, 4)}`);
    case 'and':
      return wrap(2, expr.args.map((arg) => inner(arg, 2)).join(' AND '));
    case 'or':
      return wrap(1, expr.args.map((arg) => inner(arg, 1)).join(' OR '));
    case 'not':
      return wrap(3, `NOT ${inner(expr.input, 3)}`);
    case 'isNull':
      return wrap(4, `${inner(expr.input, 4)} IS NULL`);
    case 'isNotNull':
      return wrap(4, `${inner(expr.input, 4)} IS NOT NULL`);
    case 'in': {
      const list = expr.list.map((item) => inner(item, 0)).join(', ');
      return wrap(4, `${inner(expr.input, 4)} ${expr.negated ? 'NOT IN' : 'IN'} (${list})`);
    }
    case 'case': {
      const whens = expr.whens.map(({ when, result }) => `WHEN ${inner(when, 0)} THEN ${inner(result, 0)}`);
      return `CASE ${whens.join(' ')} ELSE ${inner(expr.otherwise, 0)} END`;
    }
    case 'lambda':
      return `(${expr.params.join(', ')}) -> ${inner(expr.body, 0)}`;
    case 'lambdaParam':
      return expr.name;
    default:
      return assertNever(expr);
  }
}

function partAt(parts: readonly Expr[], index: number, inner: (part: Expr, own: number) => string): string {
  const part = parts[index];
  return part === undefined ? '' : inner(part, 0);
}

function formatCall(
  expr: Extract<Expr, { kind: 'call' }>,
  inner: (part: Expr, own: number) => string,
  wrap: (own: number, text: string) => string,
): string {
  const [left, right, ...more] = expr.args;
  if (left !== undefined && right !== undefined && more.length === 0) {
    const like = likes.get(expr.name);
    if (like !== undefined) return wrap(4, `${inner(left, 4)} ${like} ${inner(right, 4)}`);
    if (operators.has(expr.name)) return wrap(5, `${inner(left, 5)} ${expr.name} ${inner(right, 5)}`);
  }
  return `${expr.name}(${expr.args.map((arg) => inner(arg, 0)).join(', ')})`;
}

function formatLiteral(value: LiteralValue, type: string): string {
  if (value === null) return 'NULL';
  if (typeof value !== 'string') return `[${value.map((part) => formatLiteral(part, 'VARCHAR')).join(', ')}]`;
  const plain = /^-?[\d.]+(e[+-]?\d+)?$/i.test(value) && !quotedTypes.has(type);
  return plain || type === 'BOOLEAN' ? value : `'${value.replaceAll("'", "''")}'`;
}

/** `o_orderdate DESC NULLS FIRST`; what is the default is left out. */
export function formatSortKey(key: SortKey, input: Schema): string {
  const direction = key.descending ? ' DESC' : '';
  return `${formatExpr(key.expr, input)}${direction}${key.nullsFirst ? ' NULLS FIRST' : ''}`;
}

/** `sum(DISTINCT x) FILTER (y > 1)`. */
export function formatAggregate(call: AggregateCall, input: Schema): string {
  const args = call.name === 'count_star' ? '*' : call.args.map((arg) => formatExpr(arg, input)).join(', ');
  const order = call.orderBy.map((key) => formatSortKey(key, input)).join(', ');
  const filter = call.filter === undefined ? '' : ` FILTER (${formatExpr(call.filter, input)})`;
  const name = call.name === 'count_star' ? 'count' : call.name;
  return `${name}(${call.distinct ? 'DISTINCT ' : ''}${args}${order === '' ? '' : ` ORDER BY ${order}`})${filter}`;
}

/** `rank() OVER (PARTITION BY a ORDER BY b)`; frames only when they are not the default. */
export function formatWindow(call: WindowCall, input: Schema): string {
  const args = call.name === 'count_star' ? '*' : call.args.map((arg) => formatExpr(arg, input)).join(', ');
  const parts: string[] = [];
  if (call.partitionBy.length > 0) {
    parts.push(`PARTITION BY ${call.partitionBy.map((key) => formatExpr(key, input)).join(', ')}`);
  }
  if (call.orderBy.length > 0) {
    parts.push(`ORDER BY ${call.orderBy.map((key) => formatSortKey(key, input)).join(', ')}`);
  }
  if (call.frame !== undefined && call.frame.unit !== 'RANGE') parts.push(call.frame.unit);
  const name = call.name === 'count_star' ? 'count' : call.name;
  return `${name}(${call.distinct ? 'DISTINCT ' : ''}${args}) OVER (${parts.join(' ')})`;
}
