import { readdir } from 'node:fs/promises';
import path from 'node:path';
import type { WrittenFile } from '../exchange/index.ts';
import type { RunTaskRequest } from '../rpc/index.ts';
import { exchangeParquetOptions, parseType, quoteLiteral, toWireSql } from '../types/index.ts';
import { placeholderColumn } from './relation-sql.ts';

const partitionColumn = 'p';

/**
 * The statement that writes a task's rows below `dir`: one file, or with hash keys a folder `p=N` for every partition
 * that has rows. Columns are named c0, c1 ... by position and have their wire types; rows are placed by the hash of
 * the values as they were before.
 */
export function copyStatement(request: RunTaskRequest, dir: string): string {
  const names = request.columns.map((_, index) => `c${index}`);
  const types = request.columns.map(({ type }) => parseType(type));
  const options = exchangeParquetOptions(types);
  const items = types.map((type, index) => {
    const value = toWireSql(`c${index}`, type);
    return value === `c${index}` ? value : `${value} AS c${index}`;
  });
  if (items.length === 0) items.push(`true AS ${placeholderColumn}`);
  const alias = names.length === 0 ? 'fragment' : `fragment(${names.join(', ')})`;
  const from = `FROM (\n${request.sql}\n) AS ${alias}`;
  const order = `PRESERVE_ORDER ${request.ordered && !isPartitioned(request)}`;
  if (!isPartitioned(request)) {
    const file = quoteLiteral(path.join(dir, 'p0-0.parquet'));
    return `COPY (SELECT ${items.join(', ')} ${from}) TO ${file} (${options}, ${order})`;
  }
  const { hashKeys, partitions, placedBy } = request.output ?? { hashKeys: [], partitions: 1 };
  const number = placedBy ?? `hash(${hashKeys.join(', ')})`;
  items.push(`(${number} % ${partitions})::INTEGER AS ${partitionColumn}`);
  return `COPY (SELECT ${items.join(', ')} ${from}) TO ${quoteLiteral(dir)} (${options}, ${order}, PARTITION_BY (${partitionColumn}), WRITE_PARTITION_COLUMNS false, FILENAME_PATTERN 'f{i}')`;
}

/** What the statement wrote, named `p<partition>-<n>.parquet` for others, by partition. */
export async function listFiles(request: RunTaskRequest, dir: string): Promise<readonly WrittenFile[]> {
  if (!isPartitioned(request)) {
    return [{ name: 'p0-0.parquet', path: path.join(dir, 'p0-0.parquet'), partition: 0 }];
  }
  const folders = await Promise.all(
    (await readdir(dir)).map(async (folder) => {
      const partition = Number(folder.slice(`${partitionColumn}=`.length));
      const names = (await readdir(path.join(dir, folder))).sort();
      return names.map((name, index) => ({
        name: `p${partition}-${index}.parquet`,
        path: path.join(dir, folder, name),
        partition,
      }));
    }),
  );
  return folders.flat().sort((a, b) => a.partition - b.partition);
}

/** One partition needs no hash. */
function isPartitioned({ output }: RunTaskRequest): boolean {
  return output !== undefined && output.hashKeys.length > 0 && output.partitions > 1;
}
