import { stat } from 'node:fs/promises';
import { SkeinError, SqlState } from '../common/index.ts';
import { DuckDb, type DuckDbOptions } from '../duckdb/index.ts';
import { abortReason } from '../rpc/index.ts';

interface Opened {
  readonly duckdb: DuckDb;
  readonly readRoots: readonly string[];
  users: number;
  retired: boolean;
}

/**
 * A DuckDB whose readable folders can grow. DuckDB fixes them when it opens, so another one takes over then, and the
 * first closes after its last user. Until folders are named for the first time, users wait.
 */
export class GrowingDuckDb {
  readonly #options: Omit<DuckDbOptions, 'readRoots'>;
  readonly #waiting = new Set<() => void>();
  #current: Opened | undefined;

  constructor(options: Omit<DuckDbOptions, 'readRoots'>) {
    this.#options = options;
  }

  /** Undefined before the first folders are named. */
  get current(): DuckDb | undefined {
    return this.#current?.duckdb;
  }

  /**
   * Lets later users read these folders, besides those that were named before.
   * @throws SkeinError 58P01 naming a folder that is not there
   */
  async allowReading(readRoots: readonly string[]): Promise<void> {
    const before = this.#current;
    const roots = [...new Set([...(before?.readRoots ?? []), ...readRoots])];
    if (before !== undefined && roots.length === before.readRoots.length) return;
    await Promise.all(roots.map(requireFolder));
    const duckdb = await DuckDb.open({ ...this.#options, readRoots: roots });
    this.#current = { duckdb, readRoots: roots, users: 0, retired: false };
    if (before !== undefined) retire(before);
    for (const wake of this.#waiting) wake();
    this.#waiting.clear();
  }

  /** Keeps the DuckDB open for as long as `work` takes. Rejects with the signal's reason when it aborts before. */
  async use<T>(signal: AbortSignal, work: (duckdb: DuckDb) => Promise<T>): Promise<T> {
    const opened = this.#current ?? (await this.#opened(signal));
    opened.users += 1;
    try {
      return await work(opened.duckdb);
    } finally {
      opened.users -= 1;
      closeIdle(opened);
    }
  }

  /** Closes it when its last user has ended. */
  close(): void {
    if (this.#current !== undefined) retire(this.#current);
    this.#current = undefined;
  }

  async #opened(signal: AbortSignal): Promise<Opened> {
    while (this.#current === undefined) {
      await new Promise<void>((resolve, reject) => {
        const onAbort = (): void => {
          this.#waiting.delete(wake);
          reject(abortReason(signal));
        };
        const wake = (): void => {
          signal.removeEventListener('abort', onAbort);
          resolve();
        };
        if (signal.aborted) return onAbort();
        this.#waiting.add(wake);
        signal.addEventListener('abort', onAbort, { once: true });
      });
    }
    return this.#current;
  }
}

function retire(opened: Opened): void {
  opened.retired = true;
  closeIdle(opened);
}

function closeIdle(opened: Opened): void {
  if (opened.retired && opened.users === 0) opened.duckdb.close();
}

async function requireFolder(folder: string): Promise<void> {
  const found = await stat(folder).catch(() => undefined);
  if (found !== undefined) return;
  throw new SkeinError(SqlState.undefinedFile, `the data folder ${folder} does not exist on this machine`, {
    details: { path: folder },
    hint: 'Workers need the data at the same path as the coordinator.',
  });
}
