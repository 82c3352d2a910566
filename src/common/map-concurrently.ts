import { setMaxListeners } from 'node:events';
import { abortReason } from './errors.ts';

/**
 * Maps every item, at most `limit` at once.
 * @returns the results in the order of the items
 * @throws the first error; what is under way goes on, nothing more is begun
 */
export async function mapConcurrently<T, R>(
  items: readonly T[],
  limit: number,
  map: (item: T, index: number) => Promise<R>,
): Promise<R[]> {
  const results: R[] = new Array(items.length);
  const entries = items.entries();
  let failed = false;
  const work = async (): Promise<void> => {
    for (const [index, item] of entries) {
      if (failed) return;
      try {
        results[index] = await map(item, index);
      } catch (error) {
        failed = true;
        throw error;
      }
    }
  };
  await Promise.all(Array.from({ length: Math.min(limit, items.length) }, work));
  return results;
}

/**
 * As `mapConcurrently`, for work that leaves something behind: whoever takes that back after an error finds all of it.
 * @param map ends soon when the signal that it is given aborts, as it does when `signal` does or another item has failed
 * @throws the signal's reason or the first error, when nothing is under way any more
 */
export async function mapToTheEnd<T, R>(
  items: readonly T[],
  limit: number,
  signal: AbortSignal,
  map: (item: T, until: AbortSignal) => Promise<R>,
): Promise<R[]> {
  const failing = new AbortController();
  const until = AbortSignal.any([signal, failing.signal]);
  // Every item listens.
  setMaxListeners(0, until);
  let failure: { readonly error: unknown } | undefined;
  const results: R[] = [];
  await mapConcurrently([...items.entries()], limit, async ([index, item]) => {
    if (until.aborted) return;
    try {
      results[index] = await map(item, until);
    } catch (error) {
      failure ??= { error };
      failing.abort();
    }
  });
  if (signal.aborted) throw abortReason(signal);
  if (failure !== undefined) throw failure.error;
  return results;
}
