import type { Schema } from '../types/index.ts';
import type { AggregateCall, CompareOp, Expr, SortKey, WindowCall } from './expression.ts';

/**
 * Skein's relational plan. Columns are positions: an expression's `column.index` counts the columns of the node's
 * input (of a join's conditions: the columns of the side they belong to; of its residual: left then right).
 * `schema` is the node's output; its names serve people and the result, never identity.
 */
export type PlanNode =
  | ScanNode
  | TableFunctionNode
  | ValuesNode
  | FilterNode
  | ProjectNode
  | AggregateNode
  | JoinNode
  | PositionalJoinNode
  | WindowNode
  | SortNode
  | LimitNode
  | DistinctNode
  | SetOperationNode
  | UnnestNode
  | SampleNode
  | WithNode
  | CteRefNode
  | RecursiveCteNode
  | ExchangeNode
  | StageInputNode;

interface NodeBase {
  readonly schema: Schema;
}

/** Reads a table of the catalog. Output: the named columns. */
export interface ScanNode extends NodeBase {
  readonly kind: 'scan';
  readonly table: string;
  /** Positions in the table's schema, one an output column. */
  readonly columns: readonly number[];
  /**
   * What `filter` above the scan lets through at most, over the scan's output columns: for pruning files and row
   * groups only; the filter itself stays in the plan.
   */
  readonly prune: readonly Expr[];
  /**
   * `all`: every task reads the whole table. `split`: the table's splits are dealt out over the stage's tasks. `shard`:
   * each shard is read whole by one task, the same one for all tables that are divided alike.
   */
  readonly read: 'all' | 'split' | 'shard';
}

/** A pure table function with constant arguments: range, generate_series, unnest of a literal ... */
export interface TableFunctionNode extends NodeBase {
  readonly kind: 'tableFunction';
  readonly name: string;
  readonly args: readonly Expr[];
  readonly namedArgs: readonly { readonly name: string; readonly value: Expr }[];
}

/** Rows of constants. One row of no columns is DuckDB's dummy scan; no rows is an empty result. */
export interface ValuesNode extends NodeBase {
  readonly kind: 'values';
  readonly rows: readonly (readonly Expr[])[];
}

export interface FilterNode extends NodeBase {
  readonly kind: 'filter';
  readonly input: PlanNode;
  readonly predicate: Expr;
}

export interface ProjectNode extends NodeBase {
  readonly kind: 'project';
  readonly input: PlanNode;
  readonly exprs: readonly Expr[];
}

/**
 * Output: groups, aggregates, grouping calls, in this order.
 * No groups and no grouping sets: exactly one row, also over no input.
 */
export interface AggregateNode extends NodeBase {
  readonly kind: 'aggregate';
  readonly input: PlanNode;
  readonly groups: readonly Expr[];
  /** Undefined: one set of all groups. Otherwise each set lists positions in `groups`; `[]` is the grand total. */
  readonly groupingSets: readonly (readonly number[])[] | undefined;
  readonly aggregates: readonly AggregateCall[];
  /** GROUPING(...) calls: positions in `groups`, highest bit first. */
  readonly groupingCalls: readonly (readonly number[])[];
}

/**
 * - inner, left, right, full: left columns then right columns.
 * - semi, anti: left columns. `anti` is NOT EXISTS: a NULL never matches.
 * - mark: left columns, then a BOOLEAN: true when a row matches, else NULL when some comparison was NULL, else false.
 * - single: as left, but two matches are an error (21000).
 * - asofInner, asofLeft, asofRight, asofFull: the last condition is the inequality, the others are equalities.
 */
export type JoinKind =
  | 'inner'
  | 'left'
  | 'right'
  | 'full'
  | 'semi'
  | 'anti'
  | 'mark'
  | 'single'
  | 'asofInner'
  | 'asofLeft'
  | 'asofRight'
  | 'asofFull';

export interface JoinCondition {
  /** Over the left input. */
  readonly left: Expr;
  /** Over the right input. */
  readonly right: Expr;
  readonly op: CompareOp;
}

/** No conditions and no residual: a cross product. */
export interface JoinNode extends NodeBase {
  readonly kind: 'join';
  readonly joinKind: JoinKind;
  readonly left: PlanNode;
  readonly right: PlanNode;
  readonly conditions: readonly JoinCondition[];
  /** Part of the join's condition, over left then right columns. */
  readonly residual: Expr | undefined;
}

