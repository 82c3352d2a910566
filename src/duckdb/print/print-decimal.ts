import type { Expr } from '../../plan/index.ts';
import { type ScalarName, type SqlType, sameType, scalar } from '../../types/index.ts';
import { printLiteral } from './print-literal.ts';
import { type Fragment, loose, operand, tight } from './sql-text.ts';

interface Precision {
  readonly width: number;
  readonly scale: number;
}

interface Operand {
  readonly fragment: Fragment;
  readonly precision: Precision;
}

/** Digits of an integer type, as DuckDB counts them where a DECIMAL meets one. */
const integerWidths: Readonly<Partial<Record<ScalarName, number>>> = {
  TINYINT: 3,
  SMALLINT: 5,
  INTEGER: 10,
  BIGINT: 19,
  HUGEINT: 38,
  UTINYINT: 3,
  USMALLINT: 5,
  UINTEGER: 10,
  UBIGINT: 20,
};

const widestInt64 = 18;
const widest = 38;

/**
 * Prints `+`, `-` or `*` of DECIMALs. A bound plan has its operands cast to the result's width; bound again as they
 * are, those would give a wider result. So the casts are left out where DuckDB then comes to the plan's type by
 * itself, and the result is cast where nothing else helps.
 */
export function printDecimalArithmetic(
  name: '+' | '-' | '*',
  [left, right]: readonly [Expr, Expr],
  type: SqlType & { kind: 'decimal' },
  print: (expr: Expr) => Fragment,
): Fragment {
  const text = (a: Operand, b: Operand): Fragment =>
    loose(`${operand(a.fragment)} ${name} ${operand(b.fragment)}`);
  for (const a of spellings(left, print)) {
    for (const b of spellings(right, print)) {
      const result =
        name === '*' ? productPrecision(a.precision, b.precision) : sumPrecision(a.precision, b.precision);
      if (result.width === type.width && result.scale === type.scale) return text(a, b);
    }
  }
  const plain = loose(`${operand(print(left))} ${name} ${operand(print(right))}`);
  return tight(`CAST(${plain.sql} AS DECIMAL(${type.width},${type.scale}))`);
}

/** The operand without its cast, if it has one, then as it is. */
function spellings(expr: Expr, print: (expr: Expr) => Fragment): Operand[] {
  const found: Operand[] = [];
  const add = (fragment: Fragment, type: SqlType): void => {
    const precision = precisionOf(type);
    if (precision !== undefined) found.push({ fragment, precision });
  };
  if (expr.kind === 'cast' && !expr.try) add(print(expr.input), expr.input.type);
  if (expr.kind === 'literal' && typeof expr.value === 'string') {
    const short = shortType(expr.value);
    if (short !== undefined && !sameType(short, expr.type)) add(printLiteral(expr.value, short), short);
  }
  add(print(expr), expr.type);
  return found;
}

/** The type that DuckDB gives a number as it stands. */
export function shortType(text: string): SqlType | undefined {
  const [whole = '', fraction] = text.replace('-', '').split('.');
  if (fraction !== undefined)
    return { kind: 'decimal', width: whole.length + fraction.length, scale: fraction.length };
  return Number(text) < 2 ** 31 && Number(text) > -(2 ** 31) ? scalar('INTEGER') : undefined;
}

function precisionOf(type: SqlType): Precision | undefined {
  if (type.kind === 'decimal') return type;
  const width = type.kind === 'scalar' ? integerWidths[type.name] : undefined;
  return width === undefined ? undefined : { width, scale: 0 };
}

function sumPrecision(a: Precision, b: Precision): Precision {
  const scale = Math.max(a.scale, b.scale);
  const whole = Math.max(a.width - a.scale, b.width - b.scale);
  const needed = Math.max(scale + whole, a.width, b.width) + 1;
  return { width: limitWidth(needed, a, b), scale };
}

function productPrecision(a: Precision, b: Precision): Precision {
  const scale = a.scale + b.scale;
  const needed = a.width + b.width;
  return { width: scale < widestInt64 ? limitWidth(needed, a, b) : Math.min(needed, widest), scale };
}

/** DuckDB stays within 64 bits, and checks for overflow, where the operands do. */
function limitWidth(needed: number, a: Precision, b: Precision): number {
  if (needed > widestInt64 && Math.max(a.width, b.width) <= widestInt64) return widestInt64;
  return Math.min(needed, widest);
}
