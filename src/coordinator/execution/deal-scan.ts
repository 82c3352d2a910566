import { assert, assertNever, type WorkerId } from '../../common/index.ts';
import type { ScanNode } from '../../plan/index.ts';
import {
  dealNear,
  dealShards,
  dealSplits,
  type ShardPlacement,
  type Split,
  type TableSnapshot,
  wholeSplits,
} from '../../storage/index.ts';
import type { CapableWorker } from '../members/index.ts';
import type { ScanInput } from './execution-plan.ts';

/** What all scans of a query are dealt by. */
export interface Dealing {
  /** One a task of a parallel stage, in an order that is the same for every query. */
  readonly workers: readonly CapableWorker[];
  readonly placement: ShardPlacement;
}

/** A scan and what it reads. */
export interface DealtScan {
  readonly node: ScanNode;
  readonly whole: TableSnapshot;
  /** `whole` without the files that the scan leaves out. */
  readonly table: TableSnapshot;
}

/**
 * Deals a scan to the tasks of its stage. Task i of many belongs to worker i: it reads the shards that are placed there,
 * and of remote files those that this worker is likely to have cached.
 * @returns by task
 */
export function dealScan(scan: DealtScan, taskCount: number, dealing: Dealing): ScanInput['splits'] {
  const { node, table } = scan;
  if (taskCount === 1) return [wholeSplits(table)];
  assert(taskCount === dealing.workers.length, 'a parallel stage has a task for each worker');
  switch (node.read) {
    case 'all':
      return Array.from({ length: taskCount }, () => wholeSplits(table));
    case 'split':
      return isPlaced(scan) ? dealPlaced(scan, dealing) : dealSplits(table, taskCount);
    case 'shard': {
      const { sharding } = table;
      assert(sharding !== undefined, `${table.name} has shards`);
      return dealShards(table, dealing.placement.ofTable(sharding, table), taskCount);
    }
    default:
      return assertNever(node.read);
  }
}

/** By task of a stage, the worker that its scans make it belong to; undefined where any will do. */
export function nearTo(
  scans: readonly DealtScan[],
  taskCount: number,
  dealing: Dealing,
): readonly WorkerId[] | undefined {
  const { workers } = dealing;
  const placed = scans.filter(isPlaced);
  if (workers.length === 0) return undefined;
  if (taskCount > 1) {
    return placed.some(({ node }) => node.read !== 'all') ? workers.map(({ id }) => id) : undefined;
  }
  const dealt = placed.map((scan) => dealPlaced(scan, dealing));
  const amounts = workers.map((_, index) => sum(dealt.flatMap((tasks) => tasks[index] ?? [])));
  const most = Math.max(...amounts);
  const nearest = workers[amounts.indexOf(most)];
  return most === 0 || nearest === undefined ? undefined : [nearest.id];
}

/** Which workers have the shards of a scan that is dealt by them, for EXPLAIN. */
export function placeNotes(
  { node, whole }: DealtScan,
  taskCount: number,
  { workers, placement }: Dealing,
): readonly string[] {
  if (whole.sharding === undefined || node.read === 'all' || taskCount === 1) return [];
  const homes = placement.ofTable(whole.sharding, whole);
  const counts = workers.map(({ id }, index) => `${id} ${homes.filter((home) => home === index).length}`);
  return [`shards on: ${counts.join(', ')}`];
}

/** True where it matters who reads a file: of shards, and where workers keep parts of files on their own disks. */
function isPlaced({ whole, table }: DealtScan): boolean {
  return whole.sharding !== undefined || isRemote(table);
}

function dealPlaced({ whole, table }: DealtScan, dealing: Dealing): readonly (readonly Split[])[] {
  const { workers, placement } = dealing;
  if (isRemote(table)) return dealCached(whole, table, dealing);
  return dealNear(table, workers, whole.sharding && placement.ofTable(whole.sharding, whole));
}

/** A split of a file, and the task that reads it. */
interface DealtSplit {
  readonly task: number;
  readonly split: Split;
}

interface KnownDeal {
  /** The workers it was made for. */
  readonly workers: string;
  readonly byPath: ReadonlyMap<string, readonly DealtSplit[]>;
}

const knownDeals = new WeakMap<TableSnapshot['files'], KnownDeal>();

/**
 * Where workers cache files, who reads one is decided over all files of the table: a query that wants few of them finds
 * them where a query that wanted all has left them.
 */
function dealCached(
  whole: TableSnapshot,
  table: TableSnapshot,
  { workers, placement }: Dealing,
): readonly (readonly Split[])[] {
  const key = JSON.stringify([workers, whole.sharding]);
  let known = knownDeals.get(whole.files);
  if (known?.workers !== key) {
    const homes = whole.sharding && placement.ofTable(whole.sharding, whole);
    known = { workers: key, byPath: byPath(dealNear(whole, workers, homes)) };
    knownDeals.set(whole.files, known);
  }
  const tasks = workers.map((): Split[] => []);
  for (const { path } of table.files) {
    const dealt = known.byPath.get(path);
    assert(dealt !== undefined, `${path} was dealt with its table`);
    for (const { task, split } of dealt) tasks[task]?.push(split);
  }
  return tasks;
}

function byPath(tasks: readonly (readonly Split[])[]): KnownDeal['byPath'] {
  const found = new Map<string, DealtSplit[]>();
  tasks.forEach((splits, task) => {
    for (const split of splits) {
      const own = found.get(split.path);
      if (own === undefined) found.set(split.path, [{ task, split }]);
      else own.push({ task, split });
    }
  });
  return found;
}

function isRemote({ files }: TableSnapshot): boolean {
  return files.some(({ path }) => !path.startsWith('/'));
}

function sum(splits: readonly Split[]): number {
  return splits.reduce((bytes, split) => bytes + split.bytes, 0);
}
