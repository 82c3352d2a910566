import { mapToTheEnd, SkeinError, SqlState } from '../../common/index.ts';
import type { ObjectStore, WrittenFile } from '../../storage/index.ts';

/** The store of a location. @throws SkeinError 42501 where this process may not write there */
export type OpenStore = (location: string) => ObjectStore;

/** Files of one task that are put at once. */
const putsAtOnce = 4;

/**
 * Files that one attempt has written. They are in their store, and nobody else's: unless `keep` is called,
 * they are deleted at disposal.
 */
export class AttemptFiles implements AsyncDisposable {
  readonly #store: ObjectStore;
  readonly #keys: string[] = [];
  readonly #files: WrittenFile[] = [];
  #kept = false;

  constructor(store: ObjectStore) {
    this.#store = store;
  }

  get keys(): readonly string[] {
    return this.#keys;
  }

  get files(): readonly WrittenFile[] {
    return this.#files;
  }

  get rows(): number {
    return this.#files.reduce((sum, file) => sum + file.rows, 0);
  }

  get bytes(): number {
    return this.#files.reduce((sum, file) => sum + file.bytes, 0);
  }

  /** Puts a file under a key that no other file has. */
  async put(
    key: string,
    file: string,
    describe: () => Promise<WrittenFile>,
    signal: AbortSignal,
  ): Promise<void> {
    // Named before it is there: a put that fails may have left something.
    this.#keys.push(key);
    const described = await describe();
    const { bytes, etag } = await this.#store.put(key, { file }, signal);
    if (bytes !== described.bytes) {
      const message = `the store has ${bytes} of the ${described.bytes} bytes of ${key}`;
      throw new SkeinError(SqlState.internalError, message, { retry: 'task' });
    }
    // A local file's says when it was written, too.
    this.#files.push(this.#store.root.startsWith('/') ? described : { ...described, etag });
  }

  keep(): void {
    this.#kept = true;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (this.#kept || this.#keys.length === 0) return;
    // What cannot be deleted is in no table, and goes when its folder is cleaned up.
    await this.#store.delete(this.#keys).catch(() => {});
  }
}

/**
 * Puts files of an attempt.
 * @returns all of them; to be kept when the attempt has succeeded
 * @throws the first error, when nothing is under way any more and what was put is deleted
 */
export async function putFiles<T>(
  store: ObjectStore,
  items: readonly T[],
  signal: AbortSignal,
  put: (item: T, attempt: AttemptFiles, signal: AbortSignal) => Promise<void>,
): Promise<AttemptFiles> {
  const attempt = new AttemptFiles(store);
  try {
    await mapToTheEnd(items, putsAtOnce, signal, (item, until) => put(item, attempt, until));
    return attempt;
  } catch (error) {
    await attempt[Symbol.asyncDispose]();
    throw error;
  }
}
