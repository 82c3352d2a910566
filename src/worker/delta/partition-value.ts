import { formatType, quoteLiteral, type SqlType } from '../../types/index.ts';

/**
 * SQL of a partition value as a Delta log spells it. An empty text is NULL, whatever the type.
 * @see Delta PROTOCOL.md, Partition Value Serialization
 */
export function partitionValueSql(value: string | undefined, type: SqlType): string {
  const name = formatType(type);
  if (value === undefined || value === '') return `CAST(NULL AS ${name})`;
  if (type.kind === 'scalar') {
    if (type.name === 'VARCHAR') return quoteLiteral(value);
    if (type.name === 'BLOB') return `unhex('${toBytes(value).toString('hex')}')`;
    if (type.name === 'TIMESTAMP WITH TIME ZONE') {
      return `CAST(${quoteLiteral(hasZone(value) ? value : `${value}+00`)} AS ${name})`;
    }
  }
  return `CAST(${quoteLiteral(value)} AS ${name})`;
}

/** Each character is a byte; a text that has others is taken as UTF-8. */
function toBytes(text: string): Buffer {
  const bytes = [...text].every((character) => (character.codePointAt(0) ?? 0) <= 0xff);
  return Buffer.from(text, bytes ? 'latin1' : 'utf8');
}

function hasZone(text: string): boolean {
  return /(Z|[+-]\d\d(:?\d\d)?)$/i.test(text.slice('yyyy-mm-dd'.length));
}
