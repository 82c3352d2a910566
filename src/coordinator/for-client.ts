import { type Clock, canceledError } from '../common/index.ts';
import type { RecordBatch } from '../types/index.ts';
import { watched } from './batches.ts';
import type { QueryRecord } from './query-record.ts';

/** The rows for a client, who is given up when it takes none for `idleMs`, and may go at any time. */
export function forClient(
  record: QueryRecord,
  clock: Clock,
  idleMs: number,
  batches: AsyncIterable<RecordBatch>,
): AsyncIterable<RecordBatch> {
  let cancelTimer = (): void => {};
  const touch = (): void => {
    cancelTimer();
    if (record.hasEnded) return;
    cancelTimer = clock.after(idleMs, () =>
      record.controller.abort(canceledError('the query was canceled because nobody took its rows')),
    );
  };
  touch();
  record.onEnd.push(() => cancelTimer());
  return watched(batches, {
    // Whoever waits for rows has not gone, however long they take.
    onAsked: () => cancelTimer(),
    onGiven: touch,
    onReturn: () => {
      // A generator that has not started yet does not notice that it is ended.
      if (!record.hasEnded) record.controller.abort(canceledError());
    },
  });
}
