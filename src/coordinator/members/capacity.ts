import type { WorkerId } from '../../common/index.ts';

/** A worker that shards and files are dealt to, and its share of them relative to the others'. */
export interface CapableWorker<Id extends string = WorkerId> {
  readonly id: Id;
  readonly weight: number;
}

/** What a thread needs to keep the rows of a join or an aggregate in memory. */
const bytesPerThread = 1024 ** 3;
/** Nobody who takes tasks has less. */
const least = 1 / 8;

/**
 * A worker's share of shards and files is that of its threads, but no more of them than its memory feeds: whoever reads
 * twice the shards also keeps twice the rows.
 */
export function withCapacity<Id extends string>({
  id,
  threads,
  memoryBytes,
}: {
  readonly id: Id;
  readonly threads: number;
  readonly memoryBytes: number;
}): CapableWorker<Id> {
  return { id, weight: Math.max(least, Math.min(threads, memoryBytes / bytesPerThread)) };
}
