import { SkeinError, SqlState } from '../common/index.ts';
import { type Schema, type SqlValue, scalar } from '../types/index.ts';
import type { WrittenFile } from './table-write.ts';

/** What a stage that writes a table gives: one row a file. */
export const writtenFileColumns: Schema = [
  { name: 'path', type: scalar('VARCHAR') },
  { name: 'bytes', type: scalar('BIGINT') },
  { name: 'rows', type: scalar('BIGINT') },
  { name: 'partition_values', type: scalar('VARCHAR') },
  { name: 'stats', type: scalar('VARCHAR') },
  { name: 'shard', type: scalar('INTEGER') },
  { name: 'crc32', type: scalar('BIGINT') },
  { name: 'etag', type: scalar('VARCHAR') },
];

/** A file's row as a line of JSON, by the names of `writtenFileColumns`. */
export function writtenFileToJson(file: WrittenFile): string {
  return JSON.stringify({
    ...file,
    shard: file.shard ?? null,
    partition_values: JSON.stringify(file.partitionValues),
    partitionValues: undefined,
  });
}

/** @throws SkeinError XX000 for a row that is none of `writtenFileColumns` */
export function writtenFileFromRow(row: readonly SqlValue[]): WrittenFile {
  const [path, bytes, rows, partitionValues, stats, shard, crc32, etag] = row;
  if (
    typeof path !== 'string' ||
    typeof bytes !== 'bigint' ||
    typeof rows !== 'bigint' ||
    typeof partitionValues !== 'string' ||
    typeof stats !== 'string' ||
    typeof crc32 !== 'bigint'
  ) {
    throw new SkeinError(
      SqlState.internalError,
      'a task described the files that it wrote in an unknown way',
    );
  }
  return {
    path,
    bytes: Number(bytes),
    rows: Number(rows),
    partitionValues: JSON.parse(partitionValues) as Readonly<Record<string, string | null>>,
    stats,
    shard: typeof shard === 'number' ? shard : undefined,
    crc32: Number(crc32),
    etag: typeof etag === 'string' ? etag : undefined,
  };
}
