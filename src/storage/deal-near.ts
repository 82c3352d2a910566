import { dealSplits, wholeSplits } from './plan-splits.ts';
import type { Split, TableSnapshot } from './table.ts';

/** With fewer files a task, whole files could not be dealt out evenly. */
const filesPerTask = 4;
/** How much more than its share a worker takes of the files that it would have cached. */
const overload = 1.2;

/**
 * Deals the table's rows out over workers so that a worker mostly gets the files that it had before, whatever files
 * came or went: by rendezvous hashing of their paths, up to a fair share of the bytes. Every row is in exactly one split.
 * @returns a list a worker, in their order
 */
export function dealNear(table: TableSnapshot, workers: readonly string[]): readonly (readonly Split[])[] {
  const count = workers.length;
  if (table.files.length < count * filesPerTask) return dealSplits(table, count);
  const total = table.files.reduce((sum, { bytes }) => sum + bytes, 0);
  const room = (total / count) * overload;
  const hashes = workers.map(textHash);
  const loads = workers.map(() => 0);
  const tasks: Split[][] = workers.map(() => []);
  for (const split of wholeSplits(table)) {
    const task = nearest(textHash(split.path), hashes, loads, room);
    loads[task] = (loads[task] ?? 0) + split.bytes;
    tasks[task]?.push(split);
  }
  return tasks;
}

/** The worker with the highest score that has room; the least loaded one where none has. */
function nearest(file: number, workers: readonly number[], loads: readonly number[], room: number): number {
  let best: number | undefined;
  let bestScore = -1;
  let idlest = 0;
  workers.forEach((worker, index) => {
    const load = loads[index] ?? 0;
    if (load < (loads[idlest] ?? 0)) idlest = index;
    const score = mix(file ^ worker);
    if (load < room && score > bestScore) {
      best = index;
      bestScore = score;
    }
  });
  return best ?? idlest;
}

/** FNV-1a. */
function textHash(text: string): number {
  let hash = 0x811c9dc5;
  for (let index = 0; index < text.length; index++) {
    hash = Math.imul(hash ^ text.charCodeAt(index), 0x01000193);
  }
  return mix(hash);
}

/** Murmur3's last step: spreads a 32-bit number. */
function mix(value: number): number {
  let mixed = value;
  mixed = Math.imul(mixed ^ (mixed >>> 16), 0x85ebca6b);
  mixed = Math.imul(mixed ^ (mixed >>> 13), 0xc2b2ae35);
  return (mixed ^ (mixed >>> 16)) >>> 0;
}
