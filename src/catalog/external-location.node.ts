import { lstat, readdir, realpath } from 'node:fs/promises';
import { basename, dirname } from 'node:path';
import { SkeinError, SqlState } from '../common/index.ts';
import { shownLocation } from '../storage/index.ts';

/**
 * Holds a location that a statement names against those that statements may reach: it must be one of them or lie below
 * one, links resolved.
 * @param location absolute, in the one spelling of its store
 * @throws SkeinError 42501
 */
export async function checkExternalLocation(location: string, roots: readonly string[]): Promise<void> {
  const real = await resolved(location);
  for (const root of roots) {
    const realRoot = await resolved(root);
    if (real !== undefined && realRoot !== undefined && isWithin(real, realRoot)) return;
  }
  throw new SkeinError(
    SqlState.insufficientPrivilege,
    `the location ${shownLocation(location)} may not be reached`,
    {
      hint: 'It must lie below the data folder, or below a folder that the operator named as an external root.',
    },
  );
}

/** To a store a folder that is gone has no objects, and no more than that. @throws SkeinError 58P01 */
export async function checkFolder(root: string): Promise<void> {
  if (!root.startsWith('/')) return;
  await readdir(root).catch((cause: unknown) => {
    const message = `cannot list the data folder ${root}: ${(cause as Error).message}`;
    const hint = 'Give an existing folder of Parquet, CSV or JSON files, or of Delta tables.';
    throw new SkeinError(SqlState.undefinedFile, message, { hint, cause });
  });
}

function isWithin(location: string, root: string): boolean {
  return location === root || location.startsWith(root.endsWith('/') ? root : `${root}/`);
}

/** A local path with its links resolved, as far as it exists; undefined where that cannot be told. */
async function resolved(location: string): Promise<string | undefined> {
  if (!location.startsWith('/')) return location;
  let rest = '';
  for (let path = location; ; path = dirname(path)) {
    try {
      const real = await realpath(path);
      return `${real === '/' ? '' : real}${rest}` || '/';
    } catch (error) {
      // What is not there is no link, unless it is one to nowhere.
      if ((error as NodeJS.ErrnoException).code !== 'ENOENT' || path === '/') return undefined;
      if ((await lstat(path).catch(() => undefined)) !== undefined) return undefined;
      rest = `/${basename(path)}${rest}`;
    }
  }
}
