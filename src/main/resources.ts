import { mkdir, stat } from 'node:fs/promises';
import { availableParallelism, tmpdir, totalmem } from 'node:os';
import { join } from 'node:path';
import { SkeinError, SqlState } from '../common/index.ts';

/** What one DuckDB of this process may take. */
export interface Share {
  readonly threads: number;
  readonly memoryBytes: number;
}

/** DuckDBs of a process: its workers', and the coordinator's own. */
export interface Shares {
  readonly coordinator: Share;
  readonly worker: Share;
}

/** The part of the machine's memory that the DuckDBs of a process may fill; the rest is for Node and the system. */
const memoryPart = 0.8;
const leastMemoryBytes = 128 * 1024 * 1024;

/**
 * Deals the machine out to a coordinator and `workers` workers in its process, where the caller says nothing else.
 * Cores are shared by the workers; the coordinator, which runs when they do not, may use them all.
 */
export function shareResources(
  workers: number,
  wanted: { readonly threads?: number | undefined; readonly memoryBytes?: number | undefined },
): Shares {
  const cores = availableParallelism();
  const memoryBytes =
    wanted.memoryBytes ??
    Math.max(leastMemoryBytes, Math.floor((machineBytes() * memoryPart) / (workers + 1)));
  return {
    coordinator: { threads: cores, memoryBytes },
    worker: { threads: wanted.threads ?? Math.max(1, Math.floor(cores / Math.max(1, workers))), memoryBytes },
  };
}

/** Memory of the machine, or of the container where that is less. */
function machineBytes(): number {
  const limit = process.constrainedMemory();
  return limit > 0 ? Math.min(limit, totalmem()) : totalmem();
}

/**
 * The folder for scratch files: the given one, else `spool` in SKEIN_HOME, else one of this user's in the system's
 * folder for temporary files. Made when missing.
 * @throws SkeinError 42501 where the last belongs to someone else
 */
export async function spoolFolder(given: string | undefined): Promise<string> {
  const home = process.env.SKEIN_HOME;
  const named = given ?? (home === undefined || home === '' ? undefined : join(home, 'spool'));
  if (named !== undefined) return named;
  const user = process.getuid?.();
  const folder = join(tmpdir(), `skein-${user ?? 'spool'}`);
  await mkdir(folder, { recursive: true, mode: 0o700 });
  const { uid } = await stat(folder);
  if (user === undefined || uid === user) return folder;
  throw new SkeinError(SqlState.insufficientPrivilege, `${folder} belongs to another user`, {
    hint: 'Name a folder for scratch files: SKEIN_HOME, or the option spool.',
  });
}
