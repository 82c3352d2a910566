import { createHash } from 'node:crypto';

export interface ShardKey {
  /**
   * Shards of one number and group lie on one worker: give tables that shall be joined without an exchange one group
   * (`hash/16` for hash sharding into 16), and others one of their own.
   */
  readonly group: string;
  readonly shard: number;
}

export interface WeightedWorker {
  readonly id: string;
  /** Share of the shards, relative to the other workers; 0: none. */
  readonly weight: number;
}

interface Bid {
  readonly shard: number;
  readonly worker: string;
  readonly score: number;
}

/**
 * Places shards by weighted rendezvous hashing: for each shard, every worker has a score of its own, and the highest
 * takes it. No worker takes more of a group than its share, rounded up: with few shards, chance alone would leave some
 * workers idle. A worker that joins or leaves moves about its own share, and the others keep theirs.
 * @returns the worker of each shard, in order; undefined where no worker has a weight
 */
export function placeShards(
  shards: readonly ShardKey[],
  workers: readonly WeightedWorker[],
): readonly (string | undefined)[] {
  const able = workers.filter(({ weight }) => weight > 0);
  const groups = new Map<string, Set<number>>();
  for (const { group, shard } of shards) {
    const members = groups.get(group) ?? new Set();
    groups.set(group, members.add(shard));
  }
  const placed = new Map(
    [...groups].map(([group, members]) => [group, placeGroup(group, [...members], able)]),
  );
  return shards.map(({ group, shard }) => placed.get(group)?.get(shard));
}

/** The highest bid first: a shard goes to the worker whose bid for it is the highest of those that have room. */
function placeGroup(
  group: string,
  shards: readonly number[],
  workers: readonly WeightedWorker[],
): ReadonlyMap<number, string> {
  const total = workers.reduce((sum, { weight }) => sum + weight, 0);
  const room = new Map(
    workers.map(({ id, weight }) => [id, Math.ceil((shards.length * weight) / total - 1e-9)]),
  );
  const bids: Bid[] = shards.flatMap((shard) =>
    workers.map(({ id, weight }) => ({ shard, worker: id, score: score(group, shard, id, weight) })),
  );
  bids.sort((a, b) => b.score - a.score || a.shard - b.shard || (a.worker < b.worker ? -1 : 1));
  const placed = new Map<number, string>();
  for (const { shard, worker } of bids) {
    const left = room.get(worker) ?? 0;
    if (left === 0 || placed.has(shard)) continue;
    placed.set(shard, worker);
    room.set(worker, left - 1);
  }
  return placed;
}

/** -weight / ln(u) of a uniform u: the highest of several is any one's with the probability of its weight. */
function score(group: string, shard: number, worker: string, weight: number): number {
  const digest = createHash('md5').update(`${group}\0${shard}\0${worker}`).digest();
  const uniform = (digest.readUIntBE(0, 6) + 0.5) / 2 ** 48;
  return -weight / Math.log(uniform);
}
