import { integerTypes, type SqlType } from '../../types/index.ts';

/**
 * Types whose equal values have equal hashes, whatever type of the class each has:
 * - number: all integers and decimals (5 = 5.00); float: FLOAT and DOUBLE; text: VARCHAR, ENUM, JSON
 * - timestamp: DATE and the timestamps without time zone; the others: one type each
 *
 * So a join needs no exchange where both keys are of one class and are compared as a type of that class, reached by
 * casts that `keepsShard`.
 */
export type ShardClass =
  | 'number'
  | 'float'
  | 'boolean'
  | 'text'
  | 'timestamp'
  | 'timestamptz'
  | 'time'
  | 'uuid'
  | 'blob';

const scalars: Readonly<Record<string, ShardClass>> = {
  ...Object.fromEntries([...integerTypes].map((name) => [name, 'number' as const])),
  FLOAT: 'float',
  DOUBLE: 'float',
  BOOLEAN: 'boolean',
  VARCHAR: 'text',
  JSON: 'text',
  DATE: 'timestamp',
  TIMESTAMP: 'timestamp',
  TIMESTAMP_S: 'timestamp',
  TIMESTAMP_MS: 'timestamp',
  TIMESTAMP_NS: 'timestamp',
  'TIMESTAMP WITH TIME ZONE': 'timestamptz',
  TIME: 'time',
  UUID: 'uuid',
  BLOB: 'blob',
};

/** Undefined: a table cannot be hash-sharded by a column of the type (nested types, INTERVAL, BIT and the like). */
export function shardClass(type: SqlType): ShardClass | undefined {
  switch (type.kind) {
    case 'scalar':
      return scalars[type.name];
    case 'decimal':
      return 'number';
    case 'enum':
      return 'text';
    default:
      return undefined;
  }
}

/** True where a cast leaves every value that it lets pass in its shard. */
export function keepsShard(from: SqlType, to: SqlType): boolean {
  const kept = shardClass(from);
  if (kept === undefined || kept !== shardClass(to)) return false;
  if (from.kind === 'decimal') return from.scale <= (to.kind === 'decimal' ? to.scale : 0);
  if (from.kind !== 'scalar' || to.kind !== 'scalar') return true;
  if (kept === 'float') return from.name === to.name || to.name === 'DOUBLE';
  if (kept === 'timestamp') return timestampDigits(from.name) <= timestampDigits(to.name);
  return true;
}

/** Digits that count: what is below a microsecond is left out of the hash. */
function timestampDigits(name: string): number {
  switch (name) {
    case 'DATE':
      return -1;
    case 'TIMESTAMP_S':
      return 0;
    case 'TIMESTAMP_MS':
      return 3;
    default:
      return 6;
  }
}
