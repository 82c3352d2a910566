import type { Schema } from '../../types/index.ts';
import type { ObjectStore } from '../object-store/object-store.ts';

export interface ParquetObject {
  readonly store: ObjectStore;
  readonly key: string;
}

/** What is read of every row: a top-level column, or a field of one that is a struct. */
export interface ParquetValue {
  readonly column: string;
  readonly field?: string;
  /**
   * `text`: as DuckDB prints it, '' for NULL; `json`: of its JSON, maps as objects, null for NULL; `jsonText`: the text of
   * that, to the last digit, '' for NULL.
   */
  readonly as: 'text' | 'json' | 'jsonText';
  /** Only in rows where this other field of the struct is NULL or absent. */
  readonly unless?: string;
}

/** Some thousand rows, column by column. */
export interface ParquetBatch {
  readonly rowCount: number;
  /** One a value that was asked for; undefined where all of it is NULL, or the file does not have it. */
  readonly columns: readonly (readonly unknown[] | undefined)[];
}

/** A local file that is gone when it is disposed of. */
export interface ScratchFile extends AsyncDisposable {
  readonly path: string;
  readonly bytes: number;
}

/** Reads and writes Parquet files row by row: for checkpoints. Times are in UTC and in DuckDB's spelling. */
export interface ParquetRows {
  /**
   * All rows of an object, those of a row group in its order.
   * @throws SkeinError XX001 naming the object where it is no whole Parquet file, or where a text holds control
   *   characters that neither JSON nor a path may hold; those of the store
   */
  readRows(
    object: ParquetObject,
    values: readonly ParquetValue[],
    signal: AbortSignal | undefined,
  ): AsyncIterable<ParquetBatch>;
  /**
   * Writes rows in their order into a new file with exactly these columns. The caller puts it where it belongs.
   * @param rows as texts of JSON arrays of objects, some thousand rows each; missing and NULL fields alike
   */
  writeRows(
    columns: Schema,
    rows: AsyncIterable<string> | Iterable<string>,
    signal: AbortSignal | undefined,
  ): Promise<ScratchFile>;
}
