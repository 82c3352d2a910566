import { assert, SkeinError, SqlState } from '../../common/index.ts';
import type { ColumnStatistics } from '../../types/index.ts';
import type { DeltaColumn, Sharding, StoredField, TableFile, TableSnapshot } from '../table.ts';
import type { AddAction } from './actions.ts';
import { defaultOf } from './column-rules.ts';
import { resolveDataPath } from './data-path.ts';
import type { ColumnMappingMode, DeltaField, DeltaSnapshot } from './delta-snapshot.ts';
import { columnStatistics, type DistinctCounts } from './delta-statistics.ts';
import { crc32Of, etagOf, shardOf } from './file-actions.ts';
import { parseSharding, shardingProperty } from './sharding-property.ts';
import { storedType } from './stored-type.ts';

/** Rows of a row group as most writers make them: a large file is cut at multiples of it. */
const rowGroupRows = 122_880;
/** Where the log tells no count: about what a row takes. */
const bytesPerRow = 100;

/** Files of one table as they were made for the last version that was asked for: most are in the next one as well. */
export class DeltaFileCache {
  #key = '';
  #adds: readonly AddAction[] = [];
  #files: readonly TableFile[] = [];

  /**
   * @param key equal where equal actions mean equal files
   * @param make of a file that the last version did not have
   */
  map(key: string, adds: readonly AddAction[], make: (add: AddAction) => TableFile): readonly TableFile[] {
    const [oldAdds, oldFiles] = key === this.#key ? [this.#adds, this.#files] : [[], []];
    let byAdd: ReadonlyMap<AddAction, TableFile> | undefined;
    let at = 0;
    const files = adds.map((add) => {
      // Files mostly stay in their order; the map is for when they do not.
      if (oldAdds[at] === add) return oldFiles[at++] ?? make(add);
      if (at >= oldAdds.length) return make(add);
      byAdd ??= new Map(oldAdds.map((old, index) => [old, oldFiles[index] ?? make(old)]));
      const known = byAdd.get(add);
      if (known !== undefined) at = oldAdds.indexOf(add, at) + 1;
      return known ?? make(add);
    });
    this.#key = key;
    this.#adds = adds;
    this.#files = files;
    return files;
  }
}

/**
 * A version of a Delta table as queries see it.
 * @param name the catalog's key
 * @param cache of the same table, whatever its version
 * @param distinct what is known of the counts of different values
 * @throws SkeinError XX001 where the log contradicts itself
 */
export function deltaTableSnapshot(
  snapshot: DeltaSnapshot,
  name: string,
  cache: DeltaFileCache = new DeltaFileCache(),
  distinct: DistinctCounts = {},
): TableSnapshot {
  const { location, version, fields, columnMapping } = snapshot;
  const partitions = partitionFields(snapshot);
  const partitionNames = partitions.map(({ physicalName }) => physicalName);
  const groups = new Map<number, readonly number[]>();
  const files = cache.map(JSON.stringify([location, partitionNames]), snapshot.files, (add) =>
    tableFile(add, location, partitionNames, groups),
  );
  let bytes = 0;
  let rowCount = 0;
  let unsharded = false;
  for (const file of files) {
    bytes += file.bytes;
    rowCount += liveRows(file);
    unsharded ||= file.delta?.shard === undefined;
  }
  const columns = fields.map((field): DeltaColumn => {
    const index = partitions.indexOf(field);
    return index >= 0
      ? { kind: 'partition', index }
      : { kind: 'data', stored: storedField(field, columnMapping) };
  });
  const sharding = shardingOf(snapshot, unsharded);
  let statistics: readonly (ColumnStatistics | undefined)[] | undefined;
  return {
    name,
    schema: snapshot.schema,
    constraints: fields.map((field) => ({ notNull: !field.nullable, default: defaultOf(field) })),
    format: { kind: 'delta', columns },
    files,
    rowCount,
    bytes,
    get statistics() {
      statistics ??= columnStatistics(fields, columns, files, bytes, distinct);
      return statistics;
    },
    delta: { location, version },
    sharding,
  };
}

