import { nearestName, SkeinError, SqlState } from '../../common/index.ts';
import type { CopyOption, CopyOptionValue, Text } from '../../sql/index.ts';
import { quoteLiteral } from '../../types/index.ts';

/** What files outside of tables are in. */
export type FileKind = 'parquet' | 'csv' | 'json';

type OptionKind = 'text' | 'texts' | 'boolean' | 'count' | 'names';

interface KnownOption {
  readonly kind: OptionKind;
  /** As DuckDB names it; default: as here. */
  readonly name?: string;
}

type KnownOptions = Readonly<Record<string, KnownOption>>;

const text: KnownOption = { kind: 'text' };
const boolean: KnownOption = { kind: 'boolean' };
const count: KnownOption = { kind: 'count' };

const dialect: KnownOptions = {
  delim: text,
  delimiter: { kind: 'text', name: 'delim' },
  sep: { kind: 'text', name: 'delim' },
  header: boolean,
  quote: text,
  escape: text,
  compression: text,
  dateformat: text,
  date_format: { kind: 'text', name: 'dateformat' },
  timestampformat: text,
  timestamp_format: { kind: 'text', name: 'timestampformat' },
};

/** Parameters of DuckDB's readers that a user may set. */
const readOptions: Readonly<Record<FileKind, KnownOptions>> = {
  parquet: { binary_as_string: boolean },
  csv: {
    ...dialect,
    null: { kind: 'texts', name: 'nullstr' },
    nullstr: { kind: 'texts' },
    skip: count,
    comment: text,
    encoding: text,
    decimal_separator: text,
    thousands: text,
    ignore_errors: boolean,
    null_padding: boolean,
    strict_mode: boolean,
    allow_quoted_nulls: boolean,
    max_line_size: count,
  },
  json: {
    array: boolean,
    compression: text,
    dateformat: text,
    timestampformat: text,
    ignore_errors: boolean,
    maximum_object_size: count,
  },
};

const sizes: KnownOptions = { file_size_bytes: text, per_thread_output: boolean };

const folders: KnownOptions = {
  ...sizes,
  partition_by: { kind: 'names' },
  write_partition_columns: boolean,
};

/** Options of DuckDB's COPY TO that a user may set. */
const writeOptions: Readonly<Record<FileKind, KnownOptions>> = {
  parquet: {
    ...folders,
    compression: text,
    compression_level: count,
    row_group_size: count,
    row_group_size_bytes: text,
    parquet_version: text,
  },
  csv: {
    ...folders,
    ...dialect,
    null: { kind: 'text', name: 'nullstr' },
    nullstr: text,
    force_quote: { kind: 'names' },
    prefix: text,
    suffix: text,
  },
  json: {
    ...sizes,
    array: boolean,
    compression: text,
    dateformat: text,
    timestampformat: text,
  },
};

/**
 * The format of COPY's files: FORMAT, else by the path's extension.
 * @throws SkeinError 22023 for a format that there is not, 42601 where nothing tells
 */
export function formatOfCopy(path: Text, options: readonly CopyOption[]): FileKind {
  const given = options.find(({ name }) => name === 'format');
  if (given === undefined) return formatOfPath(path.text) ?? unknownFormat(path);
  const word = textOf(given).toLowerCase();
  switch (word) {
    case 'parquet':
    case 'csv':
    case 'json':
      return word;
    case 'jsonl':
    case 'ndjson':
      return 'json';
  }
  throw new SkeinError(SqlState.invalidParameterValue, `there is no format ${word}`, {
    position: given.offset,
    hint: 'Formats are parquet, csv and json.',
  });
}

/** By the extension, before one that tells a compression. */
export function formatOfPath(path: string): FileKind | undefined {
  const [, extension] = /\.([a-z]+)(\.(gz|zst))?$/.exec(path.toLowerCase()) ?? [];
  switch (extension) {
    case 'parquet':
      return 'parquet';
    case 'csv':
    case 'tsv':
      return 'csv';
    case 'json':
    case 'jsonl':
    case 'ndjson':
      return 'json';
    default:
      return undefined;
  }
}

function unknownFormat({ text: path, offset }: Text): never {
  throw new SkeinError(SqlState.syntaxError, `the format of ${path} is not known by its name`, {
    position: offset,
    hint: 'Say it: (FORMAT parquet), csv or json.',
  });
}

/**
 * Parameters of DuckDB's reader as SQL literals.
 * @throws SkeinError 22023 for an option that there is not, or a value that it does not take
 */
export function readerOptions(
  kind: FileKind,
  options: readonly CopyOption[],
): Readonly<Record<string, string>> {
  const entries = literals(readOptions[kind], kind, options);
  if (kind !== 'json') return Object.fromEntries(entries);
  return Object.fromEntries(
    entries.map(([name, value]) =>
      name === 'array' ? ['format', value === 'true' ? `'array'` : `'newline_delimited'`] : [name, value],
    ),
  );
}

