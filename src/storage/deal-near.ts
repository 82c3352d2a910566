import { appendUnit, fileUnits, wholeSplit } from './plan-splits.ts';
import { bidFor, textHash, type WeightedWorker } from './sharding/rendezvous.ts';
import type { Split, TableFile, TableSnapshot } from './table.ts';

/** From so many files a worker on, each has about its share of them without looking. */
const manyFiles = 4;
/** How much more than its share a worker takes of what is near to it: shards differ in size, and files come and go. */
const overload = 1.2;

/** A worker while files are dealt. */
interface Taker {
  readonly weight: number;
  readonly hash: number;
  /** In bytes, as `load`. */
  readonly room: number;
  load: number;
  readonly splits: Split[];
}

/**
 * Deals the table's rows out over workers so that a worker mostly gets those that it had before, whatever files came or
 * went: a file of a shard goes to the worker of its shard, another by rendezvous hashing of its path, up to a fair share
 * of the bytes and a little more; what is beyond goes elsewhere, by row groups. Every row is in exactly one split.
 * @param homes of a sharded table: by shard, the position of its worker
 * @returns a list a worker, in their order
 */
export function dealNear(
  { files }: TableSnapshot,
  workers: readonly WeightedWorker[],
  homes?: readonly number[],
): readonly (readonly Split[])[] {
  const bytes = files.reduce((sum, file) => sum + file.bytes, 0);
  const weights = workers.reduce((sum, { weight }) => sum + weight, 0);
  const slack = homes !== undefined || files.length >= workers.length * manyFiles ? overload : 1;
  const takers = workers.map(({ id, weight }): Taker => {
    const room = ((bytes * weight) / weights) * slack;
    return { weight, hash: textHash(id), room, load: 0, splits: [] };
  });
  for (const file of files) {
    const home = takers[homes?.[file.delta?.shard ?? -1] ?? -1];
    dealFile(file, home, takers);
  }
  return takers.map(({ splits }) => splits);
}

function dealFile(file: TableFile, home: Taker | undefined, takers: readonly Taker[]): void {
  const thing = textHash(file.path);
  const nearest = home ?? best(takers, ({ hash, weight }) => bidFor(thing, hash, weight));
  const units = fileUnits(file);
  const last = units.at(-1);
  if (last !== undefined && hasRoom(nearest, file.bytes - last.bytes, last.bytes)) {
    nearest.load += file.bytes;
    nearest.splits.push(wholeSplit(file));
    return;
  }
  for (const unit of units) {
    const taker = hasRoom(nearest, 0, unit.bytes) ? nearest : another(takers, thing, unit.bytes);
    taker.load += unit.bytes;
    appendUnit(taker.splits, unit);
  }
}

/** Room for half of the last piece is enough: so the pieces that reach over the border fall to either side. */
function hasRoom({ load, room }: Taker, before: number, last: number): boolean {
  return load + before + last / 2 <= room;
}

/** The highest bidder of those that have room; where none has, the one that would be least loaded for what it can take. */
function another(takers: readonly Taker[], thing: number, bytes: number): Taker {
  const roomy = takers.filter((taker) => hasRoom(taker, 0, bytes));
  if (roomy.length > 0) return best(roomy, ({ hash, weight }) => bidFor(thing, hash, weight));
  return best(takers, ({ load, weight }) => -(load + bytes) / weight);
}

function best(takers: readonly Taker[], score: (taker: Taker) => number): Taker {
  let found: Taker | undefined;
  let highest = Number.NEGATIVE_INFINITY;
  for (const taker of takers) {
    const value = score(taker);
    if (found !== undefined && value <= highest) continue;
    found = taker;
    highest = value;
  }
  if (found === undefined) throw new RangeError('no worker to deal files to');
  return found;
}
