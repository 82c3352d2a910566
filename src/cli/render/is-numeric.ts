import { integerTypes, type SqlType } from '../../types/index.ts';

const numeric: ReadonlySet<string> = new Set([...integerTypes, 'BIGNUM', 'FLOAT', 'DOUBLE']);

/** True for the types whose values people compare digit by digit: they stand to the right. */
export function isNumeric(type: SqlType): boolean {
  return type.kind === 'decimal' || (type.kind === 'scalar' && numeric.has(type.name));
}