export interface WriterOptions {
  /** How a file is written: of DuckDB's COPY, FORMAT among them, as SQL. */
  readonly file: string;
  /** Of the files' names. */
  readonly extension: string;
  /** How rows are divided among the files of a folder, likewise; undefined where the options do not say. */
  readonly folder: string | undefined;
  /** Columns of PARTITION_BY. */
  readonly partitionBy: readonly string[];
  /** The options ask for a folder of files. */
  readonly isFolder: boolean;
}

/** @throws as `readerOptions` */
export function writerOptions(kind: FileKind, path: string, options: readonly CopyOption[]): WriterOptions {
  const entries = literals(writeOptions[kind], kind, options);
  const has = (name: string): boolean => entries.some(([known]) => known === name);
  const compression = compressionOf(kind, path, options);
  const perThread = entries.some(([name, value]) => name === 'per_thread_output' && value === 'true');
  const by = options.find(({ name }) => name === 'partition_by');
  const file = [
    `FORMAT ${kind}`,
    ...entries.filter(([name]) => !(name in folders)).map(([name, value]) => `${name} ${value}`),
    ...(compression === undefined || has('compression') ? [] : [`compression '${compression}'`]),
    ...(/\.tsv(\.|$)/i.test(path) && kind === 'csv' && !has('delim') ? [`delim '\t'`] : []),
  ];
  // Each task writes files of its own, whatever PER_THREAD_OUTPUT says.
  const divided = entries.filter(([name]) => name in folders && name !== 'per_thread_output');
  const isDivided = has('file_size_bytes') || by !== undefined;
  return {
    file: file.join(', '),
    extension: `${kind}${compression === undefined ? '' : endings[compression]}`,
    folder: isDivided ? divided.map(([name, value]) => `${name} ${value}`).join(', ') : undefined,
    partitionBy: by === undefined ? [] : (itemsOf(by.value) ?? [textOf(by)]),
    isFolder: perThread || isDivided,
  };
}

const endings = { gzip: '.gz', zstd: '.zst' } as const;

/** Of text: as the options say, else as the path does. */
function compressionOf(
  kind: FileKind,
  path: string,
  options: readonly CopyOption[],
): keyof typeof endings | undefined {
  if (kind === 'parquet') return undefined;
  const given = options.find(({ name }) => name === 'compression');
  const wanted = given === undefined ? undefined : textOf(given).toLowerCase();
  const names = ['gzip', 'zstd'] as const;
  return names.find((name) =>
    wanted === undefined ? path.toLowerCase().endsWith(endings[name]) : name === wanted,
  );
}

function literals(
  known: KnownOptions,
  kind: FileKind,
  options: readonly CopyOption[],
): readonly (readonly [string, string])[] {
  return options
    .filter(({ name }) => name !== 'format')
    .map((option) => {
      const found = known[option.name];
      if (found === undefined) {
        const nearest = nearestName(option.name, Object.keys(known));
        throw new SkeinError(
          SqlState.invalidParameterValue,
          `${kind} has no option ${option.name.toUpperCase()} here`,
          {
            position: option.offset,
            hint:
              nearest === undefined
                ? `Options are ${Object.keys(known).join(', ')}.`
                : `did you mean ${nearest}?`,
          },
        );
      }
      return [found.name ?? option.name, literalOf(option, found.kind)] as const;
    });
}

function literalOf(option: CopyOption, kind: OptionKind): string {
  switch (kind) {
    case 'boolean': {
      const value = option.value.kind === 'flag' ? 'true' : textOf(option).toLowerCase();
      if (['true', 'on', '1'].includes(value)) return 'true';
      if (['false', 'off', '0'].includes(value)) return 'false';
      throw badValue(option, 'true or false');
    }
    case 'count': {
      const value = textOf(option);
      if (!/^\d{1,15}$/.test(value)) throw badValue(option, 'a whole number');
      return value;
    }
    case 'text':
      return quoteLiteral(textOf(option));
    case 'texts': {
      const items = itemsOf(option.value) ?? [textOf(option)];
      const [only] = items;
      return items.length === 1 && only !== undefined
        ? quoteLiteral(only)
        : `[${items.map(quoteLiteral).join(', ')}]`;
    }
    case 'names': {
      const items = itemsOf(option.value) ?? [textOf(option)];
      if (items.length === 1 && items[0] === '*') return '*';
      return `(${items.map((item) => `"${item.replaceAll('"', '""')}"`).join(', ')})`;
    }
  }
}

function itemsOf(value: CopyOptionValue): readonly string[] | undefined {
  return value.kind === 'list' ? value.items : undefined;
}

function textOf(option: CopyOption): string {
  if (option.value.kind === 'text') return option.value.text;
  throw badValue(option, 'one value');
}

function badValue({ name, offset }: CopyOption, what: string): SkeinError {
  return new SkeinError(SqlState.invalidParameterValue, `the option ${name.toUpperCase()} takes ${what}`, {
    position: offset,
  });
}

/** Options of a request without SQL: `{ header: true, delim: ';' }`. */
export function optionsOfJson(
  options: Readonly<Record<string, string | number | boolean>>,
): readonly CopyOption[] {
  return Object.entries(options).map(([name, value]) => ({
    name: name.toLowerCase(),
    offset: 0,
    value: { kind: 'text', text: String(value), offset: 0 },
  }));
}
