import { SkeinError, SqlState } from '../common/index.ts';
import { quoteLiteral, type SqlValue } from '../types/index.ts';
import { type Token, tokenize } from './tokenize.ts';

/** By position for `?` and `$1`, by name for `$name`. */
export type Parameters = readonly SqlValue[] | Readonly<Record<string, SqlValue>>;

export interface BoundParameters {
  readonly sql: string;
  /** From an offset in `sql` to the offset in the text as the user sent it. */
  mapPosition(offset: number): number;
}

interface Replacement {
  readonly token: Token;
  readonly text: string;
}

/**
 * Writes the parameters' values into the SQL as literals.
 * @throws SkeinError 08P01 where parameters and values do not match, one for one
 */
export function bindParameters(sql: string, params: Parameters | undefined): BoundParameters {
  const tokens = tokenize(sql).filter((token) => token.kind === 'parameter');
  const keys = tokens.map(parameterKeys());
  checkParameters(tokens, keys, params);
  const replacements = tokens.map((token, index) => ({
    token,
    text: formatLiteral(parameterValue(params, keys[index] ?? '') ?? null),
  }));
  return substitute(sql, replacements);
}

/** Replaces tokens by texts, keeping track of where everything was. */
export function substitute(sql: string, replacements: readonly Replacement[]): BoundParameters {
  let result = '';
  let offset = 0;
  const shifts: { readonly from: number; readonly to: number; readonly source: Token }[] = [];
  for (const { token, text } of replacements) {
    result += sql.slice(offset, token.start);
    shifts.push({ from: result.length, to: result.length + text.length, source: token });
    result += text;
    offset = token.end;
  }
  result += sql.slice(offset);
  return {
    sql: result,
    mapPosition(position) {
      const shift = shifts.findLast(({ from }) => from <= position);
      if (shift === undefined) return position;
      return position < shift.to ? shift.source.start : shift.source.end + position - shift.to;
    },
  };
}

/** Names a statement's parameters in order: `?` counts up from 1. */
function parameterKeys(): (token: Token) => string {
  let next = 1;
  return (token) => (token.text === '?' ? String(next++) : token.text.slice(1));
}

function checkParameters(
  tokens: readonly Token[],
  keys: readonly string[],
  params: Parameters | undefined,
): void {
  const used = new Set(keys);
  const mixed = tokens.find((token) => (token.text === '?') !== (tokens[0]?.text === '?'));
  if (mixed !== undefined) {
    throw new SkeinError(SqlState.wrongParameterCount, '? cannot be mixed with other parameters', {
      position: mixed.start,
    });
  }
  tokens.forEach((token, index) => {
    const key = keys[index] ?? '';
    if (parameterValue(params, key) === undefined) {
      throw new SkeinError(
        SqlState.wrongParameterCount,
        `there is no value for the parameter ${token.text}`,
        {
          position: token.start,
        },
      );
    }
  });
  const given = isList(params) ? params.map((_, index) => String(index + 1)) : Object.keys(params ?? {});
  const extra = given.find((key) => !used.has(key));
  if (extra !== undefined) {
    const message = isList(params)
      ? `${given.length} values were given for ${used.size} parameters`
      : `the statement has no parameter $${extra}`;
    throw new SkeinError(SqlState.wrongParameterCount, message);
  }
}

function parameterValue(params: Parameters | undefined, key: string): SqlValue | undefined {
  if (params === undefined) return undefined;
  if (isList(params)) return /^[0-9]+$/.test(key) ? params[Number(key) - 1] : undefined;
  return Object.hasOwn(params, key) ? params[key] : undefined;
}

function isList(params: Parameters | undefined): params is readonly SqlValue[] {
  return Array.isArray(params);
}

/**
 * The value as a DuckDB expression of constants. A number without fraction is an INTEGER or the next type that holds
 * it, other numbers DOUBLE; a bigint is BIGINT or the next type that holds it; strings fit whatever they meet.
 */
export function formatLiteral(value: SqlValue): string {
  if (value === null) return 'NULL';
  if (typeof value === 'boolean') return value ? 'true' : 'false';
  if (typeof value === 'bigint') return `'${value}'::${integerType(value)}`;
  if (typeof value === 'number') return formatNumber(value);
  if (typeof value === 'string') return formatString(value);
  if (value instanceof Uint8Array) {
    const bytes = Array.from(value, (byte) => `\\x${byte.toString(16).padStart(2, '0').toUpperCase()}`);
    return `'${bytes.join('')}'::BLOB`;
  }
  if (Array.isArray(value)) return `[${value.map(formatLiteral).join(', ')}]`;
  const fields = Object.entries(value).map(
    ([name, field]) => `${quoteLiteral(name)}: ${formatLiteral(field)}`,
  );
  return `{${fields.join(', ')}}`;
}

function formatNumber(value: number): string {
  if (Number.isSafeInteger(value) && !Object.is(value, -0)) return value < 0 ? `(${value})` : String(value);
  return `'${Object.is(value, -0) ? '-0.0' : String(value)}'::DOUBLE`;
}

function integerType(value: bigint): string {
  if (BigInt.asIntN(64, value) === value) return 'BIGINT';
  if (BigInt.asIntN(128, value) === value) return 'HUGEINT';
  return BigInt.asUintN(128, value) === value ? 'UHUGEINT' : 'BIGNUM';
}

/** NUL cannot stand in SQL text. */
function formatString(value: string): string {
  if (!value.includes('\0')) return quoteLiteral(value);
  return `(${value.split('\0').map(quoteLiteral).join(' || chr(0) || ')})`;
}
