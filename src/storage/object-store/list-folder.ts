import { type Dir, type Dirent, promises as fs } from 'node:fs';
import path from 'node:path';
import { compareKeys } from './object-key.ts';

/** Names of a folder that are in memory at once; larger folders are read more than once. */
const namesAtOnce = 50_000;

/** An entry of a folder: `sortName` is its key's part, with the slash that the keys below a folder have there. */
export interface FolderEntry {
  readonly name: string;
  readonly sortName: string;
  readonly kind: 'file' | 'folder' | 'link';
}

export interface FolderQuery {
  /** Only names that begin so. */
  readonly namePrefix: string;
  /** Entries that sort before this are passed over. */
  readonly from: string;
  readonly hides: (name: string) => boolean;
}

/**
 * Entries of a folder in the byte order of the keys they stand for; nothing where there is no folder. Holds a bounded
 * number of names. Throws what node:fs throws.
 */
export async function* folderEntries(folder: string, query: FolderQuery): AsyncGenerator<FolderEntry> {
  let from: string | undefined = query.from;
  let inclusive = true;
  while (from !== undefined) {
    const page: FolderEntry[] = await readPage(folder, query, from, inclusive);
    yield* page;
    from = page.length < namesAtOnce ? undefined : page.at(-1)?.sortName;
    inclusive = false;
  }
}

/** The `namesAtOnce` first entries after `from`, sorted. */
async function readPage(
  folder: string,
  query: FolderQuery,
  from: string,
  inclusive: boolean,
): Promise<FolderEntry[]> {
  const dir = await openFolder(folder);
  if (dir === undefined) return [];
  const entries: FolderEntry[] = [];
  const keepFirst = (): void => {
    entries.sort((a, b) => compareKeys(a.sortName, b.sortName));
    entries.length = Math.min(entries.length, namesAtOnce);
  };
  for await (const dirent of dir) {
    const entry = toEntry(dirent);
    if (entry === undefined || query.hides(entry.name) || !entry.name.startsWith(query.namePrefix)) continue;
    const order = compareKeys(entry.sortName, from);
    if (order < 0 || (order === 0 && !inclusive)) continue;
    entries.push(entry);
    if (entries.length >= 2 * namesAtOnce) keepFirst();
  }
  keepFirst();
  return entries;
}

async function openFolder(folder: string): Promise<Dir | undefined> {
  try {
    return await fs.opendir(path.join(folder, '/'), { bufferSize: 1024 });
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === 'ENOENT' || code === 'ENOTDIR') return undefined;
    throw error;
  }
}

function toEntry(dirent: Dirent): FolderEntry | undefined {
  const { name } = dirent;
  if (dirent.isFile()) return { name, sortName: name, kind: 'file' };
  if (dirent.isDirectory()) return { name, sortName: `${name}/`, kind: 'folder' };
  return dirent.isSymbolicLink() ? { name, sortName: name, kind: 'link' } : undefined;
}
