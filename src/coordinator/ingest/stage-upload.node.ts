import { createWriteStream } from 'node:fs';
import { mkdir, rm } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { pipeline } from 'node:stream/promises';
import { abortReason, SkeinError, SqlState } from '../../common/index.ts';
import type { LoadBody } from './ingest-service.ts';

/** Uploads as files, which go when this is disposed of. */
export interface StagedUploads extends AsyncDisposable {
  readonly files: readonly string[];
}

/**
 * Writes bodies to files, as they come.
 * @param folder a new one's path
 * @throws SkeinError 54000 for more bytes than `maxBytes`, 53100 for a full disk; nothing is left then
 */
export async function stageUploads(
  bodies: readonly LoadBody[],
  folder: string,
  maxBytes: number,
  signal: AbortSignal,
): Promise<StagedUploads> {
  const remove = (): Promise<void> => rm(folder, { recursive: true, force: true });
  const files: string[] = [];
  let bytes = 0;
  try {
    for (const [index, { name, read }] of bodies.entries()) {
      const own = join(folder, String(index));
      await mkdir(own, { recursive: true, mode: 0o700 });
      const file = join(own, safeName(name));
      await pipeline(
        read(),
        async function* (chunks: AsyncIterable<Uint8Array>) {
          for await (const chunk of chunks) {
            bytes += chunk.byteLength;
            if (bytes > maxBytes) {
              throw new SkeinError(SqlState.limitExceeded, `an upload has at most ${maxBytes} bytes`, {
                hint: 'Load in parts, or put the files where the server can read them.',
              });
            }
            yield chunk;
          }
        },
        createWriteStream(file, { mode: 0o600 }),
        { signal },
      );
      files.push(file);
    }
    return { files, [Symbol.asyncDispose]: remove };
  } catch (error) {
    await remove();
    if (signal.aborted) throw abortReason(signal);
    if ((error as NodeJS.ErrnoException).code === 'ENOSPC') {
      throw new SkeinError(SqlState.diskFull, 'the disk for uploads is full', { cause: error });
    }
    throw error;
  }
}

/** Its extension counts, and people read the rest. */
function safeName(name: string): string {
  const safe = basename(name)
    .replaceAll(/[^A-Za-z0-9._-]/g, '_')
    .slice(-100);
  return /[A-Za-z0-9]/.test(safe) ? safe.replace(/^\.+/, '') : 'upload';
}
