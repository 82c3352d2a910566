import { nearestName, SkeinError, SqlState } from '../../common/index.ts';
import type { Name, ObjectName, Span, Text } from '../statement.ts';
import { isWord, type Token } from '../tokenize.ts';
import { decodeString } from './decode-string.ts';
import { joinWords, reservedWords } from './reserved-words.ts';

/** Where a span ends; `first` is the index of its first token. */
export type Stop = (cursor: Cursor, index: number, first: number) => boolean;

/** Reads the tokens of one statement from left to right. Every method throws SkeinError 42601 on what it cannot take. */
export class Cursor {
  readonly sql: string;
  readonly tokens: readonly Token[];
  index = 0;
  /** Of an opening bracket, the index of the one that closes it. */
  readonly #closing: ReadonlyMap<number, number>;

  /** @param tokens without comments */
  constructor(sql: string, tokens: readonly Token[]) {
    this.sql = sql;
    this.tokens = tokens;
    this.#closing = matchBrackets(tokens);
  }

  peek(ahead = 0): Token | undefined {
    return this.tokens[this.index + ahead];
  }

  get atEnd(): boolean {
    return this.index >= this.tokens.length;
  }

  /** Where the next token begins, or the statement ends. */
  get offset(): number {
    return this.peek()?.start ?? this.tokens.at(-1)?.end ?? 0;
  }

  /** True where the words stand at token `index`, one after the other. */
  wordsAt(index: number, ...words: readonly string[]): boolean {
    return words.every((word, ahead) => {
      const token = this.tokens[index + ahead];
      return token !== undefined && isWord(token, word);
    });
  }

  at(...words: readonly string[]): boolean {
    return this.wordsAt(this.index, ...words);
  }

  /** Takes the words if all of them stand here. */
  take(...words: readonly string[]): boolean {
    if (!this.at(...words)) return false;
    this.index += words.length;
    return true;
  }

  expect(...words: readonly string[]): void {
    for (const word of words) if (!this.take(word)) throw this.error([word]);
  }

  /** Takes one of the words. */
  oneOf<Word extends string>(...words: readonly Word[]): Word {
    const found = words.find((word) => this.take(word));
    if (found === undefined) throw this.error(words);
    return found;
  }

  takeIfExists(): boolean {
    if (!this.take('IF')) return false;
    this.expect('EXISTS');
    return true;
  }

  takeIfNotExists(): boolean {
    if (!this.take('IF')) return false;
    this.expect('NOT', 'EXISTS');
    return true;
  }

  symbolAt(index: number, symbol: string): boolean {
    const token = this.tokens[index];
    return token?.text === symbol && (token.kind === 'punctuation' || token.kind === 'operator');
  }

  atSymbol(symbol: string): boolean {
    return this.symbolAt(this.index, symbol);
  }

  takeSymbol(symbol: string): boolean {
    if (!this.atSymbol(symbol)) return false;
    this.index++;
    return true;
  }

  expectSymbol(symbol: string): void {
    if (!this.takeSymbol(symbol)) throw this.error([symbol]);
  }

  /** The index of the bracket that closes the one at `index`. */
  closing(index: number): number {
    return this.#closing.get(index) ?? this.tokens.length;
  }

  isName(index: number): boolean {
    const token = this.tokens[index];
    if (token === undefined) return false;
    return token.kind === 'quoted' || (token.kind === 'word' && !reservedWords.has(token.text.toLowerCase()));
  }

  /** True for a name that can be an alias without AS. */
  isAlias(index: number): boolean {
    const token = this.tokens[index];
    if (token === undefined || !this.isName(index)) return false;
    return token.kind === 'quoted' || !joinWords.has(token.text.toLowerCase());
  }

  name(expected: string): Name {
    const token = this.peek();
    if (token === undefined || !this.isName(this.index)) throw this.error(expected);
    const name = token.kind === 'quoted' ? token.text.slice(1, -1).replaceAll('""', '"') : token.text;
    if (name === '') throw syntaxError('a name cannot be empty', token.start);
    this.index++;
    return { name, offset: token.start };
  }

  /** Up to `most` names with dots between them. */
  names(expected: string, most: number): readonly [Name, ...Name[]] {
    const names: [Name, ...Name[]] = [this.name(expected)];
    while (this.takeSymbol('.')) {
      if (names.length === most) throw syntaxError(`${expected} has at most ${most} parts`, this.offset);
      names.push(this.name(expected));
    }
    return names;
  }

  objectName(expected: string): ObjectName {
    return toObjectName(this.names(expected, 3));
  }

  /** `(a, b)`. */
  nameList(expected: string): readonly Name[] {
    return this.list(() => this.name(expected));
  }

  /** `(item, ...)`: at least one. */
  list<T>(item: () => T): T[] {
    this.expectSymbol('(');
    const items = [item()];
    while (this.takeSymbol(',')) items.push(item());
    if (!this.takeSymbol(')')) throw this.error([',', ')']);
    return items;
  }

