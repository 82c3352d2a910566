import type { CatalogSnapshot } from './catalog.ts';

export type SnapshotParts = Omit<CatalogSnapshot, 'version'>;

/** Whether nothing has changed that a query could see. */
export function sameParts(a: SnapshotParts, b: SnapshotParts): boolean {
  return (
    sameEntries(a.tables, b.tables, (one, other) => one === other) &&
    sameEntries(a.broken, b.broken, (one, other) => one.message === other.message) &&
    sameEntries(a.views, b.views, (one, other) => one === other || sameJson(one, other)) &&
    sameEntries(a.origins, b.origins, (one, other) => one.location === other.location) &&
    sameJson(a.schemas, b.schemas) &&
    sameJson(a.comments, b.comments)
  );
}

function sameEntries<T>(
  a: ReadonlyMap<string, T>,
  b: ReadonlyMap<string, T>,
  same: (one: T, other: T) => boolean,
): boolean {
  if (a.size !== b.size) return false;
  for (const [key, value] of a) {
    const other = b.get(key);
    if (other === undefined || !same(value, other)) return false;
  }
  return true;
}

function sameJson(a: unknown, b: unknown): boolean {
  return JSON.stringify(a) === JSON.stringify(b);
}
