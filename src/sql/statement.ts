/** A piece of the text as it stands there: a query, an expression, a type. `offset` counts in the whole statement. */
export interface Span {
  readonly sql: string;
  readonly offset: number;
}

/** An identifier without its quotes, in the case it was written in. */
export interface Name {
  readonly name: string;
  readonly offset: number;
}

/** `[[catalog.]schema.]name`. */
export interface ObjectName extends Name {
  readonly catalog: string | undefined;
  readonly schema: string | undefined;
}

/** A string literal's value. */
export interface Text {
  readonly text: string;
  readonly offset: number;
}

/** A property's value is text whatever it was written as: `'a'`, `5`, `true`. */
export interface Property extends Name {
  readonly value: Text;
}

/** A place for a value: an expression, or the word DEFAULT. */
export type Cell =
  | { readonly kind: 'expression'; readonly expression: Span }
  | { readonly kind: 'default'; readonly offset: number };

export interface Assignment {
  readonly column: Name;
  readonly value: Cell;
}

export type VersionAt =
  | { readonly kind: 'version'; readonly version: number; readonly offset: number }
  | { readonly kind: 'timestamp'; readonly timestamp: Span };

/** What happens where the name is taken: an error, nothing, or the old one goes. */
export type IfExists = 'fail' | 'keep' | 'replace';

export type ExplainFormat = 'text' | 'json' | 'dot';

/** What a user sends, with its envelope taken off: queries and expressions inside stay spans of DuckDB's SQL. */
export type Statement =
  | QueryStatement
  | ExplainStatement
  | CreateSchemaStatement
  | DropStatement
  | RenameStatement
  | CreateViewStatement
  | CommentStatement
  | CreateTableStatement
  | AlterTableStatement
  | TruncateStatement
  | InsertStatement
  | UpdateStatement
  | DeleteStatement
  | MergeStatement
  | CopyFromStatement
  | CopyToStatement
  | DescribeHistoryStatement
  | DescribeDetailStatement
  | RestoreStatement
  | OptimizeStatement
  | VacuumStatement
  | AnalyzeStatement
  | ShowStatement
  | TransactionStatement;

/** Whatever is left to DuckDB's parser. */
export interface QueryStatement extends Span {
  readonly kind: 'query';
}

export interface ExplainStatement {
  readonly kind: 'explain';
  readonly analyze: boolean;
  readonly format: ExplainFormat;
  readonly statement: ExplainableStatement;
}

export type ExplainableStatement =
  | QueryStatement
  | CreateTableStatement
  | InsertStatement
  | UpdateStatement
  | DeleteStatement
  | MergeStatement
  | CopyToStatement;

export interface CreateSchemaStatement {
  readonly kind: 'createSchema';
  readonly schema: Name;
  readonly ifExists: 'fail' | 'keep';
  readonly comment: Text | undefined;
}

export interface DropStatement {
  readonly kind: 'drop';
  readonly object: 'table' | 'view' | 'schema';
  /** Of a schema, `schema` is undefined. */
  readonly name: ObjectName;
  readonly ifExists: boolean;
  readonly cascade: boolean;
}

/** RENAME TO of a table, view or schema. A table is renamed within its schema. */
export interface RenameStatement {
  readonly kind: 'rename';
  readonly object: 'table' | 'view' | 'schema';
  readonly name: ObjectName;
  readonly to: Name;
  readonly ifExists: boolean;
}

export interface CreateViewStatement {
  readonly kind: 'createView';
  readonly view: ObjectName;
  readonly ifExists: IfExists;
  /** Empty: the query's own names. */
  readonly columns: readonly Name[];
  readonly query: Span;
  readonly comment: Text | undefined;
}

export interface CommentStatement {
  readonly kind: 'comment';
  readonly on: 'table' | 'view' | 'schema' | 'column';
  /** The table, view or schema; of a column, its table or view. */
  readonly name: ObjectName;
  readonly column: Name | undefined;
  /** Undefined: IS NULL. */
  readonly text: Text | undefined;
}

export type TableFormat = 'delta' | 'parquet' | 'csv' | 'json';

export interface CreateTableStatement {
  readonly kind: 'createTable';
  readonly table: ObjectName;
  readonly ifExists: IfExists;
  readonly external: boolean;
  readonly contents: TableContents;
  readonly partitionedBy: readonly Name[];
  readonly sharding: ShardingClause | undefined;
  readonly location: Text | undefined;
  readonly format: { readonly format: TableFormat; readonly offset: number } | undefined;
  /** WITH (...) and TBLPROPERTIES (...), in order; no name twice. */
  readonly properties: readonly Property[];
  readonly comment: Text | undefined;
}

