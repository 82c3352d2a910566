import type { SqlType } from '../types/index.ts';
import type { StoredField } from './table.ts';

/** How the tasks of a stage write the files of a table. */
export interface TableWrite {
  /** Root of an object store: paths of the files are relative to it. */
  readonly location: string;
  /** What is written of the fragment's output, in the order of the table's data columns. */
  readonly columns: readonly WrittenColumn[];
  /** Partition columns in the table's order: their rows go to files of their own, without the column. */
  readonly partitionBy: readonly PartitionColumn[];
  /** Position of an INTEGER column of the fragment's output, not written: rows of one shard go to files of their own. */
  readonly shardColumn: number | undefined;
  /** A file is closed when it has about this many bytes. */
  readonly targetFileBytes: number;
  /** Folder of the files below the table, ending in `/`, or empty: `_change_data/` for changes. */
  readonly folder: string;
  /** Default: zstd. */
  readonly compression?: 'zstd' | 'snappy';
  /** Files that belong to no table: `columns` go by their stored names, and DuckDB divides the rows. */
  readonly plain?: {
    /** Of DuckDB's COPY, as SQL: how rows become files, and where within the location these lie. */
    readonly options: string;
    /** What the files' names begin with. */
    readonly prefix: string;
  };
}

export interface WrittenColumn {
  /** In the fragment's output. */
  readonly position: number;
  /** NULL is an error: 23502, naming the column. */
  readonly required: boolean;
  readonly stored: StoredField;
  /** As SQL names it; default: as the files do. */
  readonly name?: string;
}

export interface PartitionColumn {
  readonly position: number;
  /** Key in the files' partition values: the physical name where the table has them. */
  readonly name: string;
  readonly type: SqlType;
  /** As of `WrittenColumn`; default: false. */
  readonly required?: boolean;
}

/** A data file that a task wrote: durable, and part of no table until a commit says so. */
export interface WrittenFile {
  /** Relative to the table, URL-encoded as a Delta log has it. Never written before, nor after. */
  readonly path: string;
  readonly bytes: number;
  readonly rows: number;
  /** Serialized as the Delta protocol says, by the names in `partitionBy`. */
  readonly partitionValues: Readonly<Record<string, string | null>>;
  /** JSON of Delta statistics: numRecords, minValues, maxValues, nullCount; by stored names. */
  readonly stats: string;
  readonly shard: number | undefined;
  readonly crc32: number;
  /** Of the object, where it lies in an object store. */
  readonly etag?: string | undefined;
}
