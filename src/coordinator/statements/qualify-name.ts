import type { QualifiedName } from '../../catalog/index.ts';
import { SkeinError, SqlState } from '../../common/index.ts';
import type { ObjectName } from '../../sql/index.ts';

const readOnlySchemas: ReadonlySet<string> = new Set(['system', 'information_schema', 'pg_catalog']);

/**
 * The table or view that a statement would change.
 * @param schema where a name without one is looked up
 * @throws SkeinError 3F000 for another database's; 42501 for a schema that the system keeps
 */
export function qualifyName(name: ObjectName, schema: string): QualifiedName {
  const position = name.offset;
  if (name.catalog !== undefined && name.catalog.toLowerCase() !== 'skein') {
    throw new SkeinError(SqlState.undefinedSchema, `there is no database ${name.catalog}`, { position });
  }
  const qualified = { schema: name.schema ?? schema, name: name.name };
  if (readOnlySchemas.has(qualified.schema.toLowerCase())) {
    throw new SkeinError(SqlState.insufficientPrivilege, `the schema ${qualified.schema} cannot be changed`, {
      position,
    });
  }
  return qualified;
}

/** Gives an error that has no position the name's. */
export async function atName<T>(name: { readonly offset: number }, work: Promise<T>): Promise<T> {
  try {
    return await work;
  } catch (error) {
    if (!(error instanceof SkeinError) || error.position !== undefined || error.sqlState.startsWith('5'))
      throw error;
    const { sqlState, message, retry, hint, details } = error;
    throw new SkeinError(sqlState, message, {
      retry,
      details,
      position: name.offset,
      ...(hint === undefined ? {} : { hint }),
      cause: error,
    });
  }
}
