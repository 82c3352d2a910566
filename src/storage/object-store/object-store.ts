/** What a store says of an object without giving its bytes. */
export interface ObjectInfo {
  /** Relative to the store's root, parts separated by `/`. */
  readonly key: string;
  readonly bytes: number;
  /** Milliseconds since 1970; of a local file to the microsecond. */
  readonly modifiedMs: number;
  /** Changes whenever the bytes do: S3's ETag; of a local file its size, time and inode. */
  readonly etag: string;
}

/**
 * Bytes `start` to before `end` of an object, as far as it has them: none where it ends before `start`. A negative
 * `start` without `end` counts from the object's end.
 */
export interface ByteRange {
  readonly start: number;
  readonly end?: number;
}

export interface GetOptions {
  readonly range?: ByteRange;
  /** Fail with 58030 (retry `query`) where the object is not this one any more. */
  readonly ifMatch?: string;
  readonly signal?: AbortSignal;
}

export interface ObjectBody {
  /** Of the whole object, whatever the range. */
  readonly info: ObjectInfo;
  /** To be read to its end or canceled. A body shorter than announced is an error, never an end. */
  readonly stream: ReadableStream<Uint8Array>;
}

/** What is stored: bytes, or a local file that is sent as it is read. */
export type PutBody = Uint8Array | { readonly file: string };

/**
 * The only way to the bytes of tables. Keys are relative to `root`: not empty, no part of them empty, `.` or `..`.
 * Everything is durable when its promise resolves:
 * on local disk file and folders are fsynced, and an object is there whole or not at all. Errors: SkeinError 58P01 for
 * what is not there, 42501 for what may not be reached, 53100 for a full disk, 58030 (retry `task`) for what may work
 * later, after the store's own retries; the reason of a signal that aborts, where it is a SkeinError, else 57014.
 */
export interface ObjectStore {
  /** `/absolute/folder`, `s3://bucket/prefix` or `memory://name`, without a slash at the end. */
  readonly root: string;
  get(key: string, options?: GetOptions): Promise<ObjectBody>;
  /** Undefined where there is no such object. */
  stat(key: string, signal?: AbortSignal): Promise<ObjectInfo | undefined>;
  /** Replaces what was there. */
  put(key: string, body: PutBody, signal?: AbortSignal): Promise<ObjectInfo>;
  /**
   * Of any number of callers with one key exactly one creates it, and only that one is told so; also where the answer
   * to a try was lost: the store reads back what lies there and compares it with `body`, in which some bytes must
   * therefore be this caller's own.
   * @throws SkeinError 0A000 where the store cannot do this; 58030 where the outcome is not known
   */
  putIfAbsent(key: string, body: Uint8Array, signal?: AbortSignal): Promise<'created' | 'exists'>;
  /**
   * Objects whose key begins with `prefix`, in the byte order of their keys, after the key `startAfter`.
   */
  list(prefix: string, options?: ListOptions): AsyncIterable<ObjectInfo>;
  /** Names of the folders right below `prefix` (which ends in `/` or is empty), in byte order. */
  listFolders(prefix: string, signal?: AbortSignal): Promise<readonly string[]>;
  /** Those that are not there are passed over. */
  delete(keys: readonly string[], signal?: AbortSignal): Promise<void>;
  /**
   * Removes what writes that were broken off left invisibly: temporary files, unfinished uploads.
   * @param beforeMs only those begun before this time, since the others may be under way
   * @returns how many
   */
  removeLeftovers(beforeMs: number, signal?: AbortSignal): Promise<number>;
  /** Where the object is near, as host ids; empty where that does not matter or is not known. */
  locations(key: string): Promise<readonly string[]>;
}

export interface ListOptions {
  readonly startAfter?: string;
  /** Only objects right below the prefix, none in deeper folders. */
  readonly shallow?: boolean;
  readonly signal?: AbortSignal;
}
