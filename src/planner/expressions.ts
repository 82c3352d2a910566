import { assertNever } from '../common/index.ts';
import { type Expr, exprChildren, mapExprChildren, walkExpr } from '../plan/index.ts';
import { formatType, integerTypes, type SqlType, sameType, scalar } from '../types/index.ts';

export const BOOLEAN = scalar('BOOLEAN');
export const BIGINT = scalar('BIGINT');
export const HUGEINT = scalar('HUGEINT');
export const DOUBLE = scalar('DOUBLE');
export const VARCHAR = scalar('VARCHAR');

/** A text that two expressions share exactly when they are built alike, whatever the order of their properties. */
export function exprKey(expr: Expr): string {
  const inner = (): string => exprChildren(expr).map(exprKey).join(', ');
  switch (expr.kind) {
    case 'column':
      return `#${expr.index}`;
    case 'literal':
      return `${JSON.stringify(expr.value)}::${formatType(expr.type)}`;
    case 'call':
      return `call ${JSON.stringify(expr.name)}(${inner()})::${formatType(expr.type)}`;
    case 'struct':
      return `struct ${JSON.stringify(expr.names)}(${inner()})`;
    case 'cast':
      return `${expr.try ? 'try_cast' : 'cast'}(${inner()} as ${formatType(expr.type)})`;
    case 'compare':
      return `compare ${expr.op}(${inner()})`;
    case 'and':
    case 'or':
    case 'not':
    case 'isNull':
    case 'isNotNull':
    case 'case':
      return `${expr.kind}(${inner()})::${formatType(expr.type)}`;
    case 'in':
      return `${expr.negated ? 'not in' : 'in'}(${inner()})`;
    case 'lambda':
      return `lambda ${JSON.stringify(expr.params)}(${inner()})`;
    case 'lambdaParam':
      return `param ${JSON.stringify(expr.name)}`;
    default:
      return assertNever(expr);
  }
}

export function sameExpr(a: Expr, b: Expr): boolean {
  return exprKey(a) === exprKey(b);
}

export function column(index: number, type: SqlType): Expr {
  return { kind: 'column', index, type };
}

export function literal(value: string | null, type: SqlType): Expr {
  return { kind: 'literal', value, type };
}

/** `expr` as `type`; itself when it has that type already. */
export function castTo(expr: Expr, type: SqlType): Expr {
  return sameType(expr.type, type) ? expr : { kind: 'cast', input: expr, type, try: false };
}

/** A call of a function or operator that is not volatile. */
export function call(name: string, args: readonly Expr[], type: SqlType): Expr {
  return { kind: 'call', name, args, type, volatile: false };
}

export function compare(op: '=' | '<' | '<=' | '>' | '>=' | '<>', left: Expr, right: Expr): Expr {
  return { kind: 'compare', op, left, right, type: BOOLEAN };
}

/** CASE WHEN `when` THEN `result` ELSE `otherwise` END. */
export function caseWhen(when: Expr, result: Expr, otherwise: Expr): Expr {
  return { kind: 'case', whens: [{ when, result }], otherwise, type: result.type };
}

/** The terms of a conjunction, nested ones flattened; the expression itself when it is none. */
export function conjuncts(expr: Expr): readonly Expr[] {
  return expr.kind === 'and' ? expr.args.flatMap(conjuncts) : [expr];
}

/** The conjunction of `terms`; undefined for none. */
export function conjunction(terms: readonly Expr[]): Expr | undefined {
  const [first, ...rest] = terms;
  if (first === undefined) return undefined;
  return rest.length === 0 ? first : { kind: 'and', args: terms, type: BOOLEAN };
}

/** Positions of the columns that `expr` reads. */
export function columnsOf(expr: Expr, into = new Set<number>()): Set<number> {
  for (const part of walkExpr(expr)) if (part.kind === 'column') into.add(part.index);
  return into;
}

export function isVolatile(expr: Expr): boolean {
  for (const part of walkExpr(expr)) if (part.kind === 'call' && part.volatile) return true;
  return false;
}

/** Replaces each column reference by an expression. */
export function substitute(expr: Expr, replacement: (index: number) => Expr): Expr {
  if (expr.kind === 'column') return replacement(expr.index);
  return mapExprChildren(expr, (child) => substitute(child, replacement));
}

/** As `substitute`; undefined when a column has no replacement. */
export function trySubstitute(
  expr: Expr,
  replacement: (index: number) => Expr | undefined,
): Expr | undefined {
  for (const index of columnsOf(expr)) if (replacement(index) === undefined) return undefined;
  return substitute(expr, (index) => replacement(index) ?? expr);
}

/** The value of an integer literal that is a safe integer; undefined for anything else. */
export function integerLiteral(expr: Expr | undefined): number | undefined {
  if (expr === undefined) return undefined;
  if (expr.kind === 'cast' && !expr.try) return integerLiteral(expr.input);
  if (expr.kind !== 'literal' || typeof expr.value !== 'string' || !/^-?\d+$/.test(expr.value))
    return undefined;
  const value = Number(expr.value);
  return Number.isSafeInteger(value) ? value : undefined;
}