export interface PositionalJoinNode extends NodeBase {
  readonly kind: 'positionalJoin';
  readonly left: PlanNode;
  readonly right: PlanNode;
}

/** Output: the input's columns, then one a call. */
export interface WindowNode extends NodeBase {
  readonly kind: 'window';
  readonly input: PlanNode;
  readonly calls: readonly WindowCall[];
}

export interface SortNode extends NodeBase {
  readonly kind: 'sort';
  readonly input: PlanNode;
  readonly keys: readonly SortKey[];
}

/**
 * LIMIT and OFFSET, after ORDER BY when `keys` is not empty (top-n). `count` and `offset` are constants or
 * expressions over the input, evaluated on its first row; `percent` gives `count` as a percentage of the input.
 */
export interface LimitNode extends NodeBase {
  readonly kind: 'limit';
  readonly input: PlanNode;
  readonly keys: readonly SortKey[];
  readonly count: Expr | undefined;
  readonly percent: boolean;
  readonly offset: Expr | undefined;
}

/** DISTINCT, or DISTINCT ON (`on`) keeping each group's first row by `orderBy`. */
export interface DistinctNode extends NodeBase {
  readonly kind: 'distinct';
  readonly input: PlanNode;
  readonly on: readonly Expr[] | undefined;
  readonly orderBy: readonly SortKey[];
}

/** Inputs have equal types, column by column. `union` without ALL never occurs: it is a distinct over one. */
export interface SetOperationNode extends NodeBase {
  readonly kind: 'setOperation';
  readonly op: 'union' | 'intersect' | 'except';
  readonly all: boolean;
  readonly inputs: readonly PlanNode[];
}

/** Output: the input's columns, then one element column an expression; shorter lists are padded with NULL. */
export interface UnnestNode extends NodeBase {
  readonly kind: 'unnest';
  readonly input: PlanNode;
  readonly exprs: readonly Expr[];
}

export interface SampleNode extends NodeBase {
  readonly kind: 'sample';
  readonly input: PlanNode;
  readonly method: 'reservoir' | 'bernoulli' | 'system';
  readonly size: number;
  readonly percent: boolean;
  readonly seed: number | undefined;
}

/**
 * `definition` is evaluated once; `body` refers to it by CteRef nodes of the same id. Also what a delim join becomes:
 * its left side is the definition, and each delim get a distinct over a CteRef.
 */
export interface WithNode extends NodeBase {
  readonly kind: 'with';
  readonly cteId: number;
  readonly name: string;
  readonly definition: PlanNode;
  readonly body: PlanNode;
}

export interface CteRefNode extends NodeBase {
  readonly kind: 'cteRef';
  readonly cteId: number;
  readonly name: string;
}

/** `step` refers to the rows of the last round by CteRef nodes of this id. Output: the rows of all rounds. */
export interface RecursiveCteNode extends NodeBase {
  readonly kind: 'recursiveCte';
  readonly cteId: number;
  readonly name: string;
  readonly anchor: PlanNode;
  readonly step: PlanNode;
  readonly all: boolean;
}

/**
 * Where the rows of a node are:
 * - single: all of them in one task.
 * - replicated: all of them in every task.
 * - hash: rows with equal `keys` (over the node's output) in one task, by `hash(keys) % partitions`; with `shards` by the
 *   hash that places the rows of tables, `shardHash(keys) % shards % partitions`: where the rows of a table with so many
 *   shards are that is read by `shard`.
 * - arbitrary: every row in exactly one task.
 */
export type Distribution =
  | { readonly kind: 'single' }
  | { readonly kind: 'replicated' }
  | { readonly kind: 'arbitrary' }
  | {
      readonly kind: 'hash';
      readonly keys: readonly Expr[];
      readonly partitions: number;
      readonly shards?: number | undefined;
    };

/** Moves rows between tasks; same rows, same schema. Plans with all exchanges erased give the same answer. */
export interface ExchangeNode extends NodeBase {
  readonly kind: 'exchange';
  readonly input: PlanNode;
  readonly to: Distribution;
}

/** Leaf of a fragment: the output of another stage (`read`: its own partition, or every partition). */
export interface StageInputNode extends NodeBase {
  readonly kind: 'stageInput';
  readonly stage: number;
  readonly read: 'partition' | 'all';
}
