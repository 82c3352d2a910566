import { SkeinError, SqlState } from '../../common/index.ts';

/** A JSON string, or a number, which the callback below tells apart. */
const stringOrNumber = /"(?:[^"\\]|\\.)*"|-?\d+(?:\.\d+)?(?:[eE][+-]?\d+)?/gs;
const longInteger = /\d{16}/;

/**
 * Parses a JSON body without losing a digit: integers beyond 2^53 become bigints.
 * @throws SkeinError 22023 where the body is no UTF-8 or no JSON
 */
export function parseBody(body: Uint8Array): unknown {
  let text: string;
  try {
    text = new TextDecoder('utf-8', { fatal: true }).decode(body);
  } catch (error) {
    throw new SkeinError(SqlState.invalidParameterValue, 'the body is not valid UTF-8', { cause: error });
  }
  if (text.trim() === '') throw new SkeinError(SqlState.invalidParameterValue, 'the body is empty');
  try {
    return longInteger.test(text) ? parseLongIntegers(text) : JSON.parse(text);
  } catch (error) {
    const problem = error instanceof Error ? error.message : String(error);
    throw new SkeinError(SqlState.invalidParameterValue, `the body is not JSON: ${problem}`, {
      cause: error,
    });
  }
}

/** Integers beyond 2^53 pass the parser as strings with a mark that no string of the body holds. */
function parseLongIntegers(text: string): unknown {
  const plain = JSON.stringify(JSON.parse(text));
  let mark = 'integer:';
  while (plain.includes(mark)) mark = `_${mark}`;
  const marked = text.replace(stringOrNumber, (token) =>
    /^-?\d+$/.test(token) && !isExact(token) ? `"${mark}${token}"` : token,
  );
  const revive = (_key: string, value: unknown): unknown =>
    typeof value === 'string' && value.startsWith(mark) ? BigInt(value.slice(mark.length)) : value;
  return JSON.parse(marked, revive);
}

function isExact(integer: string): boolean {
  return BigInt(integer) === BigInt(Number(integer)) && Math.abs(Number(integer)) <= 2 ** 53;
}
