import { SkeinError, SqlState } from '../common/index.ts';
import { type Column, type ScalarName, type SqlType, scalar } from './sql-type.ts';

const scalarNames: Readonly<Record<ScalarName, true>> = {
  NULL: true,
  BOOLEAN: true,
  TINYINT: true,
  SMALLINT: true,
  INTEGER: true,
  BIGINT: true,
  HUGEINT: true,
  UTINYINT: true,
  USMALLINT: true,
  UINTEGER: true,
  UBIGINT: true,
  UHUGEINT: true,
  BIGNUM: true,
  FLOAT: true,
  DOUBLE: true,
  DATE: true,
  TIME: true,
  TIME_NS: true,
  'TIME WITH TIME ZONE': true,
  TIMESTAMP: true,
  TIMESTAMP_S: true,
  TIMESTAMP_MS: true,
  TIMESTAMP_NS: true,
  'TIMESTAMP WITH TIME ZONE': true,
  INTERVAL: true,
  UUID: true,
  BLOB: true,
  BIT: true,
  VARCHAR: true,
  JSON: true,
  VARIANT: true,
  GEOMETRY: true,
};

export function isScalarName(name: string): name is ScalarName {
  return Object.hasOwn(scalarNames, name);
}

/**
 * The inverse of `formatType`: reads a type as DuckDB prints it, with or without quotes around field names
 * (`STRUCT("a" INTEGER, b DECIMAL(3,1)[])[]`). Fields without a name, as `row(1, 2)` has them, get the name ''.
 * @throws SkeinError 42601 with the position in `text` where it is no type
 */
export function parseType(text: string): SqlType {
  const parser = new TypeParser(text);
  const type = parser.type();
  parser.end();
  return type;
}

/** A recursive-descent parser over the text; `#at` is the next character. */
class TypeParser {
  readonly #text: string;
  #at = 0;

  constructor(text: string) {
    this.#text = text;
  }

  type(): SqlType {
    let type = this.#base();
    while (this.#take('[')) {
      if (this.#take(']')) {
        type = { kind: 'list', element: type };
      } else {
        const length = this.#integer();
        this.#expect(']');
        type = { kind: 'array', element: type, length };
      }
    }
    return type;
  }

  end(): void {
    this.#skipSpace();
    if (this.#at < this.#text.length) this.#fail('unexpected text after the type');
  }

  #base(): SqlType {
    const start = this.#at;
    const word = this.#word();
    if (word === undefined) return this.#fail('a type is missing');
    if (word.quoted) {
      if (word.text === 'NULL') return scalar('NULL');
      this.#at = start;
      return this.#fail(`unknown type ${JSON.stringify(word.text)}`);
    }
    const name = word.text.toUpperCase();
    switch (name) {
      case 'DECIMAL':
        return this.#decimal();
      case 'ENUM':
        return { kind: 'enum', values: this.#list(() => this.#string()) };
      case 'MAP':
        return this.#map();
      case 'STRUCT':
        return { kind: 'struct', fields: this.#list(() => this.#column()) };
      case 'UNION':
        return { kind: 'union', members: this.#list(() => this.#column()) };
      default: {
        const full = this.#takeWords('WITH', 'TIME', 'ZONE') ? `${name} WITH TIME ZONE` : name;
        if (isScalarName(full)) return scalar(full);
        this.#at = start;
        return this.#fail(`unknown type ${JSON.stringify(word.text)}`);
      }
    }
  }

  #decimal(): SqlType {
    this.#expect('(');
    const width = this.#integer();
    this.#expect(',');
    const scale = this.#integer();
    this.#expect(')');
    return { kind: 'decimal', width, scale };
  }

  #map(): SqlType {
    this.#expect('(');
    const key = this.type();
    this.#expect(',');
    const value = this.type();
    this.#expect(')');
    return { kind: 'map', key, value };
  }

  /** `name TYPE`, or `TYPE` alone: a word is a name when another one, that does not continue it as a type, follows. */
  #column(): Column {
    const start = this.#at;
    const word = this.#word();
    this.#skipSpace();
    const next = this.#text[this.#at];
    const afterWord = this.#at;
    const continued = !word?.quoted && this.#takeWords('WITH', 'TIME', 'ZONE');
    this.#at = afterWord;
    if (word !== undefined && !continued && next !== undefined && !',)([]'.includes(next)) {
      return { name: word.text, type: this.type() };
    }
    this.#at = start;
    return { name: '', type: this.type() };
  }

  #list<T>(item: () => T): T[] {
    this.#expect('(');
    if (this.#take(')')) return [];
    const items = [item()];
    while (this.#take(',')) items.push(item());
    this.#expect(')');
    return items;
  }

  #word(): { readonly text: string; readonly quoted: boolean } | undefined {
    this.#skipSpace();
    if (this.#text[this.#at] === '"') return { text: this.#quoted('"'), quoted: true };
    const match = this.#match(/[\p{L}_][\p{L}\p{N}_$]*/uy);
    return match === undefined ? undefined : { text: match, quoted: false };
  }

  #string(): string {
    this.#skipSpace();
    if (this.#text[this.#at] !== "'") return this.#fail('a string is missing');
    return this.#quoted("'");
  }

  /** What stands between two quotes; a doubled quote is one. */
  #quoted(quote: '"' | "'"): string {
    const start = this.#at;
    let text = '';
    let from = start + 1;
    for (;;) {
      const to = this.#text.indexOf(quote, from);
      if (to < 0) return this.#fail(`the ${quote} is not closed`);
      text += this.#text.slice(from, to);
      this.#at = to + 1;
      if (this.#text[to + 1] !== quote) return text;
      text += quote;
      from = to + 2;
    }
  }

  #integer(): number {
    this.#skipSpace();
    const digits = this.#match(/\d{1,9}/y);
    return digits === undefined ? this.#fail('a number is missing') : Number(digits);
  }

  /** Takes these words if they come next, and nothing otherwise. */
  #takeWords(...words: readonly string[]): boolean {
    const start = this.#at;
    for (const expected of words) {
      const word = this.#word();
      if (word === undefined || word.quoted || word.text.toUpperCase() !== expected) {
        this.#at = start;
        return false;
      }
    }
    return true;
  }

  #take(symbol: string): boolean {
    this.#skipSpace();
    if (this.#text[this.#at] !== symbol) return false;
    this.#at++;
    return true;
  }

  #expect(symbol: string): void {
    if (!this.#take(symbol)) this.#fail(`${symbol} is missing`);
  }

  #match(pattern: RegExp): string | undefined {
    pattern.lastIndex = this.#at;
    const match = pattern.exec(this.#text)?.[0];
    if (match !== undefined) this.#at += match.length;
    return match;
  }

  #skipSpace(): void {
    this.#match(/\s*/y);
  }

  #fail(problem: string): never {
    throw new SkeinError(SqlState.syntaxError, `not a SQL type: ${problem}: ${this.#text}`, {
      position: this.#at,
    });
  }
}
