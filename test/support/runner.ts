import type { SqlValue } from '../../src/types/index.ts';

export interface QueryOptions {
  /** What `SET name = value` takes. */
  readonly settings?: Readonly<Record<string, string>>;
  readonly params?: readonly SqlValue[];
}

export interface ResultColumn {
  readonly name: string;
  /** As src/types prints it. */
  readonly type: string;
}

export interface Result {
  readonly columns: readonly ResultColumn[];
  readonly rows: readonly (readonly SqlValue[])[];
}

/** One way to run a query: bare DuckDB, or Skein with some number of workers. */
export interface Runner {
  readonly name: string;
  query(sql: string, options?: QueryOptions): Promise<Result>;
  close(): Promise<void>;
}
