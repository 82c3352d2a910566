import { readdir, stat } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { SkeinError, SqlState } from '../common/index.ts';

export type FileKind = 'parquet' | 'csv' | 'json';

/** A file as it lies in the folder. */
interface ListedFile {
  readonly path: string;
  readonly bytes: number;
  readonly modifiedMs: number;
}

/** A table as the folder shows it, before any file is opened. */
export interface ListedTable {
  readonly name: string;
  readonly kind: FileKind;
  /** Sorted by path. */
  readonly files: readonly ListedFile[];
  /** Names of `key=value` folders that every file lies in, outermost first. */
  readonly partitionKeys: readonly string[];
}

export interface Listing {
  readonly tables: readonly ListedTable[];
  /** Entries that look like a table but cannot be one. */
  readonly broken: ReadonlyMap<string, Error>;
}

const extension = /\.(parquet|csv|tsv|json|jsonl|ndjson)(\.(gz|zst))?$/i;

/**
 * Finds the tables of a data folder: each Parquet, CSV or JSON file is a table named after it, each sub-folder with
 * such files at any depth is a table named after the folder. Names that start with `.` or `_` are passed over.
 * @throws SkeinError 58P01 when the folder itself cannot be listed
 */
export async function listTables(dir: string): Promise<Listing> {
  const entries = await readdir(dir, { withFileTypes: true }).catch((cause: unknown) => {
    throw new SkeinError(
      SqlState.undefinedFile,
      `cannot list the data folder ${dir}: ${(cause as Error).message}`,
      {
        hint: 'Give an existing folder of Parquet, CSV or JSON files.',
        cause,
      },
    );
  });
  const tables: ListedTable[] = [];
  const broken = new Map<string, Error>();
  for (const entry of entries.toSorted((a, b) => (a.name < b.name ? -1 : 1))) {
    if (isHidden(entry.name)) continue;
    const path = join(dir, entry.name);
    const info = await stat(path).catch(() => undefined);
    if (info === undefined) continue;
    const name = info.isDirectory() ? entry.name : tableNameOfFile(entry.name);
    if (name === undefined) continue;
    try {
      const listed = info.isDirectory() ? await listFolder(name, path) : await fileTable(name, path);
      if (listed !== undefined) addTable(tables, broken, listed);
    } catch (error) {
      broken.set(name, error as Error);
    }
  }
  return { tables: tables.filter((table) => !broken.has(table.name)), broken };
}

function addTable(tables: ListedTable[], broken: Map<string, Error>, table: ListedTable): void {
  const twin = tables.find((other) => other.name.toLowerCase() === table.name.toLowerCase());
  if (twin === undefined) {
    tables.push(table);
    return;
  }
  const paths = [twin, table].map((each) => each.files[0]?.path ?? each.name).join(' and ');
  broken.set(
    table.name,
    new SkeinError('42P09', `the table name "${table.name}" is ambiguous: both ${paths} claim it`, {
      hint: 'Rename one of the two.',
    }),
  );
  if (twin.name !== table.name) broken.set(twin.name, broken.get(table.name) as Error);
}

function isHidden(name: string): boolean {
  return name.startsWith('.') || name.startsWith('_');
}

function tableNameOfFile(name: string): string | undefined {
  const match = extension.exec(name);
  return match === null || match.index === 0 ? undefined : name.slice(0, match.index);
}

function kindOf(path: string): FileKind {
  switch (extension.exec(path)?.[1]?.toLowerCase()) {
    case 'parquet':
      return 'parquet';
    case 'csv':
    case 'tsv':
      return 'csv';
    default:
      return 'json';
  }
}

async function fileTable(name: string, path: string): Promise<ListedTable> {
  return { name, kind: kindOf(path), files: [await listFile(path)], partitionKeys: [] };
}

async function listFile(path: string): Promise<ListedFile> {
  const info = await stat(path);
  return { path, bytes: info.size, modifiedMs: info.mtimeMs };
}

async function listFolder(name: string, dir: string): Promise<ListedTable | undefined> {
  const entries = await readdir(dir, { withFileTypes: true, recursive: true });
  if (entries.some((entry) => entry.name === '_delta_log')) {
    throw new SkeinError(
      SqlState.featureNotSupported,
      `${dir} is a Delta Lake table, which Skein does not read yet`,
      {
        hint: 'Its Parquet files cannot be read on their own: some of them may belong to older versions.',
      },
    );
  }
  const paths = entries
    .map((entry) => join(entry.parentPath, entry.name))
    .filter((path) => extension.test(path) && !path.slice(dir.length).split('/').some(isHidden))
    .toSorted();
  const files: ListedFile[] = [];
  for (const path of paths) {
    const info = await stat(path).catch(() => undefined);
    if (info?.isFile()) files.push({ path, bytes: info.size, modifiedMs: info.mtimeMs });
  }
  const kinds = new Set(files.map((file) => kindOf(file.path)));
  const [kind] = kinds;
  if (kind === undefined) return undefined;
  if (kinds.size > 1) {
    throw new SkeinError(
      SqlState.datatypeMismatch,
      `the folder ${dir} mixes ${[...kinds].join(' and ')} files`,
      {
        hint: `Keep the files of one table in one format; ${basename(dir)} is one table.`,
      },
    );
  }
  return { name, kind, files, partitionKeys: partitionKeys(dir, files) };
}

function partitionKeys(dir: string, files: readonly ListedFile[]): readonly string[] {
  const keysOf = (path: string): readonly string[] =>
    path
      .slice(dir.length + 1)
      .split('/')
      .slice(0, -1)
      .flatMap((part) => (part.includes('=') ? [part.slice(0, part.indexOf('='))] : []));
  const [first = [], ...others] = files.map((file) => keysOf(file.path));
  return others.every((keys) => keys.join('/') === first.join('/')) ? first : [];
}
