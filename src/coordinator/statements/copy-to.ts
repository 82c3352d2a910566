import { readdir, stat } from 'node:fs/promises';
import { join, relative, sep } from 'node:path';
import { mapConcurrently, SkeinError, SqlState } from '../../common/index.ts';
import type { CopyToStatement, Text } from '../../sql/index.ts';
import { quoteIdentifier } from '../../types/index.ts';
import { formatOfCopy, writerOptions } from './copy-options.ts';
import { publishFolder } from './publish-folder.node.ts';
import { atName } from './qualify-name.ts';
import { countResult } from './results.ts';
import type { StatementContext, StatementQuery, StatementResult } from './statement-context.ts';

/** Options that make a folder of files. */
const folderOptions: ReadonlySet<string> = new Set(['partition_by', 'file_size_bytes']);
const putsAtOnce = 4;

/**
 * COPY TO: a file where the path has an extension, else a folder of files. All rows are written on the coordinator's own
 * disk first, so that what is seen is whole or not there; in an object store a folder's files appear one by one.
 */
export async function copyTo(
  { source, path, options }: CopyToStatement,
  context: StatementContext,
): Promise<StatementResult> {
  const kind = formatOfCopy(path, options);
  const target = await atName(path, context.catalog.files.checkTarget(path.text));
  await refuseTables(target, path, context);
  const isFolder = !/\.[A-Za-z0-9]+$/.test(target) || options.some(({ name }) => folderOptions.has(name));
  if (isFolder) await refuseFull(target, path, context);
  const scratch = join(await context.scratchFolder(), isFolder ? 'files' : 'file');
  const sql = writerOptions(kind, target, options);
  const sizes = options.some(({ name }) => folderOptions.has(name)) ? [] : [`FILE_SIZE_BYTES '256MB'`];
  const rows = await context.runExport(queryOf(source), {
    path: scratch,
    options: isFolder ? [sql, ...sizes, `FILENAME_PATTERN 'part-{i}'`].join(', ') : sql,
  });
  if (isFolder) await putFolder(scratch, target, context);
  else await putFile(scratch, target, context);
  context.affected(rows);
  return countResult(rows);
}

function queryOf(source: CopyToStatement['source']): StatementQuery {
  if (source.kind === 'query') return source.query;
  const { catalog, schema, name, offset } = source.table;
  const names = [catalog, schema, name].flatMap((part) =>
    part === undefined ? [] : [quoteIdentifier(part)],
  );
  const columns = source.columns.map((column) => quoteIdentifier(column.name)).join(', ') || '*';
  const head = `SELECT ${columns} FROM `;
  return {
    sql: `${head}${names.join('.')}`,
    offset: source.columns.length > 0 ? undefined : Math.max(0, offset - head.length),
  };
}

/** What lies within a Delta table is its log's alone. @throws SkeinError 42501 */
async function refuseTables(target: string, path: Text, context: StatementContext): Promise<void> {
  const { origins } = await context.snapshot();
  for (const { location, key, format } of origins.values()) {
    if (format !== 'delta' || !`${target}/`.startsWith(`${location}/`)) continue;
    throw new SkeinError(SqlState.insufficientPrivilege, `${target} is within the table ${key}`, {
      position: path.offset,
      hint: 'INSERT INTO adds rows to a table.',
    });
  }
}

async function refuseFull(target: string, path: Text, context: StatementContext): Promise<void> {
  for await (const _ of context.store(target).list('', { signal: context.signal })) {
    throw new SkeinError(SqlState.duplicateObject, `the folder ${target} is not empty`, {
      position: path.offset,
      hint: 'Name one that is not there.',
    });
  }
}

async function putFile(file: string, target: string, context: StatementContext): Promise<void> {
  const slash = target.lastIndexOf('/');
  const store = context.store(target.slice(0, slash) || '/');
  await store.put(target.slice(slash + 1), { file }, context.signal);
}

async function putFolder(folder: string, target: string, context: StatementContext): Promise<void> {
  const files = await filesBelow(folder);
  if (target.startsWith('/')) {
    await publishFolder(target, context.random.token(10), async (hidden) => {
      await putAll(folder, files, hidden, context);
    });
    return;
  }
  const store = context.store(target);
  try {
    await putAll(folder, files, target, context);
  } catch (error) {
    await store.delete(files).catch(() => {});
    throw error;
  }
}

async function putAll(
  folder: string,
  files: readonly string[],
  location: string,
  context: StatementContext,
): Promise<void> {
  const { signal } = context;
  const to = context.store(location);
  await mapConcurrently(files, putsAtOnce, (key) => to.put(key, { file: join(folder, key) }, signal));
}

/** Relative to the folder, parts separated by `/`. */
async function filesBelow(folder: string): Promise<readonly string[]> {
  const entries = await readdir(folder, { recursive: true });
  const files: string[] = [];
  for (const entry of entries) {
    if ((await stat(join(folder, entry))).isFile()) files.push(relative('.', entry).split(sep).join('/'));
  }
  return files.toSorted();
}
