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
    await using folder = await open(parent);
    await folder.sync();
  } catch (error) {
    await rm(hidden, { recursive: true, force: true });
    const { code } = error as NodeJS.ErrnoException;
    if (code !== 'ENOTEMPTY' && code !== 'EEXIST') throw error;
    throw new SkeinError(SqlState.duplicateObject, `the folder ${target} is not empty`, { cause: error });
  }
}
