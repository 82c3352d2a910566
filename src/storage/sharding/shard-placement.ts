import { assert } from '../../common/index.ts';
import type { Sharding, TableSnapshot } from '../table.ts';
import { placeShards } from './place-shards.ts';
import type { WeightedWorker } from './rendezvous.ts';
import { countShards, hashGroup, shardGroup } from './shard-group.ts';

/**
 * Where shards are while one query runs. It knows the workers of one moment: asked again, it says the same whoever has
 * joined or left since, so that all scans and exchanges of a query agree.
 */
export class ShardPlacement {
  readonly #workers: readonly WeightedWorker[];
  readonly #placed = new Map<string, readonly number[]>();

  /** @param workers at least one of them with a weight */
  constructor(workers: readonly WeightedWorker[]) {
    this.#workers = workers;
  }

  /** By shard of the table, the position of its worker. */
  ofTable(sharding: Sharding, table: TableSnapshot): readonly number[] {
    return this.#of(shardGroup(sharding, table), countShards(sharding));
  }

  /** As `ofTable`, for all tables divided into so many shards by hash. */
  ofHash(shards: number): readonly number[] {
    return this.#of(hashGroup(shards), shards);
  }

  #of(group: string, shards: number): readonly number[] {
    let placed = this.#placed.get(group);
    if (placed === undefined) {
      placed = placeShards(group, shards, this.#workers);
      assert(placed !== undefined, 'no worker can have shards');
      this.#placed.set(group, placed);
    }
    return placed;
  }
}
