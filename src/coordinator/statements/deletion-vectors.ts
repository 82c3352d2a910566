import { assert } from '../../common/index.ts';
import {
  deletionVectorKey,
  encodeDeletionVector,
  encodeDeletionVectorName,
  type FileDeletion,
  frameDeletionVectors,
  type ObjectStore,
  type RowRuns,
  RowRunsBuilder,
  randomUuid,
  readDeletionVector,
  splitLocation,
  uniteRowRuns,
} from '../../storage/index.ts';
import type { DeltaTarget } from './delta-target.ts';
import type { StatementContext, StatementQuery } from './statement-context.ts';

/** Runs of deleted rows that a statement may make; beyond, rows are rewritten instead. */
const maxRuns = 2_000_000;

/**
 * Deletion vectors of the files that hold the given rows: those rows and what was deleted before, in files of their own.
 * @param rows gives `file`, `row`
 */
export async function deletionsOf(
  { snapshot, table }: DeltaTarget,
  context: StatementContext,
  { sql, tables }: Pick<StatementQuery, 'sql' | 'tables'>,
): Promise<readonly FileDeletion[]> {
  const found = await context.runRows(
    {
      sql: `SELECT file, min(row), max(row) FROM (
        SELECT file, row, row - row_number() OVER (PARTITION BY file ORDER BY row) AS run FROM (SELECT DISTINCT * FROM (${sql}) AS rows) AS each
      ) AS runs GROUP BY file, run ORDER BY 1, 2`,
      offset: undefined,
      ...(tables === undefined ? {} : { tables }),
    },
    maxRuns,
  );
  const byPath = new Map(snapshot.files.map((file) => [file.path, file]));
  const runs = new Map<string, RowRunsBuilder>();
  for (const [path, first, last] of found.rows) {
    const builder = runs.get(String(path)) ?? new RowRunsBuilder();
    runs.set(String(path), builder);
    builder.add(Number(first), Number(last) + 1);
  }
  const deletions: { readonly file: FileDeletion['file']; readonly rows: RowRuns }[] = [];
  for (const [path, builder] of runs) {
    const file = byPath.get(path);
    assert(file !== undefined, 'a deleted row lies in a file of the table');
    const { deletionVector } = file;
    const before =
      deletionVector === undefined
        ? undefined
        : await readDeletionVector(table.store, deletionVector, context.signal, (location) =>
            elsewhere(location, context),
          );
    const rows = builder.build();
    deletions.push({ file, rows: before === undefined ? rows : uniteRowRuns(before, rows) });
  }
  if (deletions.length === 0) return [];
  const { bytes, vectors } = frameDeletionVectors(deletions.map(({ rows }) => encodeDeletionVector(rows)));
  const uuid = randomUuid(context.random);
  await table.store.put(deletionVectorKey(uuid), bytes, context.signal);
  return deletions.map(({ file, rows }, index) => {
    const framed = vectors[index];
    assert(framed !== undefined, 'each vector has its place in the file');
    return {
      file,
      deletionVector: {
        storageType: 'u',
        pathOrInlineDv: encodeDeletionVectorName(uuid),
        ...framed,
        cardinality: rows.rowCount,
      },
    };
  });
}

/** An object outside of the table: of the table that this one is a clone of. */
function elsewhere(
  location: string,
  context: Pick<StatementContext, 'store'>,
): { readonly store: ObjectStore; readonly key: string } {
  const { root, key } = splitLocation(location);
  return { store: context.store(root), key };
}
