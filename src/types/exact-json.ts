/** A JSON string, or a number, which the callback below tells apart. */
const stringOrNumber = /"(?:[^"\\]|\\.)*"|-?\d+(?:\.\d+)?(?:[eE][+-]?\d+)?/gs;
const longInteger = /\d{16}/;

/**
 * Parses JSON without losing a digit: integers beyond 2^53 become bigints.
 * @throws SyntaxError where the text is no JSON
 */
export function parseExactJson(text: string): unknown {
  return longInteger.test(text) ? parseLongIntegers(text) : JSON.parse(text);
}

/** Integers beyond 2^53 pass the parser as strings with a mark that no string of the text holds. */
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

/** The inverse of `parseExactJson`: bigints become numbers; fields that are undefined are left out. */
export function formatExactJson(value: unknown): string {
  if (typeof value === 'bigint') return String(value);
  if (Array.isArray(value)) return `[${value.map(formatExactJson).join(',')}]`;
  if (typeof value === 'object' && value !== null) {
    const fields = Object.entries(value).filter(([, field]) => field !== undefined);
    return `{${fields.map(([name, field]) => `${JSON.stringify(name)}:${formatExactJson(field)}`).join(',')}}`;
  }
  return JSON.stringify(value) ?? 'null';
}
