import { SkeinError, SqlState } from '../../common/index.ts';
import { formatType, type SqlType } from '../../types/index.ts';
import { dayMicros, hashConstants, inverseOfTenTo, modPrime } from './hash-constants.ts';
import { shardClass } from './shard-class.ts';

const { prime, seed, combine, mix, flip, spread, shift, lastFlip, lastMix } = hashConstants;

/**
 * `shardHash` as a DuckDB expression: a UBIGINT below 2^32. Each column is used once or twice: give references, not
 * calls of volatile functions.
 * @param columns SQL expressions, one a type
 * @throws SkeinError 0A000 on a type that has no hash
 */
export function shardHashSql(columns: readonly string[], types: readonly SqlType[]): string {
  let hash = ubigint(seed);
  columns.forEach((column, index) => {
    const type = types[index];
    if (type === undefined) throw new Error('a type for each column');
    const residue = `COALESCE(${residueSql(`(${column})`, type)}, ${ubigint(hashConstants.null)})`;
    const mixed = `(${hash} * ${ubigint(combine)} + ${residue}) % ${ubigint(prime)} * ${ubigint(mix)} % ${ubigint(prime)}`;
    hash = `xor(${mixed}, ${ubigint(flip)})`;
  });
  const last = `xor((${hash} * ${ubigint(spread)} + ${ubigint(shift)}) % ${ubigint(prime)}, ${ubigint(lastFlip)})`;
  return `(${last} * ${ubigint(lastMix)} % ${ubigint(prime)})`;
}

/** The row's shard from 0 as an INTEGER expression. */
export function hashShardSql(columns: readonly string[], types: readonly SqlType[], shards: number): string {
  return `CAST(${shardHashSql(columns, types)} % ${ubigint(BigInt(shards))} AS INTEGER)`;
}

/**
 * The task that reads the row's shard, as an INTEGER expression.
 * @param tasks by shard
 */
export function shardTaskSql(
  columns: readonly string[],
  types: readonly SqlType[],
  tasks: readonly number[],
): string {
  return `([${tasks.join(', ')}])[${hashShardSql(columns, types, tasks.length)} + 1]`;
}

/** A UBIGINT that is the residue, or the residue and the prime; NULL for NULL. */
function residueSql(column: string, type: SqlType): string {
  switch (shardClass(type)) {
    case 'number':
      return type.kind === 'decimal' ? decimalSql(column, type.scale) : integerSql(column, type);
    case 'boolean':
      return signedSql(`CAST(${column} AS BIGINT)`);
    case 'timestamp':
      return type.kind === 'scalar' && type.name === 'DATE'
        ? dateSql(column)
        : signedSql(`epoch_us(${column})`);
    case 'timestamptz':
    case 'time':
      return signedSql(`epoch_us(${column})`);
    case 'float':
      return floatSql(column);
    case 'text':
    case 'uuid':
      return md5Sql(`CAST(${column} AS VARCHAR)`);
    case 'blob':
      return md5Sql(column);
    case undefined:
      throw noHash(type);
  }
}

export function noHash(type: SqlType): SkeinError {
  return new SkeinError(
    SqlState.featureNotSupported,
    `a table cannot be sharded by the hash of a column of type ${formatType(type)}`,
  );
}

function ubigint(value: bigint): string {
  return `${value}::UBIGINT`;
}

/** `%` has the sign of its left side. */
function signedSql(bigint: string): string {
  return `CAST(${bigint} % ${prime} + ${prime} AS UBIGINT)`;
}

function integerSql(column: string, type: SqlType): string {
  const name = formatType(type);
  const wide = name === 'HUGEINT' || name === 'UHUGEINT';
  if (name === 'UBIGINT') return `(${column} % ${ubigint(prime)})`;
  if (name === 'UHUGEINT') return `CAST(${column} % ${prime}::UHUGEINT AS UBIGINT)`;
  return signedSql(wide ? `CAST(${column} % ${prime} AS BIGINT)` : `CAST(${column} AS BIGINT)`);
}

/** The digits without their point are the unscaled number. */
function decimalSql(column: string, scale: number): string {
  const unscaled = `CAST(CAST(replace(CAST(${column} AS VARCHAR), '.', '') AS HUGEINT) % ${prime} AS BIGINT)`;
  return `(${signedSql(unscaled)} % ${ubigint(prime)} * ${ubigint(inverseOfTenTo(scale))} % ${ubigint(prime)})`;
}

/** Days reach further than microseconds in a BIGINT do. */
function dateSql(column: string): string {
  const days = `CASE WHEN isfinite(${column}) THEN ${column} - DATE '1970-01-01' END`;
  return signedSql(`(${days}) * ${modPrime(dayMicros)}`);
}

/** The cast to BIT gives the bits of IEEE 754, highest first. */
function floatSql(column: string): string {
  const bits = `CAST(CAST(CAST(${column} AS DOUBLE) AS BIT) AS UBIGINT)`;
  const one = `CASE WHEN ${column} = 0 THEN 0::UBIGINT WHEN isnan(${column}) THEN ${ubigint(hashConstants.nan)} ELSE ${bits} END`;
  return `(${one} % ${ubigint(prime)})`;
}

function md5Sql(text: string): string {
  return `(md5_number_lower(${text}) % ${ubigint(prime)})`;
}
