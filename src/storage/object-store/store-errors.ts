import { SkeinError, SqlState, toSkeinError } from '../../common/index.ts';

/** @param where root and key, for people */
export function missingObject(where: string): SkeinError {
  return new SkeinError(SqlState.undefinedFile, `the file does not exist: ${where}`, {
    details: { path: where },
  });
}

export function changedObject(where: string): SkeinError {
  return new SkeinError(SqlState.ioError, `the file changed while the query ran: ${where}`, {
    retry: 'query',
    details: { path: where },
  });
}

/** Bytes that were announced and did not come. */
export function shortObject(where: string, missing: number): SkeinError {
  return new SkeinError(SqlState.ioError, `the file ended ${missing} bytes early: ${where}`, {
    retry: 'task',
    details: { path: where },
  });
}

/** What node:fs throws, as an error of the store. */
export function fileError(error: unknown, where: string): SkeinError {
  const cause = error as NodeJS.ErrnoException;
  if (error instanceof SkeinError || cause.code === undefined) return toSkeinError(error);
  const details = { path: where };
  switch (cause.code) {
    case 'ENOENT':
    case 'ENOTDIR':
    case 'EISDIR':
      return missingObject(where);
    case 'EACCES':
    case 'EPERM':
    case 'EROFS':
    case 'ELOOP':
      return new SkeinError(
        SqlState.insufficientPrivilege,
        `the file may not be reached: ${where} (${cause.code})`,
        {
          details,
          cause,
        },
      );
    case 'ENOSPC':
    case 'EDQUOT':
      return new SkeinError(SqlState.diskFull, `the disk is full: ${where}`, { details, cause });
    default:
      return new SkeinError(
        SqlState.ioError,
        `the file cannot be read or written: ${where} (${cause.code})`,
        {
          retry: 'task',
          details,
          cause,
        },
      );
  }
}
