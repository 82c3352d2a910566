import { createReadStream } from 'node:fs';
import { stat } from 'node:fs/promises';
import { basename } from 'node:path';
import { SkeinError, SqlState } from '../common/index.ts';

/** A file of this machine. */
export interface LocalFile {
  readonly name: string;
  readonly bytes: number;
  read(): AsyncIterable<Uint8Array>;
}

/** @throws SkeinError 58P01 */
export async function localFile(path: string): Promise<LocalFile> {
  const found = await stat(path).catch((cause: unknown) => {
    throw new SkeinError(SqlState.undefinedFile, `cannot read ${path}: ${(cause as Error).message}`, {
      cause,
    });
  });
  if (!found.isFile()) throw new SkeinError(SqlState.undefinedFile, `${path} is no file`);
  return {
    name: basename(path),
    bytes: found.size,
    read: () => createReadStream(path, { highWaterMark: 1024 * 1024 }),
  };
}
