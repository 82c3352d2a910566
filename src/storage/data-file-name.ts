import type { PartitionColumn, TableWrite } from './table-write.ts';

/** Longer names are refused by file systems. */
const maxFolderBytes = 200;
const nullFolder = '__HIVE_DEFAULT_PARTITION__';
const changeFolder = '_change_data/';

export interface DataFileName {
  readonly write: Pick<TableWrite, 'folder' | 'compression'>;
  /** The file's partition values with their columns, in order. */
  readonly partition: readonly { readonly column: PartitionColumn; readonly value: string | null }[];
  readonly task: number;
  /** Unique among all files of the table, ever. */
  readonly unique: string;
}

/**
 * A data file's key in its table's store, as writers of Delta tables name theirs. Folders are for people only: the log
 * has the partition values; a value too long for a folder's name has none.
 */
export function dataFileKey({ write, partition, task, unique }: DataFileName): string {
  const kind = write.folder === changeFolder ? 'cdc' : 'part';
  const name = `${kind}-${String(task).padStart(5, '0')}-${unique}.c000.${write.compression ?? 'zstd'}.parquet`;
  const folders = partition.map(({ column, value }) => `${hiveEscape(column.name)}=${hiveValue(value)}`);
  const usable = folders.every((folder) => Buffer.byteLength(folder) <= maxFolderBytes);
  return [write.folder, ...(usable ? folders.map((folder) => `${folder}/`) : []), name].join('');
}

function hiveValue(value: string | null): string {
  return value === null ? nullFolder : hiveEscape(value);
}

/** Hive's escapes, those of S3's troublesome characters, and control characters. */
function hiveEscape(text: string): string {
  return text.replaceAll(
    // biome-ignore lint/suspicious/noControlCharactersInRegex: they are what is escaped
    /[\u0000-\u001f\u007f"#%'*/:=?\\{}[\]^<>|`~ ]/g,
    (character) => `%${character.charCodeAt(0).toString(16).toUpperCase().padStart(2, '0')}`,
  );
}

/** A key as a Delta log spells it: URL-encoded, part by part. */
export function pathOfKey(key: string): string {
  return key.split('/').map(encodeSegment).join('/');
}

/** The key that a relative path of a log names. */
export function keyOfPath(path: string): string {
  return decodeURIComponent(path);
}

/** `=` may stand in a path, and other writers leave it. */
function encodeSegment(segment: string): string {
  return encodeURIComponent(segment).replaceAll('%3D', '=');
}
