import type { Catalog, CatalogSnapshot } from '../../catalog/index.ts';
import { type Schema, type SqlValue, scalar } from '../../types/index.ts';
import type { QueryInfo, WorkerInfo } from '../query-service.ts';

/** What relations of the schema `system` tell about. */
export interface SystemContext {
  readonly catalog: Catalog;
  readonly signal: AbortSignal;
  /** Every table as of the statement's start. */
  snapshot(): Promise<CatalogSnapshot>;
  queries(): readonly QueryInfo[];
  workers(): Promise<readonly WorkerInfo[]>;
}

/** A relation of the schema `system`. */
export interface SystemTable {
  readonly name: string;
  readonly schema: Schema;
  /** Its rows as of now; times are milliseconds since 1970, counts may be numbers. */
  rows(context: SystemContext): Promise<readonly (readonly SqlValue[])[]>;
}

/** `{ bytes: 'BIGINT' }` as a schema. */
export function columns(
  types: Readonly<Record<string, 'VARCHAR' | 'BIGINT' | 'INTEGER' | 'DOUBLE' | 'TIMESTAMP WITH TIME ZONE'>>,
): Schema {
  return Object.entries(types).map(([name, type]) => ({ name, type: scalar(type) }));
}
