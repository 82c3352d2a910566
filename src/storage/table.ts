import type { ColumnStatistics, Schema, SqlType } from '../types/index.ts';
import type { DeletionVectorDescriptor } from './delta/actions.ts';

/** How the files of a table are read; decided once, over all files, so that every split reads alike. */
export interface FileFormat {
  readonly kind: 'parquet' | 'csv' | 'json';
  /** Parameters of DuckDB's reader as SQL literals (`delim` -> `','`), auto-detection off. */
  readonly options: Readonly<Record<string, string>>;
  readonly hive: HivePartitioning | undefined;
}

/** Parquet files whose columns are named by a Delta log. */
export interface DeltaFormat {
  readonly kind: 'delta';
  /** One a column of the table's schema. */
  readonly columns: readonly DeltaColumn[];
}

/** Where the values of a column come from. A data file without the column holds NULLs of it. */
export type DeltaColumn =
  /** From the data files: by field id where there is one, else by name. */
  | { readonly kind: 'data'; readonly stored: StoredField }
  /** From the file's partition values: its place in `DeltaFile.partitionValues`. */
  | { readonly kind: 'partition'; readonly index: number }
  /**
   * VARCHAR, of the rows of a change: from the data files' `_change_type`, of those that have none from the partition
   * value of this place.
   */
  | { readonly kind: 'changeType'; readonly index: number }
  /** Hidden, VARCHAR: the path of the row's file as the log has it. */
  | { readonly kind: 'file' }
  /** Hidden, BIGINT: the row's place in its file, counted from 0, deleted rows too. */
  | { readonly kind: 'row' };

/** A column or nested field as the data files have it. */
export interface StoredField {
  readonly name: string;
  readonly fieldId: number | undefined;
  readonly type: SqlType;
  /** Of a struct its fields, of a list its element, of a map key and value: where names differ from the type's. */
  readonly children: readonly StoredField[];
}

/** Partition columns taken from `key=value` folders. */
interface HivePartitioning {
  /** Columns in the order of the table's schema. */
  readonly columns: Schema;
}

export interface TableFile {
  /** Absolute path, the same on every node, or `s3://bucket/key`; of one that is there again as `repeatedPath` has it. */
  readonly path: string;
  readonly bytes: number;
  /** Modification time in ms: with `bytes`, tells a changed file. Undefined: the file never changes. */
  readonly modifiedMs: number | undefined;
  /** Of a remote file that may change: the version that was looked into. */
  readonly etag?: string | undefined;
  /** Rows of each row group in order (Parquet); undefined where the file cannot be cut. */
  readonly rowGroups: readonly number[] | undefined;
  /** What a Delta log says of the file. */
  readonly delta?: DeltaFile;
}

export interface DeltaFile {
  /** The file's path as the log has it: relative to the table and URL-encoded. Undefined: equal to `TableFile.path`. */
  readonly logPath?: string | undefined;
  /** Rows in the file, deleted ones too; undefined where the log does not say. */
  readonly rowCount: number | undefined;
  /** One a partition column, as the log spells it; null: NULL. */
  readonly partitionValues: readonly (string | null)[];
  readonly deletionVector: DeletionVectorDescriptor | undefined;
  /** The log's statistics, as JSON. */
  readonly stats: string | undefined;
  /** Shard of the table that the file's rows belong to; undefined where the file says none. */
  readonly shard: number | undefined;
  /** CRC-32 of all bytes, where the writer left it. */
  readonly crc32: number | undefined;
  /** Of the object as it was written, where the writer left it. */
  readonly etag?: string | undefined;
}

/** How the rows of a table are divided among its data files. `columns` are positions in the schema. */
export type Sharding =
  | { readonly kind: 'hash'; readonly columns: readonly number[]; readonly shards: number }
  /** Shard i holds values from `splits[i - 1]` up to before `splits[i]`, NULLs last; in DuckDB's spelling. */
  | { readonly kind: 'range'; readonly column: number; readonly splits: readonly string[] }
  | { readonly kind: 'roundRobin'; readonly shards: number };

/** One version of a table: its columns and the files that hold its rows. Immutable. */
/** What holds for the values of a column beyond its type. */
interface ColumnConstraint {
  readonly notNull: boolean;
  /** SQL of its default. */
  readonly default: string | undefined;
}

export interface TableSnapshot {
  /** The catalog's key: schema-qualified, `main.users`. */
  readonly name: string;
  readonly schema: Schema;
  /** One a column of the schema, where the table knows of any. */
  readonly constraints?: readonly ColumnConstraint[] | undefined;
  readonly format: FileFormat | DeltaFormat;
  readonly files: readonly TableFile[];
  /** Exact for Parquet and for Delta with statistics, estimated for text. */
  readonly rowCount: number;
  readonly bytes: number;
  /** One a column of the schema, where the files have any. */
  readonly statistics?: readonly (ColumnStatistics | undefined)[] | undefined;
  /** Of a Delta table: its root and version. */
  readonly delta?: { readonly location: string; readonly version: number };
  /** Undefined where files belong to no shard, or some file says none. */
  readonly sharding?: Sharding | undefined;
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