const harmlessCalls = new Set([
  '~~',
  '!~~',
  'prefix',
  'suffix',
  'contains',
  'starts_with',
  'ends_with',
  '^@',
]);

/**
 * True when evaluating the predicate on rows that the query would not have shown it cannot raise an error: comparisons,
 * NULL tests, IN, LIKE without ESCAPE over columns and literals.
 */
export function cannotFail(expr: Expr): boolean {
  switch (expr.kind) {
    case 'column':
    case 'literal':
      return true;
    case 'call':
      return !expr.volatile && harmlessCalls.has(expr.name) && expr.args.every(cannotFail);
    case 'compare':
    case 'and':
    case 'or':
    case 'not':
    case 'isNull':
    case 'isNotNull':
    case 'in':
      return exprChildren(expr).every(cannotFail);
    case 'cast':
      return expr.try && cannotFail(expr.input);
    case 'struct':
    case 'case':
    case 'lambda':
    case 'lambdaParam':
      return false;
    default:
      return assertNever(expr);
  }
}

/**
 * True for predicates by which files can be left out: as `cannotFail`, and casts, which nobody evaluates on rows that
 * the query would not have shown.
 */
export function isPruning(expr: Expr): boolean {
  return cannotFail(withoutCasts(expr));
}

function withoutCasts(expr: Expr): Expr {
  return expr.kind === 'cast' ? withoutCasts(expr.input) : mapExprChildren(expr, withoutCasts);
}

/**
 * True when equal values (as GROUP BY and `=` see them) have equal `hash()`, so that rows may be placed by it.
 * VARIANT 1 and 1.0 are equal and hash apart; GEOMETRY is not known to be safe.
 */
function isHashable(type: SqlType): boolean {
  switch (type.kind) {
    case 'scalar':
      return type.name !== 'VARIANT' && type.name !== 'GEOMETRY';
    case 'decimal':
    case 'enum':
      return true;
    case 'list':
    case 'array':
      return isHashable(type.element);
    case 'map':
      return isHashable(type.key) && isHashable(type.value);
    case 'struct':
      return type.fields.every((field) => isHashable(field.type));
    case 'union':
      return type.members.every((member) => isHashable(member.type));
    default:
      return assertNever(type);
  }
}

/** True when equal values of the type are the same value: not so for -0.0 and 0.0, or 1 month and 30 days. */
function equalIsIdentical(type: SqlType): boolean {
  switch (type.kind) {
    case 'scalar':
      return !['FLOAT', 'DOUBLE', 'INTERVAL', 'VARIANT', 'GEOMETRY', 'BIT', 'NULL'].includes(type.name);
    case 'decimal':
    case 'enum':
      return true;
    case 'list':
    case 'array':
    case 'map':
    case 'struct':
    case 'union':
      return false;
    default:
      return assertNever(type);
  }
}

/** True when `expr` gives the same value for rows that agree on `known` expressions (as GROUP BY compares them). */
export function isFunctionOf(expr: Expr, known: readonly Expr[]): boolean {
  if (known.some((other) => sameExpr(other, expr))) return true;
  return derives(
    expr,
    known.filter((other) => equalIsIdentical(other.type)),
  );
}

function derives(expr: Expr, known: readonly Expr[]): boolean {
  if (known.some((other) => sameExpr(other, expr))) return true;
  if (expr.kind === 'column' || (expr.kind === 'call' && expr.volatile)) return false;
  return exprChildren(expr).every((child) => derives(child, known));
}

/** True for expressions that have the same value in every row, as integers of whatever types. */
export function sameInteger(a: Expr, b: Expr): boolean {
  const [one, other] = [uncastInteger(a), uncastInteger(b)];
  return isInteger(one.type) && isInteger(other.type) && sameExpr(one, other);
}

/** What casts from integer to integer are of: they change no value, or fail. */
function uncastInteger(expr: Expr): Expr {
  const casts = expr.kind === 'cast' && !expr.try && isInteger(expr.type) && isInteger(expr.input.type);
  return casts ? uncastInteger(expr.input) : expr;
}

function isInteger(type: SqlType): boolean {
  return type.kind === 'scalar' && integerTypes.has(type.name);
}

export function isFloat(type: SqlType): boolean {
  return type.kind === 'scalar' && (type.name === 'FLOAT' || type.name === 'DOUBLE');
}

/** `value` as `type`, 0 for NULL. */
export function zeroIfNull(value: Expr, type: SqlType): Expr {
  return caseWhen({ kind: 'isNull', input: value, type: BOOLEAN }, literal('0', type), castTo(value, type));
}

/** True when rows may be placed by the hash of `expr`: computed again, it is the same. */
export function isHashKey(expr: Expr): boolean {
  return isHashable(expr.type) && !isVolatile(expr);
}