export type TableContents =
  /** Of a table over files that say it themselves. */
  | { readonly kind: 'none' }
  | {
      readonly kind: 'columns';
      readonly columns: readonly ColumnDefinition[];
      readonly checks: readonly CheckConstraint[];
    }
  | {
      readonly kind: 'query';
      /** Empty: the query's own names. */
      readonly names: readonly Name[];
      readonly query: Span;
      /** False: WITH NO DATA, the columns alone. */
      readonly data: boolean;
    }
  | { readonly kind: 'like'; readonly source: ObjectName }
  | { readonly kind: 'clone'; readonly source: ObjectName; readonly at: VersionAt | undefined };

export interface ColumnDefinition extends Name {
  /** Undefined only where the column is generated: its expression's type. */
  readonly type: Span | undefined;
  readonly nullable: boolean;
  readonly default: Span | undefined;
  readonly generated: Span | undefined;
  readonly identity: IdentityClause | undefined;
  readonly checks: readonly CheckConstraint[];
  readonly comment: Text | undefined;
}

export interface IdentityClause {
  /** GENERATED ALWAYS: no statement may give values of its own. */
  readonly always: boolean;
  readonly start: bigint;
  readonly step: bigint;
  readonly offset: number;
}

export interface CheckConstraint {
  /** Undefined: the statement gives it none. */
  readonly name: Name | undefined;
  readonly condition: Span;
}

export type ShardingClause =
  | {
      readonly kind: 'hash';
      readonly columns: readonly Name[];
      readonly shards: number;
      readonly offset: number;
    }
  /** Without `splits` the data decides. */
  | {
      readonly kind: 'range';
      readonly column: Name;
      readonly splits: readonly Span[];
      readonly shards: number | undefined;
      readonly offset: number;
    }
  /** `shards` undefined: as many as there are workers. */
  | { readonly kind: 'roundRobin'; readonly shards: number | undefined; readonly offset: number };

export interface AlterTableStatement {
  readonly kind: 'alterTable';
  readonly table: ObjectName;
  readonly ifExists: boolean;
  readonly action: AlterTableAction;
}

export type AlterTableAction =
  | { readonly kind: 'renameColumn'; readonly column: Name; readonly to: Name }
  | { readonly kind: 'addColumn'; readonly column: ColumnDefinition; readonly ifNotExists: boolean }
  | {
      readonly kind: 'dropColumn';
      readonly column: Name;
      readonly ifExists: boolean;
      readonly cascade: boolean;
    }
  | { readonly kind: 'setNotNull'; readonly column: Name }
  | { readonly kind: 'dropNotNull'; readonly column: Name }
  | {
      readonly kind: 'setType';
      readonly column: Name;
      readonly type: Span;
      readonly using: Span | undefined;
    }
  | { readonly kind: 'setDefault'; readonly column: Name; readonly value: Span }
  | { readonly kind: 'dropDefault'; readonly column: Name }
  | { readonly kind: 'commentColumn'; readonly column: Name; readonly text: Text | undefined }
  | { readonly kind: 'addConstraint'; readonly check: CheckConstraint }
  | { readonly kind: 'dropConstraint'; readonly name: Name; readonly ifExists: boolean }
  | { readonly kind: 'setProperties'; readonly properties: readonly Property[] }
  | { readonly kind: 'resetProperties'; readonly names: readonly Name[] }
  /** Undefined: the table's files belong to no shard from now on. */
  | { readonly kind: 'reshard'; readonly sharding: ShardingClause | undefined };

export interface TruncateStatement {
  readonly kind: 'truncate';
  readonly table: ObjectName;
}

export interface InsertStatement {
  readonly kind: 'insert';
  readonly table: ObjectName;
  /** In place of all rows that are there. */
  readonly overwrite: boolean;
  /** Empty: all, in the table's order. */
  readonly columns: readonly Name[];
  readonly matchBy: 'position' | 'name';
  /** The WITH clause in front of INSERT, from WITH on: the source sees its CTEs. */
  readonly with: Span | undefined;
  readonly source: InsertSource;
  readonly returning: Span | undefined;
}

export type InsertSource =
  | { readonly kind: 'query'; readonly query: Span }
  /** `query` is all of VALUES ...: a query of its own where no cell is DEFAULT. Every row has one count of cells. */
  | { readonly kind: 'values'; readonly rows: readonly (readonly Cell[])[]; readonly query: Span }
  | { readonly kind: 'defaults' };

export interface UpdateStatement {
  readonly kind: 'update';
  readonly table: ObjectName;
  readonly alias: Name | undefined;
  readonly with: Span | undefined;
  /** No column twice. */
  readonly assignments: readonly Assignment[];
  /** What stands after FROM. */
  readonly from: Span | undefined;
  readonly where: Span | undefined;
  readonly returning: Span | undefined;
}

export interface DeleteStatement {
  readonly kind: 'delete';
  readonly table: ObjectName;
  readonly alias: Name | undefined;
  readonly with: Span | undefined;
  readonly using: Span | undefined;
  readonly where: Span | undefined;
  readonly returning: Span | undefined;
}

