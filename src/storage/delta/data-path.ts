import { SkeinError, SqlState } from '../../common/index.ts';

/** Where a file of a log lies. An absolute one may be anywhere: whoever opens it checks that it may be read. */
export type DataPath =
  | { readonly kind: 'relative'; readonly key: string }
  /** `/absolute/file`, `s3://bucket/key` or `memory://name/key`, decoded. */
  | { readonly kind: 'absolute'; readonly location: string };

const schemes: Readonly<Record<string, string>> = { s3: 's3', s3a: 's3', s3n: 's3', memory: 'memory' };

/**
 * The place of a path of an add, remove or cdc action, or of a deletion vector of kind `p`. One below the table comes as
 * relative, however it is spelled.
 * @param table root of the table
 * @throws SkeinError XX001 for a path that leaves its folder by `..` or is no URI; 0A000 for a scheme that Skein cannot read
 * @see Delta PROTOCOL.md, Add File and Remove File
 */
export function resolveDataPath(table: string, path: string): DataPath {
  if (plainPath.test(path)) return { kind: 'relative', key: path };
  const [, scheme] = /^([A-Za-z][A-Za-z0-9+.-]*):/.exec(path) ?? [];
  if (scheme === undefined && !path.startsWith('/'))
    return { kind: 'relative', key: cleanSegments(table, path, decode(table, path)) };
  const location = absoluteLocation(table, path, scheme?.toLowerCase());
  return location.startsWith(`${table}/`)
    ? { kind: 'relative', key: location.slice(table.length + 1) }
    : { kind: 'absolute', location };
}

/** A path that is its own key, as most are. */
const plainPath = /^[\w=-][\w=.-]*(?:\/[\w=-][\w=.-]*)*$/;

/** The key of a file as a path of the log. */
export function encodeDataPath(key: string): string {
  return encodeURIComponent(key).replaceAll('%2F', '/').replaceAll('%3D', '=');
}

/** The same for every spelling of one path: writers differ in what they escape. */
export function canonicalPath(path: string): string {
  if (!path.includes('%')) return path;
  try {
    return decodeURIComponent(path);
  } catch {
    return path;
  }
}

function absoluteLocation(table: string, path: string, scheme: string | undefined): string {
  if (scheme === undefined) {
    if (!table.startsWith('/')) throw refused(table, path, SqlState.featureNotSupported);
    return cleanSegments(table, path, decode(table, path));
  }
  if (scheme === 'file') {
    const [, local] = /^file:(?:\/\/(?:localhost)?)?(\/(?!\/).*)$/is.exec(path) ?? [];
    if (local === undefined) throw refused(table, path, SqlState.featureNotSupported);
    return cleanSegments(table, path, decode(table, local));
  }
  const [, root, rest] = /^[^:]+:\/\/([^/]+)\/(.+)$/s.exec(path) ?? [];
  const known = Object.hasOwn(schemes, scheme) ? schemes[scheme] : undefined;
  if (known === undefined || root === undefined || rest === undefined)
    throw refused(table, path, SqlState.featureNotSupported);
  return `${known}://${root}/${cleanSegments(table, path, decode(table, rest))}`;
}

function decode(table: string, path: string): string {
  try {
    return decodeURIComponent(path);
  } catch {
    throw refused(table, path, SqlState.dataCorrupted);
  }
}

/** Without `.` as a segment; `..` would lead out of the folder, also where it was written as `%2e%2e`. */
function cleanSegments(table: string, path: string, decoded: string): string {
  const segments = decoded.split('/');
  if (decoded === '' || decoded.includes('\0') || segments.includes('..'))
    throw refused(table, path, SqlState.dataCorrupted);
  return segments.filter((segment) => segment !== '.').join('/');
}

function refused(table: string, path: string, sqlState: string): SkeinError {
  const problem = sqlState === SqlState.dataCorrupted ? 'is no path' : 'is a path that Skein cannot read';
  return new SkeinError(sqlState, `${table}: ${JSON.stringify(path.slice(0, 300))} in the log ${problem}`, {
    details: { path: table },
  });
}
