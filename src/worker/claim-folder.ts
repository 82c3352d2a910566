import { link, mkdir, readFile, rename, rm, writeFile } from 'node:fs/promises';
import path from 'node:path';
import type { Random } from '../common/index.ts';
import { scratchError } from '../exchange/index.ts';
import { hasEnded, isProcessIdentity, processIdentity } from './host-identity.node.ts';

/** A folder that no other process uses until `release`. */
export interface ClaimedFolder {
  readonly folder: string;
  release(): Promise<void>;
}

/**
 * The first of the folders `<dir>/0`, `<dir>/1` ... that nobody uses, so that processes which share `dir` find after a
 * restart what one of them left.
 * @throws SkeinError 58030 where `dir` cannot be written
 */
export async function claimFolder(dir: string, random: Random): Promise<ClaimedFolder> {
  const own = path.join(dir, `claim-${process.pid}-${random.token(8)}`);
  try {
    await mkdir(dir, { recursive: true, mode: 0o700 });
    // Linked into place: an owner's file is there whole or not at all.
    await writeFile(own, JSON.stringify(processIdentity()));
    try {
      for (let slot = 0; ; slot++) {
        const owner = path.join(dir, `${slot}.owner`);
        if (await claim(own, owner)) {
          const folder = path.join(dir, `${slot}`);
          return { folder, release: () => rm(owner, { force: true }) };
        }
      }
    } finally {
      await rm(own, { force: true });
    }
  } catch (error) {
    throw scratchError(error, dir);
  }
}

async function claim(own: string, owner: string): Promise<boolean> {
  if (await linked(own, owner)) return true;
  if (!(await isStale(owner))) return false;
  // Of those who see the same dead owner one moves its file away; who moved a newer one puts it back.
  const moved = `${own}.stale`;
  try {
    await rename(owner, moved);
  } catch {
    return false;
  }
  try {
    if (!(await isStale(moved))) {
      await linked(moved, owner);
      return false;
    }
    return await linked(own, owner);
  } finally {
    await rm(moved, { force: true });
  }
}

async function linked(from: string, to: string): Promise<boolean> {
  try {
    await link(from, to);
    return true;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'EEXIST') return false;
    throw error;
  }
}

async function isStale(owner: string): Promise<boolean> {
  try {
    const read: unknown = JSON.parse(await readFile(owner, 'utf8'));
    return isProcessIdentity(read) && hasEnded(read);
  } catch {
    return false;
  }
}
