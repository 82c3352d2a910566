import { type BoundParameters, isWord, substitute, type Token, tokenize } from '../../sql/index.ts';
import { quoteIdentifier } from '../../types/index.ts';
import { characterOffset } from './byte-offset.ts';
import type { TableUse } from './function-gate.ts';
import { splitTableName } from './table-sync.ts';

/** What stands in the place of a name, and what the query calls it where it says nothing else. */
export type Replacement =
  | { readonly kind: 'name'; readonly name: string; readonly alias: string | undefined }
  | { readonly kind: 'query'; readonly sql: string; readonly alias: string };

/**
 * Puts other relations in the place of names, so that the text means the same wherever it runs. What the query calls
 * them stays.
 *
 *     FROM orders, v JOIN w AS x  ->  FROM "sales"."orders", (SELECT ...) AS "v" JOIN (SELECT ...) AS x
 *
 * @param replace undefined: the name stays
 */
export function writeRelations(
  sql: string,
  uses: readonly TableUse[],
  replace: (use: TableUse) => Replacement | undefined,
): BoundParameters {
  const tokens = tokenize(sql).filter((token) => token.kind !== 'comment');
  const written: { readonly token: Token; readonly text: string }[] = [];
  for (const use of uses) {
    const replacement = replace(use);
    const { position, catalog, schema } = use.use;
    if (replacement === undefined || position === undefined) continue;
    const first = tokens.findIndex((token) => token.start === characterOffset(sql, position));
    const parts = 1 + [catalog, schema].filter((part) => part !== '').length;
    const last = first + 2 * (parts - 1);
    const [from, to] = [tokens[first], tokens[last]];
    if (from === undefined || to === undefined) continue;
    const before = tokens[first - 1];
    const named = use.use.alias === undefined ? replacement.alias : undefined;
    const alias = named === undefined ? '' : ` AS ${quoteIdentifier(named)}`;
    // TABLE and SUMMARIZE take a name and no query in brackets.
    const isTable = before !== undefined && isWord(before, 'TABLE');
    const isSummary = before !== undefined && isWord(before, 'SUMMARIZE');
    const start = isTable && replacement.kind === 'query' ? before.start : from.start;
    const lead = replacement.kind === 'query' && (isTable || isSummary) ? 'SELECT * FROM ' : '';
    const text =
      replacement.kind === 'query'
        ? `${lead}${bracketed(replacement.sql)}${alias}`
        : `${qualified(replacement.name)}${isTable || isSummary ? '' : alias}`;
    written.push({ token: { ...from, start, end: to.end }, text });
  }
  written.sort((a, b) => a.token.start - b.token.start);
  return substitute(sql, written);
}

/** A query in brackets; a comment that it may end with ends before them. */
export function bracketed(sql: string): string {
  return sql.includes('--') ? `(${sql}\n)` : `(${sql})`;
}

/** DuckDB has a catalog that is called system: names of that schema need ours in front. */
export function qualified(name: string): string {
  const parts = splitTableName(name);
  return [...(parts[0] === 'system' ? ['skein'] : []), ...parts].map(quoteIdentifier).join('.');
}
