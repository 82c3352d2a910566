import { mkdir, open, stat } from 'node:fs/promises';
import path from 'node:path';

const foldersRemembered = 10_000;

/**
 * Makes folders whose entry in their parent survives a power failure. Remembers which it has seen to, by inode, so that
 * most writes cost one `stat`.
 */
export class DurableFolders {
  readonly #root: string;
  readonly #known = new Map<string, string>();

  /** @param root above it folders are fsynced only where they are made */
  constructor(root: string) {
    this.#root = root;
  }

  /** Throws what node:fs throws. */
  async make(folder: string): Promise<void> {
    const known = this.#known.get(folder);
    if (known !== undefined && known === (await identity(folder))) return;
    const parent = path.dirname(folder);
    const above = !`${folder}/`.startsWith(this.#root === '/' ? '/' : `${this.#root}/`);
    if (parent === folder || (above && (await identity(folder)) !== undefined)) return;
    await this.make(parent);
    await mkdir(folder).catch((error: unknown) => {
      if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error;
    });
    await syncFolder(parent);
    const found = await identity(folder);
    if (found === undefined) return;
    if (this.#known.size >= foldersRemembered) this.#known.clear();
    this.#known.set(folder, found);
  }
}

/** Makes the names in a folder survive a power failure. Throws what node:fs throws. */
export async function syncFolder(folder: string): Promise<void> {
  await using handle = await open(folder, 'r');
  await handle.sync();
}

async function identity(folder: string): Promise<string | undefined> {
  const found = await stat(folder, { bigint: true }).catch(() => undefined);
  return found?.isDirectory() ? `${found.dev}:${found.ino}:${found.birthtimeNs}` : undefined;
}
