import { substitute, type Token, tokenize } from '../../sql/index.ts';
import { quoteIdentifier } from '../../types/index.ts';
import { characterOffset } from './byte-offset.ts';
import type { TableUse } from './function-gate.ts';
import { splitTableName } from './table-sync.ts';

/**
 * Writes out the schema of each table that the SQL names without it, or with our catalog's name before it, so that
 * the text means the same wherever it runs. Tables of `main` stay as they are: unqualified names are looked up there.
 *
 *     FROM orders o  ->  FROM "sales"."orders" o
 */
export function qualifyTables(sql: string, uses: readonly TableUse[]): string {
  const wanted = uses.filter(({ use, table }) => {
    const isQualified = use.schema !== '' && use.catalog === '';
    return use.position !== undefined && !isQualified && !(use.catalog === '' && isInMain(table));
  });
  if (wanted.length === 0) return sql;
  const tokens = tokenize(sql).filter((token) => token.kind !== 'comment');
  const replacements = wanted.flatMap(({ use, table }) => {
    const start = characterOffset(sql, use.position ?? 0);
    const index = tokens.findIndex((token) => token.start === start);
    const token = nameAt(tokens, index, use.catalog === '' ? 1 : 3);
    return token === undefined ? [] : [{ token, text: splitTableName(table).map(quoteIdentifier).join('.') }];
  });
  replacements.sort((a, b) => a.token.start - b.token.start);
  return substitute(sql, replacements).sql;
}

function isInMain(table: string): boolean {
  return splitTableName(table)[0] === 'main';
}

/** The dotted name of so many parts at a token, as one token. */
function nameAt(tokens: readonly Token[], index: number, parts: number): Token | undefined {
  const first = tokens[index];
  const last = tokens[index + 2 * (parts - 1)];
  if (first === undefined || last === undefined) return undefined;
  return { ...first, end: last.end };
}
