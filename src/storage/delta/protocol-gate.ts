import { SkeinError, SqlState } from '../../common/index.ts';
import type { MetadataAction, ProtocolAction } from './actions.ts';
import type { ColumnMappingMode } from './delta-snapshot.ts';

const greatestReaderVersion = 3;

/** Reader features that this reader respects. @see Delta PROTOCOL.md, Valid Feature Names in Table Features */
const readable: ReadonlySet<string> = new Set([
  'columnMapping',
  'deletionVectors',
  'timestampNtz',
  'v2Checkpoint',
  'vacuumProtocolCheck',
  'typeWidening',
  'typeWidening-preview',
]);

/**
 * Refuses tables that this reader would misread.
 * @throws SkeinError 0A000 naming the feature and the table
 */
export function checkReadable(protocol: ProtocolAction, metadata: MetadataAction, table: string): void {
  const { minReaderVersion, readerFeatures = [] } = protocol;
  if (minReaderVersion > greatestReaderVersion)
    throw refused(table, `needs version ${minReaderVersion} of Delta's reader protocol`, {
      readerVersion: String(minReaderVersion),
    });
  const unknown = minReaderVersion === 3 ? readerFeatures.filter((feature) => !readable.has(feature)) : [];
  if (unknown.length > 0)
    throw refused(table, `needs features that Skein cannot read: ${unknown.join(', ')}`, {
      features: unknown.join(', '),
    });
  if (metadata.format.provider !== 'parquet')
    throw refused(table, `keeps its data as ${metadata.format.provider}`, {});
}

/**
 * How the columns of the data files are found.
 * @throws SkeinError 0A000 for a mode that this reader does not know
 * @see Delta PROTOCOL.md, Column Mapping
 */
export function columnMappingMode(
  { minReaderVersion, readerFeatures = [] }: ProtocolAction,
  metadata: MetadataAction,
  table: string,
): ColumnMappingMode {
  const mode = metadata.configuration['delta.columnMapping.mode'] ?? 'none';
  const honored =
    minReaderVersion === 2 || (minReaderVersion >= 3 && readerFeatures.includes('columnMapping'));
  if (!honored || mode === 'none') return 'none';
  if (mode === 'name' || mode === 'id') return mode;
  throw refused(table, `maps its columns in an unknown way: ${mode}`, {});
}

function refused(table: string, problem: string, details: Readonly<Record<string, string>>): SkeinError {
  return new SkeinError(SqlState.featureNotSupported, `the table at ${table} ${problem}`, {
    details: { path: table, ...details },
  });
}
