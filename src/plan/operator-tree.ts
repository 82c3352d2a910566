/** A fragment's operators for people: EXPLAIN, DOT and the dashboard draw this. */
export interface OperatorTree {
  /** `scan`, `filter`, `hash join` ... */
  readonly kind: string;
  /** Table, predicates, keys, aggregates: one a line. */
  readonly details: readonly string[];
  readonly estimatedRows: number | undefined;
  readonly children: readonly OperatorTree[];
}
