/** A row to append: values as queries give them, and Dates. */
export type AppendedRow = Readonly<Record<string, unknown>>;

/** Rows to append: objects, or an Arrow IPC stream. */
export type RowsToAppend = Iterable<AppendedRow> | Uint8Array;

/** Rows as JSON, one a line, in the spelling that columns of their types read. No digit is lost. */
export function jsonLines(rows: Iterable<AppendedRow>): Uint8Array {
  let text = '';
  for (const row of rows) text += `${JSON.stringify(row, spell)}\n`;
  return Buffer.from(text);
}

/** Called with the object that holds the value: what has a toJSON of its own is seen before that. */
function spell(this: unknown, key: string, value: unknown): unknown {
  const original = (this as Readonly<Record<string, unknown>>)[key];
  if (original instanceof Uint8Array) return spellBytes(original);
  if (typeof value === 'bigint') return Number.isSafeInteger(Number(value)) ? Number(value) : String(value);
  if (typeof value === 'number' && !Number.isFinite(value)) {
    return Number.isNaN(value) ? 'nan' : value > 0 ? 'inf' : '-inf';
  }
  return value;
}

function spellBytes(bytes: Uint8Array): string {
  return Array.from(bytes, (byte) => `\\x${byte.toString(16).padStart(2, '0').toUpperCase()}`).join('');
}
