import { quoteIdentifier, type Schema, sameType } from '../../types/index.ts';
import type { ShadowTable, ShadowTables } from './bound-query.ts';

export interface TableSyncTarget {
  readonly run: (sql: string) => Promise<void>;
  /** Makes the table's relation; its schema is there. */
  readonly create: (name: string, table: ShadowTable) => Promise<void>;
  readonly dropped: (name: string) => void;
  readonly dropStatement: 'DROP VIEW' | 'DROP TABLE';
}

/** Keeps the relations of a DuckDB equal to a snapshot of the catalog, changing only what differs. */
export class TableSync {
  readonly #target: TableSyncTarget;
  readonly #schemas = new Set(['main']);
  #current: ShadowTables = { version: Number.NaN, tables: new Map() };

  constructor(target: TableSyncTarget) {
    this.#target = target;
  }

  async update(wanted: ShadowTables): Promise<void> {
    if (wanted.version === this.#current.version) return;
    const done = new Map(this.#current.tables);
    // A failure half-way leaves what is true: the next update goes on from there.
    this.#current = { version: Number.NaN, tables: done };
    for (const [name, table] of [...done]) {
      const next = wanted.tables.get(name);
      if (next !== undefined && sameTable(next, table)) continue;
      await this.#target.run(`${this.#target.dropStatement} ${qualified(name)}`);
      this.#target.dropped(name);
      done.delete(name);
    }
    for (const [name, table] of wanted.tables) {
      if (done.has(name)) continue;
      const [schema] = splitTableName(name);
      if (!this.#schemas.has(schema)) {
        await this.#target.run(`CREATE SCHEMA IF NOT EXISTS ${quoteIdentifier(schema)}`);
        this.#schemas.add(schema);
      }
      await this.#target.create(name, table);
      done.set(name, table);
    }
    this.#current = { version: wanted.version, tables: done };
  }
}

/** `main.users` is the table users in the schema main; the schema ends at the first dot. */
export function splitTableName(name: string): readonly [schema: string, table: string] {
  const dot = name.indexOf('.');
  return [name.slice(0, dot), name.slice(dot + 1)];
}

function qualified(name: string): string {
  return splitTableName(name).map(quoteIdentifier).join('.');
}

function sameTable(a: ShadowTable, b: ShadowTable): boolean {
  return (
    a.rowCount === b.rowCount &&
    sameSchema(a.schema, b.schema) &&
    JSON.stringify(a.constraints) === JSON.stringify(b.constraints)
  );
}

function sameSchema(a: Schema, b: Schema): boolean {
  return (
    a.length === b.length &&
    a.every((column, index) => {
      const other = b[index];
      return other !== undefined && column.name === other.name && sameType(column.type, other.type);
    })
  );
}
