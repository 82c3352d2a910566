import { SkeinError, SqlState } from '../../common/index.ts';
import {
  type AddAction,
  type DeltaSnapshot,
  deltaTableSnapshot,
  type TableSnapshot,
} from '../../storage/index.ts';
import { quoteIdentifier, scalar } from '../../types/index.ts';
import type { DeltaTarget } from './delta-target.ts';
import type { StatementQuery } from './statement-context.ts';

/** Hidden columns of the target: where a row lies. */
export const fileColumn = '_skein_file';
export const rowColumn = '_skein_row';

const targetSchema = 'skein_statement';

/** The table that a statement changes, as a relation with its hidden columns, in SQL. */
export interface TargetRelation {
  /** `skein_statement.target AS "t"` */
  readonly from: string;
  /** What names the target's columns: its alias, or its own name. */
  readonly alias: string;
  readonly tables: NonNullable<StatementQuery['tables']>;
}

/**
 * @param files those of the table that are read; undefined: all
 * @throws SkeinError 0A000 where the table has a column of a hidden one's name
 */
export function targetRelation(
  { snapshot, table }: DeltaTarget,
  alias: string | undefined,
  files?: ReadonlySet<AddAction>,
): TargetRelation {
  const name = files === undefined ? 'target' : 'touched';
  const key = `${targetSchema}.${name}`;
  const all = deltaTableSnapshot(snapshot, table.key);
  const read = files === undefined ? snapshot : restricted(snapshot, files);
  const quoted = quoteIdentifier(alias ?? table.name);
  return {
    from: `${key} AS ${quoted}`,
    alias: quoted,
    tables: new Map([
      // Subqueries that name the table see the same version.
      [table.key, all],
      [key, withHiddenColumns(deltaTableSnapshot(read, key))],
    ]),
  };
}

function restricted(snapshot: DeltaSnapshot, files: ReadonlySet<AddAction>): DeltaSnapshot {
  return { ...snapshot, files: snapshot.files.filter((file) => files.has(file)) };
}

function withHiddenColumns(table: TableSnapshot): TableSnapshot {
  if (table.format.kind !== 'delta') throw new Error('a target of changes is a Delta table');
  const taken = table.schema.find(({ name }) => [fileColumn, rowColumn].includes(name.toLowerCase()));
  if (taken !== undefined) {
    const message = `rows cannot be changed in a table with a column ${taken.name}: changes need the name themselves`;
    throw new SkeinError(SqlState.featureNotSupported, message, { hint: 'Rename the column.' });
  }
  return {
    ...table,
    schema: [
      ...table.schema,
      { name: fileColumn, type: scalar('VARCHAR') },
      { name: rowColumn, type: scalar('BIGINT') },
    ],
    format: { ...table.format, columns: [...table.format.columns, { kind: 'file' }, { kind: 'row' }] },
    statistics: undefined,
  };
}
