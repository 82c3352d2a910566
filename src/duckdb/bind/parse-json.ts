/** A number as its digits stand in the text: nothing is rounded. */
export class JsonNumber {
  readonly text: string;

  constructor(text: string) {
    this.text = text;
  }
}

export type Json = null | boolean | string | JsonNumber | readonly Json[] | JsonObject;

export type JsonObject = ReadonlyMap<string, Json>;

const literal = /[ \t\r\n]*(?:(-?(?:[0-9][0-9.eE+-]*|Infinity|inf|nan|NaN))|true|false|null)/y;
const plainText = /[ \t\r\n]*"([^"\\]*)"/y;
const escapedText = /[ \t\r\n]*("(?:[^"\\]|\\[\s\S])*")/y;
const mark = /[ \t\r\n]*([[\]{}:,])/y;

/**
 * Parses JSON as DuckDB writes it: integers of any size, and NaN and Infinity as bare words.
 * @throws SyntaxError
 */
export function parseJson(text: string): Json {
  const parser = new Parser(text);
  const value = parser.value();
  parser.end();
  return value;
}

class Parser {
  readonly #text: string;
  #offset = 0;

  constructor(text: string) {
    this.#text = text;
  }

  value(): Json {
    const text = this.#string();
    if (text !== undefined) return text;
    const bracket = this.#take(mark)?.[1];
    if (bracket === '{') return this.#object();
    if (bracket === '[') return this.#array();
    const match = bracket === undefined ? this.#take(literal) : undefined;
    if (match === undefined) throw this.#error();
    if (match[1] !== undefined) return new JsonNumber(match[1]);
    const word = match[0].trimStart();
    return word === 'null' ? null : word === 'true';
  }

  end(): void {
    if (this.#text.slice(this.#offset).trim() !== '') throw this.#error();
  }

  #object(): JsonObject {
    const fields = new Map<string, Json>();
    if (this.#takeMark('}')) return fields;
    do {
      const key = this.#string();
      if (key === undefined || !this.#takeMark(':')) throw this.#error();
      fields.set(key, this.value());
    } while (this.#takeMark(','));
    if (!this.#takeMark('}')) throw this.#error();
    return fields;
  }

  #array(): readonly Json[] {
    const items: Json[] = [];
    if (this.#takeMark(']')) return items;
    do {
      items.push(this.value());
    } while (this.#takeMark(','));
    if (!this.#takeMark(']')) throw this.#error();
    return items;
  }

  #string(): string | undefined {
    const plain = this.#take(plainText)?.[1];
    if (plain !== undefined) return plain;
    const escaped = this.#take(escapedText)?.[1];
    return escaped === undefined ? undefined : (JSON.parse(escaped) as string);
  }

  #takeMark(wanted: string): boolean {
    const before = this.#offset;
    if (this.#take(mark)?.[1] === wanted) return true;
    this.#offset = before;
    return false;
  }

  #take(pattern: RegExp): RegExpExecArray | undefined {
    pattern.lastIndex = this.#offset;
    const match = pattern.exec(this.#text);
    if (match === null) return undefined;
    this.#offset = pattern.lastIndex;
    return match;
  }

  #error(): SyntaxError {
    const near = this.#text.slice(this.#offset, this.#offset + 20);
    return new SyntaxError(`bad JSON at character ${this.#offset}: ${near}`);
  }
}
