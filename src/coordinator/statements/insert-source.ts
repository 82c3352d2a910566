import { SkeinError, SqlState } from '../../common/index.ts';
import type { Cell, InsertStatement, Name } from '../../sql/index.ts';
import { formatType } from '../../types/index.ts';
import { columnPosition, type DeltaTarget } from './delta-target.ts';
import type { StatementQuery } from './statement-context.ts';

/** The rows that an INSERT gives, as a query. */
export interface InsertedRows {
  readonly source: StatementQuery;
  /** Columns of the query that hold no value but the word DEFAULT, by position. */
  readonly defaults: ReadonlySet<number>;
}

/** @throws SkeinError 42703; 0A000 where some rows give an identity or generated column a value and others DEFAULT */
export function insertedRows(
  { source, with: ctes, columns }: InsertStatement,
  target: DeltaTarget,
): InsertedRows {
  const none: ReadonlySet<number> = new Set();
  switch (source.kind) {
    case 'query': {
      const { query } = source;
      if (ctes === undefined) return { source: query, defaults: none };
      const sql = `${ctes.sql} ${query.sql}`;
      return { source: { sql, offset: undefined, spans: [ctes, query] }, defaults: none };
    }
    case 'defaults':
      return { source: { sql: 'SELECT NULL', offset: undefined }, defaults: none };
    case 'values': {
      const given = columnsByPosition(target, source.rows[0]?.length ?? 0, columns);
      const defaults = automaticDefaults(source.rows, given, target);
      const rows = source.rows.map(
        (row) =>
          `(${row.map((cell, index) => cellSql(cell, given[index], defaults.has(index), target)).join(', ')})`,
      );
      const spans = source.rows.flatMap((row) =>
        row.flatMap((cell) => (cell.kind === 'expression' ? [cell.expression] : [])),
      );
      const sql = `${ctes === undefined ? '' : `${ctes.sql} `}VALUES ${rows.join(', ')}`;
      return {
        source: { sql, offset: undefined, spans: ctes === undefined ? spans : [ctes, ...spans] },
        defaults,
      };
    }
  }
}

/**
 * Positions of the table's columns that a row's values go to. Without names these are all of them, or all but those
 * that fill themselves.
 */
export function columnsByPosition(
  { snapshot: { schema }, table, rules }: DeltaTarget,
  count: number,
  names: readonly Name[],
): readonly number[] {
  if (names.length > 0) return names.map((name) => columnPosition(schema, name, table.key));
  const all = schema.map((_, index) => index);
  if (count === schema.length) return all;
  const automatic = new Set([...rules.generated, ...rules.identities].map(({ column }) => column));
  const plain = all.filter((index) => !automatic.has(schema[index]?.name ?? ''));
  return count === plain.length ? plain : all;
}

/** Each value is cast for itself: a column of VALUES has one type, whatever the table's is. */
function cellSql(
  cell: Cell,
  position: number | undefined,
  filledLater: boolean,
  { snapshot, rules }: DeltaTarget,
): string {
  const column = position === undefined ? undefined : snapshot.schema[position];
  if (column === undefined) return cell.kind === 'expression' ? cell.expression.sql : 'NULL';
  if (filledLater) return 'NULL';
  const preset = rules.defaults.find((rule) => rule.column === column.name)?.sql ?? 'NULL';
  const sql = cell.kind === 'expression' ? cell.expression.sql : preset;
  return `CAST((${sql}) AS ${formatType(column.type)})`;
}

/** Positions of identity and generated columns that get DEFAULT in every row. */
function automaticDefaults(
  rows: readonly (readonly Cell[])[],
  given: readonly number[],
  { snapshot, rules }: DeltaTarget,
): ReadonlySet<number> {
  const automatic = new Set([...rules.generated, ...rules.identities].map(({ column }) => column));
  const defaults = new Set<number>();
  for (const [index, position] of given.entries()) {
    if (!automatic.has(snapshot.schema[position]?.name ?? '')) continue;
    const found = rows.flatMap((row) => {
      const cell = row[index];
      return cell?.kind === 'default' ? [cell] : [];
    });
    const [first] = found;
    if (first === undefined) continue;
    if (found.length < rows.length) {
      throw new SkeinError(
        SqlState.featureNotSupported,
        'a column that fills itself gets DEFAULT in every row of VALUES or in none',
        { position: first.offset },
      );
    }
    defaults.add(index);
  }
  return defaults;
}
