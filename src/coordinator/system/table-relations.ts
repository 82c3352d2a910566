import type { CatalogSnapshot, OpenedTable } from '../../catalog/index.ts';
import { mapConcurrently } from '../../common/index.ts';
import {
  countShards,
  type Sharding,
  ShardPlacement,
  type TableFile,
  type TableSnapshot,
} from '../../storage/index.ts';
import type { SqlValue } from '../../types/index.ts';
import { withCapacity } from '../members/index.ts';
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

/** One row a shard of a sharded table, and the worker that reads it as the workers are now. */
export const systemShards: SystemTable = {
  name: 'shards',
  schema: columns({
    ...tableName,
    shard: 'INTEGER',
    sharding: 'VARCHAR',
    worker_id: 'VARCHAR',
    url: 'VARCHAR',
    range_from: 'VARCHAR',
    range_before: 'VARCHAR',
    files: 'BIGINT',
    row_count: 'BIGINT',
    bytes: 'BIGINT',
  }),
  async rows({ snapshot, workers }) {
    const [seen, all] = await Promise.all([snapshot(), workers()]);
    const alive = all.filter(({ state }) => state === 'alive');
    const placement = alive.length === 0 ? undefined : new ShardPlacement(alive.map(withCapacity));
    return readable(seen).flatMap(({ origin, table }) => {
      const { sharding } = table;
      if (sharding === undefined) return [];
      const homes = placement?.ofTable(sharding, table);
      const how = describeSharding(sharding, table);
      return sumShards(sharding, table).map(({ files, rows, bytes }, shard) => {
        const worker = alive[homes?.[shard] ?? -1];
        const [from, before] = rangeOf(sharding, shard);
        return [
          ...[origin.schema, origin.name, shard, how],
          ...[worker?.id ?? null, worker?.url ?? null, from, before],
          ...[files, rows, bytes],
        ];
      });
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

interface ShardSum {
  files: number;
  rows: number;
  bytes: number;
}

/** By shard, what lies in it. */
function sumShards(sharding: Sharding, { files }: TableSnapshot): readonly ShardSum[] {
  const sums = Array.from(
    { length: countShards(sharding) },
    (): ShardSum => ({ files: 0, rows: 0, bytes: 0 }),
  );
  for (const file of files) {
    const sum = sums[file.delta?.shard ?? -1];
    if (sum === undefined) continue;
    sum.files += 1;
    sum.rows += (allRows(file) ?? 0) - (file.delta?.deletionVector?.cardinality ?? 0);
    sum.bytes += file.bytes;
  }
  return sums;
}

/** The least value of a range shard and the one that it ends before; null: without bound, or no range. */
function rangeOf(sharding: Sharding, shard: number): readonly [string | null, string | null] {
  if (sharding.kind !== 'range') return [null, null];
  return [sharding.splits[shard - 1] ?? null, sharding.splits[shard] ?? null];
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
