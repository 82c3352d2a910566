import { type BoundParameters, findTimeTravel, substitute, type TimeTravel } from '../../sql/index.ts';
import { quoteIdentifier } from '../../types/index.ts';

/** A query without its clauses of versions: of `t AT (VERSION => 3)`, `t` is left, at a known place. */
export interface VersionedText extends BoundParameters {
  /** By the place in `sql` where the table's name begins. */
  readonly uses: ReadonlyMap<number, TimeTravel>;
}

/** @throws SkeinError 42601 and 22023 as `findTimeTravel` does */
export function takeVersions(sql: string): VersionedText {
  const uses = new Map<number, TimeTravel>();
  let shift = 0;
  const replaced = findTimeTravel(sql).map((use) => {
    const span = use.kind === 'at' ? use.clause : use.call;
    const { catalog, schema, name } = use.table;
    const parts = [catalog, schema, name].filter((part) => part !== undefined);
    const text = use.kind === 'at' ? '' : parts.map(quoteIdentifier).join('.');
    const start = use.kind === 'at' ? use.tableSpan.offset : span.offset;
    uses.set(start + shift, use);
    shift += text.length - span.sql.length;
    return {
      token: { kind: 'word', text: '', start: span.offset, end: span.offset + span.sql.length } as const,
      text,
    };
  });
  return { ...substitute(sql, replaced), uses };
}
