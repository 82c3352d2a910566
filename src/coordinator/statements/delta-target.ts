import type { OpenedDeltaTable } from '../../catalog/index.ts';
import { SkeinError, SqlState } from '../../common/index.ts';
import type { ObjectName } from '../../sql/index.ts';
import {
  type ColumnRules,
  columnRules,
  type DeltaProperties,
  type DeltaSnapshot,
  deltaProperties,
} from '../../storage/index.ts';
import type { Schema } from '../../types/index.ts';
import { atName, qualifyName } from './qualify-name.ts';
import type { StatementContext } from './statement-context.ts';

/** A Delta table that a statement changes, as of one version of it. */
export interface DeltaTarget {
  readonly table: OpenedDeltaTable;
  readonly snapshot: DeltaSnapshot;
  /** `Clock.now` when the snapshot was read. */
  readonly readAtMs: number;
  readonly rules: ColumnRules;
  readonly properties: DeltaProperties;
}

/** @throws SkeinError 42P01, 42809 where it is no Delta table; 42501 for what the system keeps */
export async function openTarget(name: ObjectName, context: StatementContext): Promise<DeltaTarget> {
  const { catalog, signal, schema } = context;
  return await readTarget(
    await atName(name, catalog.names.openTable(qualifyName(name, schema), signal)),
    context,
  );
}

/** The table as it is now. */
export async function readTarget(
  table: OpenedDeltaTable,
  { clock, signal }: Pick<StatementContext, 'clock' | 'signal'>,
): Promise<DeltaTarget> {
  const readAtMs = clock.now();
  const snapshot = await table.log.snapshot({ signal });
  return {
    table,
    snapshot,
    readAtMs,
    rules: columnRules(snapshot.fields, snapshot.metadata.configuration),
    properties: deltaProperties(snapshot.metadata.configuration),
  };
}

/** Position of a column by its name in any case. @throws SkeinError 42703 */
export function columnPosition(
  schema: Schema,
  column: { readonly name: string; readonly offset: number },
  table: string,
): number {
  const position = schema.findIndex(({ name }) => name.toLowerCase() === column.name.toLowerCase());
  if (position >= 0) return position;
  throw new SkeinError(SqlState.undefinedColumn, `${table} has no column ${column.name}`, {
    position: column.offset,
    hint: `its columns are ${schema.map(({ name }) => name).join(', ')}`,
  });
}
