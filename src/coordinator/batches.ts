import type { RecordBatch } from '../types/index.ts';

export async function* oneBatch(batch: RecordBatch): AsyncGenerator<RecordBatch, void> {
  yield batch;
}

export async function* noBatches(): AsyncGenerator<RecordBatch, void> {}

/** Who reads, and when. */
export interface Watcher {
  /** A batch is asked for: the reader waits from now on. */
  readonly onAsked: () => void;
  /** The reader has what it asked for. */
  readonly onGiven: () => void;
  /** The reader goes early. */
  readonly onReturn: () => void;
}

export function watched(batches: AsyncIterable<RecordBatch>, watcher: Watcher): AsyncIterable<RecordBatch> {
  return {
    [Symbol.asyncIterator]() {
      const iterator = batches[Symbol.asyncIterator]();
      return {
        async next() {
          watcher.onAsked();
          try {
            return await iterator.next();
          } finally {
            watcher.onGiven();
          }
        },
        async return() {
          watcher.onReturn();
          await iterator.return?.();
          return { done: true, value: undefined };
        },
      };
    },
  };
}
