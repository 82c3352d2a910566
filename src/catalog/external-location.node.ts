import { lstat, realpath } from 'node:fs/promises';
import { basename, dirname } from 'node:path';
import { SkeinError, SqlState } from '../common/index.ts';

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
  throw new SkeinError(SqlState.insufficientPrivilege, `the location ${location} may not be reached`, {
    hint: 'It must lie below the data folder, or below a folder that the operator named as an external root.',
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
