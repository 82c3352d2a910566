import { SkeinError, SqlState, toSkeinError } from '../common/index.ts';
import type { ObjectInfo, ObjectStore } from '../storage/index.ts';
import { checkFolder } from './external-location.node.ts';

export type FileKind = 'parquet' | 'csv' | 'json';

/** A file as it lies in its store. */
export interface ListedFile {
  /** Absolute. */
  readonly path: string;
  readonly bytes: number;
  readonly modifiedMs: number;
  readonly etag: string;
}

/** A table of files as its folder shows it, before any is opened. */
export interface ListedTable {
  readonly kind: FileKind;
  /** Sorted by path. */
  readonly files: readonly ListedFile[];
  /** Names of `key=value` folders that every file lies in, outermost first. */
  readonly partitionKeys: readonly string[];
}

/** A table that is there because its files are. */
interface DiscoveredTable {
  readonly name: string;
  /** Of the file or folder. */
  readonly location: string;
  readonly content: ListedTable | 'delta';
}

export interface Listing {
  readonly tables: readonly DiscoveredTable[];
  /** Entries that look like a table but cannot be one. */
  readonly broken: ReadonlyMap<string, SkeinError>;
}

const extension = /\.(parquet|csv|tsv|json|jsonl|ndjson)(\.(gz|zst))?$/i;
const deltaLog = '_delta_log';

/**
 * Finds the tables of a warehouse: each Parquet, CSV or JSON file is a table named after it, each folder with a Delta
 * log or with such files at any depth is a table named after the folder. Names that start with `.` or `_` are passed
 * over.
 * @param knownDelta locations whose log is known to have a version
 * @throws SkeinError 58P01 where the warehouse itself cannot be listed
 */
export async function listTables(
  store: ObjectStore,
  knownDelta: ReadonlySet<string>,
  signal: AbortSignal,
): Promise<Listing> {
  const found: DiscoveredTable[] = [];
  const broken = new Map<string, SkeinError>();
  for (const info of await listRoot(store, signal)) {
    const name = tableNameOfFile(info.key);
    if (name === undefined || isHidden(info.key)) continue;
    const content = { kind: kindOf(info.key), files: [listedFile(store, info)], partitionKeys: [] };
    found.push({ name, location: `${store.root}/${info.key}`, content });
  }
  for (const name of await store.listFolders('', signal)) {
    if (isHidden(name)) continue;
    const location = `${store.root}/${name}`;
    try {
      const content = await discoverFolder(store, name, knownDelta.has(location), signal);
      if (content !== undefined) found.push({ name, location, content });
    } catch (error) {
      broken.set(name, toSkeinError(error));
    }
  }
  if (found.length === 0 && broken.size === 0) await checkFolder(store.root);
  const tables: DiscoveredTable[] = [];
  for (const table of found.toSorted((a, b) => (a.name < b.name ? -1 : 1))) addTable(tables, broken, table);
  return { tables: tables.filter((table) => !broken.has(table.name)), broken };
}

/** The files of a table outside: of a file itself, or of all below a folder. @throws SkeinError 58P01 where none is */
export async function listLocation(
  openStore: (location: string) => ObjectStore,
  location: string,
  kind: FileKind,
  signal: AbortSignal,
): Promise<ListedTable> {
  const slash = location.lastIndexOf('/');
  const parent = openStore(location.slice(0, slash) || '/');
  const info = await parent.stat(location.slice(slash + 1), signal);
  if (info !== undefined) return { kind, files: [listedFile(parent, info)], partitionKeys: [] };
  const store = openStore(location);
  const listed = await listFiles(store, '', signal);
  const files = listed.filter((file) => kindOf(file.path) === kind);
  if (files.length === 0) {
    throw new SkeinError(SqlState.undefinedFile, `there are no ${kind} files at ${location}`);
  }
  return { kind, files, partitionKeys: partitionKeys(location, files) };
}

async function listRoot(store: ObjectStore, signal: AbortSignal): Promise<readonly ObjectInfo[]> {
  const objects: ObjectInfo[] = [];
  for await (const info of store.list('', { shallow: true, signal })) objects.push(info);
  return objects;
}

