import type { Schema, SqlValue } from '../../types/index.ts';
import { systemQueries, systemWorkers } from './cluster-relations.ts';
import type { SystemContext, SystemTable } from './system-table.ts';
import { systemFiles, systemShards, systemSnapshots, systemTables } from './table-relations.ts';

export type { SystemContext, SystemTable } from './system-table.ts';

const all: readonly SystemTable[] = [
  systemTables,
  systemFiles,
  systemShards,
  systemSnapshots,
  systemQueries,
  systemWorkers,
];

/** Columns of each relation of the schema `system`, by name. */
export const systemSchemas: ReadonlyMap<string, Schema> = new Map(
  all.map(({ name, schema }) => [name, schema]),
);

/** Rows of those that a statement reads. */
export async function systemRows(
  names: readonly string[],
  context: SystemContext,
): Promise<ReadonlyMap<string, readonly (readonly SqlValue[])[]>> {
  const wanted = all.filter(({ name }) => names.includes(name));
  return new Map(
    await Promise.all(wanted.map(async (table) => [table.name, await table.rows(context)] as const)),
  );
}
