import { SkeinError, SqlState } from '../../common/index.ts';
import { malformed, type StoredField as StoredFieldMessage, type WriteTask } from '../../rpc/index.ts';
import type { StoredField, TableWrite } from '../../storage/index.ts';
import { parseType, type SqlType } from '../../types/index.ts';

/** What a task writes, and of what. */
export interface TaskWrite {
  readonly table: TableWrite;
  /** Of the fragment's output columns, which go by the names c0, c1 ... */
  readonly types: readonly SqlType[];
}

/** @throws SkeinError for a message that is none; 0A000 for a table without data columns */
export function readWriteTask(message: WriteTask): TaskWrite {
  if (message.columns.length === 0) {
    throw new SkeinError(
      SqlState.featureNotSupported,
      'a table needs a column that it is not partitioned by',
    );
  }
  const { location, folder, compression, shardColumn, plain } = message;
  return {
    types: message.types.map(parseType),
    table: {
      location,
      folder,
      shardColumn,
      targetFileBytes: Number(message.targetFileBytes),
      compression: compression === 'snappy' ? 'snappy' : 'zstd',
      ...(plain === undefined ? {} : { plain: { options: plain.options, prefix: plain.prefix } }),
      columns: message.columns.map(({ position, required, name, stored }) => {
        if (stored === undefined) throw malformed(`column ${position} of a write without its field`);
        return { position, required, name, stored: readField(stored) };
      }),
      partitionBy: message.partitionBy.map(({ position, name, type, required }) => ({
        position,
        name,
        type: parseType(type),
        required,
      })),
    },
  };
}

function readField({ name, fieldId, type, children }: StoredFieldMessage): StoredField {
  return { name, fieldId, type: parseType(type), children: children.map(readField) };
}
