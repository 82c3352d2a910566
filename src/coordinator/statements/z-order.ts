import { type Column, quoteIdentifier } from '../../types/index.ts';

/** Ranks of a column, as bits of the curve. */
const ranks = 1024;
const bits = 10;

/**
 * SQL of a row's place on the Z curve through the given columns: the bits of its columns' ranks among each other, one of
 * each column in turn, the highest first. Ranks instead of values: so any ordered type will do, and no outlier takes
 * the curve's resolution from the others.
 * @see Morton, A computer oriented geodetic data base (1966)
 */
export function zOrderSql(columns: readonly Column[]): string {
  if (columns.length === 1) return columns.map(({ name }) => quoteIdentifier(name)).join('');
  const rank = ({ name }: Column): string => `(ntile(${ranks}) OVER (ORDER BY ${quoteIdentifier(name)}) - 1)`;
  const terms: string[] = [];
  for (let bit = bits - 1; bit >= 0; bit -= 1) {
    for (const column of columns) terms.push(`((${rank(column)} >> ${bit}) & 1)`);
  }
  return terms.map((term) => `${term}`).join(', ');
}
