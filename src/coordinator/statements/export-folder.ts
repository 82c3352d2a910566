import { join } from 'node:path';
import { SkeinError, SqlState } from '../../common/index.ts';
import { keyOfPath, type ObjectStore, type TableWrite } from '../../storage/index.ts';
import type { Schema } from '../../types/index.ts';
import type { WriterOptions } from './copy-options.ts';
import { moveFiles, publishFolder } from './publish-folder.node.ts';
import type { StatementContext, StatementQuery } from './statement-context.ts';

/** A folder that workers write has files of this size where the user does not say how rows are divided. */
const defaultSize = `FILE_SIZE_BYTES '256MB'`;

/**
 * Writes a query's rows to a folder of files: workers write them where the rows are. A local folder appears with all of
 * them at once; in an object store they appear one by one, and are gone again where the statement fails.
 * @param target absolute; nothing lies there
 * @returns the rows written
 * @throws SkeinError 42710 where others have put files there meanwhile
 */
export async function exportFolder(
  query: StatementQuery,
  target: string,
  writer: WriterOptions,
  context: StatementContext,
): Promise<number> {
  const prefix = `part-${context.random.token(8)}`;
  if (!target.startsWith('/')) {
    let kept: readonly string[] = [];
    try {
      const written = await writeFiles(query, writer, { location: target, prefix }, context);
      await refuseOthers(target, prefix, context);
      kept = written.keys;
      return written.rows;
    } finally {
      await deleteLeft(context.store(target), prefix, new Set(kept));
    }
  }
  let rows = 0;
  await publishFolder(target, context.random.token(10), async (hidden) => {
    // A task that was given up may still put a file: not where the folder's files are.
    const location = join(hidden, '.tasks');
    const written = await writeFiles(query, writer, { location, prefix }, context);
    await moveFiles(location, hidden, written.keys);
    rows = written.rows;
  });
  return rows;
}

interface Place {
  readonly location: string;
  readonly prefix: string;
}

async function writeFiles(
  query: StatementQuery,
  writer: WriterOptions,
  { location, prefix }: Place,
  context: StatementContext,
): Promise<{ readonly rows: number; readonly keys: readonly string[] }> {
  const { file, folder = defaultSize, partitionBy } = writer;
  const plain = { options: `${file}, ${folder}`, prefix };
  const write = (columns: Schema): TableWrite => ({
    location,
    columns: columns.map(({ name, type }, position) => ({
      position,
      required: false,
      stored: { name, fieldId: undefined, type, children: [] },
    })),
    partitionBy: columns.flatMap(({ name, type }, position) =>
      partitionBy.some((each) => each.toLowerCase() === name.toLowerCase()) ? [{ position, name, type }] : [],
    ),
    shardColumn: undefined,
    targetFileBytes: 0,
    folder: '',
    plain,
  });
  const { rows, files } = await context.runWrite({ query, write });
  if (files.length > 0) return { rows, keys: files.map(({ path }) => keyOfPath(path)) };
  // Of no rows tasks write no files, and no files have no columns.
  const path = join(await context.scratchFolder(), 'empty');
  const empty = { ...query, sql: `SELECT * FROM (\n${query.sql}\n) LIMIT 0`, offset: undefined };
  await context.runExport(empty, { path, options: file });
  const key = `${prefix}-empty.${writer.extension}`;
  await context.store(location).put(key, { file: path }, context.signal);
  return { rows, keys: [key] };
}

/** @throws SkeinError 42710 */
async function refuseOthers(target: string, prefix: string, context: StatementContext): Promise<void> {
  for await (const { key } of context.store(target).list('', { signal: context.signal })) {
    if (isOwn(key, prefix)) continue;
    throw new SkeinError(SqlState.duplicateObject, `the folder ${target} is not empty any more`, {
      hint: 'Another statement has written there: name a folder that is not there.',
    });
  }
}

/** Takes away what attempts have left that were given up: their answers did not arrive. Best effort. */
async function deleteLeft(store: ObjectStore, prefix: string, kept: ReadonlySet<string>): Promise<void> {
  try {
    const left: string[] = [];
    for await (const { key } of store.list('')) if (isOwn(key, prefix) && !kept.has(key)) left.push(key);
    await store.delete(left);
  } catch {
    // A store that does not answer; the statement is what it is all the same.
  }
}

function isOwn(key: string, prefix: string): boolean {
  return key.slice(key.lastIndexOf('/') + 1).startsWith(`${prefix}-`);
}
