import { SkeinError, SqlState } from '../../common/index.ts';
import { formatExactJson, parseExactJson } from '../../types/index.ts';
import type { DeltaField } from './delta-snapshot.ts';

/** What every row of a table must satisfy, and what fills the columns that a statement does not name. */
export interface ColumnRules {
  /** Paths by logical names of fields that hold no NULL; of nested ones only where what is around them is not NULL. */
  readonly notNull: readonly (readonly string[])[];
  /** `delta.invariants`: neither false nor NULL. */
  readonly invariants: readonly ColumnExpression[];
  /** `delta.constraints.*`: must be true. */
  readonly checks: readonly CheckConstraint[];
  readonly generated: readonly ColumnExpression[];
  readonly defaults: readonly ColumnExpression[];
  readonly identities: readonly IdentityColumn[];
}

/** An expression in the SQL of whoever made the table: mostly Spark's. */
interface ColumnExpression {
  readonly column: string;
  readonly sql: string;
}

export interface CheckConstraint {
  readonly name: string;
  readonly sql: string;
}

export interface Identity {
  readonly start: bigint;
  readonly step: bigint;
  /** Farthest value given out so far. */
  readonly highWaterMark: bigint | undefined;
  readonly allowExplicitInsert: boolean;
}

export interface IdentityColumn extends Identity {
  readonly column: string;
}

const checkPrefix = 'delta.constraints.';
const invariantKey = 'delta.invariants';
const generationKey = 'delta.generationExpression';
const defaultKey = 'CURRENT_DEFAULT';
const identityKeys = {
  start: 'delta.identity.start',
  step: 'delta.identity.step',
  highWaterMark: 'delta.identity.highWaterMark',
  allowExplicitInsert: 'delta.identity.allowExplicitInsert',
} as const;

/**
 * Collects the rules of a table from its schema and properties.
 * @throws SkeinError XX001 where the log's metadata of a column is not as the protocol says
 */
export function columnRules(
  fields: readonly DeltaField[],
  configuration: Readonly<Record<string, string>>,
): ColumnRules {
  const expressions = (read: (field: DeltaField) => string | undefined): ColumnExpression[] =>
    fields.flatMap((field) => {
      const sql = read(field);
      return sql === undefined ? [] : [{ column: field.name, sql }];
    });
  return {
    notNull: notNullPaths(fields, []),
    invariants: expressions(invariantOf),
    checks: checkConstraints(configuration),
    generated: expressions((field) => textOf(field, generationKey)),
    defaults: expressions(defaultOf),
    identities: fields.flatMap((field) => {
      const identity = identityOf(field);
      return identity === undefined ? [] : [{ column: field.name, ...identity }];
    }),
  };
}

/** Elements of lists and maps have their own nullability, which no engine enforces: not looked into. */
function notNullPaths(fields: readonly DeltaField[], above: readonly string[]): string[][] {
  return fields.flatMap((field) => {
    const path = [...above, field.name];
    const nested = field.type.kind === 'struct' ? notNullPaths(field.children, path) : [];
    return field.nullable ? nested : [path, ...nested];
  });
}

export function checkConstraints(configuration: Readonly<Record<string, string>>): CheckConstraint[] {
  return Object.entries(configuration)
    .filter(([key]) => key.toLowerCase().startsWith(checkPrefix))
    .map(([key, sql]) => ({ name: key.slice(checkPrefix.length), sql }));
}

/**
 * The properties with one more constraint. That all rows satisfy it is for the caller to find out first.
 * @throws SkeinError 42710 where there is one of the name, in any case
 */
export function addCheck(
  configuration: Readonly<Record<string, string>>,
  name: string,
  sql: string,
): Readonly<Record<string, string>> {
  if (findCheck(configuration, name) !== undefined) {
    throw new SkeinError(SqlState.duplicateObject, `constraint "${name}" exists already`);
  }
  return { ...configuration, [checkPrefix + name]: sql };
}

/**
 * The properties without a constraint.
 * @throws SkeinError 42704 where there is none of the name
 */
export function dropCheck(
  configuration: Readonly<Record<string, string>>,
  name: string,
): Readonly<Record<string, string>> {
  const found = findCheck(configuration, name);
  if (found === undefined) throw new SkeinError(SqlState.undefinedObject, `there is no constraint "${name}"`);
  return Object.fromEntries(Object.entries(configuration).filter(([key]) => key !== found));
}

function findCheck(configuration: Readonly<Record<string, string>>, name: string): string | undefined {
  const wanted = (checkPrefix + name).toLowerCase();
  return Object.keys(configuration).find((key) => key.toLowerCase() === wanted);
}

/** An empty text, as some writers leave it, is no default. */
export function defaultOf(field: DeltaField): string | undefined {
  const sql = textOf(field, defaultKey);
  return sql === undefined || sql.trim() === '' ? undefined : sql;
}

export function withGeneration(field: DeltaField, sql: string): DeltaField {
  return withMetadata(field, { [generationKey]: sql });
}

