import type { Schema } from '../../types/index.ts';
import type { ShadowTables } from './bound-query.ts';

export interface FoundRelation {
  readonly kind: 'table' | 'view' | 'system';
  /** The qualified name as it is spelt. */
  readonly table: string;
}

/** Names of one snapshot's tables and views, whatever their case. */
export class RelationNames {
  readonly #byName = new Map<string, FoundRelation>();
  readonly #tables: ShadowTables;

  constructor(tables: ShadowTables, system: ReadonlyMap<string, Schema> | undefined) {
    this.#tables = tables;
    for (const name of system?.keys() ?? []) this.#add('system', `system.${name}`);
    for (const name of tables.tables.keys()) this.#add('table', name);
    for (const name of tables.views?.keys() ?? []) this.#add('view', name);
  }

  find(schema: string, name: string): FoundRelation | undefined {
    return this.#byName.get(`${schema}.${name}`.toLowerCase());
  }

  /** Tables and views, for hints. */
  *all(): Generator<string> {
    yield* this.#tables.tables.keys();
    yield* this.#tables.views?.keys() ?? [];
  }

  #add(kind: FoundRelation['kind'], table: string): void {
    this.#byName.set(table.toLowerCase(), { kind, table });
  }
}
