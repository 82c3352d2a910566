import { type Column, type Schema, type SqlType, scalar } from '../../types/index.ts';
import { partitionNames } from './check-actions.ts';
import type { DeltaSnapshot } from './delta-snapshot.ts';
import { indexedColumns, type StatsColumn } from './file-stats.ts';
import { storedType } from './stored-type.ts';
import { deltaProperties } from './table-properties.ts';

const text = scalar('VARCHAR');
const long = scalar('BIGINT');
const int = scalar('INTEGER');
const flag = scalar('BOOLEAN');
const texts: SqlType = { kind: 'list', element: text };
const textMap: SqlType = { kind: 'map', key: text, value: text };

function struct(fields: Readonly<Record<string, SqlType>>): SqlType {
  return { kind: 'struct', fields: Object.entries(fields).map(([name, type]) => ({ name, type })) };
}

const deletionVector = struct({
  storageType: text,
  pathOrInlineDv: text,
  offset: int,
  sizeInBytes: int,
  cardinality: long,
});

const protocol = struct({
  minReaderVersion: int,
  minWriterVersion: int,
  readerFeatures: texts,
  writerFeatures: texts,
});

const metaData = struct({
  id: text,
  name: text,
  description: text,
  format: struct({ provider: text, options: textMap }),
  schemaString: text,
  partitionColumns: texts,
  configuration: textMap,
  createdTime: long,
});

const txn = struct({ appId: text, version: long, lastUpdated: long });
const domainMetadata = struct({ domain: text, configuration: text, removed: flag });
const checkpointMetadata = struct({ version: long, tags: textMap });
const sidecar = struct({ path: text, sizeInBytes: long, modificationTime: long, tags: textMap });

const remove = struct({
  path: text,
  deletionTimestamp: long,
  dataChange: flag,
  extendedFileMetadata: flag,
  partitionValues: textMap,
  size: long,
  deletionVector,
  baseRowId: long,
  defaultRowCommitVersion: long,
});

/** Columns of actions that are no files. */
export function tableColumns(snapshot: DeltaSnapshot): Schema {
  return [
    { name: 'protocol', type: protocol },
    { name: 'metaData', type: metaData },
    { name: 'txn', type: txn },
    ...(snapshot.domains.size === 0 ? [] : [{ name: 'domainMetadata', type: domainMetadata }]),
  ];
}

/** Columns of a V2 checkpoint besides. */
export const manifestColumns: Schema = [
  { name: 'checkpointMetadata', type: checkpointMetadata },
  { name: 'sidecar', type: sidecar },
];

/** Columns of add and remove actions. @see Delta PROTOCOL.md, Checkpoint Schema */
export function fileColumns(snapshot: DeltaSnapshot): Schema {
  const { writeStatsAsJson } = deltaProperties(snapshot.metadata.configuration);
  const stats = parsedStatsType(snapshot);
  const partitions = parsedPartitionType(snapshot);
  const add = struct({
    path: text,
    partitionValues: textMap,
    size: long,
    modificationTime: long,
    dataChange: flag,
    ...(writeStatsAsJson ? { stats: text } : {}),
    tags: textMap,
    deletionVector,
    baseRowId: long,
    defaultRowCommitVersion: long,
    clusteringProvider: text,
    ...(partitions === undefined ? {} : { partitionValues_parsed: partitions }),
    ...(stats === undefined ? {} : { stats_parsed: stats }),
  });
  return [
    { name: 'add', type: add },
    { name: 'remove', type: remove },
  ];
}

/** Undefined where the table wants no parsed statistics, or has none to parse. */
export function parsedStatsType(snapshot: DeltaSnapshot): SqlType | undefined {
  const { metadata, fields } = snapshot;
  if (!deltaProperties(metadata.configuration).writeStatsAsStruct) return undefined;
  const leaves = indexedColumns(fields, metadata.partitionColumns, metadata.configuration);
  const bounds = treeType(leaves.filter(({ type }) => hasBounds(type)));
  const counts = treeType(leaves.map(({ path }) => ({ path, type: long })));
  return struct({
    numRecords: long,
    tightBounds: flag,
    ...(bounds === undefined ? {} : { minValues: bounds, maxValues: bounds }),
    ...(counts === undefined ? {} : { nullCount: counts }),
  });
}

/** Undefined where the table wants no parsed values, or has no partitions. */
export function parsedPartitionType(snapshot: DeltaSnapshot): SqlType | undefined {
  const { metadata, fields } = snapshot;
  if (!deltaProperties(metadata.configuration).writeStatsAsStruct) return undefined;
  const names = partitionNames(metadata, fields);
  if (names.length === 0) return undefined;
  const columns = names.flatMap((name): Column[] => {
    const type = fields.find(({ physicalName }) => physicalName === name)?.type;
    return type === undefined ? [] : [{ name, type: storedType(type) ?? type }];
  });
  return { kind: 'struct', fields: columns };
}

/** The types that the reference implementation keeps bounds of. */
function hasBounds(type: SqlType): boolean {
  if (type.kind !== 'scalar') return type.kind === 'decimal';
  return type.name !== 'BLOB' && type.name !== 'BOOLEAN' && type.name !== 'NULL';
}

/** A struct of structs from paths; undefined without any. */
function treeType(leaves: readonly StatsColumn[]): SqlType | undefined {
  const groups = new Map<string, StatsColumn[]>();
  for (const leaf of leaves) {
    const [name = ''] = leaf.path;
    groups.set(name, [...(groups.get(name) ?? []), leaf]);
  }
  const fields = [...groups].flatMap(([name, group]): Column[] => {
    const [first] = group;
    if (first?.path.length === 1) return [{ name, type: first.type }];
    const nested = treeType(group.map(({ path, type }) => ({ path: path.slice(1), type })));
    return nested === undefined ? [] : [{ name, type: nested }];
  });
  return fields.length === 0 ? undefined : { kind: 'struct', fields };
}
