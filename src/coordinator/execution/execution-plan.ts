import type { WorkerId } from '../../common/index.ts';
import type { Expr, OperatorTree } from '../../plan/index.ts';
import type { Split, TableSnapshot, TableWrite } from '../../storage/index.ts';
import type { Schema } from '../../types/index.ts';

/** A query ready to run: its stages as SQL, with everything that their tasks read. */
export interface ExecutionPlan {
  /** The result's columns, as the user sees them. */
  readonly columns: Schema;
  /** Producers before consumers; the root last. The root runs on the coordinator. */
  readonly stages: readonly ExecutionStage[];
  /** Why the plan, or a part of it, is not distributed. */
  readonly notes: readonly string[];
  /** The whole query is the root, because it is small. */
  readonly bypassed: boolean;
  /** The query runs as its original SQL: an error in a name or a type is the user's, not the planner's. */
  readonly original: boolean;
}

export interface ExecutionStage {
  readonly id: number;
  /** One SELECT over `inputs`. */
  readonly sql: string;
  readonly inputs: readonly ExecutionInput[];
  /** Of the rows that leave the stage: the fragment's output, or what is said of the files that it wrote. */
  readonly columns: Schema;
  /** The fragment's rows go to files of a table. */
  readonly write?: StageWrite;
  readonly output: ExecutionOutput;
  readonly taskCount: number;
  /** By task, the worker that has its files near; undefined where that makes no difference. */
  readonly near?: readonly WorkerId[] | undefined;
  readonly deterministic: boolean;
  /** Of DuckDB, besides the session's: what the fragment's answer depends on. */
  readonly settings?: Readonly<Record<string, string>>;
  /** The fragment's row order is kept. */
  readonly ordered: boolean;
  /** For EXPLAIN: worked out when somebody looks. */
  readonly describe: () => StageDescription;
}

export interface StageWrite {
  readonly table: TableWrite;
  /** The fragment's output columns. */
  readonly columns: Schema;
}

export interface StageDescription {
  readonly operators: OperatorTree;
  readonly estimatedRows: number;
  /** Of the rows that leave it. */
  readonly estimatedBytes: number;
}

export type ExecutionOutput =
  /** `keys` are SQL over the output columns by position: c0, c1 ...; `labels` say the same to people. */
  | {
      readonly kind: 'hash';
      readonly keys: readonly string[];
      readonly labels: readonly string[];
      readonly partitions: number;
      /** SQL of a row's shard, where the rows go to the shards of a table instead of by the hash of the keys. */
      readonly placedBy?: string;
    }
  | { readonly kind: 'gather' }
  | { readonly kind: 'result' };

/** A relation that the fragment's SQL names. */
export type ExecutionInput = ScanInput | StageInput;

export interface ScanInput {
  readonly kind: 'scan';
  readonly name: string;
  readonly table: TableSnapshot;
  /** Positions in the table's schema of what is read; never empty. */
  readonly columns: readonly number[];
  /** Rows that do not fulfil all of these, over the columns, need not be read. */
  readonly prune?: readonly Expr[];
  /** By task. */
  readonly splits: readonly (readonly Split[])[];
}

interface StageInput {
  readonly kind: 'stage';
  readonly name: string;
  /** Position of the stage in the plan. */
  readonly stage: number;
  readonly read: 'partition' | 'all';
}
