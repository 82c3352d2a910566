import type { PlanNode } from '../../plan/index.ts';
import type { Evaluate, Parameters } from '../../sql/index.ts';
import type { Schema } from '../../types/index.ts';

/** The tables as of one snapshot of the catalog. */
export interface ShadowTables {
  /** Changes whenever a table does. */
  readonly version: number;
  /** By qualified name: `main.users`. */
  readonly tables: ReadonlyMap<string, { readonly schema: Schema; readonly rowCount: number }>;
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
  /** Runs a query of tables and gives its rows: PIVOT needs the values that become its columns. */
  readonly evaluate: Evaluate;
  readonly signal: AbortSignal;
}

/** A query that can be distributed: `sql` is the same query as text, parameters filled in. */
export interface BoundPlan {
  readonly kind: 'plan';
  readonly columns: Schema;
  readonly plan: PlanNode;
  readonly sql: string;
  /** Qualified names of every table that `sql` names. */
  readonly tables: readonly string[];
  /** The result's order is the query's to say. */
  readonly ordered: boolean;
}

/** A query that runs as its text, in one task over all of its tables. */
export interface BoundWhole {
  readonly kind: 'whole';
  readonly columns: Schema;
  readonly sql: string;
  readonly tables: readonly string[];
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
}

export type BoundQuery = BoundPlan | BoundWhole | BoundCatalogQuery;
