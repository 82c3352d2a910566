import { mkdir, readdir, readFile, rm, stat, statfs, writeFile } from 'node:fs/promises';
import path from 'node:path';
import {
  type AttemptId,
  type Clock,
  formatAttempt,
  type Random,
  SkeinError,
  SqlState,
} from '../common/index.ts';
import { isSafeId, scratchError } from '../exchange/index.ts';
import { hasEnded, isProcessIdentity, type ProcessIdentity, processIdentity } from './host-identity.node.ts';

/** A file of a finished attempt, as it may be served. */
export interface SpooledFile {
  readonly path: string;
  readonly bytes: number;
}

interface NamedFile {
  readonly name: string;
  readonly path: string;
  readonly bytes: bigint;
}

export interface SpoolOptions {
  /** Shared by the processes of a host; each makes a folder of its own in it. */
  readonly dir: string;
  readonly clock: Clock;
  readonly random: Random;
}

const ownerFile = 'owner.json';
/** Ids of dropped queries are kept so that a late task cannot bring a query's folder back. */
const droppedQueriesKept = 10_000;
/** A folder without an owner's file belongs to a process that died while making it; only an old one is removed. */
const ownerlessMs = 10 * 60_000;

/**
 * Scratch files of one process: `<dir>/<pid>-<token>/` with
 * `out/<query>/<stage>.<task>.<attempt>/` (task outputs), `in/` (fetched inputs) and `spill/` (DuckDB's own).
 * Nothing here outlives the process: folders of dead processes are removed when another one opens the same `dir`.
 */
export class Spool {
  /** The process's own folder. */
  readonly root: string;
  /** DuckDB's spill folder. */
  readonly spillDir: string;
  /** Fetched inputs: the ExchangeReader's folder. */
  readonly inputDir: string;
  /** Finished attempts: their folder and the bytes of each file. */
  readonly #committed = new Map<
    string,
    { readonly dir: string; readonly files: ReadonlyMap<string, SpooledFile> }
  >();
  readonly #dropped = new Set<string>();
  #bytes = 0;

  private constructor(root: string) {
    this.root = root;
    this.spillDir = path.join(root, 'spill');
    this.inputDir = path.join(root, 'in');
  }

  /**
   * Makes the process's folder under `dir` and removes those of processes that have ended.
   * @throws SkeinError 58030 when `dir` cannot be written
   */
  static async open(options: SpoolOptions): Promise<Spool> {
    const dir = path.resolve(options.dir);
    const spool = new Spool(path.join(dir, `${process.pid}-${options.random.token(8)}`));
    try {
      await mkdir(spool.root, { recursive: true, mode: 0o700 });
      await writeFile(path.join(spool.root, ownerFile), JSON.stringify(processIdentity()));
      await Promise.all([mkdir(spool.spillDir), mkdir(spool.inputDir), mkdir(path.join(spool.root, 'out'))]);
    } catch (error) {
      throw scratchError(error, dir);
    }
    await removeStale(dir, options.clock);
    return spool;
  }

  /** Bytes of the outputs of finished attempts. */
  get bytes(): number {
    return this.#bytes;
  }

  async freeBytes(): Promise<number> {
    try {
      const volume = await statfs(this.root);
      return volume.bavail * volume.bsize;
    } catch {
      return 0;
    }
  }

