import { type Expr, type JoinCondition, type PlanNode, remapColumns } from '../plan/index.ts';
import { sameType } from '../types/index.ts';
import {
  column,
  columnsOf,
  exprKey,
  isFunctionOf,
  isVolatile,
  sameExpr,
  sameInteger,
  trySubstitute,
} from './expressions.ts';

/** Expressions over a node's output that have the same value in every row. Rows are placed by the hash of any one. */
export type HashKey = readonly Expr[];

/**
 * Where the rows of a node are while its fragment runs:
 * - single: the fragment is to be run once; all rows are there.
 * - replicated: the fragment may be run in every task, and gives all rows, the same ones, in each.
 * - arbitrary: every row is in one of the tasks.
 * - hash: as arbitrary, and rows with equal keys are in the same task, by the exchange's hash, or with `shards` by the one
 *   that places the rows of tables with so many shards. Rows placed by one are not where the other would put them.
 */
export type Placement =
  | { readonly kind: 'single' }
  | { readonly kind: 'replicated' }
  | { readonly kind: 'arbitrary' }
  | HashPlacement;

export interface HashPlacement {
  readonly kind: 'hash';
  readonly keys: readonly HashKey[];
  readonly shards?: number | undefined;
}

/** A node with its exchanges in place. */
export interface Placed {
  readonly node: PlanNode;
  readonly placement: Placement;
}

export const single: Placement = { kind: 'single' };
export const replicated: Placement = { kind: 'replicated' };
export const arbitrary: Placement = { kind: 'arbitrary' };

export function hashed(keys: readonly HashKey[], shards?: number): Placement {
  if (keys.length === 0 || keys.some((key) => key.length === 0)) return arbitrary;
  return shards === undefined ? { kind: 'hash', keys } : { kind: 'hash', keys, shards };
}

/** True when one task sees all rows. */
export function isWhole(placement: Placement): boolean {
  return placement.kind === 'single' || placement.kind === 'replicated';
}

/** True when rows that agree on all of `exprs` are in the same task. */
export function colocates(placement: Placement, exprs: readonly Expr[]): boolean {
  if (isWhole(placement)) return true;
  if (placement.kind !== 'hash') return false;
  return placement.keys.every((key) =>
    key.some((member) => isFunctionOf(member, exprs) || exprs.some((expr) => sameInteger(expr, member))),
  );
}

/** True when the value of `expr` is what rows are placed by. All integers are one to the hash of shards. */
export function isPlacedBy(placement: HashPlacement, key: HashKey, expr: Expr): boolean {
  if (key.some((member) => sameExpr(member, expr))) return true;
  return placement.shards !== undefined && key.some((member) => sameInteger(member, expr));
}

/** The placement as a projection's output states it. */
export function projectPlacement(placement: Placement, exprs: readonly Expr[]): Placement {
  if (placement.kind !== 'hash') return placement;
  const positions = new Map<number, number>();
  exprs.forEach((expr, index) => {
    if (expr.kind === 'column' && !positions.has(expr.index)) positions.set(expr.index, index);
  });
  const restate = (member: Expr): readonly Expr[] => {
    const whole = exprs.flatMap((expr, index) =>
      isPlacedBy(placement, [member], expr) && !isVolatile(expr) ? [column(index, expr.type)] : [],
    );
    if (whole.length > 0) return whole;
    const types = new Map(exprs.map((expr, index) => [index, expr.type]));
    const moved = trySubstitute(member, (index) => {
      const position = positions.get(index);
      const type = position === undefined ? undefined : types.get(position);
      return position === undefined || type === undefined ? undefined : column(position, type);
    });
    return moved === undefined ? [] : [moved];
  };
  return hashed(
    placement.keys.map((key) => unique(key.flatMap(restate))),
    placement.shards,
  );
}

/** The placement with every column `offset` further to the right. */
export function shiftPlacement(placement: Placement, offset: number): Placement {
  if (placement.kind !== 'hash') return placement;
  return hashed(
    placement.keys.map((key) => key.map((member) => shift(member, offset))),
    placement.shards,
  );
}

export function shift(expr: Expr, offset: number): Expr {
  return offset === 0 ? expr : remapColumns(expr, (index) => index + offset);
}

/** Adds what the conditions of an inner join make equal. `width` is the number of left columns. */
export function withEqualities(
  placement: Placement,
  conditions: readonly JoinCondition[],
  width: number,
): Placement {
  if (placement.kind !== 'hash') return placement;
  const pairs = conditions
    .filter(
      ({ op, left, right }) =>
        (op === '=' || op === 'IS NOT DISTINCT FROM') && sameType(left.type, right.type),
    )
    .map(({ left, right }) => [left, shift(right, width)] as const);
  const widen = (key: HashKey): HashKey => {
    const more = pairs.flatMap(([left, right]) => {
      if (isPlacedBy(placement, key, left)) return [right];
      return isPlacedBy(placement, key, right) ? [left] : [];
    });
    return unique([...key, ...more]);
  };
  return hashed(placement.keys.map(widen), placement.shards);
}

/** Keeps the members that read only columns below `width`. */
export function firstColumnsOnly(placement: Placement, width: number): Placement {
  if (placement.kind !== 'hash') return placement;
  return hashed(
    placement.keys.map((key) =>
      key.filter((member) => [...columnsOf(member)].every((index) => index < width)),
    ),
    placement.shards,
  );
}

function unique(exprs: readonly Expr[]): readonly Expr[] {
  return [...new Map(exprs.map((expr) => [exprKey(expr), expr])).values()];
}
