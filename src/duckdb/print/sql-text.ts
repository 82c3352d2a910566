import { quoteIdentifier } from '../../types/index.ts';

/**
 * A piece of SQL. `loose` pieces need parentheses around them where an operator or a cast takes them.
 * Line breaks are `lineBreak` until the whole text is done, so that indenting does not reach into quoted names.
 */
export interface Fragment {
  readonly sql: string;
  readonly loose: boolean;
}

export const lineBreak = '\u0001';
const indentation = '  ';
const lineWidth = 100;

export const tight = (sql: string): Fragment => ({ sql, loose: false });
export const loose = (sql: string): Fragment => ({ sql, loose: true });

/** The fragment as an operand. */
export function operand({ sql, loose: isLoose }: Fragment): string {
  return isLoose ? `(${sql})` : sql;
}

export function indent(text: string): string {
  return indentation + text.replaceAll(lineBreak, lineBreak + indentation);
}

/** `(text)`, on lines of its own where it is long. */
export function parenthesize(text: string): string {
  if (text.length <= lineWidth && !text.includes(lineBreak)) return `(${text})`;
  return `(${lineBreak}${indent(text)}${lineBreak})`;
}

/** `head a, b`, or one item a line. */
export function clause(head: string, items: readonly string[], separator = ','): string {
  const oneLine = `${head} ${items.join(`${separator} `)}`;
  if (oneLine.length <= lineWidth && !oneLine.includes(lineBreak)) return oneLine;
  const [first, ...rest] = items.map(indent);
  if (separator === ',') return [`${head}`, [first, ...rest].join(`,${lineBreak}`)].join(lineBreak);
  return [
    `${head} ${items[0]}`,
    ...items.slice(1).map((item) => `${indentation}${separator.trim()} ${item}`),
  ].join(lineBreak);
}

/** The finished text. */
export function finish(text: string): string {
  return text.replaceAll(lineBreak, '\n');
}

/** DuckDB's keywords that cannot stand for a column everywhere (`duckdb_keywords()`, all but unreserved). */
const keywords = new Set(
  `all analyse analyze and anti any array as asc asof asymmetric at authorization between bigint binary bit boolean
  both by case cast char character check coalesce collate collation column columns concurrently constraint create cross
  dec decimal default deferrable desc describe distinct do else end except exists extract false fetch float for foreign
  freeze from full generated glob group grouping grouping_id having ilike in initially inner inout int integer intersect
  interval into is isnull join lambda lateral leading left like limit map national natural nchar none not notnull null
  nullif numeric offset on only or order out outer overlaps overlay pivot pivot_longer pivot_wider placing position
  positional precision primary qualify real references returning right row select semi setof show similar smallint some
  struct substring summarize symmetric table tablesample then time timestamp to trailing treat trim true try_cast union
  unique unpack unpivot using values varchar variadic verbose when where window with xmlattributes xmlconcat xmlelement
  xmlexists xmlforest xmlnamespaces xmlparse xmlpi xmlroot xmlserialize xmltable`.split(/\s+/),
);

export function isKeyword(name: string): boolean {
  return keywords.has(name);
}

/** The name, quoted where SQL needs it. */
export function identifier(name: string): string {
  return /^[a-z_][a-z0-9_]*$/.test(name) && !keywords.has(name) ? name : quoteIdentifier(name);
}

/** A relation's name; one with a dot is `schema.table`. */
export function relationName(name: string): string {
  const dot = name.indexOf('.');
  return dot < 0 ? identifier(name) : `${identifier(name.slice(0, dot))}.${identifier(name.slice(dot + 1))}`;
}

/** The names made unique, as DuckDB compares them, without regard to case; empty ones get a name. */
export function uniqueNames(names: readonly string[]): string[] {
  const taken = new Set(names.map((name) => name.toLowerCase()));
  const used = new Set<string>();
  return names.map((name, index) => {
    const base = name === '' ? `c${index}` : name;
    let unique = base;
    for (
      let count = 2;
      used.has(unique.toLowerCase()) || (unique !== name && taken.has(unique.toLowerCase()));
      count++
    )
      unique = `${base}_${count}`;
    used.add(unique.toLowerCase());
    return unique;
  });
}

/** A string literal on one line. */
export function stringLiteral(text: string): string {
  // biome-ignore lint/suspicious/noControlCharactersInRegex: these are what must not stand in the text as they are
  if (!/[\u0000-\u001f\u007f]/.test(text)) return `'${text.replaceAll("'", "''")}'`;
  const parts = text.split('\u0000').map((part) => {
    const escaped = part
      .replaceAll('\\', '\\\\')
      .replaceAll("'", "''")
      // biome-ignore lint/suspicious/noControlCharactersInRegex: as above
      .replace(/[\u0001-\u001f\u007f]/g, (char) => `\\x${char.charCodeAt(0).toString(16).padStart(2, '0')}`);
    return `E'${escaped}'`;
  });
  return parts.length === 1 ? parts.join('') : `(${parts.join(' || chr(0) || ')})`;
}
