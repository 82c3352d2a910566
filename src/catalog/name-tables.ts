import type { SkeinError } from '../common/index.ts';
import type { OpenedTable } from './catalog.ts';
import type { CatalogDocument, TableEntry } from './catalog-document.ts';
import { sameName } from './edit-document.ts';
import { ambiguous, type FileKind, type ListedTable, type Listing } from './list-tables.ts';

/** A table, and how it comes to its rows. */
export interface TablePlace extends OpenedTable {
  readonly content:
    | { readonly kind: 'delta' }
    /** Files of the warehouse, listed already. */
    | { readonly kind: 'listed'; readonly listed: ListedTable }
    /** Files elsewhere. */
    | { readonly kind: 'files'; readonly format: FileKind; readonly options: TableEntry['options'] };
}

/** The absolute location of a document's table. */
export function locationOf(root: string, { kind, location }: TableEntry): string {
  return kind === 'managed' ? `${root}/${location}` : location;
}

/**
 * Every table of the document and of the warehouse's files, sorted by key. A file's name that the document has too, or a
 * view's, is broken.
 */
export function nameTables(
  root: string,
  document: CatalogDocument,
  listing: Listing,
): { readonly places: readonly TablePlace[]; readonly broken: ReadonlyMap<string, SkeinError> } {
  const broken = new Map<string, SkeinError>();
  for (const [name, error] of listing.broken) broken.set(`main.${name}`, error);
  const places: TablePlace[] = document.tables.map((entry) => entryPlace(root, entry));
  const taken = new Map<string, string>();
  for (const { key, location } of places) taken.set(key.toLowerCase(), location);
  for (const { schema, name } of document.views) taken.set(`${schema}.${name}`.toLowerCase(), 'a view');
  for (const table of listing.tables) {
    const key = `main.${table.name}`;
    const other = taken.get(key.toLowerCase());
    if (other === undefined) places.push(discoveredPlace(table));
    else if (!sameName(other, table.location)) {
      // The named table goes on being what its statements made it.
      if (!places.some((place) => place.key === key))
        broken.set(key, ambiguous(table.name, other, table.location));
    }
  }
  return { places: places.toSorted((a, b) => (a.key < b.key ? -1 : 1)), broken };
}

/** As `nameTables`, the tables alone. */
export function tablePlaces(
  root: string,
  document: CatalogDocument,
  listing: Listing,
): readonly TablePlace[] {
  return nameTables(root, document, listing).places;
}

function entryPlace(root: string, entry: TableEntry): TablePlace {
  const { schema, name, kind, format, options } = entry;
  const content: TablePlace['content'] =
    format === 'delta' ? { kind: 'delta' } : { kind: 'files', format, options };
  return { key: `${schema}.${name}`, schema, name, kind, format, location: locationOf(root, entry), content };
}

function discoveredPlace({ name, location, content }: Listing['tables'][number]): TablePlace {
  const isDelta = content === 'delta';
  return {
    key: `main.${name}`,
    schema: 'main',
    name,
    kind: 'file',
    format: isDelta ? 'delta' : content.kind,
    location,
    content: isDelta ? { kind: 'delta' } : { kind: 'listed', listed: content },
  };
}
