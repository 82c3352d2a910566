/**
 * The row-placing hash: arithmetic modulo the largest prime below 2^32, so that SQL can do it in UBIGINT without
 * overflow, and a decimal's value is a number of the field whatever its scale. Each column's value becomes a residue:
 *
 *     integer x             x
 *     decimal u / 10^s      u * 10^-s
 *     boolean               0 or 1
 *     date, timestamp, time microseconds since 1970-01-01 or midnight, cut off below; infinities as NULL
 *     float                 the 64 bits of it as a DOUBLE, -0.0 as 0.0, one NaN
 *     text, UUID, BLOB      the lower 8 bytes of the MD5 of its UTF-8, its text, its bytes
 *     NULL                  a number of its own
 *
 * and the columns are mixed in order:
 *
 *     h = seed
 *     per residue r:   h = ((h * combine + r) % prime * mix % prime) xor flip
 *     at last:         h = (((h * spread + shift) % prime) xor lastFlip) * lastMix % prime
 *
 * These numbers place the rows of tables that exist: they never change.
 */
export const hashConstants = {
  prime: 4_294_967_291n,
  seed: 40_503n,
  combine: 1_540_483_477n,
  mix: 2_246_822_519n,
  flip: 668_265_263n,
  spread: 3_266_489_917n,
  shift: 374_761_393n,
  lastFlip: 2_654_435_761n,
  lastMix: 2_869_860_233n,
  null: 1_181_783_497n,
  nan: 0x7ff8_0000_0000_0000n,
} as const;

/** Microseconds of a day modulo the prime. */
export const dayMicros = 86_400_000_000n;

export function modPrime(value: bigint): bigint {
  const residue = value % hashConstants.prime;
  return residue < 0n ? residue + hashConstants.prime : residue;
}

/** The number that 10^scale times it is 1 modulo the prime, by Fermat. */
export function inverseOfTenTo(scale: number): bigint {
  let result = 1n;
  let base = modPrime(10n ** BigInt(scale));
  for (let exponent = hashConstants.prime - 2n; exponent > 0n; exponent >>= 1n) {
    if ((exponent & 1n) === 1n) result = modPrime(result * base);
    base = modPrime(base * base);
  }
  return result;
}
