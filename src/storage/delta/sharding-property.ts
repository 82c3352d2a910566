import { SkeinError, SqlState } from '../../common/index.ts';
import type { Sharding } from '../table.ts';
import type { DeltaField } from './delta-snapshot.ts';

/** Table property that says how rows are divided among shards: JSON, columns by their physical names. */
export const shardingProperty = 'skein.sharding';

/** `{"kind":"hash","columns":["id"],"shards":8}`, `{"kind":"range","column":"at","splits":["2024-01-01"]}` ... */
export function formatSharding(sharding: Sharding, fields: readonly DeltaField[]): string {
  const nameOf = (index: number): string => fields[index]?.physicalName ?? '';
  switch (sharding.kind) {
    case 'hash':
      return JSON.stringify({ ...sharding, columns: sharding.columns.map(nameOf) });
    case 'range':
      return JSON.stringify({ ...sharding, column: nameOf(sharding.column) });
    case 'roundRobin':
      return JSON.stringify(sharding);
  }
}

/**
 * Reads the property. Undefined where there is none, and where it names a column that the table has not any more.
 * @throws SkeinError XX001 where it cannot be understood
 */
export function parseSharding(
  text: string | undefined,
  fields: readonly DeltaField[],
  location: string,
): Sharding | undefined {
  if (text === undefined) return undefined;
  const corrupt = (cause?: unknown): SkeinError =>
    new SkeinError(
      SqlState.dataCorrupted,
      `the table at ${location} has a property ${shardingProperty} that cannot be understood: ${text}`,
      { cause },
    );
  const json = parseObject(text, corrupt);
  const indexOf = (name: unknown): number => fields.findIndex(({ physicalName }) => physicalName === name);
  const { kind, columns, column, shards, splits } = json;
  const count = Number.isSafeInteger(shards) && (shards as number) > 0 ? (shards as number) : undefined;
  if (kind === 'hash' && Array.isArray(columns) && columns.length > 0 && count !== undefined) {
    const indexes = columns.map(indexOf);
    return indexes.includes(-1) ? undefined : { kind, columns: indexes, shards: count };
  }
  if (kind === 'range' && isTexts(splits)) {
    const index = indexOf(column);
    return index < 0 ? undefined : { kind, column: index, splits };
  }
  if (kind === 'roundRobin' && count !== undefined) return { kind, shards: count };
  throw corrupt();
}

function parseObject(
  text: string,
  corrupt: (cause?: unknown) => SkeinError,
): Readonly<Record<string, unknown>> {
  try {
    const json: unknown = JSON.parse(text);
    if (typeof json === 'object' && json !== null) return json as Readonly<Record<string, unknown>>;
  } catch (cause) {
    throw corrupt(cause);
  }
  throw corrupt();
}

function isTexts(value: unknown): value is readonly string[] {
  return Array.isArray(value) && value.every((item) => typeof item === 'string');
}
