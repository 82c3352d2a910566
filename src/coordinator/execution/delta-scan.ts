import { create } from '@bufbuild/protobuf';
import { assertNever } from '../../common/index.ts';
import {
  DeltaColumnSchema,
  DeltaFileSchema,
  type DeltaScan,
  DeltaScanSchema,
  type DeltaColumn as ProtoColumn,
  type StoredField as ProtoField,
  type DeltaFile as ProtoFile,
  StoredFieldSchema,
} from '../../rpc/index.ts';
import type {
  DeltaColumn,
  DeltaFormat,
  Split,
  StoredField,
  TableFile,
  TableSnapshot,
} from '../../storage/index.ts';
import { formatType } from '../../types/index.ts';

/** What a task has to know of a Delta table's log: its own files, and the columns it reads. */
export function toDeltaScan(
  table: TableSnapshot,
  format: DeltaFormat,
  columns: readonly number[],
  splits: readonly Split[],
): DeltaScan {
  const files = filesByPath(table);
  const paths = [...new Set(splits.map((split) => split.path))];
  return create(DeltaScanSchema, {
    location: table.delta?.location ?? '',
    columns: columns.flatMap((position) => {
      const column = format.columns[position];
      return column === undefined ? [] : [toColumn(column)];
    }),
    files: paths.flatMap((path) => {
      const file = files.get(path);
      return file === undefined ? [] : [toFile(file)];
    }),
  });
}

const knownFiles = new WeakMap<TableSnapshot['files'], ReadonlyMap<string, TableFile>>();

/** Remembered: every task of a scan asks, and a table may have very many files. */
function filesByPath({ files }: TableSnapshot): ReadonlyMap<string, TableFile> {
  let byPath = knownFiles.get(files);
  if (byPath === undefined) {
    byPath = new Map(files.map((file) => [file.path, file]));
    knownFiles.set(files, byPath);
  }
  return byPath;
}

function toColumn(column: DeltaColumn): ProtoColumn {
  switch (column.kind) {
    case 'data':
      return create(DeltaColumnSchema, { source: { case: 'data', value: toField(column.stored) } });
    case 'partition':
      return create(DeltaColumnSchema, { source: { case: 'partition', value: column.index } });
    case 'changeType':
      return create(DeltaColumnSchema, { source: { case: 'hidden', value: `changeType:${column.index}` } });
    case 'file':
    case 'row':
      return create(DeltaColumnSchema, { source: { case: 'hidden', value: column.kind } });
    default:
      return assertNever(column);
  }
}

function toField({ name, fieldId, type, children }: StoredField): ProtoField {
  return create(StoredFieldSchema, {
    name,
    ...(fieldId === undefined ? {} : { fieldId }),
    type: formatType(type),
    children: children.map(toField),
  });
}

function toFile({ path, bytes, delta }: TableFile): ProtoFile {
  const { rowCount, partitionValues = [], deletionVector, crc32, etag = '' } = delta ?? {};
  return create(DeltaFileSchema, {
    path,
    logPath: delta?.logPath ?? path,
    bytes: BigInt(bytes),
    ...(rowCount === undefined ? {} : { rows: BigInt(rowCount) }),
    partitionValues: partitionValues.map((value) => (value === null ? {} : { value })),
    ...(deletionVector === undefined
      ? {}
      : {
          deletionVector: {
            storageType: deletionVector.storageType,
            pathOrInlineDv: deletionVector.pathOrInlineDv,
            ...(deletionVector.offset === undefined ? {} : { offset: deletionVector.offset }),
            sizeInBytes: deletionVector.sizeInBytes,
            cardinality: BigInt(deletionVector.cardinality),
          },
        }),
    ...(crc32 === undefined ? {} : { crc32 }),
    etag,
  });
}
