import {
  type AddAction,
  type DeltaAction,
  type DeltaSnapshot,
  type FileDeletion,
  numRecordsOf,
  type WrittenFile,
} from '../../storage/index.ts';

/** What a commit says that it did, by the names that the reference implementation has for it. Bytes and counts as text. */
export type OperationMetrics = Readonly<Record<string, string>>;

function texts(metrics: Readonly<Record<string, number>>): OperationMetrics {
  return Object.fromEntries(Object.entries(metrics).map(([name, value]) => [name, String(value)]));
}

/** Rows and bytes of written files. */
function totals(files: readonly WrittenFile[]): { readonly rows: number; readonly bytes: number } {
  return files.reduce((sum, { rows, bytes }) => ({ rows: sum.rows + rows, bytes: sum.bytes + bytes }), {
    rows: 0,
    bytes: 0,
  });
}

function sizeOf(files: readonly { readonly size?: number | undefined }[]): number {
  return files.reduce((sum, { size }) => sum + (size ?? 0), 0);
}

/** Of rows that come in: INSERT, CREATE TABLE AS SELECT. */
export function writeMetrics(files: readonly WrittenFile[]): OperationMetrics {
  const { rows, bytes } = totals(files);
  return texts({ numFiles: files.length, numOutputRows: rows, numOutputBytes: bytes });
}

interface RowsChanged {
  readonly updated: number;
  readonly deleted: number;
  readonly inserted: number;
  /** Files with the new rows, and with the copied ones. */
  readonly written: readonly WrittenFile[];
  /** Files that are replaced, or whose rows are all gone. */
  readonly removed: readonly AddAction[];
  readonly deletions: readonly FileDeletion[];
  /** Files of change data. */
  readonly changeFiles: number;
}

/** Of UPDATE, DELETE and MERGE: a row is copied where its file is rewritten for another row's sake. */
export function changeMetrics(
  operation: 'MERGE' | 'UPDATE' | 'DELETE',
  { updated, deleted, inserted, written, removed, deletions, changeFiles }: RowsChanged,
): OperationMetrics {
  const { rows, bytes } = totals(written);
  const copied = rows - updated - inserted;
  const gone = [...removed, ...emptied(deletions)];
  if (operation === 'MERGE') {
    return texts({
      numTargetRowsInserted: inserted,
      numTargetRowsUpdated: updated,
      numTargetRowsDeleted: deleted,
      numTargetRowsCopied: copied,
      numOutputRows: rows,
      numTargetFilesAdded: written.length,
      numTargetFilesRemoved: gone.length,
      numTargetBytesAdded: bytes,
      numTargetBytesRemoved: sizeOf(gone),
      numTargetChangeFilesAdded: changeFiles,
    });
  }
  return texts({
    ...(operation === 'UPDATE' ? { numUpdatedRows: updated } : { numDeletedRows: deleted }),
    numCopiedRows: copied,
    numAddedFiles: written.length,
    numRemovedFiles: gone.length,
    numAddedBytes: bytes,
    numRemovedBytes: sizeOf(gone),
    numAddedChangeFiles: changeFiles,
  });
}

/** Files of which no row is left. */
function emptied(deletions: readonly FileDeletion[]): readonly AddAction[] {
  return deletions
    .filter(({ file, deletionVector }) => deletionVector.cardinality >= (numRecordsOf(file) ?? Infinity))
    .map(({ file }) => file);
}

export function optimizeMetrics(
  removed: readonly AddAction[],
  written: readonly WrittenFile[],
): OperationMetrics {
  return texts({
    numRemovedFiles: removed.length,
    numRemovedBytes: sizeOf(removed),
    numAddedFiles: written.length,
    numAddedBytes: totals(written).bytes,
  });
}

/** @param restored the version that is to be again; `actions` make it so */
export function restoreMetrics(restored: DeltaSnapshot, actions: readonly DeltaAction[]): OperationMetrics {
  const added = actions.flatMap((action) => ('add' in action ? [action.add] : []));
  const removed = actions.flatMap((action) => ('remove' in action ? [action.remove] : []));
  return texts({
    numRestoredFiles: added.length,
    restoredFilesSize: sizeOf(added),
    numRemovedFiles: removed.length,
    removedFilesSize: sizeOf(removed),
    numOfFilesAfterRestore: restored.files.length,
    tableSizeAfterRestore: sizeOf(restored.files),
  });
}
