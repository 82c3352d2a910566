import {
  type DeltaField,
  deltaTableSnapshot,
  fieldsToSchema,
  schemaToFields,
  storedField,
  toAddAction,
  type WrittenFile,
} from '../../storage/index.ts';
import type { DeltaTarget } from './delta-target.ts';
import { defaultFileBytes } from './delta-write.ts';
import type { StatementContext, StatementQuery } from './statement-context.ts';

/** Rows of a query, computed once, which other queries of the statement read. */
export interface DerivedRows {
  /** An item of FROM without an alias. */
  readonly from: string;
  readonly tables: NonNullable<StatementQuery['tables']>;
  /** To be released when nobody reads them any more. They are in no version of the table. */
  readonly files: readonly WrittenFile[];
}

/**
 * Writes the rows of a query to files beside the table's: whatever the query would answer a second time, what is made of
 * its rows fits together.
 * @param name of the relation, as nothing else of the statement is called
 */
export async function derivedRows(
  { snapshot, table }: DeltaTarget,
  context: StatementContext,
  query: StatementQuery,
  name: string,
): Promise<DerivedRows> {
  let fields: readonly DeltaField[] = [];
  const { files } = await context.runWrite({
    query,
    write: (columns) => {
      fields = schemaToFields(columns);
      return {
        location: table.location,
        columns: fields.map((field, position) => ({
          position,
          required: false,
          stored: storedField(field, 'none'),
        })),
        partitionBy: [],
        shardColumn: undefined,
        targetFileBytes: defaultFileBytes,
        folder: '',
      };
    },
    layout: { kind: 'anywhere' },
  });
  const nowMs = context.clock.now();
  const key = `skein_statement.${name}`;
  const derived = deltaTableSnapshot(
    {
      ...snapshot,
      columnMapping: 'none',
      fields,
      schema: fieldsToSchema(fields),
      metadata: { ...snapshot.metadata, partitionColumns: [], configuration: {} },
      files: files.map((file) => toAddAction(file, { nowMs, dataChange: true })),
    },
    key,
  );
  return { from: key, tables: new Map([[key, derived]]), files };
}
