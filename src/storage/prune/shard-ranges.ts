import type { Expr } from '../../plan/index.ts';
import type { Schema, SqlType, SqlValue } from '../../types/index.ts';
import { keepsShard, shardClass } from '../sharding/shard-class.ts';
import { shardHash, shardOf } from '../sharding/shard-hash.ts';
import type { Sharding } from '../table.ts';
import { type ColumnRange, unknownRange } from './column-range.ts';
import { evaluate } from './evaluate.ts';
import { readValue } from './ordered-value.ts';
import { maybeTrue } from './truth.ts';

/** Combinations of key values up to which they are hashed. */
const maxKeys = 10_000;

/**
 * Shards in which rows with the wanted keys are: where each of the shard columns is compared with constants by `=` or
 * IN. Undefined: any.
 */
export function wantedShards(
  sharding: Extract<Sharding, { kind: 'hash' }>,
  schema: Schema,
  prune: readonly Expr[],
  columns: readonly number[],
): ReadonlySet<number> | undefined {
  let keys: readonly (readonly SqlValue[])[] = [[]];
  for (const position of sharding.columns) {
    const type = schema[position]?.type;
    const values = type === undefined ? undefined : constantsFor(columns.indexOf(position), type, prune);
    if (values === undefined || keys.length * values.length > maxKeys) return undefined;
    keys = keys.flatMap((key) => values.map((value) => [...key, value]));
  }
  const types = sharding.columns.flatMap((position) => schema[position]?.type ?? []);
  return new Set(keys.map((key) => shardOf(shardHash(key, types), sharding.shards)));
}

/** The constants one of which a column has to be equal to; the shortest list of those that the predicates give. */
function constantsFor(
  column: number,
  type: SqlType,
  prune: readonly Expr[],
): readonly SqlValue[] | undefined {
  let best: readonly SqlValue[] | undefined;
  for (const term of prune) {
    const values = equalTo(term, column, type);
    if (values !== undefined && (best === undefined || values.length < best.length)) best = values;
  }
  return best;
}

function equalTo(term: Expr, column: number, type: SqlType): readonly SqlValue[] | undefined {
  if (term.kind === 'compare' && term.op === '=') {
    const [one, other] = isColumn(term.left, column, type)
      ? [term.left, term.right]
      : [term.right, term.left];
    return isColumn(one, column, type) ? constants([other], type) : undefined;
  }
  if (term.kind === 'in' && !term.negated && isColumn(term.input, column, type))
    return constants(term.list, type);
  if (term.kind !== 'or') return undefined;
  const parts = term.args.map((arg) => equalTo(arg, column, type));
  return parts.every((part) => part !== undefined) ? parts.flat() : undefined;
}

/** The column itself, or a cast of it that leaves its values where they are. */
function isColumn(expr: Expr, column: number, type: SqlType): boolean {
  if (expr.kind === 'cast' && !expr.try)
    return keepsShard(type, expr.type) && isColumn(expr.input, column, type);
  return expr.kind === 'column' && expr.index === column;
}

/** The constants as values that hash as the column's do; undefined where one is not certain to. */
function constants(exprs: readonly Expr[], type: SqlType): readonly SqlValue[] | undefined {
  const values: SqlValue[] = [];
  for (const expr of exprs) {
    if (expr.kind !== 'literal' || shardClass(expr.type) !== shardClass(type)) return undefined;
    // Nothing equals NULL.
    if (expr.value === null) continue;
    if (typeof expr.value !== 'string') return undefined;
    const value = hashable(expr.value, expr.type, type);
    if (value === undefined) return undefined;
    values.push(...value);
  }
  return values;
}

/** The value as one of `type`, in a list; none where the type has no such value; undefined where it is not certain. */
function hashable(text: string, from: SqlType, type: SqlType): readonly SqlValue[] | undefined {
  const value = readValue(text, from);
  switch (shardClass(type)) {
    case 'number': {
      if (value?.kind !== 'number') return undefined;
      const scale = type.kind === 'decimal' ? type.scale : 0;
      const rest = value.scale > scale ? value.units % 10n ** BigInt(value.scale - scale) : 0n;
      if (rest !== 0n) return [];
      const units =
        value.scale > scale
          ? value.units / 10n ** BigInt(value.scale - scale)
          : value.units * 10n ** BigInt(scale - value.scale);
      return [type.kind === 'decimal' ? decimalText(units, scale) : units];
    }
    case 'boolean':
      return [text === 'true'];
    case 'text':
    case 'uuid':
      return [text];
    case 'timestamp':
      return from.kind === 'scalar' && type.kind === 'scalar' && from.name === type.name ? [text] : undefined;
    default:
      return undefined;
  }
}

function decimalText(units: bigint, scale: number): string {
  const digits = (units < 0n ? -units : units).toString().padStart(scale + 1, '0');
  const split = digits.length - scale;
  return `${units < 0n ? '-' : ''}${digits.slice(0, split)}${scale === 0 ? '' : `.${digits.slice(split)}`}`;
}

/** Shards of a range-sharded table that may have rows which fulfil the predicates. Undefined: any. */
export function shardRanges(
  { column, splits }: Extract<Sharding, { kind: 'range' }>,
  schema: Schema,
  prune: readonly Expr[],
  columns: readonly number[],
): ReadonlySet<number> | undefined {
  const type = schema[column]?.type;
  const at = columns.indexOf(column);
  if (type === undefined || at < 0) return undefined;
  const bounds = splits.map((split) => readValue(split, type));
  const wanted = new Set<number>();
  for (let shard = 0; shard <= splits.length; shard++) {
    const range: ColumnRange = {
      nulls: shard === splits.length,
      values: true,
      min: bounds[shard - 1],
      max: bounds[shard],
      nan: shard === splits.length,
    };
    const ranges = (index: number): ColumnRange => (index === at ? range : unknownRange);
    if (prune.every((term) => (evaluate(term, ranges) & maybeTrue) !== 0)) wanted.add(shard);
  }
  return wanted;
}
