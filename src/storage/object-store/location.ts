import { SkeinError, SqlState } from '../../common/index.ts';
import { checkKey } from './object-key.ts';

/** Where the root of an object store lies, taken apart. */
export type Location =
  | { readonly kind: 'local'; readonly path: string }
  /** `prefix` without a slash at either end; empty for the whole bucket. */
  | { readonly kind: 's3'; readonly bucket: string; readonly prefix: string }
  | { readonly kind: 'memory'; readonly name: string; readonly prefix: string };

/**
 * Reads `/absolute/folder`, `file:///absolute/folder`, `s3://bucket/prefix` (also `s3a://`) or `memory://name/prefix`.
 * Slashes at the end do not count.
 * @throws SkeinError 22023 for anything else; 42501 where parts are empty, `.` or `..`
 */
export function parseLocation(text: string): Location {
  const [, scheme, rest] = /^([a-z0-9]+):\/\/(.*)$/su.exec(text) ?? [];
  if (scheme === undefined || rest === undefined) return localLocation(text, text);
  switch (scheme) {
    case 'file':
      return localLocation(decodeFileUrl(text, rest), text);
    case 's3':
    case 's3a': {
      const { head, tail } = splitHead(rest, text);
      if (!/^[A-Za-z0-9][A-Za-z0-9._-]*$/.test(head)) throw badLocation(text);
      return { kind: 's3', bucket: head, prefix: tail };
    }
    case 'memory': {
      const { head, tail } = splitHead(rest, text);
      return { kind: 'memory', name: head, prefix: tail };
    }
    default:
      throw badLocation(text);
  }
}

/** The one spelling of a location: what `ObjectStore.root` gives. */
export function formatLocation(location: Location): string {
  switch (location.kind) {
    case 'local':
      return location.path;
    case 's3':
      return joinParts(`s3://${location.bucket}`, location.prefix);
    case 'memory':
      return joinParts(`memory://${location.name}`, location.prefix);
  }
}

/** For people: without what may hold a secret, a name and password before the host or a signature behind `?`. */
export function shownLocation(text: string): string {
  return text
    .replace(/^([a-z0-9+.-]+:\/\/)[^/]*@/i, '$1...@')
    .replace(/^([a-z0-9+.-]+:\/\/[^?]*)\?.*$/is, '$1?...');
}

/**
 * The widest root that has `location`, and its key there: `s3://bucket` and the rest. For who reads single objects from
 * anywhere, and would otherwise open a store a folder.
 * @throws SkeinError 22023 where it names no object
 */
export function splitLocation(location: string): { readonly root: string; readonly key: string } {
  const parsed = parseLocation(location);
  const root = formatLocation(parsed.kind === 'local' ? { ...parsed, path: '/' } : { ...parsed, prefix: '' });
  const key = parsed.kind === 'local' ? parsed.path.slice(1) : parsed.prefix;
  if (key === '') throw badLocation(location);
  return { root, key };
}

function localLocation(path: string, text: string): Location {
  if (!path.startsWith('/')) throw badLocation(text);
  const trimmed = path.replace(/\/+$/, '');
  if (trimmed !== '') checkKey(trimmed.slice(1));
  return { kind: 'local', path: trimmed === '' ? '/' : trimmed };
}

function decodeFileUrl(text: string, rest: string): string {
  try {
    return decodeURIComponent(rest.replace(/^localhost\//, '/'));
  } catch {
    throw badLocation(text);
  }
}

function splitHead(rest: string, text: string): { readonly head: string; readonly tail: string } {
  const slash = rest.indexOf('/');
  const head = slash < 0 ? rest : rest.slice(0, slash);
  const tail = slash < 0 ? '' : rest.slice(slash + 1).replace(/\/+$/, '');
  if (head === '') throw badLocation(text);
  if (tail !== '') checkKey(tail);
  return { head, tail };
}

function joinParts(root: string, rest: string): string {
  return rest === '' ? root : `${root}/${rest}`;
}

/** Names no part of the location after its scheme: a user may have put a secret into it. */
function badLocation(text: string): SkeinError {
  const scheme = /^[a-z0-9]+:\/\//i.exec(text)?.[0];
  return new SkeinError(
    SqlState.invalidParameterValue,
    scheme === undefined ? `not a location: ${text}` : `not a location: ${scheme}...`,
    { hint: 'A location is /absolute/folder, file:///absolute/folder, s3://bucket/prefix or memory://name.' },
  );
}
