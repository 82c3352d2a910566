/**
 * Every file that attempts of a run said they wrote, whether they won or not, until it is settled which ones stay.
 */
export class WrittenKeys {
  readonly #delete: (keys: readonly string[]) => Promise<void>;
  #keys = new Set<string>();
  #settled = false;

  /** @param deleteKeys takes files away; never rejects */
  constructor(deleteKeys: (keys: readonly string[]) => Promise<void>) {
    this.#delete = deleteKeys;
  }

  /** Called for each attempt that ended well, also where nobody waits for it any more. */
  add(keys: readonly string[]): void {
    if (keys.length === 0) return;
    if (this.#settled) void this.#delete(keys);
    else for (const key of keys) this.#keys.add(key);
  }

  /** Deletes all but these, now and from now on. @returns when those that are known are gone */
  async settle(kept: ReadonlySet<string>): Promise<void> {
    if (this.#settled) return;
    this.#settled = true;
    const others = [...this.#keys].filter((key) => !kept.has(key));
    this.#keys = new Set();
    if (others.length > 0) await this.#delete(others);
  }
}
