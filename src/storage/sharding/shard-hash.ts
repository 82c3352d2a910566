import { createHash } from 'node:crypto';
import { formatType, type SqlType, type SqlValue } from '../../types/index.ts';
import { dayMicros, hashConstants, inverseOfTenTo, modPrime } from './hash-constants.ts';
import { dateDays, timeMicros, timestampMicros } from './micros.ts';
import { shardClass } from './shard-class.ts';
import { noHash } from './shard-hash-sql.ts';

const { prime, seed, combine, mix, flip, spread, shift, lastFlip, lastMix } = hashConstants;

/**
 * The hash that decides the shard of a row; `shardHashSql` says the same in SQL.
 * @param values of the shard columns in order, one a type. A TIMESTAMP WITH TIME ZONE must have its offset in full: from
 *   a session in UTC, as DuckDB's texts leave out the seconds of historical offsets
 * @returns a whole number from 0 to below 2^32
 * @throws SkeinError 0A000 on a type that has no hash
 */
export function shardHash(values: readonly SqlValue[], types: readonly SqlType[]): number {
  let hash: bigint = seed;
  types.forEach((type, index) => {
    if (shardClass(type) === undefined) throw noHash(type);
    const value = values[index] ?? null;
    const residue = (value === null ? undefined : residueOf(value, type)) ?? hashConstants.null;
    hash = ((((hash * combine + residue) % prime) * mix) % prime) ^ flip;
  });
  return Number(((((hash * spread + shift) % prime) ^ lastFlip) * lastMix) % prime);
}

/** @returns from 0 to below `shards` */
export function shardOf(hash: number, shards: number): number {
  return hash % shards;
}

/** Undefined where the value is hashed as NULL is. */
function residueOf(value: SqlValue, type: SqlType): bigint | undefined {
  switch (shardClass(type)) {
    case 'number':
      return type.kind === 'decimal'
        ? decimalResidue(String(value))
        : modPrime(BigInt(value as bigint | number));
    case 'boolean':
      return value === true ? 1n : 0n;
    case 'float':
      return floatResidue(Number(value));
    case 'text':
    case 'uuid':
      return md5Residue(String(value));
    case 'blob':
      return md5Residue(value as Uint8Array);
    case 'time':
      return modPrime(timeMicros(String(value)));
    case 'timestamp':
    case 'timestamptz': {
      const text = String(value);
      if (formatType(type) !== 'DATE') return defined(timestampMicros(text));
      const days = dateDays(text);
      return days === undefined ? undefined : modPrime(days * dayMicros);
    }
    case undefined:
      throw noHash(type);
  }
}

function defined(micros: bigint | undefined): bigint | undefined {
  return micros === undefined ? undefined : modPrime(micros);
}

function decimalResidue(text: string): bigint {
  const point = text.indexOf('.');
  const scale = point < 0 ? 0 : text.length - point - 1;
  return modPrime(modPrime(BigInt(text.replace('.', ''))) * inverseOfTenTo(scale));
}

function floatResidue(value: number): bigint {
  if (value === 0) return 0n;
  if (Number.isNaN(value)) return modPrime(hashConstants.nan);
  const bits = new DataView(new ArrayBuffer(8));
  bits.setFloat64(0, value);
  return modPrime(bits.getBigUint64(0));
}

/** DuckDB's `md5_number_lower`: the last 8 bytes, the lowest first. */
function md5Residue(content: string | Uint8Array): bigint {
  const digest = createHash('md5').update(content).digest();
  return modPrime(digest.readBigUInt64LE(8));
}
