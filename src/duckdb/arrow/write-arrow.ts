import { formatType, quoteIdentifier, quoteLiteral, type SqlType, scalar } from '../../types/index.ts';
import type { DuckDb } from '../duckdb.ts';
import type { ArrowRows } from './arrow-rows.ts';

/**
 * Writes rows of one shape to a Parquet file, every value as it is. A column that has only NULLs by its type is one of
 * texts there, which go into any column.
 * @param path in a folder that the DuckDB may write
 * @throws SkeinError as `ArrowRows.chunks`
 */
export async function writeArrowParquet(
  duckDb: DuckDb,
  parts: readonly [ArrowRows, ...ArrowRows[]],
  path: string,
  signal: AbortSignal,
): Promise<void> {
  const [{ schema }] = parts;
  const types = schema.map(({ type }) => withoutNulls(type));
  const columns = types.map((type, index) => `c${index} ${formatType(type)}`);
  await using connection = await duckDb.connect();
  await connection.run(`CREATE TEMP TABLE arrow_rows (${columns.join(', ')})`, signal);
  const chunks = function* (): ReturnType<ArrowRows['chunks']> {
    for (const part of parts) yield* part.chunks();
  };
  await connection.append('arrow_rows', chunks(), signal);
  const items = schema.map(({ name }, index) => `c${index} AS ${quoteIdentifier(name)}`);
  await connection.run(
    `COPY (SELECT ${items.join(', ')} FROM arrow_rows) TO ${quoteLiteral(path)} (FORMAT parquet, COMPRESSION snappy)`,
    signal,
  );
}

function withoutNulls(type: SqlType): SqlType {
  switch (type.kind) {
    case 'scalar':
      return type.name === 'NULL' ? scalar('VARCHAR') : type;
    case 'list':
    case 'array':
      return { ...type, element: withoutNulls(type.element) };
    case 'map':
      return { ...type, key: withoutNulls(type.key), value: withoutNulls(type.value) };
    case 'struct':
      return { ...type, fields: type.fields.map((field) => ({ ...field, type: withoutNulls(field.type) })) };
    case 'decimal':
    case 'enum':
    case 'union':
      return type;
  }
}
