import { homedir } from 'node:os';
import { resolve } from 'node:path';
import { parseBytes, parseDuration, SkeinError, SqlState } from '../common/index.ts';
import type { SqlValue } from '../types/index.ts';

/** How an option's value is written and read. */
export interface OptionKind<T> {
  /** For people: `whole number`, `size`. */
  readonly name: string;
  /** The only texts there are, if they are few. */
  readonly choices?: readonly string[];
  /** `folder` is where relative paths start. Throws SkeinError 22023, its message `expected ..., got "..."`. */
  parse(text: string, folder: string): T;
  /** How a configuration file may write it other than as text; undefined where it may not. */
  fromJson?(value: unknown, folder: string): T | undefined;
  /** For flags that may be given several times: all of them, in order. */
  fromFlags?(texts: readonly string[]): T;
  /** The value as `parse` reads it. */
  format(value: T): string;
}

function invalidValue(expected: string, text: string): SkeinError {
  return new SkeinError(SqlState.invalidParameterValue, `expected ${expected}, got "${text}"`);
}

export const textKind: OptionKind<string> = {
  name: 'text',
  parse: (text) => text,
  format: (value) => value,
};

/** True and false; a flag given without a value is true. */
export const booleanKind: OptionKind<boolean> = {
  name: 'true or false',
  parse(text) {
    if (/^(true|1|yes|on)$/i.test(text)) return true;
    if (/^(false|0|no|off)$/i.test(text)) return false;
    throw invalidValue('true or false', text);
  },
  format: String,
};

/** An absolute path; `~/` is the home directory. */
export const pathKind: OptionKind<string> = {
  name: 'path',
  parse(text, folder) {
    if (text === '') throw invalidValue('a path', text);
    return text === '~' || text.startsWith('~/') ? resolve(homedir(), text.slice(2)) : resolve(folder, text);
  },
  format: (value) => value,
};

/** A folder as an absolute path, or `s3://bucket/prefix`. */
export const locationKind: OptionKind<string> = {
  name: 'path or s3://bucket/prefix',
  parse(text, folder) {
    if (!/^s3:\/\//i.test(text)) return pathKind.parse(text, folder);
    if (!/^s3:\/\/[^/]+/i.test(text)) throw invalidValue('a path or s3://bucket/prefix', text);
    return text.replace(/\/+$/, '');
  },
  format: (value) => value,
};

export const bytesKind: OptionKind<number> = {
  name: 'size',
  parse: (text) => parseBytes(text),
  format: (value) =>
    value % 2 ** 20 === 0 ? `${value / 2 ** 20}MiB` : value % 1e6 === 0 ? `${value / 1e6}MB` : `${value}`,
};

/** Milliseconds. */
export const durationKind: OptionKind<number> = {
  name: 'duration',
  parse: (text) => parseDuration(text),
  format: (value) => (value % 1000 === 0 ? `${value / 1000}s` : `${value}ms`),
};

export const urlKind: OptionKind<string> = {
  name: 'URL',
  parse(text) {
    const url = URL.canParse(text) ? new URL(text) : undefined;
    if (url?.protocol !== 'http:' && url?.protocol !== 'https:') {
      throw invalidValue('a URL such as http://127.0.0.1:8642', text);
    }
    return url.href.replace(/\/+$/, '');
  },
  format: (value) => value,
};

export function countKind(least: number, most = Number.MAX_SAFE_INTEGER): OptionKind<number> {
  const range = most === Number.MAX_SAFE_INTEGER ? `of at least ${least}` : `from ${least} to ${most}`;
  return {
    name: 'whole number',
    parse(text) {
      const value = /^\d+$/.test(text.trim()) ? Number(text) : Number.NaN;
      if (!(value >= least && value <= most)) throw invalidValue(`a whole number ${range}`, text);
      return value;
    },
    format: String,
  };
}

export function choiceKind<const Choice extends string>(choices: readonly Choice[]): OptionKind<Choice> {
  const expected = `one of ${choices.join(', ')}`;
  return {
    name: expected,
    choices,
    parse(text) {
      const choice = choices.find((candidate) => candidate === text.toLowerCase());
      if (choice === undefined) throw invalidValue(expected, text);
      return choice;
    },
    format: (value) => value,
  };
}

/** `1,2,4`: each item of one kind; at least one. A file may write an array. */
export function listKind<T>(item: OptionKind<T>): OptionKind<readonly T[]> {
  const parse = (text: string, folder: string): readonly T[] =>
    text.split(',').map((part) => item.parse(part.trim(), folder));
  return {
    name: `${item.name}s, separated by commas`,
    parse,
    fromJson: (value, folder) => (Array.isArray(value) ? parse(value.join(','), folder) : undefined),
    format: (value) => value.map((part) => item.format(part)).join(','),
  };
}

/** `name=value` pairs, separated by commas, or one a flag; a file may write an object. */
export const settingsKind: OptionKind<Readonly<Record<string, string>>> = {
  name: 'name=value',
  parse: (text) => Object.fromEntries(text.split(',').map(parsePair)),
  fromFlags: (texts) => Object.fromEntries(texts.map(parsePair)),
  fromJson(value) {
    if (!isObject(value)) return undefined;
    return Object.fromEntries(Object.entries(value).map(([name, setting]) => [name, String(setting)]));
  },
  format: (value) =>
    Object.entries(value)
      .map(([name, setting]) => `${name}=${setting}`)
      .join(','),
};

function parsePair(text: string): readonly [string, string] {
  const match = /^\s*([A-Za-z_]\w*)\s*=\s*(.*?)\s*$/s.exec(text);
  if (!match) throw invalidValue('name=value', text);
  return [match[1] ?? '', match[2] ?? ''];
}

/** Parameters of a query: by position or by name. */
export type Params = readonly SqlValue[] | Readonly<Record<string, SqlValue>>;

/**
 * `42`, `true`, `null`, `"quoted"`, `[1, 2]` are read as JSON and all else is a string; `name=value` gives a named one.
 * A file or the environment gives all at once, as a JSON array or object.
 */
export const paramsKind: OptionKind<Params> = {
  name: 'value or name=value',
  parse(text) {
    const value = parseParam(text);
    return Array.isArray(value) || isObject(value)
      ? (value as Params)
      : (paramsKind.fromFlags?.([text]) ?? []);
  },
  fromFlags(texts) {
    const matches = texts.map((text) => /^([A-Za-z_]\w*)=(.*)$/s.exec(text));
    if (matches.every((match) => match === null)) return texts.map(parseParam);
    const positional = texts.find((_, index) => matches[index] === null);
    if (positional !== undefined) throw invalidValue('name=value, as for the other parameters', positional);
    return Object.fromEntries(matches.map((match) => [match?.[1], parseParam(match?.[2] ?? '')]));
  },
  fromJson: (value) => (Array.isArray(value) || isObject(value) ? (value as Params) : undefined),
  format: (value) => JSON.stringify(value, (_, item) => (typeof item === 'bigint' ? item.toString() : item)),
};

function parseParam(text: string): SqlValue {
  if (/^-?\d+$/.test(text) && !/^-?0\d/.test(text)) {
    const value = Number(text);
    return Number.isSafeInteger(value) ? value : BigInt(text);
  }
  let value: SqlValue;
  try {
    value = JSON.parse(text) as SqlValue;
  } catch {
    return text;
  }
  if (typeof value === 'object' && value !== null && /\d{16}/.test(text)) {
    throw invalidValue('numbers of at most 15 digits inside a nested parameter', text);
  }
  return value;
}

function isObject(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
