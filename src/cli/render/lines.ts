import { formatValue } from '../../types/index.ts';
import { mapRows } from './map-rows.ts';
import type { ResultFormatter } from './result-formatter.ts';

/** A plan as it is: the rows' texts, one a line, nothing around them and nothing cut. */
export function linesFormatter(): ResultFormatter {
  return {
    begin: () => '',
    batch(batch) {
      const types = batch.schema.map(({ type }) => type);
      return mapRows(batch, (row) => {
        const texts = row.map((value, index) => {
          const type = types[index];
          return type === undefined ? '' : (formatValue(value, type) ?? '');
        });
        return `${texts.join(' ').trimEnd()}\n`;
      });
    },
    end: () => '',
  };
}