/** `sql` undefined: without a default. */
export function withDefault(field: DeltaField, sql: string | undefined): DeltaField {
  return withMetadata(field, { [defaultKey]: sql });
}

export function withComment(field: DeltaField, comment: string | undefined): DeltaField {
  return withMetadata(field, { comment });
}

/** @throws SkeinError 22023 where the step is 0 */
export function withIdentity(field: DeltaField, identity: Identity): DeltaField {
  if (identity.step === 0n) {
    throw new SkeinError(SqlState.invalidParameterValue, `the step of identity column "${field.name}" is 0`);
  }
  return withMetadata(field, {
    [identityKeys.start]: toJsonLong(identity.start),
    [identityKeys.step]: toJsonLong(identity.step),
    [identityKeys.highWaterMark]:
      identity.highWaterMark === undefined ? undefined : toJsonLong(identity.highWaterMark),
    [identityKeys.allowExplicitInsert]: identity.allowExplicitInsert,
  });
}

/** @throws SkeinError XX001 where the metadata is incomplete */
export function identityOf(field: DeltaField): Identity | undefined {
  const { start, step, highWaterMark, allowExplicitInsert } = identityKeys;
  if (field.metadata[start] === undefined && field.metadata[step] === undefined) return undefined;
  const first = longOf(field, start);
  const increment = longOf(field, step);
  if (first === undefined || increment === undefined || increment === 0n) {
    throw corrupt(field, 'delta.identity');
  }
  return {
    start: first,
    step: increment,
    highWaterMark: longOf(field, highWaterMark),
    allowExplicitInsert: field.metadata[allowExplicitInsert] === true,
  };
}

/** Values of an identity column for some rows: `first`, `first + step`, ... `last`. */
export interface IdentityRange {
  readonly first: bigint;
  readonly last: bigint;
}

/**
 * The next `count` values; to be committed together with `last` as the new high-water mark.
 * @throws SkeinError 22003 where they do not fit a BIGINT
 */
export function nextIdentities(identity: Identity, count: number): IdentityRange {
  const { start, step, highWaterMark } = identity;
  const passed = highWaterMark === undefined ? -1n : (highWaterMark - start) / step;
  // Values inserted by hand may lie before the start, or between two steps.
  const before = highWaterMark === undefined || (highWaterMark - start) * step < 0n;
  const first = before ? start : start + (passed + 1n) * step;
  const last = first + BigInt(Math.max(count - 1, 0)) * step;
  if (BigInt.asIntN(64, last) !== last) {
    throw new SkeinError(SqlState.numericOutOfRange, 'the identity column has no values left');
  }
  return { first, last };
}

/**
 * Whether two schemas (`schemaString`) differ in high-water marks only: then a writer that changes none of them
 * need not care which of the two it wrote for.
 */
export function differInIdentityOnly(a: string, b: string): boolean {
  const strip = (text: string): string => formatExactJson(withoutHighWaterMarks(parseExactJson(text)));
  return strip(a) === strip(b);
}

function withoutHighWaterMarks(json: unknown): unknown {
  if (Array.isArray(json)) return json.map(withoutHighWaterMarks);
  if (typeof json !== 'object' || json === null) return json;
  const entries = Object.entries(json).filter(([key]) => key !== identityKeys.highWaterMark);
  return Object.fromEntries(entries.map(([key, value]) => [key, withoutHighWaterMarks(value)]));
}

function withMetadata(field: DeltaField, changes: Readonly<Record<string, unknown>>): DeltaField {
  const metadata = Object.entries({ ...field.metadata, ...changes }).filter(
    ([, value]) => value !== undefined,
  );
  return { ...field, metadata: Object.fromEntries(metadata) };
}

function textOf(field: DeltaField, key: string): string | undefined {
  const value = field.metadata[key];
  if (value === undefined || value === null) return undefined;
  if (typeof value !== 'string') throw corrupt(field, key);
  return value;
}

function invariantOf(field: DeltaField): string | undefined {
  const text = textOf(field, invariantKey);
  if (text === undefined) return undefined;
  let parsed: unknown;
  try {
    parsed = JSON.parse(text);
  } catch {
    throw corrupt(field, invariantKey);
  }
  const sql = (parsed as { expression?: { expression?: unknown } } | null)?.expression?.expression;
  if (typeof sql !== 'string') throw corrupt(field, invariantKey);
  return sql;
}

function longOf(field: DeltaField, key: string): bigint | undefined {
  const value = field.metadata[key];
  if (value === undefined || value === null) return undefined;
  if (typeof value === 'bigint') return value;
  if (typeof value === 'number' && Number.isSafeInteger(value)) return BigInt(value);
  if (typeof value === 'string' && /^-?\d+$/.test(value)) return BigInt(value);
  throw corrupt(field, key);
}

function toJsonLong(value: bigint): number | bigint {
  const number = Number(value);
  return Number.isSafeInteger(number) ? number : value;
}

function corrupt(field: DeltaField, key: string): SkeinError {
  return new SkeinError(
    SqlState.dataCorrupted,
    `the table's schema has a wrong ${key} at column "${field.name}"`,
  );
}