export interface MergeStatement {
  readonly kind: 'merge';
  readonly table: ObjectName;
  readonly alias: Name | undefined;
  readonly with: Span | undefined;
  readonly source: MergeSource;
  readonly on: MergeCondition;
  /** At least one; the first that fits a row is taken. */
  readonly clauses: readonly MergeClause[];
  readonly returning: Span | undefined;
}

export interface MergeSource {
  /** An item of FROM without its alias: a name, a query in brackets, a call. */
  readonly relation: Span;
  readonly alias: Name | undefined;
  readonly columns: readonly Name[];
}

export type MergeCondition =
  | { readonly kind: 'on'; readonly condition: Span }
  /** USING (columns): equal on both sides. */
  | { readonly kind: 'using'; readonly columns: readonly Name[] };

export interface MergeClause {
  readonly when: 'matched' | 'notMatchedByTarget' | 'notMatchedBySource';
  readonly condition: Span | undefined;
  readonly action: MergeAction;
  readonly offset: number;
}

export type MergeAction =
  | { readonly kind: 'update'; readonly assignments: readonly Assignment[] }
  /** SET *: every column, from the source's of that name. */
  | { readonly kind: 'updateAll' }
  | { readonly kind: 'delete' }
  /** `columns` empty: all, in the table's order. */
  | { readonly kind: 'insert'; readonly columns: readonly Name[]; readonly values: readonly Cell[] }
  | { readonly kind: 'insertAll' }
  | { readonly kind: 'insertDefaults' }
  | { readonly kind: 'nothing' };

export interface CopyFromStatement {
  readonly kind: 'copyFrom';
  readonly table: ObjectName;
  readonly columns: readonly Name[];
  readonly path: Text;
  readonly options: readonly CopyOption[];
}

export interface CopyToStatement {
  readonly kind: 'copyTo';
  readonly source:
    | { readonly kind: 'table'; readonly table: ObjectName; readonly columns: readonly Name[] }
    /** Without its brackets. */
    | { readonly kind: 'query'; readonly query: Span };
  readonly path: Text;
  readonly options: readonly CopyOption[];
}

/** The name in lower case; none twice. */
export interface CopyOption extends Name {
  readonly value: CopyOptionValue;
}

export type CopyOptionValue =
  /** HEADER alone. */
  | { readonly kind: 'flag' }
  /** A string, number or word, as text. */
  | { readonly kind: 'text'; readonly text: string; readonly offset: number }
  /** `(a, b)`, or `*` alone. */
  | { readonly kind: 'list'; readonly items: readonly string[]; readonly offset: number }
  /** `{...}` and `[...]`, as written. */
  | { readonly kind: 'literal'; readonly literal: Span };

export interface DescribeHistoryStatement {
  readonly kind: 'describeHistory';
  readonly table: ObjectName;
  readonly limit: number | undefined;
}

export interface DescribeDetailStatement {
  readonly kind: 'describeDetail';
  readonly table: ObjectName;
}

export interface RestoreStatement {
  readonly kind: 'restore';
  readonly table: ObjectName;
  readonly to: VersionAt;
}

export interface OptimizeStatement {
  readonly kind: 'optimize';
  readonly table: ObjectName;
  readonly where: Span | undefined;
  /** Empty: bin-packing alone. */
  readonly zOrderBy: readonly Name[];
}

export interface VacuumStatement {
  readonly kind: 'vacuum';
  /** Undefined: what belongs to no table of the warehouse. */
  readonly table: ObjectName | undefined;
  /** Undefined: as the table's properties say; without a table a week. May be a fraction. */
  readonly retainHours: { readonly hours: number; readonly offset: number } | undefined;
  readonly dryRun: boolean;
}

export interface AnalyzeStatement {
  readonly kind: 'analyze';
  /** Undefined: every table. */
  readonly table: ObjectName | undefined;
  /** Empty: all. */
  readonly columns: readonly Name[];
}

/** SHOW where DuckDB has none of its own. SHOW TABLES, SHOW SCHEMAS, DESCRIBE t are queries. */
export type ShowStatement =
  | {
      readonly kind: 'show';
      readonly what: 'views' | 'tables';
      readonly schema: Name | undefined;
      readonly like: ShowPattern | undefined;
    }
  | {
      readonly kind: 'show';
      readonly what:
        | 'columns'
        | 'createTable'
        | 'createView'
        | 'properties'
        | 'shards'
        | 'files'
        | 'partitions';
      readonly table: ObjectName;
    };

export interface ShowPattern {
  readonly pattern: Text;
  /** ILIKE. */
  readonly ignoreCase: boolean;
}

export interface TransactionStatement {
  readonly kind: 'transaction';
  readonly action: 'begin' | 'commit' | 'rollback' | 'savepoint';
  readonly offset: number;
}
