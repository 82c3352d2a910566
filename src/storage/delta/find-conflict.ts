import type { AddAction, DeltaAction, MetadataAction, ProtocolAction } from './actions.ts';
import { differInIdentityOnly } from './column-rules.ts';
import { canonicalPath } from './data-path.ts';
import type { TableIsolation } from './table-properties.ts';

/** What a transaction read of the table, so that it would have to be run again if that changed. */
export type TransactionReads =
  /** Nothing: it writes the same whatever the table holds. */
  | { readonly kind: 'nothing' }
  /** The rows of the files that could satisfy its conditions: of those that are there and of those that may come. */
  | { readonly kind: 'files'; readonly matches: (file: AddAction) => boolean }
  | { readonly kind: 'wholeTable' };

/**
 * `SnapshotIsolation` is for transactions that only rearrange rows: rows that came in meanwhile do not concern them.
 * @see Delta PROTOCOL.md, Add File and Remove File: `dataChange`
 */
export type Isolation = TableIsolation | 'SnapshotIsolation';

/** Why a transaction cannot follow a commit that it has not seen. */
export type ConflictReason =
  /** There is a table where the transaction meant to create one. */
  | { readonly kind: 'tableExists' }
  | { readonly kind: 'protocolChanged' }
  | { readonly kind: 'metadataChanged' }
  /** Rows came in that the transaction should have read. */
  | { readonly kind: 'concurrentAppend'; readonly path: string }
  /** Rows are gone that the transaction read. */
  | { readonly kind: 'concurrentDeleteRead'; readonly path: string }
  /** Both remove the file, or rows of it. */
  | { readonly kind: 'concurrentDeleteDelete'; readonly path: string }
  | { readonly kind: 'appTransaction'; readonly appId: string }
  | { readonly kind: 'domainMetadata'; readonly domain: string }
  /** The log no longer has the commits since the transaction's snapshot. */
  | { readonly kind: 'snapshotExpired' }
  /** Others were always faster. */
  | { readonly kind: 'attemptsExhausted'; readonly attempts: number };

/** The transaction that lost the race. */
export interface LosingTransaction {
  readonly actions: readonly DeltaAction[];
  readonly reads: TransactionReads;
  readonly isolation: Isolation;
  /** Of the version that it read. */
  readonly protocol: ProtocolAction;
  readonly metadata: MetadataAction;
  readonly files: readonly AddAction[];
  /** Application whose transactions it depends on. */
  readonly appId: string | undefined;
}

/**
 * Whether the transaction would have written something else had it seen the winner's commit. Rows that the winner only
 * rearranged (`dataChange` false) are the rows that were read: only who removes the same files conflicts with it.
 * @returns undefined where the transaction may follow the winner as it is
 */
export function findConflict(
  losing: LosingTransaction,
  winning: readonly DeltaAction[],
): ConflictReason | undefined {
  return (
    tableConflict(losing, winning) ??
    domainConflict(losing, winning) ??
    appendConflict(losing, winning) ??
    removalConflict(losing, winning)
  );
}

function tableConflict(
  losing: LosingTransaction,
  winning: readonly DeltaAction[],
): ConflictReason | undefined {
  for (const action of winning) {
    if ('protocol' in action && !sameProtocol(action.protocol, losing.protocol)) {
      return { kind: 'protocolChanged' };
    }
    if ('metaData' in action && !toleratesMetadata(losing, action.metaData)) {
      return { kind: 'metadataChanged' };
    }
    if ('txn' in action && appIdsOf(losing).has(action.txn.appId)) {
      return { kind: 'appTransaction', appId: action.txn.appId };
    }
  }
  return undefined;
}

function appIdsOf({ actions, appId }: LosingTransaction): ReadonlySet<string> {
  const written = actions.flatMap((action) => ('txn' in action ? [action.txn.appId] : []));
  return new Set(appId === undefined ? written : [...written, appId]);
}

