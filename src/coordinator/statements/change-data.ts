import { type CdcAction, toCdcAction, type WrittenFile } from '../../storage/index.ts';
import { scalar } from '../../types/index.ts';
import type { DeltaTarget } from './delta-target.ts';
import { deltaWrite } from './delta-write.ts';
import { type Changes, newRowsSql, oldRowsSql } from './merge-rows-sql.ts';
import type { StatementContext, StatementQuery } from './statement-context.ts';
import { givenRows } from './table-rows.ts';

const changeTypeColumn = '_change_type';
/** Of the table: below it lie the files of changed rows. */
const changeDataFolder = '_change_data/';

export interface WrittenChanges {
  readonly files: readonly WrittenFile[];
  readonly actions: readonly CdcAction[];
}

/**
 * Writes what a statement changed, for those who read the table's changes.
 * @param touched the touched files of the target under the alias; undefined: the statement only inserts
 * @see Delta PROTOCOL.md, Add CDC File
 */
export async function writeChangeData(
  target: DeltaTarget,
  context: StatementContext,
  changes: Changes,
  touched: { readonly from: string; readonly alias: string } | undefined,
  tables: NonNullable<StatementQuery['tables']>,
): Promise<WrittenChanges> {
  const { snapshot } = target;
  const gives = changes.clauses.some(({ action }) => action.kind === 'update');
  const inserts = changes.clauses.some(({ action }) => action.kind === 'insert');
  const newRows = (which: 'updated' | 'inserted', type: string): string =>
    `SELECT *, '${type}' FROM (${givenRows(target, newRowsSql(changes, which))}) AS rows`;
  const parts = [
    ...(touched === undefined ? [] : [oldRowsSql(changes, touched.from, touched.alias)]),
    ...(gives ? [newRows('updated', 'update_postimage')] : []),
    ...(inserts ? [newRows('inserted', 'insert')] : []),
  ];
  const { files } = await context.runWrite({
    query: { sql: parts.join('\nUNION ALL\n'), offset: undefined, tables },
    write: () => {
      const write = deltaWrite(snapshot, changeDataFolder);
      const type = {
        name: changeTypeColumn,
        fieldId: undefined,
        type: scalar('VARCHAR'),
        children: [],
      };
      const column = { position: snapshot.schema.length, required: false, stored: type };
      return { ...write, columns: [...write.columns, column], shardColumn: undefined };
    },
  });
  return { files, actions: files.map(toCdcAction) };
}