  /** A string literal. */
  text(expected: string): Text {
    const token = this.peek();
    const text = token?.kind === 'string' ? decodeString(token.text) : undefined;
    if (token === undefined || text === undefined) throw this.error(expected);
    this.index++;
    return { text, offset: token.start };
  }

  /** A string, number or word, as text; also as `formatLiteral` writes the values of parameters. */
  literal(expected: string): Text {
    const { offset } = this;
    const token = this.peek();
    if (token?.kind === 'string') {
      const { text } = this.text(expected);
      if (this.atSymbol('::') && this.peek(1)?.kind === 'word') this.index += 2;
      return { text, offset };
    }
    const bracket = this.atSymbol('(') && this.symbolAt(this.index + 1, '-');
    if (bracket) this.index++;
    const sign = this.takeSymbol('-') ? '-' : '';
    const value = this.peek();
    const isPlainWord = value?.kind === 'word' && sign === '' && !isWord(value, 'NULL');
    if (value === undefined || !(value.kind === 'number' || isPlainWord)) throw this.error(expected);
    this.index++;
    if (bracket) this.expectSymbol(')');
    return { text: sign + (value.kind === 'number' ? value.text.replaceAll('_', '') : value.text), offset };
  }

  /** A whole number of at least `least`. */
  integer(expected: string, least: number): number {
    const start = this.index;
    const { text, offset } = this.literal(expected);
    const value = Number(text);
    if (!/^-?[0-9]+$/.test(text)) {
      this.index = start;
      throw this.error(expected);
    }
    if (value < least || !Number.isSafeInteger(value)) {
      throw new SkeinError(SqlState.invalidParameterValue, `${text} is no ${expected}`, {
        position: offset,
        hint: `expected a whole number of at least ${least}`,
      });
    }
    return value;
  }

  /**
   * Takes tokens up to where `stop` says, a bracket that was opened before, or the end. Whatever is inside brackets or
   * CASE ... END is skipped.
   */
  span(expected: string, stop: Stop): Span {
    const first = this.index;
    let cases = 0;
    while (this.index < this.tokens.length) {
      if (this.#isClosing(this.index)) break;
      if (cases === 0 && stop(this, this.index, first)) break;
      if (this.#isKeyword(this.index, first, 'CASE')) cases++;
      else if (cases > 0 && this.#isKeyword(this.index, first, 'END')) cases--;
      this.index = this.#isOpening(this.index) ? this.closing(this.index) + 1 : this.index + 1;
    }
    if (this.index === first) throw this.error(expected);
    return this.slice(first, this.index);
  }

  /**
   * Takes an expression that is an operand, or operands with + and - between them: for a place where anything may
   * follow. `'2026-01-01'`, `now() - INTERVAL 1 DAY`, `(e)::TIMESTAMP`.
   */
  operand(expected: string): Span {
    const first = this.index;
    do this.#skipOperand(expected);
    while (this.takeSymbol('+') || this.takeSymbol('-'));
    return this.slice(first, this.index);
  }

  /** The text from token `first` up to before token `end`. */
  slice(first: number, end: number): Span {
    const offset = this.tokens[first]?.start ?? this.sql.length;
    return { sql: this.sql.slice(offset, this.tokens[end - 1]?.end), offset };
  }

  /** The inside of the brackets that begin here. */
  bracketed(expected: string): Span {
    if (!this.atSymbol('(')) throw this.error(['(']);
    this.index++;
    const span = this.span(expected, () => false);
    this.expectSymbol(')');
    return span;
  }

  /** Nothing may follow. */
  end(...instead: readonly string[]): void {
    if (!this.atEnd) throw this.error([...instead, 'the end of the statement']);
  }

  /** 42601 at the next token. @param expected words and symbols, or what kind of thing */
  error(expected: string | readonly string[]): SkeinError {
    const token = this.peek();
    const found = token === undefined ? 'the statement ends too early' : `syntax error at ${shown(token)}`;
    const words = typeof expected === 'string' ? [] : expected.filter((word) => /^[A-Z]/.test(word));
    const nearest =
      token?.kind === 'word' && token.text.length > 2 ? nearestName(token.text, words) : undefined;
    const wanted = typeof expected === 'string' ? expected : oneOfText(expected);
    const hint = `expected ${wanted}${nearest === undefined || words.length === 1 ? '' : `; did you mean ${nearest}?`}`;
    return new SkeinError(SqlState.syntaxError, found, { position: this.offset, hint });
  }

  #skipOperand(expected: string): void {
    const token = this.peek();
    if (this.atSymbol('(')) {
      this.index = this.closing(this.index) + 1;
    } else if (this.isName(this.index) || this.at('CAST')) {
      const isTyped = this.tokens[this.index + 1]?.kind === 'string' || this.at('INTERVAL');
      if (isTyped) this.#skipTyped();
      else {
        this.index++;
        while (this.takeSymbol('.')) this.index++;
        if (this.atSymbol('(')) this.index = this.closing(this.index) + 1;
      }
    } else if (token?.kind === 'string' || token?.kind === 'number' || token?.kind === 'parameter') {
      this.index++;
    } else {
      throw this.error(expected);
    }
    while (this.takeSymbol('::')) {
      this.name('a type');
      if (this.at('WITH', 'TIME', 'ZONE')) this.index += 3;
    }
  }

  /** `DATE '...'`, `INTERVAL '1' DAY`, `INTERVAL 1 DAY`, `INTERVAL '1 day'`. */
  #skipTyped(): void {
    const isInterval = this.take('INTERVAL');
    if (!isInterval) this.index++;
    if (this.atSymbol('(')) this.index = this.closing(this.index) + 1;
    else this.index++;
    const unit = this.peek();
    if (isInterval && unit?.kind === 'word' && intervalUnit.test(unit.text)) this.index++;
  }

  #isKeyword(index: number, first: number, word: string): boolean {
    return this.wordsAt(index, word) && !isLabel(this, index, first);
  }

