import { join } from 'node:path';
import { SkeinError, SqlState } from '../../common/index.ts';
import type { CopyToStatement, Text } from '../../sql/index.ts';
import { quoteIdentifier } from '../../types/index.ts';
import { formatOfCopy, writerOptions } from './copy-options.ts';
import { exportFolder } from './export-folder.ts';
import { atName } from './qualify-name.ts';
import { countResult } from './results.ts';
import type { StatementContext, StatementQuery, StatementResult } from './statement-context.ts';

/**
 * COPY TO: a file where the path has an extension, else a folder of files. A file is written by the coordinator, in the
 * order of the rows, on its own disk first; the files of a folder by workers.
 */
export async function copyTo(
  { source, path, options }: CopyToStatement,
  context: StatementContext,
): Promise<StatementResult> {
  const kind = formatOfCopy(path, options);
  const target = await atName(path, context.catalog.files.checkTarget(path.text));
  await refuseTables(target, path, context);
  const writer = writerOptions(kind, target, options);
  const query = queryOf(source);
  let rows: number;
  if (writer.isFolder || !/\.[A-Za-z0-9]+$/.test(target)) {
    await refuseFull(target, path, context);
    rows = await exportFolder(query, target, writer, context);
  } else {
    const scratch = join(await context.scratchFolder(), 'file');
    rows = await context.runExport(query, { path: scratch, options: writer.file });
    await putFile(scratch, target, context);
  }
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
