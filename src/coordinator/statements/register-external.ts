import type { QualifiedName } from '../../catalog/index.ts';
import { SkeinError, SqlState } from '../../common/index.ts';
import type { CreateTableStatement } from '../../sql/index.ts';
import { quoteLiteral } from '../../types/index.ts';
import { atName } from './qualify-name.ts';
import { noRows } from './results.ts';
import type { StatementContext, StatementResult } from './statement-context.ts';

/** CREATE TABLE ... LOCATION over files that are there: a name for them, and nothing more. */
export async function registerExternal(
  { table, location, format, ifExists, properties, comment, partitionedBy, sharding }: CreateTableStatement,
  name: QualifiedName,
  context: StatementContext,
): Promise<StatementResult> {
  const { catalog, signal } = context;
  if (location === undefined) {
    throw new SkeinError(
      SqlState.syntaxError,
      `the table ${table.name} needs columns, AS query or LOCATION`,
      {
        position: table.offset,
      },
    );
  }
  if (partitionedBy.length > 0 || sharding !== undefined) {
    throw new SkeinError(SqlState.syntaxError, 'files that are there say themselves how they are divided', {
      position: partitionedBy[0]?.offset ?? sharding?.offset ?? location.offset,
    });
  }
  const place = await atName(location, catalog.names.checkLocation(location.text));
  const kind = format?.format ?? formatOf(place);
  const options = Object.fromEntries(
    properties.map(({ name: key, value }) => [key, quoteLiteral(value.text)]),
  );
  context.beforeEffects();
  await atName(
    table,
    catalog.names.createTable(
      {
        ...name,
        location: place,
        kind: 'external',
        format: kind,
        options,
        ...(comment === undefined ? {} : { comment: comment.text }),
      },
      ifExists === 'replace',
      signal,
    ),
  );
  // What cannot be read is no table: the statement says so, not the first query.
  const snapshot = await context.snapshot({ fresh: true });
  const broken = snapshot.broken.get(`${name.schema}.${name.name}`);
  if (broken !== undefined) {
    await catalog.names.dropTable(name, signal);
    throw broken;
  }
  return noRows;
}

/** By the name of a file; a folder is taken for a Delta table. */
function formatOf(location: string): 'delta' | 'parquet' | 'csv' | 'json' {
  const name = location.toLowerCase().replace(/\.(gz|zst)$/, '');
  if (name.endsWith('.parquet')) return 'parquet';
  if (/\.(csv|tsv)$/.test(name)) return 'csv';
  return /\.(json|jsonl|ndjson)$/.test(name) ? 'json' : 'delta';
}