  #isOpening(index: number): boolean {
    return this.#closing.has(index);
  }

  #isClosing(index: number): boolean {
    const token = this.tokens[index];
    return token?.kind === 'punctuation' && ')]}'.includes(token.text);
  }
}

const intervalUnit =
  /^(microsecond|millisecond|second|minute|hour|day|week|month|quarter|year|decade|century|millennium)s?$/i;

/** Ends a span at a comma. */
export const comma: Stop = (cursor, index) => cursor.symbolAt(index, ',');

/** Ends a span at any of these words or runs of words: `RETURNING`, `ON CONFLICT`. */
export function words(...phrases: readonly string[]): Stop {
  const split = phrases.map((phrase) => phrase.split(' '));
  return (cursor, index, first) =>
    cursor.tokens[index]?.kind === 'word' &&
    split.some((phrase) => cursor.wordsAt(index, ...phrase)) &&
    !isLabel(cursor, index, first);
}

export function anyOf(...stops: readonly Stop[]): Stop {
  return (cursor, index, first) => stops.some((stop) => stop(cursor, index, first));
}

/** What follows a dot, or AS inside of the span, is a name, whatever the word. */
function isLabel(cursor: Cursor, index: number, first: number): boolean {
  return index > first && (cursor.symbolAt(index - 1, '.') || cursor.wordsAt(index - 1, 'AS'));
}

export function toObjectName(names: readonly [Name, ...Name[]]): ObjectName {
  const [offset, parts] = [names[0].offset, names.map(({ name }) => name)];
  return { name: parts.at(-1) ?? '', schema: parts.at(-2), catalog: parts.at(-3), offset };
}

export function syntaxError(message: string, position: number, hint?: string): SkeinError {
  return new SkeinError(SqlState.syntaxError, message, {
    position,
    ...(hint === undefined ? {} : { hint }),
  });
}

/** 0A000: it is SQL, but Skein has none of it. */
export function unsupported(message: string, position: number, hint?: string): SkeinError {
  return new SkeinError(SqlState.featureNotSupported, message, {
    position,
    ...(hint === undefined ? {} : { hint }),
  });
}

/** Refuses names that are the same, case aside. */
export function refuseRepeated(what: string, names: readonly Name[]): void {
  const seen = new Set<string>();
  for (const { name, offset } of names) {
    const key = name.toLowerCase();
    if (seen.has(key)) throw syntaxError(`the ${what} ${name} is named twice`, offset);
    seen.add(key);
  }
}

function shown({ text }: Token): string {
  return JSON.stringify(text.length > 40 ? `${text.slice(0, 40)}…` : text).slice(0, 60);
}

function oneOfText(expected: readonly string[]): string {
  const last = expected.at(-1) ?? '';
  return expected.length < 2 ? last : `${expected.slice(0, -1).join(', ')} or ${last}`;
}

function matchBrackets(tokens: readonly Token[]): ReadonlyMap<number, number> {
  const closing = new Map<number, number>();
  const open: number[] = [];
  tokens.forEach((token, index) => {
    if (token.kind !== 'punctuation') return;
    if ('([{'.includes(token.text)) {
      open.push(index);
    } else if (')]}'.includes(token.text)) {
      const start = open.pop();
      const wanted = start === undefined ? undefined : closers.get(tokens[start]?.text ?? '');
      if (start === undefined || wanted !== token.text) {
        throw syntaxError(
          `syntax error at "${token.text}"`,
          token.start,
          wanted === undefined ? 'no bracket is open here' : `expected ${wanted} before it`,
        );
      }
      closing.set(start, index);
    }
  });
  const left = open.at(-1);
  const bracket = left === undefined ? undefined : tokens[left];
  if (bracket !== undefined) throw syntaxError('this bracket is not closed', bracket.start);
  return closing;
}

const closers: ReadonlyMap<string, string> = new Map([
  ['(', ')'],
  ['[', ']'],
  ['{', '}'],
]);
