import type { Schema, SqlType } from '../../types/index.ts';
import type {
  AddAction,
  DomainMetadataAction,
  MetadataAction,
  ProtocolAction,
  TransactionAction,
} from './actions.ts';

/** A column, or a field of a nested one, of a Delta schema. */
export interface DeltaField {
  /** Logical: what SQL names. */
  readonly name: string;
  readonly type: SqlType;
  readonly nullable: boolean;
  /** Name in the data files and in statistics; equal to `name` without column mapping. */
  readonly physicalName: string;
  /** Field id in the data files; undefined without column mapping. */
  readonly fieldId: number | undefined;
  /** Fields of a struct, the element of a list (one), key and value of a map (two): for their physical names. */
  readonly children: readonly DeltaField[];
  /** Everything that the schema's JSON says of the field (comments, generation expressions, identity ...). */
  readonly metadata: Readonly<Record<string, unknown>>;
}

export type ColumnMappingMode = 'none' | 'name' | 'id';

/** One version of a Delta table, whole. Immutable. */
export interface DeltaSnapshot {
  /** As an object store's root: `/data/events`, `s3://bucket/events`. */
  readonly location: string;
  readonly version: number;
  /** Of the commit: in-commit timestamp where the table has them, else the log entry's modification time. */
  readonly timestampMs: number;
  readonly protocol: ProtocolAction;
  readonly metadata: MetadataAction;
  readonly fields: readonly DeltaField[];
  /** The columns as SQL sees them, in the order of `fields`. */
  readonly schema: Schema;
  readonly columnMapping: ColumnMappingMode;
  /** Live files, each (path, deletion vector) once, in the order of the log. */
  readonly files: readonly AddAction[];
  /** Latest of each application. */
  readonly transactions: ReadonlyMap<string, TransactionAction>;
  /** Those that are not removed, by domain. */
  readonly domains: ReadonlyMap<string, DomainMetadataAction>;
}
