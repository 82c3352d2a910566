import type { DeletionVectorDescriptor, DeltaAction } from './actions.ts';
import { resolveDataPath } from './data-path.ts';
import { deletionVectorPath } from './deletion-vector.ts';

interface NamesFile {
  readonly path: string;
  readonly deletionVector?: DeletionVectorDescriptor | undefined;
}

/**
 * Where files lie that a log names and that are not below the table: folders of data files, and files of deletion
 * vectors, each once. Most tables have none.
 * @throws SkeinError XX001, 0A000 for a path that cannot be read
 */
export function placesElsewhere(table: string, files: Iterable<NamesFile>): ReadonlySet<string> {
  const places = new Set<string>();
  for (const { path, deletionVector } of files) {
    if (isAbsolute(path)) {
      const place = resolveDataPath(table, path);
      if (place.kind === 'absolute') places.add(place.location.slice(0, place.location.lastIndexOf('/')));
    }
    if (deletionVector?.storageType === 'p') {
      const place = deletionVectorPath(table, deletionVector);
      if (place?.kind === 'absolute') places.add(place.location);
    }
  }
  return places;
}

/** Files that readers of a commit read. */
export function filesOf(actions: readonly DeltaAction[]): readonly NamesFile[] {
  return actions.flatMap((action): readonly NamesFile[] => {
    if ('add' in action) return [action.add];
    if ('remove' in action) return [action.remove];
    return 'cdc' in action ? [action.cdc] : [];
  });
}

/** Quick: a table may have very many files. */
function isAbsolute(path: string): boolean {
  return path.startsWith('/') || path.includes(':');
}
