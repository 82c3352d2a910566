import { checksumFile, Semaphore, SkeinError, SqlState, unlessAborted } from '../../common/index.ts';

const filesKept = 100_000;
const filesAtOnce = 4;

/** Holds local files against their CRC-32, each once for as long as it stays the same. */
export class VerifiedFiles {
  /** By path, size, time and CRC; the longest known first. */
  readonly #known = new Map<string, Promise<void>>();
  readonly #semaphore = new Semaphore(filesAtOnce);

  /**
   * @throws SkeinError XX001 naming a file with other bytes; what node:fs throws when it cannot be read; the signal's
   * reason when it aborts
   */
  async verify(
    path: string,
    { size, mtimeMs }: { readonly size: number; readonly mtimeMs: number },
    crc32: number,
    signal: AbortSignal,
  ): Promise<void> {
    const key = `${path}\0${size}\0${mtimeMs}\0${crc32}`;
    let known = this.#known.get(key);
    if (known === undefined) {
      // Others may wait for it, so that it does not end with this task.
      known = this.#semaphore.run(() => compare(path, crc32), new AbortController().signal);
      this.#remember(key, known);
    }
    await unlessAborted(known, signal);
  }

  #remember(key: string, verified: Promise<void>): void {
    const [oldest] = this.#known.keys();
    if (this.#known.size >= filesKept && oldest !== undefined) this.#known.delete(oldest);
    this.#known.set(key, verified);
    verified.catch(() => this.#known.delete(key));
  }
}

async function compare(path: string, expected: number): Promise<void> {
  const { crc32 } = await checksumFile(path);
  if (crc32 === expected) return;
  throw new SkeinError(SqlState.dataCorrupted, `the file is damaged: ${path}: its checksum is wrong`, {
    details: { path },
  });
}
