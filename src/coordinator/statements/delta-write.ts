import { assert } from '../../common/index.ts';
import {
  type DeltaSnapshot,
  deltaProperties,
  hashShardSql,
  parseSharding,
  rangeShardSql,
  type Sharding,
  shardingProperty,
  storedField,
  type TableWrite,
} from '../../storage/index.ts';
import { quoteIdentifier } from '../../types/index.ts';

/** Bytes of a data file where the table's properties say nothing. */
export const defaultFileBytes = 128 * 1024 * 1024;

/** What a snapshot says of how files are written; also of a table that is about to be made. */
export type WrittenTable = Pick<
  DeltaSnapshot,
  'location' | 'fields' | 'schema' | 'columnMapping' | 'metadata'
>;

/** The table's division into shards, if it has one. */
export function shardingOfTable({ metadata, fields, location }: WrittenTable): Sharding | undefined {
  return parseSharding(metadata.configuration[shardingProperty], fields, location);
}

/**
 * SQL of the shard of a row over the table's columns by name. Round robin draws one: to count rows would bring them to
 * one task.
 */
export function shardSql(table: WrittenTable): string | undefined {
  const sharding = shardingOfTable(table);
  if (sharding === undefined) return undefined;
  const columnOf = (
    index: number,
  ): { readonly sql: string; readonly type: WrittenTable['schema'][number]['type'] } => {
    const column = table.schema[index];
    assert(column !== undefined, 'a shard column is one of the table');
    return { sql: quoteIdentifier(column.name), type: column.type };
  };
  switch (sharding.kind) {
    case 'hash': {
      const columns = sharding.columns.map(columnOf);
      return hashShardSql(
        columns.map(({ sql }) => sql),
        columns.map(({ type }) => type),
        sharding.shards,
      );
    }
    case 'range': {
      const { sql, type } = columnOf(sharding.column);
      return rangeShardSql(sql, type, sharding.splits);
    }
    case 'roundRobin':
      return `floor(random() * ${sharding.shards})`;
  }
}

/**
 * How rows in the shape of the table are written: columns in the table's order, then the shard where it has shards.
 */
export function deltaWrite(table: WrittenTable, folder = ''): TableWrite {
  const { fields, schema, metadata, columnMapping, location } = table;
  const partitionColumns = metadata.partitionColumns;
  const { targetFileBytes } = deltaProperties(metadata.configuration);
  return {
    location,
    columns: fields.flatMap((field, position) =>
      partitionColumns.includes(field.name)
        ? []
        : [{ position, required: !field.nullable, stored: storedField(field, columnMapping) }],
    ),
    partitionBy: partitionColumns.map((name) => {
      const position = fields.findIndex((field) => field.name === name);
      const field = fields[position];
      assert(field !== undefined, 'a partition column is one of the table');
      return { position, name: field.physicalName, type: field.type };
    }),
    shardColumn: shardingOfTable(table) === undefined ? undefined : schema.length,
    targetFileBytes: targetFileBytes ?? defaultFileBytes,
    folder,
  };
}
