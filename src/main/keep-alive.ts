/** Longer timers fire at once. */
const longestMs = 2 ** 31 - 1;

let waiting = 0;
let timer: NodeJS.Timeout | undefined;

/**
 * Keeps the process alive until `work` has settled. Skein's own timers do not, and a statement that only waits for its
 * next try would let the process end in the middle of it.
 */
export async function keepAlive<T>(work: Promise<T>): Promise<T> {
  waiting += 1;
  timer ??= setInterval(() => undefined, longestMs);
  try {
    return await work;
  } finally {
    waiting -= 1;
    if (waiting === 0) {
      clearInterval(timer);
      timer = undefined;
    }
  }
}

/** The same for every step of an iteration. */
export async function* keepAliveWhileRead<T>(items: AsyncIterable<T>): AsyncGenerator<T, void> {
  const iterator = items[Symbol.asyncIterator]();
  try {
    for (;;) {
      const next = await keepAlive(iterator.next());
      if (next.done === true) return;
      yield next.value;
    }
  } finally {
    await iterator.return?.();
  }
}