function sameProtocol(a: ProtocolAction, b: ProtocolAction): boolean {
  const list = (names: readonly string[] | undefined): string => [...(names ?? [])].sort().join();
  return (
    a.minReaderVersion === b.minReaderVersion &&
    a.minWriterVersion === b.minWriterVersion &&
    list(a.readerFeatures) === list(b.readerFeatures) &&
    list(a.writerFeatures) === list(b.writerFeatures)
  );
}

/** Values that others gave out of identity columns do not concern who gives out none. */
function toleratesMetadata(losing: LosingTransaction, metadata: MetadataAction): boolean {
  if (losing.actions.some((action) => 'metaData' in action)) return false;
  const { schemaString, ...rest } = metadata;
  const { schemaString: read, ...readRest } = losing.metadata;
  return JSON.stringify(sorted(rest)) === JSON.stringify(sorted(readRest))
    ? differInIdentityOnly(schemaString, read)
    : false;
}

function sorted(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(sorted);
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(
    Object.entries(value)
      .map(([key, field]) => [key, sorted(field)] as const)
      .sort(([a], [b]) => (a < b ? -1 : 1)),
  );
}

function domainConflict(
  losing: LosingTransaction,
  winning: readonly DeltaAction[],
): ConflictReason | undefined {
  const domainsOf = (actions: readonly DeltaAction[]): string[] =>
    actions.flatMap((action) => ('domainMetadata' in action ? [action.domainMetadata.domain] : []));
  const ours = new Set(domainsOf(losing.actions));
  const domain = domainsOf(winning).find((name) => ours.has(name));
  return domain === undefined ? undefined : { kind: 'domainMetadata', domain };
}

function appendConflict(
  losing: LosingTransaction,
  winning: readonly DeltaAction[],
): ConflictReason | undefined {
  const { reads, isolation, actions } = losing;
  if (reads.kind === 'nothing' || isolation === 'SnapshotIsolation') return undefined;
  // A change of the table itself, as a new constraint, must hold for appended rows too.
  const changesTable = actions.some((action) => 'metaData' in action);
  if (isolation === 'WriteSerializable' && !changesTable && isBlindAppend(winning)) return undefined;
  for (const action of winning) {
    if (!('add' in action) || !action.add.dataChange) continue;
    if (reads.kind === 'wholeTable' || reads.matches(action.add)) {
      return { kind: 'concurrentAppend', path: action.add.path };
    }
  }
  return undefined;
}

/** Writers that do not say so are taken to have read what they write. */
function isBlindAppend(actions: readonly DeltaAction[]): boolean {
  return actions.some((action) => 'commitInfo' in action && action.commitInfo.isBlindAppend === true);
}

function removalConflict(
  losing: LosingTransaction,
  winning: readonly DeltaAction[],
): ConflictReason | undefined {
  const removed = winning.flatMap((action) => ('remove' in action ? [action.remove] : []));
  if (removed.length === 0) return undefined;
  const ours = new Set(
    losing.actions.flatMap((action) => ('remove' in action ? [canonicalPath(action.remove.path)] : [])),
  );
  const both = removed.find(({ path }) => ours.has(canonicalPath(path)));
  if (both !== undefined) return { kind: 'concurrentDeleteDelete', path: both.path };
  if (losing.isolation === 'SnapshotIsolation') return undefined;
  const gone = readAndRemoved(
    losing,
    removed.filter(({ dataChange }) => dataChange).map(({ path }) => path),
  );
  return gone === undefined ? undefined : { kind: 'concurrentDeleteRead', path: gone };
}

/** A removed file that the transaction read: of those that were there when it read. */
function readAndRemoved({ reads, files }: LosingTransaction, removed: readonly string[]): string | undefined {
  if (reads.kind === 'nothing' || removed.length === 0) return undefined;
  if (reads.kind === 'wholeTable') return removed[0];
  const paths = new Set(removed.map(canonicalPath));
  return files.find((file) => paths.has(canonicalPath(file.path)) && reads.matches(file))?.path;
}
