/** What was opened, to be closed in the opposite order. */
export class Closers {
  #close: (() => unknown)[] = [];

  add(close: () => unknown): void {
    this.#close.push(close);
  }

  /** Closes everything, also when something cannot be closed. Idempotent. @throws the first failure, at the end */
  async close(): Promise<void> {
    const failures: unknown[] = [];
    for (let close = this.#close.pop(); close !== undefined; close = this.#close.pop()) {
      try {
        await close();
      } catch (error) {
        failures.push(error);
      }
    }
    if (failures.length > 0) throw failures[0];
  }
}

/** Runs `open`; what it had opened is closed again when it fails. */
export async function openAll<T>(open: (closers: Closers) => Promise<T>): Promise<T> {
  const closers = new Closers();
  try {
    return await open(closers);
  } catch (error) {
    await closers.close().catch(() => {});
    throw error;
  }
}
