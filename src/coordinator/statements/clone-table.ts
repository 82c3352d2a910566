import type { QualifiedName } from '../../catalog/index.ts';
import { SkeinError, SqlState } from '../../common/index.ts';
import type { CreateTableStatement, TableContents } from '../../sql/index.ts';
import { commitDelta, randomUuid, shallowClone, storeCommitLog } from '../../storage/index.ts';
import { engineInfo } from './commit-change.ts';
import { openTarget } from './delta-target.ts';
import { noRows } from './results.ts';
import type { StatementContext, StatementResult } from './statement-context.ts';
import { versionOf } from './version-at.ts';

/** CREATE TABLE ... SHALLOW CLONE: a table of its own over the files of another one. */
export async function cloneTable(
  { ifExists, location, comment }: CreateTableStatement,
  { source, at }: Extract<TableContents, { kind: 'clone' }>,
  name: QualifiedName,
  context: StatementContext,
): Promise<StatementResult> {
  const { catalog, clock, random, signal } = context;
  const { table, snapshot: latest } = await openTarget(source, context);
  const snapshot =
    at === undefined ? latest : await table.log.snapshot({ ...(await versionOf(at, context)), signal });
  const place =
    location === undefined
      ? catalog.names.newTableLocation(name)
      : await catalog.names.checkLocation(location.text);
  context.beforeEffects();
  const store = context.store(place);
  const metadata = {
    ...snapshot.metadata,
    id: randomUuid(random),
    name: name.name,
    createdTime: clock.now(),
  };
  const result = await commitDelta({
    store,
    log: storeCommitLog(store),
    read: 'new table',
    actions: shallowClone(snapshot, metadata),
    reads: { kind: 'nothing' },
    operation: 'CLONE',
    operationParameters: {
      source: snapshot.location,
      sourceVersion: String(snapshot.version),
      isShallow: 'true',
    },
    engineInfo,
    clock,
    random,
    signal,
  });
  if (result.kind !== 'committed') {
    throw new SkeinError(SqlState.duplicateTable, `there is a Delta table at ${place} already`);
  }
  const kind = location === undefined ? 'managed' : 'external';
  await catalog.names.createTable(
    {
      ...name,
      location: place,
      kind,
      format: 'delta',
      ...(comment === undefined ? {} : { comment: comment.text }),
    },
    ifExists === 'replace',
    signal,
  );
  return noRows;
}
