import { assert, SkeinError, SqlState } from '../../common/index.ts';
import type { AddAction, DeltaAction, MetadataAction, ProtocolAction } from './actions.ts';
import { canonicalPath } from './data-path.ts';
import { parseSchemaString } from './delta-schema.ts';
import type { DeltaField, DeltaSnapshot } from './delta-snapshot.ts';
import { checkWritable, isActive, neededFeatures, supportsFeature } from './table-features.ts';
import { deltaProperties } from './table-properties.ts';

/** A table as a commit finds it, or would leave it. */
export interface TableHead {
  readonly protocol: ProtocolAction;
  readonly metadata: MetadataAction;
}

/**
 * Checks that a commit keeps the protocol's rules for log entries and those of the table's features.
 * @param read undefined for a new table
 * @returns the table as the commit leaves it
 * @throws SkeinError 0A000 naming a feature or version that is not written; 55000 where the table is append-only and
 *   rows would go; asserts what only a bug of ours can break
 * @see Delta PROTOCOL.md, Requirements for Writers
 */
export function checkActions(
  actions: readonly DeltaAction[],
  read: DeltaSnapshot | undefined,
  location: string,
): TableHead {
  checkUnique(actions);
  const metaData = actions.find((action) => 'metaData' in action)?.metaData;
  const protocol = actions.find((action) => 'protocol' in action)?.protocol ?? read?.protocol;
  const metadata = metaData ?? read?.metadata;
  assert(
    protocol !== undefined && metadata !== undefined,
    'a new table needs a protocol and metadata in its first commit',
  );
  if (read !== undefined) checkWritable(read.protocol, read.metadata);
  checkWritable(protocol, metadata);
  const fields = metaData === undefined && read !== undefined ? read.fields : fieldsOf(metadata, location);
  if (metaData !== undefined) checkFeatures(protocol, metaData, fields);
  if (read !== undefined) checkAppendOnly(actions, read);
  const head = { protocol, metadata };
  checkFiles(actions, head, fields);
  const hasDomains = actions.some((action) => 'domainMetadata' in action);
  assert(!hasDomains || supportsFeature(protocol, 'domainMetadata'), 'metadata domains need their feature');
  return head;
}

/** @see Delta PROTOCOL.md, Delta Log Entries: no two actions that reconcile with each other */
function checkUnique(actions: readonly DeltaAction[]): void {
  const seen = new Set<string>();
  for (const action of actions) {
    const name = uniqueName(action);
    if (name === undefined) continue;
    assert(!seen.has(name), `a commit has ${name} twice`);
    seen.add(name);
  }
}

function uniqueName(action: DeltaAction): string | undefined {
  if ('add' in action) return `add ${canonicalPath(action.add.path)}`;
  if ('remove' in action) return `remove ${canonicalPath(action.remove.path)}`;
  if ('txn' in action) return `txn ${action.txn.appId}`;
  if ('domainMetadata' in action) return `domainMetadata ${action.domainMetadata.domain}`;
  if ('cdc' in action) return undefined;
  return Object.keys(action)[0];
}

function fieldsOf(metadata: MetadataAction, location: string): readonly DeltaField[] {
  const mode = deltaProperties(metadata.configuration).columnMappingMode;
  return parseSchemaString(metadata.schemaString, mode, location);
}

function checkFeatures(
  protocol: ProtocolAction,
  { configuration }: MetadataAction,
  fields: readonly DeltaField[],
): void {
  const missing = neededFeatures({ fields, configuration }).find((name) => !supportsFeature(protocol, name));
  assert(missing === undefined, `the table's protocol lacks the feature ${missing}`);
}

function checkAppendOnly(actions: readonly DeltaAction[], read: DeltaSnapshot): void {
  if (!isActive(read, 'appendOnly')) return;
  if (!actions.some((action) => 'remove' in action && action.remove.dataChange)) return;
  throw new SkeinError(SqlState.notInThisState, 'the table is append-only: its rows cannot be changed', {
    hint: "Set the table property delta.appendOnly to 'false' first.",
  });
}

function checkFiles(actions: readonly DeltaAction[], head: TableHead, fields: readonly DeltaField[]): void {
  const adds = actions.flatMap((action) => ('add' in action ? [action.add] : []));
  if (adds.length === 0) return;
  const names = partitionNames(head.metadata, fields);
  for (const add of adds) {
    const keys = Object.keys(add.partitionValues);
    assert(
      keys.length === names.length && names.every((name) => Object.hasOwn(add.partitionValues, name)),
      `${add.path} must have values of the partition columns ${names.join(', ')}`,
    );
    if (add.deletionVector !== undefined) checkDeletionVector(add, head);
  }
}

function checkDeletionVector(add: AddAction, head: TableHead): void {
  assert(supportsFeature(head.protocol, 'deletionVectors'), 'deletion vectors need their feature');
  assert(numRecordsOf(add) !== undefined, `${add.path} has a deletion vector but no number of rows`);
}

/** Rows in the data file, deleted ones too, where the log says it. */
export function numRecordsOf({ stats }: Pick<AddAction, 'stats'>): number | undefined {
  if (stats === undefined) return undefined;
  try {
    const parsed = JSON.parse(stats) as { numRecords?: unknown } | null;
    return typeof parsed?.numRecords === 'number' ? parsed.numRecords : undefined;
  } catch {
    return undefined;
  }
}

/** Physical names of the partition columns, as `partitionValues` has them. */
export function partitionNames(
  { partitionColumns }: MetadataAction,
  fields: readonly DeltaField[],
): readonly string[] {
  return partitionColumns.map((column) => {
    const field = fields.find(({ name }) => name === column);
    assert(field !== undefined, `there is no partition column ${column}`);
    return field.physicalName;
  });
}
