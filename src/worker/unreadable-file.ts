import { SkeinError, SqlState } from '../common/index.ts';

/** What an error of node:fs on a table's file is for the user: 58P01 or 58030, naming the path. */
export function unreadableFile(path: string, cause: NodeJS.ErrnoException): SkeinError {
  const missing = cause.code === 'ENOENT' || cause.code === 'ENOTDIR';
  return new SkeinError(
    missing ? SqlState.undefinedFile : SqlState.ioError,
    missing ? `the file does not exist: ${path}` : `the file cannot be read: ${path}: ${cause.message}`,
    { details: { path }, cause },
  );
}
