import {
  type DeltaAction,
  fieldsToSchemaString,
  type IdentityColumn,
  nextIdentities,
  withIdentity,
} from '../../storage/index.ts';
import type { DeltaTarget } from './delta-target.ts';
import type { RowClause } from './merge-rows-sql.ts';

/** SQL of the values of an identity column, one a row of a query, as they follow those given out. */
export function identitySql(identity: IdentityColumn): string {
  const { first } = nextIdentities(identity, 1);
  return `(${first}::BIGINT + (row_number() OVER () - 1) * ${identity.step}::BIGINT)`;
}

/** Remembers that values were given out for so many rows in these identity columns. */
export function markIdentities(
  { snapshot }: DeltaTarget,
  used: readonly IdentityColumn[],
  rows: number,
): readonly DeltaAction[] {
  if (rows === 0 || used.length === 0) return [];
  const fields = snapshot.fields.map((field) => {
    const identity = used.find(({ column }) => column === field.name);
    if (identity === undefined) return field;
    return withIdentity(field, { ...identity, highWaterMark: nextIdentities(identity, rows).last });
  });
  return [{ metaData: { ...snapshot.metadata, schemaString: fieldsToSchemaString(fields) } }];
}

/** SQL of the identity columns of rows that clauses insert without a value; one a column of the table. */
export function identityDefaults(
  { snapshot, rules }: DeltaTarget,
  clauses: readonly RowClause[],
): readonly (string | undefined)[] {
  if (!clauses.some(({ action }) => action.kind === 'insert')) return [];
  return snapshot.schema.map(({ name }) => {
    const identity = rules.identities.find(({ column }) => column === name);
    return identity === undefined ? undefined : identitySql(identity);
  });
}

/** @param inserted rows that the clauses insert */
export function identityActions(
  target: DeltaTarget,
  clauses: readonly RowClause[],
  inserted: number,
): readonly DeltaAction[] {
  const used = target.rules.identities.filter(({ column }) => {
    const index = target.snapshot.schema.findIndex(({ name }) => name === column);
    return clauses.some(({ action }) => action.kind === 'insert' && action.values[index] === undefined);
  });
  return markIdentities(target, used, inserted);
}
