import type { RecordBatch } from '../types/index.ts';

export async function* oneBatch(batch: RecordBatch): AsyncGenerator<RecordBatch, void> {
  yield batch;
}

export async function* noBatches(): AsyncGenerator<RecordBatch, void> {}

/** Calls `onNext` whenever a batch is asked for, and `onReturn` when the reader goes early. */
export function watched(
  batches: AsyncIterable<RecordBatch>,
  onNext: () => void,
  onReturn: () => void,
): AsyncIterable<RecordBatch> {
  return {
    [Symbol.asyncIterator]() {
      const iterator = batches[Symbol.asyncIterator]();
      return {
        next() {
          onNext();
          return iterator.next();
        },
        async return() {
          onReturn();
          await iterator.return?.();
          return { done: true, value: undefined };
        },
      };
    },
  };
}