  /**
   * Makes the folder of a new attempt.
   * @throws SkeinError 57014 when the query was dropped; XX000 when the attempt ran before
   */
  async createAttempt(id: AttemptId): Promise<string> {
    this.#refuseDropped(id.queryId);
    const dir = this.#attemptDir(id);
    try {
      // Almost always the query's folder is there.
      await mkdir(dir).catch(async (error: NodeJS.ErrnoException) => {
        if (error.code !== 'ENOENT') throw error;
        await mkdir(path.dirname(dir), { recursive: true });
        await mkdir(dir);
      });
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === 'EEXIST') {
        throw new SkeinError(SqlState.internalError, `attempt ${formatAttempt(id)} was started before`);
      }
      throw scratchError(error, dir);
    }
    return dir;
  }

  /** From now on the attempt's files may be read by others, by name. */
  commitAttempt(id: AttemptId, files: readonly NamedFile[]): void {
    this.#refuseDropped(id.queryId);
    const byName = files.map(
      ({ name, path: file, bytes }) => [name, { path: file, bytes: Number(bytes) }] as const,
    );
    this.#committed.set(formatAttempt(id), { dir: this.#attemptDir(id), files: new Map(byName) });
    for (const { bytes } of files) this.#bytes += Number(bytes);
  }

  /** Whether others may still read outputs. */
  get isEmpty(): boolean {
    return this.#committed.size === 0;
  }

  /** Removes what an attempt wrote. */
  async discardAttempt(id: AttemptId): Promise<void> {
    this.#forget(formatAttempt(id));
    await rm(this.#attemptDir(id), { recursive: true, force: true });
  }

  /** A file of a finished attempt; undefined for anything else, whatever the names contain. */
  committedFile(id: AttemptId, name: string): SpooledFile | undefined {
    return this.#committed.get(formatAttempt(id))?.files.get(name);
  }

  /** Refuses later attempts of the query. */
  refuseQuery(queryId: string): void {
    this.#dropped.add(queryId);
    const [oldest] = this.#dropped;
    if (this.#dropped.size > droppedQueriesKept && oldest !== undefined) this.#dropped.delete(oldest);
  }

  /** Deletes the query's outputs, and refuses its later attempts. Idempotent. */
  async dropQuery(queryId: string): Promise<void> {
    this.refuseQuery(queryId);
    for (const key of [...this.#committed.keys()]) if (key.startsWith(`${queryId}.`)) this.#forget(key);
    if (isSafeId(queryId)) {
      await rm(path.join(this.root, 'out', queryId), { recursive: true, force: true });
    }
  }

  /** Deletes the outputs of all finished attempts; their queries may go on. */
  async discardCommitted(): Promise<void> {
    const attempts = [...this.#committed];
    for (const [key] of attempts) this.#forget(key);
    await Promise.all(attempts.map(([, { dir }]) => rm(dir, { recursive: true, force: true })));
  }

  isDropped(queryId: string): boolean {
    return this.#dropped.has(queryId);
  }

  /** Deletes everything. */
  async close(): Promise<void> {
    await rm(this.root, { recursive: true, force: true });
  }

  #refuseDropped(queryId: string): void {
    if (this.#dropped.has(queryId))
      throw new SkeinError(SqlState.queryCanceled, `query ${queryId} has ended`);
  }

  #forget(key: string): void {
    for (const { bytes } of this.#committed.get(key)?.files.values() ?? []) this.#bytes -= bytes;
    this.#committed.delete(key);
  }

  #attemptDir(id: AttemptId): string {
    const numbers = [id.stageId, id.task, id.attempt];
    if (!isSafeId(id.queryId) || !numbers.every((part) => Number.isSafeInteger(part) && part >= 0)) {
      throw new SkeinError(SqlState.internalError, `malformed attempt id: ${formatAttempt(id)}`);
    }
    return path.join(this.root, 'out', id.queryId, numbers.join('.'));
  }
}

async function removeStale(dir: string, clock: Clock): Promise<void> {
  const entries = await readdir(dir, { withFileTypes: true });
  const folders = entries.filter((entry) => entry.isDirectory() && /^\d+-[0-9a-z]{8}$/.test(entry.name));
  await Promise.all(
    folders.map(async (entry) => {
      const folder = path.join(dir, entry.name);
      if (await isStale(folder, clock)) await rm(folder, { recursive: true, force: true });
    }),
  );
}

async function isStale(folder: string, clock: Clock): Promise<boolean> {
  const owner = await readOwner(folder);
  if (owner !== undefined) return hasEnded(owner);
  const folderStat = await stat(folder).catch(() => undefined);
  return folderStat !== undefined && clock.now() - folderStat.mtimeMs > ownerlessMs;
}

async function readOwner(folder: string): Promise<ProcessIdentity | undefined> {
  try {
    const owner: unknown = JSON.parse(await readFile(path.join(folder, ownerFile), 'utf8'));
    return isProcessIdentity(owner) ? owner : undefined;
  } catch {
    return undefined;
  }
}
