/**
 * The actions of a Delta log as they stand in its JSON.
 * @see Delta PROTOCOL.md, Actions
 */
export type DeltaAction =
  | { readonly add: AddAction }
  | { readonly remove: RemoveAction }
  | { readonly metaData: MetadataAction }
  | { readonly protocol: ProtocolAction }
  | { readonly txn: TransactionAction }
  | { readonly domainMetadata: DomainMetadataAction }
  | { readonly commitInfo: CommitInfo }
  | { readonly cdc: CdcAction };

/** Where a deletion vector lies. @see Delta PROTOCOL.md, Deletion Vectors */
export interface DeletionVectorDescriptor {
  /** `u`: a file named by a UUID below the table; `i`: in `pathOrInlineDv` itself; `p`: an absolute path. */
  readonly storageType: 'u' | 'i' | 'p';
  readonly pathOrInlineDv: string;
  readonly offset?: number;
  readonly sizeInBytes: number;
  /** Rows that it deletes. */
  readonly cardinality: number;
}

export interface AddAction {
  /** Relative to the table, or absolute; URL-encoded, as in the log. */
  readonly path: string;
  /** By physical column name, serialized as the protocol says; null and '' are NULL. */
  readonly partitionValues: Readonly<Record<string, string | null>>;
  readonly size: number;
  readonly modificationTime: number;
  readonly dataChange: boolean;
  /** JSON. @see Delta PROTOCOL.md, Per-file Statistics */
  readonly stats?: string;
  readonly tags?: Readonly<Record<string, string>>;
  readonly deletionVector?: DeletionVectorDescriptor;
  readonly baseRowId?: number;
  readonly defaultRowCommitVersion?: number;
  readonly clusteringProvider?: string;
}

export interface RemoveAction {
  readonly path: string;
  readonly deletionTimestamp?: number;
  readonly dataChange: boolean;
  readonly extendedFileMetadata?: boolean;
  readonly partitionValues?: Readonly<Record<string, string | null>>;
  readonly size?: number;
  readonly stats?: string;
  readonly tags?: Readonly<Record<string, string>>;
  readonly deletionVector?: DeletionVectorDescriptor;
  readonly baseRowId?: number;
  readonly defaultRowCommitVersion?: number;
}

export interface MetadataAction {
  readonly id: string;
  readonly name?: string;
  readonly description?: string;
  readonly format: { readonly provider: string; readonly options: Readonly<Record<string, string>> };
  /** JSON of a struct type. @see Delta PROTOCOL.md, Schema Serialization Format */
  readonly schemaString: string;
  /** Logical names. */
  readonly partitionColumns: readonly string[];
  readonly configuration: Readonly<Record<string, string>>;
  readonly createdTime?: number;
}

export interface ProtocolAction {
  readonly minReaderVersion: number;
  readonly minWriterVersion: number;
  readonly readerFeatures?: readonly string[];
  readonly writerFeatures?: readonly string[];
}

/** @see Delta PROTOCOL.md, Transaction Identifiers */
export interface TransactionAction {
  readonly appId: string;
  readonly version: number;
  readonly lastUpdated?: number;
}

export interface DomainMetadataAction {
  readonly domain: string;
  readonly configuration: string;
  readonly removed: boolean;
}

/** What a commit says of itself; writers may add anything. */
export interface CommitInfo {
  readonly timestamp?: number;
  readonly inCommitTimestamp?: number;
  readonly operation?: string;
  readonly operationParameters?: Readonly<Record<string, unknown>>;
  readonly operationMetrics?: Readonly<Record<string, string>>;
  readonly engineInfo?: string;
  readonly isBlindAppend?: boolean;
  readonly txnId?: string;
  readonly [other: string]: unknown;
}

/** A file of changed rows. @see Delta PROTOCOL.md, Add CDC File */
export interface CdcAction {
  readonly path: string;
  readonly partitionValues: Readonly<Record<string, string | null>>;
  readonly size: number;
  readonly dataChange: false;
  readonly tags?: Readonly<Record<string, string>>;
}
