import { readdir, rename, rm } from 'node:fs/promises';
import path from 'node:path';
import { SkeinError, SqlState } from '../common/index.ts';
import { parquetRowCount, type WrittenFile } from '../exchange/index.ts';
import type { RunTaskRequest } from '../rpc/index.ts';
import { exchangeParquetOptions, parseType, quoteLiteral, toWireSql } from '../types/index.ts';
import { placeholderColumn } from './input-relation.ts';

const partitionColumn = 'p';

/**
 * The statement that writes a task's rows below `dir`: one file, or with hash keys a folder `p=N` for every partition
 * that has rows. Columns are named c0, c1 ... by position and have their wire types; rows are placed by the hash of
 * the values as they were before.
 */
export function copyStatement(request: RunTaskRequest, dir: string): string {
  const names = request.columns.map((_, index) => `c${index}`);
  const items = request.columns.map(({ type }, index) => {
    const value = toWireSql(`c${index}`, parseType(type));
    return value === `c${index}` ? value : `${value} AS c${index}`;
  });
  if (items.length === 0) items.push(`true AS ${placeholderColumn}`);
  const alias = names.length === 0 ? 'fragment' : `fragment(${names.join(', ')})`;
  const from = `FROM (\n${request.sql}\n) AS ${alias}`;
  const order = `PRESERVE_ORDER ${request.ordered && !isPartitioned(request)}`;
  if (!isPartitioned(request)) {
    const file = quoteLiteral(path.join(dir, 'p0-0.parquet'));
    return `COPY (SELECT ${items.join(', ')} ${from}) TO ${file} (${exchangeParquetOptions}, ${order})`;
  }
  const { hashKeys, partitions } = request.output ?? { hashKeys: [], partitions: 1 };
  items.push(`(hash(${hashKeys.join(', ')}) % ${partitions})::INTEGER AS ${partitionColumn}`);
  return `COPY (SELECT ${items.join(', ')} ${from}) TO ${quoteLiteral(dir)} (${exchangeParquetOptions}, ${order}, PARTITION_BY (${partitionColumn}), WRITE_PARTITION_COLUMNS false, FILENAME_PATTERN 'f{i}')`;
}

/**
 * Finds what the statement wrote, gives the files their final names (`p<partition>-<n>.parquet`) and counts their
 * rows; empty files are removed.
 * @param rows what the statement said that it wrote
 * @throws SkeinError XX000 when the files hold another number of rows
 */
export async function collectFiles(
  request: RunTaskRequest,
  dir: string,
  rows: number,
): Promise<readonly WrittenFile[]> {
  const files = isPartitioned(request)
    ? await flattenPartitions(dir)
    : [{ partition: 0, name: 'p0-0.parquet' }];
  const written: WrittenFile[] = [];
  for (const { partition, name } of files) {
    const file = path.join(dir, name);
    const fileRows = await parquetRowCount(file);
    if (fileRows === 0) await rm(file);
    else written.push({ name, path: file, partition, rows: fileRows });
  }
  const total = written.reduce((sum, file) => sum + file.rows, 0);
  if (total !== rows) {
    throw new SkeinError(SqlState.internalError, `a task wrote ${rows} rows, but its files hold ${total}`, {
      retry: 'task',
    });
  }
  return written;
}

/** One partition needs no hash. */
function isPartitioned({ output }: RunTaskRequest): boolean {
  return output !== undefined && output.hashKeys.length > 0 && output.partitions > 1;
}

async function flattenPartitions(
  dir: string,
): Promise<readonly { readonly partition: number; readonly name: string }[]> {
  const files: { partition: number; name: string }[] = [];
  for (const folder of await readdir(dir)) {
    const partition = Number(folder.slice(`${partitionColumn}=`.length));
    const names = (await readdir(path.join(dir, folder))).sort();
    for (const [index, from] of names.entries()) {
      const name = `p${partition}-${index}.parquet`;
      await rename(path.join(dir, folder, from), path.join(dir, name));
      files.push({ partition, name });
    }
    await rm(path.join(dir, folder), { recursive: true });
  }
  return files.sort((a, b) => a.partition - b.partition || (a.name < b.name ? -1 : 1));
}
