import type { InspectFiles } from '../catalog/index.ts';
import { SkeinError } from '../common/index.ts';
import { type DuckDb, inspectFiles } from '../duckdb/index.ts';
import { bringFiles, type RemoteFiles, withLocations } from '../worker/index.ts';

/** DuckDB looks into so many files at most to find out the columns of text, unless it is told to sample all. */
const sampledFiles = 32;

/**
 * Looks into files on a connection of its own each time. Of remote Parquet files the footers are brought here, of text
 * as many files as DuckDB looks into.
 */
export function inspectTables(duckdb: DuckDb, remoteFiles: RemoteFiles): InspectFiles {
  return async (kind, files, partitionKeys, signal, given = {}) => {
    const isSampled = kind !== 'parquet' && given.sample_size !== '-1';
    const isRemote = files.some(({ path }) => !path.startsWith('/'));
    const looked = isRemote && isSampled ? files.slice(0, sampledFiles) : files;
    const footers = kind === 'parquet' ? { columns: [] } : {};
    await using here = await bringFiles(looked, footers, remoteFiles, signal);
    await using connection = await duckdb.connect();
    try {
      const found = await inspectFiles(connection, kind, here.files, partitionKeys, signal, given);
      const rowGroups = [...found.rowGroups].map(
        ([path, rows]) => [here.locations.get(path) ?? path, rows] as const,
      );
      const bytes = (of: typeof files): number => of.reduce((sum, file) => sum + file.bytes, 0);
      const share = looked.length === files.length ? 1 : bytes(files) / Math.max(1, bytes(looked));
      return { ...found, rowCount: Math.ceil(found.rowCount * share), rowGroups: new Map(rowGroups) };
    } catch (error) {
      throw error instanceof SkeinError ? withLocations(error, here.locations) : error;
    }
  };
}
