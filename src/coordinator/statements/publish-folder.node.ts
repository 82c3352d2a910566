import { mkdir, open, rename, rm } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { SkeinError, SqlState } from '../../common/index.ts';

/**
 * Makes a local folder appear with all of its files at once: they are put into a hidden one beside it, which then takes
 * its name.
 * @param unique in the name of the hidden one
 * @throws SkeinError 42710 where a folder with files is there; what `fill` throws. Nothing is left then
 */
export async function publishFolder(
  target: string,
  unique: string,
  fill: (hidden: string) => Promise<void>,
): Promise<void> {
  const parent = dirname(target);
  const hidden = join(parent, `.${basename(target)}-${unique}`);
  try {
    await mkdir(hidden, { recursive: true });
    await fill(hidden);
    await rename(hidden, target);
    await syncFolder(parent);
  } catch (error) {
    await rm(hidden, { recursive: true, force: true });
    const { code } = error as NodeJS.ErrnoException;
    if (code !== 'ENOTEMPTY' && code !== 'EEXIST') throw error;
    throw new SkeinError(SqlState.duplicateObject, `the folder ${target} is not empty`, { cause: error });
  }
}

/** Moves files that are durable, by their paths relative to `from`, and removes what is left there. */
export async function moveFiles(from: string, to: string, keys: readonly string[]): Promise<void> {
  const folders = new Set<string>([to]);
  for (const key of keys) {
    const place = join(to, key);
    await mkdir(dirname(place), { recursive: true });
    await rename(join(from, key), place);
    for (let folder = dirname(place); folder !== to; folder = dirname(folder)) folders.add(folder);
  }
  await rm(from, { recursive: true, force: true });
  for (const folder of folders) await syncFolder(folder);
}

async function syncFolder(path: string): Promise<void> {
  await using folder = await open(path);
  await folder.sync();
}
