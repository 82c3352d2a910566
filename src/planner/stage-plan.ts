import type { Expr, PlanNode, ScanNode } from '../plan/index.ts';
import type { ColumnStatistics, Schema } from '../types/index.ts';

/** What the planner needs to know of the world. Pure data. */
export interface PlannerContext {
  /** Tasks of a distributed stage, and partitions of a hash exchange. At least 1. */
  readonly parallelism: number;
  readonly table: (name: string) => PlannerTable;
  /** Estimated bytes up to which a join's side is broadcast. */
  readonly broadcastBytes: number;
}

/** How much a scan reads. */
export interface ScanSize {
  readonly rowCount: number;
  readonly bytes: number;
  /** Pieces it can be cut into; 1 means it cannot. */
  readonly splitCount: number;
}

/** A scan that may leave out files. */
export interface PrunedScan extends ScanSize {
  /** Which files it reads, for EXPLAIN. */
  readonly note: string | undefined;
}

export interface PlannerTable extends ScanSize {
  readonly schema: Schema;
  /** Set where every file holds rows of one shard: those with equal hashes of `columns`, positions in the schema. */
  readonly sharding?: { readonly columns: readonly number[]; readonly shards: number } | undefined;
  readonly fileCount?: number;
  /** What is left when a scan leaves out the files that its `prune` allows to. */
  readonly prunedScan?: ((scan: ScanNode) => PrunedScan) | undefined;
  /** One a column of the schema, where the files have any. */
  readonly statistics?: readonly (ColumnStatistics | undefined)[] | undefined;
}

/** A query cut into stages: producers before consumers, the root last. */
export interface DistributedPlan {
  readonly stages: readonly StagePlan[];
  /** The fragment that the coordinator runs to give the result, over stage inputs only (or scans, if it is alone). */
  readonly root: StagePlan;
  /** Why the plan, or a part of it, is not distributed: for EXPLAIN. */
  readonly notes: readonly string[];
}

export interface StagePlan {
  readonly id: number;
  /** Leaves are scans, values, table functions and stage inputs. No exchange inside. */
  readonly fragment: PlanNode;
  readonly output: StageOutput;
  /** How the stage's work is divided. */
  readonly tasks: StageTasks;
  /** True when running a task again gives the same rows, as a multiset, in every partition. */
  readonly deterministic: boolean;
  /** The rows come in the order of the fragment's ORDER BY, and consumers keep it. */
  readonly ordered: boolean;
  readonly estimatedRows: number;
  readonly estimatedBytes: number;
}

export type StageOutput =
  | {
      readonly kind: 'hash';
      readonly keys: readonly Expr[];
      readonly partitions: number;
      /** As of a table with so many shards, see Distribution. */
      readonly shards?: number | undefined;
    }
  /** One partition a task, read by a single task or by all. */
  | { readonly kind: 'gather' };

/**
 * `single`: one task that reads everything. `parallel`: `count` tasks; task i takes its share of each scan that reads
 * `split` or `shard`, partition i of each stage input that reads `partition`, and all of every other leaf.
 */
export type StageTasks = { readonly kind: 'single' } | { readonly kind: 'parallel'; readonly count: number };
