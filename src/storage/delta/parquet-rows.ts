import type { Schema } from '../../types/index.ts';
import type { ObjectStore } from '../object-store/object-store.ts';

export interface ParquetObject {
  readonly store: ObjectStore;
  readonly key: string;
}

/** A top-level column to be read. A file without it gives no value of it. */
export interface ParquetColumn {
  readonly name: string;
  /** Of a struct: the only fields to be read, those that the file has. Undefined: all of them. */
  readonly fields?: readonly ParquetColumnField[];
}

export interface ParquetColumnField {
  readonly name: string;
  /** Given as the text of its JSON, to the last digit, and only in rows where this other field is NULL or absent. */
  readonly textUnless?: string;
}

/** A local file that is gone when it is disposed of. */
export interface ScratchFile extends AsyncDisposable {
  readonly path: string;
  readonly bytes: number;
}

/**
 * Rows of Parquet files as JSON: for checkpoints. Rows come and go as texts of JSON arrays of objects, some thousand
 * rows each, maps as objects, missing and NULL fields alike. Times are in UTC and in DuckDB's spelling.
 */
export interface ParquetRows {
  /**
   * The rows of an object in the file's order; NULL columns are left out of a row's object.
   * @throws SkeinError XX001 naming the object where it is no whole Parquet file; those of the store
   */
  readRows(
    object: ParquetObject,
    columns: readonly ParquetColumn[],
    signal: AbortSignal | undefined,
  ): AsyncIterable<string>;
  /** Writes rows in their order into a new file with exactly these columns. The caller puts it where it belongs. */
  writeRows(
    columns: Schema,
    rows: AsyncIterable<string> | Iterable<string>,
    signal: AbortSignal | undefined,
  ): Promise<ScratchFile>;
}
