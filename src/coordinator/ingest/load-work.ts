import { SkeinError, SqlState } from '../../common/index.ts';
import type { CreateTableStatement, ObjectName } from '../../sql/index.ts';
import { commitChange } from '../statements/commit-change.ts';
import { type FileKind, formatOfPath, optionsOfJson, readerOptions } from '../statements/copy-options.ts';
import { createTable } from '../statements/create-table.ts';
import { type DeltaTarget, openTarget, readTarget } from '../statements/delta-target.ts';
import { fileRows, filesAsQuery, findFiles, foundFile, type LoadedFiles } from '../statements/file-rows.ts';
import { insertRows } from '../statements/insert.ts';
import { countResult } from '../statements/results.ts';
import type { StatementContext, StatementWork } from '../statements/statement-context.ts';
import { appTransaction, earlierCommit } from './app-transaction.ts';
import type { LoadRequest, LoadResult } from './ingest-service.ts';

export type Loaded = Omit<LoadResult, 'queryId'>;

export interface LoadWorkRequest
  extends Pick<LoadRequest, 'format' | 'options' | 'create' | 'idempotencyKey'> {
  readonly table: ObjectName;
  /** To be found; or already on this node's disk, its format told by the names. */
  readonly source:
    | { readonly kind: 'paths'; readonly paths: readonly string[] }
    | { readonly kind: 'staged'; readonly files: readonly string[] };
}

/** Loads files into a table, in one commit. @param done is told what came of it, before the query ends */
export function loadWork(request: LoadWorkRequest, done: (loaded: Loaded) => void): StatementWork {
  return async (context) => {
    const loaded = await load(request, context);
    done(loaded);
    return countResult(loaded.duplicate ? 0 : (loaded.rows ?? 0));
  };
}

async function load(request: LoadWorkRequest, context: StatementContext): Promise<Loaded> {
  const { table, idempotencyKey: key } = request;
  let files: LoadedFiles | undefined;
  const target = await openTarget(table, context).catch(async (error: unknown) => {
    const isMissing = error instanceof SkeinError && error.sqlState === SqlState.undefinedTable;
    if (!isMissing || request.create !== true) throw error;
    files = await filesOf(request, context);
    await create(table, files, context);
    return await openTarget(table, context);
  });
  const before = await duplicateOf(target, key, context);
  if (before !== undefined) return before;
  const loaded = files ?? (await filesOf(request, context));
  const commit = await commitChange(target, context, async (current) =>
    insertRows(current, context, {
      ...(await fileRows(current, loaded, { match: 'header', columns: [] }, context)),
      overwrite: false,
      defaults: new Set(),
      ...(key === undefined ? {} : { appTransaction: appTransaction(current, key) }),
    }),
  );
  const name = target.table.key;
  if (commit.kind === 'duplicate') {
    const now = await readTarget(target.table, context);
    return (
      (await duplicateOf(now, key, context)) ?? {
        table: name,
        rows: undefined,
        version: undefined,
        duplicate: true,
      }
    );
  }
  const version = commit.kind === 'committed' ? commit.version : undefined;
  return { table: name, rows: commit.rows, version, duplicate: false };
}

/** What is answered where the key has been used. */
async function duplicateOf(
  target: DeltaTarget,
  key: string | undefined,
  { signal }: StatementContext,
): Promise<Loaded | undefined> {
  if (key === undefined) return undefined;
  const found = await earlierCommit(target, appTransaction(target, key).appId, signal);
  return found === undefined ? undefined : { table: target.table.key, ...found, duplicate: true };
}

async function filesOf(
  { source, format, options = {} }: LoadWorkRequest,
  context: StatementContext,
): Promise<LoadedFiles> {
  const found =
    source.kind === 'paths' ? await findFiles(source.paths, context) : await staged(source.files, context);
  const kind = format ?? kindOf(found.found.files.map(({ path }) => path));
  return { ...found, kind, options: readerOptions(kind, optionsOfJson(options)) };
}

async function staged(
  paths: readonly string[],
  { areWorkersLocal }: StatementContext,
): Promise<Pick<LoadedFiles, 'found' | 'here'>> {
  const files = await Promise.all(paths.map(foundFile));
  return { found: { files, partitionKeys: [] }, here: !areWorkersLocal };
}

/** @throws SkeinError 22023 where the names tell no format, or two */
function kindOf(paths: readonly string[]): FileKind {
  const kinds = new Set(paths.map(formatOfPath));
  const [kind] = kinds;
  if (kind !== undefined && kinds.size === 1) return kind;
  const message =
    kinds.size > 1 ? 'the files are of different formats' : 'the format of the files is not known';
  throw new SkeinError(SqlState.invalidParameterValue, message, {
    hint: 'Say it: format is parquet, csv or json.',
  });
}

/** An empty table with the files' columns; it may be there by now. */
async function create(table: ObjectName, files: LoadedFiles, context: StatementContext): Promise<void> {
  const query = await filesAsQuery(files, context);
  const statement: CreateTableStatement = {
    kind: 'createTable',
    table,
    ifExists: 'keep',
    external: false,
    contents: { kind: 'query', names: [], query, data: false },
    partitionedBy: [],
    sharding: undefined,
    location: undefined,
    format: undefined,
    properties: [],
    comment: undefined,
  };
  try {
    await createTable(statement, context);
  } catch (error) {
    if (!(error instanceof SkeinError) || error.sqlState !== SqlState.duplicateTable) throw error;
  }
}
