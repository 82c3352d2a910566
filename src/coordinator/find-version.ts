import type { Catalog } from '../catalog/index.ts';
import { SkeinError, SqlState } from '../common/index.ts';
import type { VersionRequest } from '../duckdb/index.ts';
import type { TableSnapshot } from '../storage/index.ts';

/** Another version of a table than the latest. @throws SkeinError as `Catalog.table`; 0A000 for changes */
export async function findVersion(
  catalog: Catalog,
  request: VersionRequest,
  signal: AbortSignal,
): Promise<TableSnapshot> {
  if (request.kind === 'at') return await catalog.table(request.table, request.at, signal);
  throw new SkeinError(SqlState.featureNotSupported, 'table_changes is not supported yet');
}
