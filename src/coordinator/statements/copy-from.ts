import type { CopyFromStatement } from '../../sql/index.ts';
import { changeTable } from './commit-change.ts';
import { formatOfCopy, readerOptions } from './copy-options.ts';
import { openTarget } from './delta-target.ts';
import { fileRows, findFiles } from './file-rows.ts';
import { insertRows } from './insert.ts';
import { atName } from './qualify-name.ts';
import { countResult } from './results.ts';
import type { StatementContext, StatementResult } from './statement-context.ts';

/** COPY t FROM: columns go by position, as with INSERT; those of JSON, which has no order, by name. */
export async function copyFrom(
  { table, columns, path, options }: CopyFromStatement,
  context: StatementContext,
): Promise<StatementResult> {
  const target = await openTarget(table, context);
  const kind = formatOfCopy(path, options);
  const reader = readerOptions(kind, options);
  const files = { kind, options: reader, ...(await atName(path, findFiles([path.text], context))) };
  const match = kind === 'json' ? 'name' : 'position';
  const rows = await changeTable(target, context, async (current) =>
    insertRows(current, context, {
      ...(await fileRows(current, files, { match, columns }, context)),
      overwrite: false,
      defaults: new Set(),
    }),
  );
  return countResult(rows);
}
