import { bidFor, textHash, type WeightedWorker } from './rendezvous.ts';

interface Bid {
  readonly shard: number;
  readonly worker: number;
  readonly score: number;
}

/**
 * Places shards by weighted rendezvous hashing: for each shard, every worker has a bid of its own, and the highest
 * takes it. No worker takes more of a group than its share, rounded up: with few shards, chance alone would leave some
 * workers idle. A worker that joins or leaves moves about its own share, and the others keep theirs.
 * @param group shards of one number and group lie on one worker: see `shardGroup`
 * @returns by shard, the position of its worker in `workers`, in whatever order these come; undefined where no worker
 *   has a weight
 */
export function placeShards(
  group: string,
  shards: number,
  workers: readonly WeightedWorker[],
): readonly number[] | undefined {
  const total = workers.reduce((sum, { weight }) => sum + weight, 0);
  if (total === 0) return undefined;
  const room = workers.map(({ weight }) => Math.ceil((shards * weight) / total - 1e-9));
  const placed: number[] = Array.from({ length: shards }, () => -1);
  for (const { shard, worker } of bidsOf(group, shards, workers)) {
    const left = room[worker] ?? 0;
    if (left === 0 || placed[shard] !== -1) continue;
    placed[shard] = worker;
    room[worker] = left - 1;
  }
  return placed;
}

/** The highest first, so that a shard goes to the highest bidder of those that have room. */
function bidsOf(group: string, shards: number, workers: readonly WeightedWorker[]): readonly Bid[] {
  const hashes = workers.map(({ id }) => textHash(id));
  const bids: Bid[] = [];
  for (let shard = 0; shard < shards; shard++) {
    const thing = textHash(`${group}\0${shard}`);
    workers.forEach(({ weight }, worker) => {
      if (weight > 0) bids.push({ shard, worker, score: bidFor(thing, hashes[worker] ?? 0, weight) });
    });
  }
  const nameOf = ({ worker }: Bid): string => workers[worker]?.id ?? '';
  return bids.sort((a, b) => b.score - a.score || a.shard - b.shard || (nameOf(a) < nameOf(b) ? -1 : 1));
}
