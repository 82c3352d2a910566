import { type Json, JsonNumber, type JsonObject } from './parse-json.ts';

/** The plan holds something that the reader does not know: the query runs whole. The message says what. */
export class UnreadablePlan extends Error {
  constructor(reason: string) {
    super(reason);
    this.name = 'UnreadablePlan';
  }
}

/**
 * The fields of one JSON object. Every field must be asked for: `done` refuses an object that holds more, so that
 * nothing DuckDB says is dropped silently.
 */
export class Fields {
  readonly #object: JsonObject;
  readonly #unread: Set<string>;
  /** What the object is, for messages. */
  readonly what: string;

  constructor(json: Json | undefined, what: string) {
    if (!(json instanceof Map)) throw new UnreadablePlan(`${what} is not an object`);
    this.#object = json as JsonObject;
    this.#unread = new Set(this.#object.keys());
    this.what = what;
  }

  /** The field as it stands, or undefined. */
  get(key: string): Json | undefined {
    this.#unread.delete(key);
    return this.#object.get(key);
  }

  string(key: string): string {
    const value = this.get(key);
    if (typeof value !== 'string') throw this.#bad(key, 'a string');
    return value;
  }

  boolean(key: string): boolean {
    const value = this.get(key);
    if (typeof value !== 'boolean') throw this.#bad(key, 'a boolean');
    return value;
  }

  /** False where the field is absent. */
  flag(key: string): boolean {
    return this.#object.has(key) ? this.boolean(key) : false;
  }

  /** A count or position. */
  integer(key: string): number {
    const value = this.get(key);
    const number = value instanceof JsonNumber ? Number(value.text) : Number.NaN;
    if (!Number.isSafeInteger(number)) throw this.#bad(key, 'a safe integer');
    return number;
  }

  number(key: string): number {
    const value = this.get(key);
    if (!(value instanceof JsonNumber)) throw this.#bad(key, 'a number');
    return Number(value.text);
  }

  /** Empty where the field is absent. */
  list(key: string): readonly Json[] {
    const value = this.get(key) ?? [];
    if (!Array.isArray(value)) throw this.#bad(key, 'an array');
    return value as readonly Json[];
  }

  integers(key: string): readonly number[] {
    return this.list(key).map((value) => readInteger(value, `${this.what}.${key}`));
  }

  strings(key: string): readonly string[] {
    return this.list(key).map((value) => {
      if (typeof value !== 'string') throw this.#bad(key, 'an array of strings');
      return value;
    });
  }

  object(key: string): Fields {
    return new Fields(this.get(key), `${this.what}.${key}`);
  }

  optionalObject(key: string): Fields | undefined {
    return this.#object.has(key) ? this.object(key) : undefined;
  }

  /** True where no field that has not been read holds anything. */
  isEmpty(): boolean {
    return [...this.#unread].every((key) => isEmpty(this.#object.get(key)));
  }

  /** Declares that these fields say nothing about the answer. */
  ignore(...keys: readonly string[]): this {
    for (const key of keys) this.#unread.delete(key);
    return this;
  }

  /** @throws UnreadablePlan where a field that is not empty was never asked for */
  done(): void {
    for (const key of this.#unread) {
      if (!isEmpty(this.#object.get(key))) throw new UnreadablePlan(`${this.what} has ${key}`);
    }
  }

  #bad(key: string, wanted: string): UnreadablePlan {
    return new UnreadablePlan(`${this.what} has no ${key} that is ${wanted}`);
  }
}

export function readInteger(value: Json | undefined, what: string): number {
  const number = value instanceof JsonNumber ? Number(value.text) : Number.NaN;
  if (!Number.isSafeInteger(number)) throw new UnreadablePlan(`${what} is not a safe integer`);
  return number;
}

function isEmpty(value: Json | undefined): boolean {
  if (value === undefined || value === null || value === '') return true;
  if (Array.isArray(value)) return value.length === 0;
  if (value instanceof Map) return [...value.values()].every(isEmpty);
  return false;
}
