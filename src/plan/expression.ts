import type { SqlType } from '../types/index.ts';

/**
 * The value of a literal, exact: NULL, text that DuckDB casts to the literal's type (`'1.50'`, `'true'`,
 * `'1995-03-15'`, BLOBs as `\xAA`), or the parts of a nested value: elements of a LIST or ARRAY, fields of a STRUCT
 * in order, `[key, value]` pairs of a MAP, `[tag, value]` of a UNION.
 */
export type LiteralValue = null | string | readonly LiteralValue[];

export type CompareOp = '=' | '<>' | '<' | '<=' | '>' | '>=' | 'IS DISTINCT FROM' | 'IS NOT DISTINCT FROM';

/**
 * A bound scalar expression. Printed by name it binds to the same function again: whatever DuckDB keeps as bind data
 * (separators, field names, lambda bodies) stands in `args` here. Implicit casts are explicit.
 */
export type Expr =
  | { readonly kind: 'column'; readonly index: number; readonly type: SqlType }
  | { readonly kind: 'literal'; readonly value: LiteralValue; readonly type: SqlType }
  | {
      readonly kind: 'call';
      /** DuckDB's function name, or an operator's: `+`, `||`, `~~`. */
      readonly name: string;
      readonly args: readonly Expr[];
      readonly type: SqlType;
      /** True when two calls with equal arguments may differ: random(), uuid(), nextval(). */
      readonly volatile: boolean;
    }
  | {
      readonly kind: 'struct';
      readonly names: readonly string[];
      readonly values: readonly Expr[];
      readonly type: SqlType;
    }
  | { readonly kind: 'cast'; readonly input: Expr; readonly type: SqlType; readonly try: boolean }
  | {
      readonly kind: 'compare';
      readonly op: CompareOp;
      readonly left: Expr;
      readonly right: Expr;
      readonly type: SqlType;
    }
  | { readonly kind: 'and' | 'or'; readonly args: readonly Expr[]; readonly type: SqlType }
  | { readonly kind: 'not' | 'isNull' | 'isNotNull'; readonly input: Expr; readonly type: SqlType }
  | {
      readonly kind: 'in';
      readonly input: Expr;
      readonly list: readonly Expr[];
      readonly negated: boolean;
      readonly type: SqlType;
    }
  | {
      readonly kind: 'case';
      readonly whens: readonly { readonly when: Expr; readonly result: Expr }[];
      readonly otherwise: Expr;
      readonly type: SqlType;
    }
  /** `params` name the variables, innermost last; the body refers to them by `lambdaParam`. */
  | {
      readonly kind: 'lambda';
      readonly params: readonly string[];
      readonly body: Expr;
      readonly type: SqlType;
    }
  | { readonly kind: 'lambdaParam'; readonly name: string; readonly type: SqlType };

export interface SortKey {
  readonly expr: Expr;
  readonly descending: boolean;
  readonly nullsFirst: boolean;
}

export interface AggregateCall {
  /** DuckDB's name; `count_star` for count(*). */
  readonly name: string;
  readonly args: readonly Expr[];
  readonly distinct: boolean;
  readonly filter: Expr | undefined;
  /** ORDER BY inside the call. */
  readonly orderBy: readonly SortKey[];
  readonly type: SqlType;
}

/** `offset` is the distance itself (RANGE: not yet added to the order key). */
export type FrameBound =
  | { readonly kind: 'unboundedPreceding' | 'currentRow' | 'unboundedFollowing' }
  | { readonly kind: 'preceding' | 'following'; readonly offset: Expr };

export interface WindowFrame {
  readonly unit: 'ROWS' | 'RANGE' | 'GROUPS';
  readonly start: FrameBound;
  readonly end: FrameBound;
  readonly exclude: 'NO OTHERS' | 'CURRENT ROW' | 'GROUP' | 'TIES';
}

export interface WindowCall {
  /** An aggregate's name or row_number, rank, lag, first_value ... */
  readonly name: string;
  /** For lag and lead: value, offset, default. */
  readonly args: readonly Expr[];
  readonly distinct: boolean;
  readonly ignoreNulls: boolean;
  readonly filter: Expr | undefined;
  /** ORDER BY inside the call's parentheses. */
  readonly argOrder: readonly SortKey[];
  readonly partitionBy: readonly Expr[];
  readonly orderBy: readonly SortKey[];
  /** Undefined where the function takes no frame. */
  readonly frame: WindowFrame | undefined;
  readonly type: SqlType;
}
