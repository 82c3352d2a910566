import type { Sharding, TableSnapshot } from '../table.ts';

/** How many shards a table is divided into. */
export function countShards(sharding: Sharding): number {
  return sharding.kind === 'range' ? sharding.splits.length + 1 : sharding.shards;
}

/** The group of all tables that are divided by hash into so many shards: equal keys have equal shards in all of them. */
export function hashGroup(shards: number): string {
  return `hash/${shards}`;
}

/** Tables of one group have their shards on the same workers: those divided alike by hash; others lie by themselves. */
export function shardGroup(sharding: Sharding, { name, delta }: TableSnapshot): string {
  return sharding.kind === 'hash' ? hashGroup(sharding.shards) : (delta?.location ?? name);
}
