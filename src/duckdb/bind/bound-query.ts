import type { PlanNode } from '../../plan/index.ts';
import type { Evaluate, Parameters } from '../../sql/index.ts';
import type { Schema, SqlValue } from '../../types/index.ts';

/** A table as the binder sees it. */
export interface ShadowTable {
  readonly schema: Schema;
  readonly rowCount: number;
  /** One a column: for people who ask what the table is like. */
  readonly constraints?:
    | readonly { readonly notNull: boolean; readonly default: string | undefined }[]
    | undefined;
}

/** The tables, views and remarks as of one snapshot of the catalog. */
export interface ShadowTables {
  /** Changes whenever anything does. */
  readonly version: number;
  /** By qualified name: `main.users`. */
  readonly tables: ReadonlyMap<string, ShadowTable>;
  /** By qualified name. */
  readonly views?: ReadonlyMap<string, ShadowView>;
  /** Those that are there even where they are empty. */
  readonly schemas?: readonly string[];
  readonly comments?: readonly ShadowComment[];
}

export interface ShadowView {
  readonly schema: string;
  readonly name: string;
  readonly sql: string;
  /** Names of the first columns of `sql`, in place of its own. */
  readonly aliases: readonly string[];
  /** The view's columns, by the names that `sql` and `aliases` give. */
  readonly columns: readonly string[];
  /** Where `sql` looks unqualified names up first. */
  readonly searchSchema: string;
}

/** On a schema, a table or view, or a column. */
interface ShadowComment {
  readonly schema: string;
  readonly name: string | undefined;
  readonly column: string | undefined;
  readonly text: string;
}

/** Other versions of a table than the latest. */
export type VersionRequest =
  | { readonly kind: 'at'; readonly table: string; readonly at: VersionPoint }
  /** The rows that changed; `to` undefined: until the latest version. */
  | {
      readonly kind: 'changes';
      readonly table: string;
      readonly from: VersionPoint;
      readonly to: VersionPoint | undefined;
    };

export type VersionPoint = { readonly version: number } | { readonly timestampMs: number };

/** A relation that is there for one statement; its name is qualified, and no table's of the catalog. */
export interface NamedShadowTable extends ShadowTable {
  readonly name: string;
}

export interface BindRequest {
  /** One query, without EXPLAIN around it. */
  readonly sql: string;
  readonly params?: Parameters;
  /** Where unqualified names are looked up first; then in `main`. */
  readonly schema: string;
  /** What the session has SET, by name. */
  readonly settings: Readonly<Record<string, string>>;
  readonly tables: ShadowTables;
  /** Finds the relation that a use of another version stands for. Without it such a use is refused. */
  readonly tableAt?: (request: VersionRequest) => Promise<NamedShadowTable>;
  /** Relations of the schema `system`, by name. */
  readonly systemTables?: ReadonlyMap<string, Schema>;
  /** Runs a query of tables and gives its rows: PIVOT needs the values that become its columns. */
  readonly evaluate: Evaluate;
  readonly signal: AbortSignal;
}

/** A query that can be distributed: `sql` is the same query as text, parameters filled in. */
export interface BoundPlan {
  readonly kind: 'plan';
  readonly columns: Schema;
  readonly plan: PlanNode;
  /** Views and versions are written out in it. */
  readonly sql: string;
  /** Qualified names of every table that `sql` names. */
  readonly tables: readonly string[];
  /** Qualified names of the views that were written out. */
  readonly views: readonly string[];
  /** The result's order is the query's to say. */
  readonly ordered: boolean;
}

/** A query that runs as its text, in one task over all of its tables. */
export interface BoundWhole {
  readonly kind: 'whole';
  readonly columns: Schema;
  readonly sql: string;
  readonly tables: readonly string[];
  readonly views: readonly string[];
  /** What the plan holds that Skein does not know: for EXPLAIN. */
  readonly reason: string;
  readonly ordered: boolean;
}

/** A query of names and types: it runs on the shadow catalog itself. */
export interface BoundCatalogQuery {
  readonly kind: 'catalog';
  readonly columns: Schema;
  readonly sql: string;
  /** Where it looks unqualified names up first; undefined: in `main`. */
  readonly schema: string | undefined;
  /** Relations of the schema `system` that it reads: their rows are given when it runs. */
  readonly system: readonly string[];
}

/** Rows of relations of the schema `system`, by name. */
export type SystemRows = ReadonlyMap<string, readonly (readonly SqlValue[])[]>;

export type BoundQuery = BoundPlan | BoundWhole | BoundCatalogQuery;
