import { SkeinError, SqlState } from '../common/index.ts';

/** Whether a name from another process may become a file's name: no separators, no dot in front. */
export function isSafeName(name: string): boolean {
  return /^[A-Za-z0-9_][A-Za-z0-9_.-]{0,127}$/.test(name);
}

/** Whether an id from another process may become a folder's name, and the part of a key before its first dot. */
export function isSafeId(id: string): boolean {
  return /^[A-Za-z0-9_-]{1,128}$/.test(id);
}

/** The error of a failed write of scratch data: a full disk is 53100, and another worker may have room. */
export function scratchError(error: unknown, where: string): SkeinError {
  if (error instanceof SkeinError) return error;
  const cause = error as NodeJS.ErrnoException;
  if (cause.code === 'ENOSPC' || cause.code === 'EDQUOT') {
    return new SkeinError(SqlState.diskFull, `the disk of the spool folder is full: ${where}`, {
      retry: 'task',
      cause,
    });
  }
  return new SkeinError(SqlState.ioError, `cannot use the spool folder: ${cause.message}`, {
    retry: 'task',
    details: { path: where },
    cause,
  });
}
