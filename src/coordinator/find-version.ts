import type { Catalog } from '../catalog/index.ts';
import type { VersionRequest } from '../duckdb/index.ts';
import { type TableSnapshot, tableChanges } from '../storage/index.ts';

/** Another version of a table than the latest, or what changed between two. @throws SkeinError as `Catalog.table` */
export async function findVersion(
  catalog: Catalog,
  request: VersionRequest,
  signal: AbortSignal,
): Promise<TableSnapshot> {
  const { table: key } = request;
  if (request.kind === 'at') return await catalog.table(key, request.at, signal);
  const dot = key.indexOf('.');
  const name = { schema: key.slice(0, dot), name: key.slice(dot + 1) };
  const { log, store } = await catalog.names.openTable(name, signal);
  const { from, to } = request;
  return await tableChanges({ log, store, name: key, from, to, signal });
}