/** @throws SkeinError XX001 */
function partitionFields({ location, metadata, fields }: DeltaSnapshot): readonly DeltaField[] {
  return metadata.partitionColumns.map((column) => {
    const field = fields.find((each) => each.name === column);
    if (field !== undefined) return field;
    throw new SkeinError(
      SqlState.dataCorrupted,
      `the Delta table ${location} is partitioned by a column ${column} that it does not have`,
    );
  });
}

function tableFile(
  add: AddAction,
  location: string,
  partitionNames: readonly string[],
  groups: Map<number, readonly number[]>,
): TableFile {
  const rowCount = numRecords(add.stats);
  return {
    path: dataPath(location, add.path),
    bytes: add.size,
    modifiedMs: undefined,
    rowGroups: rowCount === undefined ? undefined : rowGroupsOf(rowCount, groups),
    delta: {
      logPath: add.path,
      rowCount,
      // The protocol takes '' for NULL.
      partitionValues: partitionNames.map((name) => add.partitionValues[name] || null),
      deletionVector: add.deletionVector,
      stats: add.stats,
      shard: shardOf(add),
      crc32: crc32Of(add),
      etag: etagOf(add),
    },
  };
}

/** Rows of the file that are not deleted. */
function liveRows({ bytes, delta }: TableFile): number {
  const all = delta?.rowCount ?? Math.ceil(bytes / bytesPerRow);
  return Math.max(0, all - (delta?.deletionVector?.cardinality ?? 0));
}

const countFirst = '{"numRecords":';

function digitAt(text: string, at: number): number {
  return text.charCodeAt(at) - 48;
}

/** The count of rows in a file's statistics, most often without parsing all of them. */
function numRecords(stats: string | undefined): number | undefined {
  if (stats === undefined) return undefined;
  if (stats.startsWith(countFirst)) {
    let count = 0;
    let at = countFirst.length;
    for (let digit = digitAt(stats, at); digit >= 0 && digit <= 9; digit = digitAt(stats, ++at))
      count = 10 * count + digit;
    if (at > countFirst.length && Number.isSafeInteger(count) && ',}'.includes(stats.charAt(at)))
      return count;
  }
  try {
    const { numRecords: count } = JSON.parse(stats) as { readonly numRecords?: unknown };
    return typeof count === 'number' && Number.isSafeInteger(count) ? count : undefined;
  } catch {
    // Statistics are a help, and no more.
    return undefined;
  }
}

function rowGroupsOf(rowCount: number, groups: Map<number, readonly number[]>): readonly number[] {
  let found = groups.get(rowCount);
  if (found === undefined) {
    const full = Math.floor(rowCount / rowGroupRows);
    const rest = rowCount % rowGroupRows;
    found = [...Array.from({ length: full }, () => rowGroupRows), ...(rest > 0 ? [rest] : [])];
    groups.set(rowCount, found);
  }
  return found;
}

/** @throws SkeinError XX001, 0A000 for a path that cannot be read */
function dataPath(location: string, path: string): string {
  const place = resolveDataPath(location, path);
  return place.kind === 'relative' ? `${location}/${place.key}` : place.location;
}

export function storedField(field: DeltaField, mode: ColumnMappingMode): StoredField {
  const type = storedType(field.type);
  assert(type !== undefined, 'a Delta field has a type that can be stored');
  return {
    name: field.physicalName,
    fieldId: mode === 'id' ? field.fieldId : undefined,
    type,
    children: mode === 'none' ? [] : field.children.map((child) => storedField(child, mode)),
  };
}

function shardingOf(snapshot: DeltaSnapshot, unsharded: boolean): Sharding | undefined {
  const property = snapshot.metadata.configuration[shardingProperty];
  return unsharded ? undefined : parseSharding(property, snapshot.fields, snapshot.location);
}
