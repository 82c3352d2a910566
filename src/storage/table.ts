import type { ColumnStatistics, Schema } from '../types/index.ts';

/** How the files of a table are read; decided once, over all files, so that every split reads alike. */
export interface FileFormat {
  readonly kind: 'parquet' | 'csv' | 'json';
  /** Parameters of DuckDB's reader as SQL literals (`delim` -> `','`), auto-detection off. */
  readonly options: Readonly<Record<string, string>>;
  readonly hive: HivePartitioning | undefined;
}

/** Partition columns taken from `key=value` folders. */
export interface HivePartitioning {
  /** Columns in the order of the table's schema. */
  readonly columns: Schema;
}

export interface TableFile {
  /** Absolute path, the same on every node. */
  readonly path: string;
  readonly bytes: number;
  /** Modification time in ms: with `bytes`, tells a changed file. */
  readonly modifiedMs: number;
  /** Rows of each row group in order (Parquet); undefined where the file cannot be cut. */
  readonly rowGroups: readonly number[] | undefined;
}

/** One version of a table: its columns and the files that hold its rows. Immutable. */
export interface TableSnapshot {
  /** The catalog's key: schema-qualified, `main.users`. */
  readonly name: string;
  readonly schema: Schema;
  readonly format: FileFormat;
  readonly files: readonly TableFile[];
  /** Exact for Parquet, estimated for text. */
  readonly rowCount: number;
  readonly bytes: number;
  /** One a column of the schema, where the files have any. */
  readonly statistics?: readonly (ColumnStatistics | undefined)[] | undefined;
}

/** A unit of scan input: a file, or a run of its rows cut at row groups. */
export interface Split {
  readonly path: string;
  /** First row (`file_row_number`), counted from 0; undefined for whole files. */
  readonly firstRow: number | undefined;
  readonly rowCount: number | undefined;
  /** Share of the file's bytes, for balancing. */
  readonly bytes: number;
}
