/** Who takes part in the dealing of shards and files. */
export interface WeightedWorker {
  readonly id: string;
  /** What it can take, relative to the other workers; 0: nothing. */
  readonly weight: number;
}

/** FNV-1a, spread over all 32 bits. */
export function textHash(text: string): number {
  let hash = 0x811c9dc5;
  for (let index = 0; index < text.length; index++) {
    hash = Math.imul(hash ^ text.charCodeAt(index), 0x01000193);
  }
  return mix(hash);
}

/**
 * A worker's bid for a shard or a file in weighted rendezvous hashing: whoever bids highest takes it. Each worker is that
 * with the probability of its weight, and whoever else is there changes no bid.
 * @param thing of `textHash`, as `worker`
 * @returns above 0 for a weight above 0
 */
export function bidFor(thing: number, worker: number, weight: number): number {
  const uniform = (mix(thing ^ worker) + 0.5) / 2 ** 32;
  return -weight / Math.log(uniform);
}

/** Murmur3's last step: spreads a 32-bit number. */
function mix(value: number): number {
  let mixed = value;
  mixed = Math.imul(mixed ^ (mixed >>> 16), 0x85ebca6b);
  mixed = Math.imul(mixed ^ (mixed >>> 13), 0xc2b2ae35);
  return (mixed ^ (mixed >>> 16)) >>> 0;
}
