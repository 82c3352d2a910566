import { createHash } from 'node:crypto';
import { SkeinError, SqlState } from '../common/index.ts';

/**
 * Names of a warehouse as of one version: all that its files do not say themselves. Immutable. Names are unique in
 * their schema whatever their case; files and folders of the warehouse are tables of `main` beside these.
 */
export interface CatalogDocument {
  /** 0: nothing was ever committed. */
  readonly version: number;
  /** Without `main`, which is always there. */
  readonly schemas: readonly string[];
  readonly tables: readonly TableEntry[];
  readonly views: readonly ViewEntry[];
  readonly comments: readonly CommentEntry[];
}

export type StoredFormat = 'delta' | 'parquet' | 'csv' | 'json';

export interface TableEntry {
  readonly schema: string;
  readonly name: string;
  /**
   * Where its files lie: of a managed table relative to the warehouse, of others absolute, a file or a folder. Without
   * a slash at the end.
   */
  readonly location: string;
  /** Files of a managed table go when the table does. */
  readonly kind: 'managed' | 'external';
  readonly format: StoredFormat;
  /** Parameters of the reader as SQL literals, for formats that need some; the rest is found out. */
  readonly options: Readonly<Record<string, string>>;
}

export interface ViewEntry {
  readonly schema: string;
  readonly name: string;
  /** One query, in DuckDB's SQL. */
  readonly sql: string;
  /** What CREATE VIEW names the first columns of the query; empty: what the query does. */
  readonly aliases: readonly string[];
  /** All columns as they were when the view was made. The view has these for ever. */
  readonly columns: readonly string[];
  /** Where `sql` looks unqualified names up first; then in `main`. */
  readonly searchSchema: string;
}

/** A remark on a schema (`name` undefined), on a table or view (`column` undefined), or on a column of one. */
export interface CommentEntry {
  readonly schema: string;
  readonly name: string | undefined;
  readonly column: string | undefined;
  readonly text: string;
}

export const emptyDocument: CatalogDocument = {
  version: 0,
  schemas: [],
  tables: [],
  views: [],
  comments: [],
};

/** Of the file; a reader refuses what is newer. */
const formatVersion = 1;

/**
 * The document as the text of its file: `{"format", "sha256", "committer", "document"}`, the checksum taken over the
 * JSON of `document`.
 * @param committer of this try alone, so that no two are taken for one
 */
export function formatDocument(document: CatalogDocument, committer: string): string {
  const text = JSON.stringify(document);
  return `{"format":${formatVersion},"sha256":"${checksum(text)}","committer":"${committer}","document":${text}}\n`;
}

/**
 * Reads the text of a document's file.
 * @param file named in errors
 * @throws SkeinError XX001 where the text is torn, changed or no document; 0A000 where a newer Skein wrote it
 */
export function parseDocument(text: string, file: string): CatalogDocument {
  const envelope = parseJson(text, file);
  const { format, sha256, document } = envelope as {
    readonly format?: unknown;
    readonly sha256?: unknown;
    readonly document?: unknown;
  };
  if (typeof format !== 'number') throw corrupt(file, 'it has no format version');
  if (format > formatVersion) {
    throw new SkeinError(
      SqlState.featureNotSupported,
      `the catalog file ${file} has format ${format}: this Skein reads formats up to ${formatVersion}`,
      { hint: 'A newer Skein wrote it: use that one.' },
    );
  }
  if (typeof document !== 'object' || document === null) throw corrupt(file, 'it holds no document');
  if (sha256 !== checksum(JSON.stringify(document))) throw corrupt(file, 'its checksum is wrong');
  return readDocument(document, file);
}

function checksum(text: string): string {
  return createHash('sha256').update(text).digest('hex');
}

function parseJson(text: string, file: string): object {
  try {
    const json: unknown = JSON.parse(text);
    if (typeof json === 'object' && json !== null) return json;
  } catch (cause) {
    throw corrupt(file, 'it is no JSON', cause);
  }
  throw corrupt(file, 'it is no JSON object');
}

function corrupt(file: string, problem: string, cause?: unknown): SkeinError {
  return new SkeinError(SqlState.dataCorrupted, `the catalog file ${file} is corrupt: ${problem}`, { cause });
}

/** The checksum has shown that a Skein wrote it: only the shape is looked at. */
function readDocument(document: object, file: string): CatalogDocument {
  const { version, schemas, tables, views, comments } = document as Partial<CatalogDocument>;
  const lists = [schemas, tables, views, comments];
  if (!Number.isSafeInteger(version) || !lists.every(Array.isArray)) throw corrupt(file, 'a part is missing');
  return {
    version: version ?? 0,
    schemas: schemas ?? [],
    tables: tables ?? [],
    views: views ?? [],
    comments: comments ?? [],
  };
}
