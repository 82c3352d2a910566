import type { CatalogSnapshot, OpenedTable } from '../../catalog/index.ts';
import { mapConcurrently } from '../../common/index.ts';
import type { Sharding, TableFile, TableSnapshot } from '../../storage/index.ts';
import type { SqlValue } from '../../types/index.ts';
import { columns, type SystemTable } from './system-table.ts';

const tableName = { table_schema: 'VARCHAR', table_name: 'VARCHAR' } as const;
/** Histories that are read side by side. */
const logsAtOnce = 8;

/** One row a table; those that cannot be read say why. */
export const systemTables: SystemTable = {
  name: 'tables',
  schema: columns({
    ...tableName,
    kind: 'VARCHAR',
    format: 'VARCHAR',
    location: 'VARCHAR',
    version: 'BIGINT',
    row_count: 'BIGINT',
    bytes: 'BIGINT',
    files: 'BIGINT',
    sharding: 'VARCHAR',
    comment: 'VARCHAR',
    error: 'VARCHAR',
  }),
  async rows({ snapshot }) {
    const seen = await snapshot();
    return [...seen.origins.values()].map(({ key, schema, name, kind, format, location }) => {
      const table = seen.tables.get(key);
      return [
        schema,
        name,
        kind,
        format,
        location,
        table?.delta?.version ?? null,
        table?.rowCount ?? null,
        table?.bytes ?? null,
        table?.files.length ?? null,
        table?.sharding === undefined ? null : describeSharding(table.sharding, table),
        seen.comments.findLast(
          (comment) => comment.schema === schema && comment.name === name && comment.column === undefined,
        )?.text ?? null,
        seen.broken.get(key)?.message ?? null,
      ];
    });
  },
};

/** One row a data file. */
export const systemFiles: SystemTable = {
  name: 'files',
  schema: columns({
    ...tableName,
    path: 'VARCHAR',
    bytes: 'BIGINT',
    row_count: 'BIGINT',
    deleted_rows: 'BIGINT',
    partition_values: 'VARCHAR',
    shard: 'INTEGER',
  }),
  async rows({ snapshot }) {
    const rows: SqlValue[][] = [];
    for (const { origin, table } of readable(await snapshot())) {
      const partitions = partitionNames(table);
      for (const file of table.files) {
        const { path, bytes, delta } = file;
        const values = delta?.partitionValues.map(
          (value, index) => [partitions[index] ?? '', value] as const,
        );
        rows.push([
          origin.schema,
          origin.name,
          path,
          bytes,
          allRows(file) ?? null,
          delta?.deletionVector?.cardinality ?? 0,
          values === undefined || values.length === 0 ? null : JSON.stringify(Object.fromEntries(values)),
          delta?.shard ?? null,
        ]);
      }
    }
    return rows;
  },
};

/** One row a shard of a sharded table. */
export const systemShards: SystemTable = {
  name: 'shards',
  schema: columns({
    ...tableName,
    shard: 'INTEGER',
    sharding: 'VARCHAR',
    files: 'BIGINT',
    row_count: 'BIGINT',
    bytes: 'BIGINT',
  }),
  async rows({ snapshot }) {
    return readable(await snapshot()).flatMap(({ origin, table }) => {
      const { sharding } = table;
      if (sharding === undefined) return [];
      const shards = Array.from({ length: countShards(sharding) }, () => ({ files: 0, rows: 0, bytes: 0 }));
      for (const file of table.files) {
        const shard = shards[file.delta?.shard ?? -1];
        if (shard === undefined) continue;
        shard.files += 1;
        shard.rows += (allRows(file) ?? 0) - (file.delta?.deletionVector?.cardinality ?? 0);
        shard.bytes += file.bytes;
      }
      const how = describeSharding(sharding, table);
      return shards.map(({ files, rows, bytes }, index) => [
        origin.schema,
        origin.name,
        index,
        how,
        files,
        rows,
        bytes,
      ]);
    });
  },
};

/** One row a version of a Delta table, as its log still has it. */
export const systemSnapshots: SystemTable = {
  name: 'snapshots',
  schema: columns({
    ...tableName,
    version: 'BIGINT',
    committed_at: 'TIMESTAMP WITH TIME ZONE',
    operation: 'VARCHAR',
    operation_parameters: 'VARCHAR',
    operation_metrics: 'VARCHAR',
    engine: 'VARCHAR',
  }),
  async rows({ snapshot, catalog, signal }) {
    const delta = readable(await snapshot()).filter(({ origin }) => origin.format === 'delta');
    const all = await mapConcurrently(delta, logsAtOnce, async ({ origin: { schema, name } }) => {
      const { log } = await catalog.names.openTable({ schema, name }, signal);
      const commits = await log.history({ signal });
      return commits.map((commit) => [
        schema,
        name,
        commit.version,
        commit.timestampMs,
        commit.operation ?? null,
        JSON.stringify(commit.operationParameters),
        JSON.stringify(commit.operationMetrics),
        commit.engineInfo ?? null,
      ]);
    });
    return all.flat();
  },
};

function readable({
  origins,
  tables,
}: CatalogSnapshot): readonly { readonly origin: OpenedTable; readonly table: TableSnapshot }[] {
  return [...origins.values()].flatMap((origin) => {
    const table = tables.get(origin.key);
    return table === undefined ? [] : [{ origin, table }];
  });
}

function allRows({ delta, rowGroups }: TableFile): number | undefined {
  return delta?.rowCount ?? rowGroups?.reduce((sum, rows) => sum + rows, 0);
}

function partitionNames({ schema, format }: TableSnapshot): readonly string[] {
  if (format.kind !== 'delta') return [];
  const names: string[] = [];
  format.columns.forEach((column, index) => {
    if (column.kind === 'partition') names[column.index] = schema[index]?.name ?? '';
  });
  return names;
}

function countShards(sharding: Sharding): number {
  return sharding.kind === 'range' ? sharding.splits.length + 1 : sharding.shards;
}

/** As the clause of CREATE TABLE has it. */
function describeSharding(sharding: Sharding, { schema }: TableSnapshot): string {
  const nameOf = (index: number): string => schema[index]?.name ?? '';
  switch (sharding.kind) {
    case 'hash':
      return `HASH (${sharding.columns.map(nameOf).join(', ')}) INTO ${sharding.shards} SHARDS`;
    case 'range':
      return `RANGE (${nameOf(sharding.column)})`;
    case 'roundRobin':
      return `ROUND ROBIN INTO ${sharding.shards} SHARDS`;
  }
}
