import { readdir, stat } from 'node:fs/promises';
import path from 'node:path';
import { checksumFile, SkeinError, SqlState } from '../../common/index.ts';
import { malformed } from '../../rpc/index.ts';
import { pathOfKey } from '../../storage/index.ts';
import { quoteIdentifier, quoteLiteral } from '../../types/index.ts';
import { type AttemptFiles, putFiles } from './attempt-files.ts';
import { readWriteTask } from './read-write-task.ts';
import type { TableWriterOptions } from './table-writer.ts';

/**
 * Runs a fragment and puts its rows into a folder as files for others than Skein, under names that no attempt has used
 * before. DuckDB does not tell the rows of each file: the first one says those of all.
 * @returns the files, none for no rows; to be kept when the attempt has succeeded
 * @throws what DuckDB and the store throw. Nothing of the attempt is left then, as far as it could be deleted.
 */
export async function exportFiles(options: TableWriterOptions): Promise<AttemptFiles> {
  const { connection, request, dir, signal, planning } = options;
  const { table } = readWriteTask(request.write ?? malformedWrite());
  if (table.plain === undefined) return malformedWrite();
  const folder = path.join(dir, 'export');
  const items = table.columns.map(
    ({ position, stored }) => `c${position} AS ${quoteIdentifier(stored.name)}`,
  );
  const names = request.write?.types.map((_, index) => `c${index}`).join(', ') ?? '';
  const select = `SELECT ${items.join(', ')} FROM (\n${request.sql}\n) AS fragment(${names})`;
  const name = `${table.plain.prefix}-${String(request.attempt?.task ?? 0).padStart(5, '0')}-{uuid}`;
  const copy = `COPY (${select}) TO ${quoteLiteral(folder)} (${table.plain.options}, FILENAME_PATTERN '${name}', RETURN_FILES)`;
  const [[count = 0] = []] = await planning(() => connection.rows(copy, signal));
  const rows = Number(count);
  const keys = rows === 0 ? [] : await filesBelow(folder);
  if (rows > 0 && keys.length === 0) {
    throw new SkeinError(SqlState.internalError, `DuckDB wrote ${rows} rows and no file`, { retry: 'task' });
  }
  return await putFiles(options.store(table.location), keys, signal, async (key, attempt, until) => {
    const file = path.join(folder, key);
    const describe = async () => ({
      ...(await checksumFile(file, until)),
      path: pathOfKey(key),
      rows: key === keys[0] ? rows : 0,
      partitionValues: {},
      stats: '',
      shard: undefined,
    });
    await attempt.put(key, file, describe, until);
  });
}

function malformedWrite(): never {
  throw malformed('an export without what is to be written');
}

/** Relative to the folder, parts separated by `/`. */
async function filesBelow(folder: string): Promise<readonly string[]> {
  const files: string[] = [];
  for (const entry of await readdir(folder, { recursive: true })) {
    if ((await stat(path.join(folder, entry))).isFile()) files.push(entry.split(path.sep).join('/'));
  }
  return files.toSorted();
}
