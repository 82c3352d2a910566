import { writeFile } from 'node:fs/promises';
import { assert, SkeinError, SqlState } from '../../common/index.ts';
import { ArrowRows, type DuckDb, writeArrowParquet } from '../../duckdb/index.ts';
import type { FileKind } from '../statements/copy-options.ts';
import { foundFile, type LoadedFiles } from '../statements/file-rows.ts';
import type { AppendBody } from './ingest-service.ts';

/** Rows that one request brought. */
export interface AppendedRows {
  readonly content:
    | { readonly kind: 'json'; readonly lines: Uint8Array }
    | { readonly kind: 'arrow'; readonly rows: ArrowRows };
  readonly rows: number;
  /** Of the body. */
  readonly bytes: number;
  /** Rows of equal shape can be one file. */
  readonly shape: string;
  readonly idempotencyKey: string | undefined;
}

/** Of one Arrow stream: what a few bytes of it may stand for. */
const arrowLimits = { rows: 1_000_000, bytes: 256 * 1024 ** 2 };

/** @throws SkeinError 22023 where there are none; as `ArrowRows.of` */
export function appendedRows(body: AppendBody, idempotencyKey: string | undefined): AppendedRows {
  const appended = body.kind === 'json' ? ofLines(body.lines) : ofArrow(body.stream);
  if (appended.rows === 0) {
    throw new SkeinError(SqlState.invalidParameterValue, 'there are no rows', {
      hint: 'Send JSON objects, one a line, or an Arrow stream.',
    });
  }
  return { ...appended, idempotencyKey };
}

function ofLines(lines: Uint8Array): Omit<AppendedRows, 'idempotencyKey'> {
  return {
    content: { kind: 'json', lines },
    rows: countLines(lines),
    bytes: lines.byteLength,
    shape: 'json',
  };
}

function ofArrow(stream: Uint8Array): Omit<AppendedRows, 'idempotencyKey'> {
  const rows = ArrowRows.of(stream, arrowLimits);
  return {
    content: { kind: 'arrow', rows },
    rows: rows.rowCount,
    bytes: stream.byteLength,
    shape: rows.shape,
  };
}

const extensions: Readonly<Record<AppendedRows['content']['kind'], string>> = {
  json: 'jsonl',
  arrow: 'parquet',
};

/**
 * Writes rows of one shape to a file of this node, for a table to take them from.
 * @param path without an extension
 */
export async function writeAppended(
  [first, ...others]: readonly [AppendedRows, ...AppendedRows[]],
  path: string,
  duckDb: DuckDb,
  signal: AbortSignal,
): Promise<LoadedFiles> {
  const file = `${path}.${extensions[first.content.kind]}`;
  const all = [first, ...others];
  if (first.content.kind === 'json') {
    const newline = new Uint8Array([0x0a]);
    const lines = all.flatMap(({ content }) => (content.kind === 'json' ? [content.lines, newline] : []));
    await writeFile(file, lines, { mode: 0o600 });
    return await written('json', file, { format: `'newline_delimited'` });
  }
  const [one, ...more] = all.flatMap(({ content }) => (content.kind === 'arrow' ? [content.rows] : []));
  assert(one !== undefined && more.length === others.length, 'rows of one shape are of one kind');
  await writeArrowParquet(duckDb, [one, ...more], file, signal);
  return await written('parquet', file, {});
}

async function written(
  kind: FileKind,
  file: string,
  options: Readonly<Record<string, string>>,
): Promise<LoadedFiles> {
  return { kind, found: { files: [await foundFile(file)], partitionKeys: [] }, here: true, options };
}

/** Lines with something in them. */
function countLines(bytes: Uint8Array): number {
  let count = 0;
  let blank = true;
  for (const byte of bytes) {
    if (byte === 0x0a) blank = true;
    else if (blank && byte !== 0x20 && byte !== 0x09 && byte !== 0x0d) {
      blank = false;
      count += 1;
    }
  }
  return count;
}