function addTable(tables: DiscoveredTable[], broken: Map<string, SkeinError>, table: DiscoveredTable): void {
  const twin = tables.find((other) => other.name.toLowerCase() === table.name.toLowerCase());
  if (twin === undefined) {
    tables.push(table);
    return;
  }
  const error = ambiguous(table.name, twin.location, table.location);
  broken.set(table.name, error);
  broken.set(twin.name, error);
}

/** The error of a name that two tables claim. */
export function ambiguous(name: string, one: string, other: string): SkeinError {
  const message = `the table name "${name}" is ambiguous: both ${one} and ${other} claim it`;
  return new SkeinError(SqlState.ambiguousTable, message, { hint: 'Rename one of the two.' });
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

export function listedFile(store: ObjectStore, { key, bytes, modifiedMs, etag }: ObjectInfo): ListedFile {
  return { path: `${store.root === '/' ? '' : store.root}/${key}`, bytes, modifiedMs, etag };
}

async function discoverFolder(
  store: ObjectStore,
  name: string,
  isDelta: boolean,
  signal: AbortSignal,
): Promise<ListedTable | 'delta' | undefined> {
  if (isDelta || (await store.listFolders(`${name}/`, signal)).includes(deltaLog)) {
    return isDelta || (await hasVersion(store, name, signal)) ? 'delta' : undefined;
  }
  return await listFolder(store, name, signal);
}

/** A log without a version is that of a table whose first commit has not come, or never will. */
async function hasVersion(store: ObjectStore, name: string, signal: AbortSignal): Promise<boolean> {
  const folder = `${name}/${deltaLog}/`;
  for await (const { key } of store.list(folder, { shallow: true, signal })) {
    if (/^\d{20}\.(json|checkpoint\..*parquet|checkpoint\..*json)$/.test(key.slice(folder.length)))
      return true;
  }
  return false;
}

async function listFolder(
  store: ObjectStore,
  name: string,
  signal: AbortSignal,
): Promise<ListedTable | undefined> {
  const location = `${store.root}/${name}`;
  const files = await listFiles(store, `${name}/`, signal);
  const kinds = new Set(files.map((file) => kindOf(file.path)));
  const [kind] = kinds;
  if (kind === undefined) return undefined;
  if (kinds.size > 1) {
    throw new SkeinError(
      SqlState.datatypeMismatch,
      `the folder ${location} mixes ${[...kinds].sort().join(' and ')} files`,
      { hint: `Keep the files of one table in one format; ${name} is one table.` },
    );
  }
  return { kind, files, partitionKeys: partitionKeys(location, files) };
}

/** @throws SkeinError 0A000 where a Delta table lies deeper: its files may belong to older versions */
export async function listFiles(
  store: ObjectStore,
  prefix: string,
  signal: AbortSignal,
): Promise<readonly ListedFile[]> {
  const files: ListedFile[] = [];
  for await (const info of store.list(prefix, { signal })) {
    const parts = info.key.slice(prefix.length).split('/');
    if (parts.includes(deltaLog)) {
      const table = `${store.root}/${info.key.slice(0, info.key.indexOf(`/${deltaLog}/`))}`;
      throw new SkeinError(
        SqlState.featureNotSupported,
        `${table} is a Delta table inside of another folder`,
        {
          hint: 'Its Parquet files cannot be read on their own: some of them may belong to older versions.',
        },
      );
    }
    if (!parts.some(isHidden) && extension.test(info.key)) files.push(listedFile(store, info));
  }
  return files.toSorted((a, b) => (a.path < b.path ? -1 : 1));
}

export function partitionKeys(folder: string, files: readonly ListedFile[]): readonly string[] {
  const keysOf = (path: string): readonly string[] =>
    path
      .slice(folder.length + 1)
      .split('/')
      .slice(0, -1)
      .flatMap((part) => (part.includes('=') ? [part.slice(0, part.indexOf('='))] : []));
  const [first = [], ...others] = files.map((file) => keysOf(file.path));
  return others.every((keys) => keys.join('/') === first.join('/')) ? first : [];
}
