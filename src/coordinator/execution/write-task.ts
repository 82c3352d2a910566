import { create } from '@bufbuild/protobuf';
import {
  type StoredField as StoredFieldMessage,
  StoredFieldSchema,
  type WriteTask,
  WriteTaskSchema,
} from '../../rpc/index.ts';
import type { StoredField } from '../../storage/index.ts';
import { formatType } from '../../types/index.ts';
import type { StageWrite } from './execution-plan.ts';

/** What the tasks of a stage are told of the table that they write. */
export function toWriteTask({ table, columns }: StageWrite): WriteTask {
  return create(WriteTaskSchema, {
    location: table.location,
    types: columns.map(({ type }) => formatType(type)),
    columns: table.columns.map(({ position, name, required, stored }) => ({
      position,
      name: name ?? stored.name,
      required,
      stored: toStoredField(stored),
    })),
    partitionBy: table.partitionBy.map(({ position, name, type, required }) => ({
      position,
      name,
      type: formatType(type),
      required: required === true,
    })),
    ...(table.shardColumn === undefined ? {} : { shardColumn: table.shardColumn }),
    targetFileBytes: BigInt(table.targetFileBytes),
    folder: table.folder,
    compression: table.compression ?? 'zstd',
    ...(table.plain === undefined ? {} : { plain: { ...table.plain } }),
  });
}

function toStoredField({ name, fieldId, type, children }: StoredField): StoredFieldMessage {
  return create(StoredFieldSchema, {
    name,
    ...(fieldId === undefined ? {} : { fieldId }),
    type: formatType(type),
    children: children.map(toStoredField),
  });
}
