import { open } from 'node:fs/promises';
import { crc32 } from 'node:zlib';

const chunkBytes = 1024 * 1024;

/** Size and CRC-32 of bytes, wherever they come from. */
export interface Checksum {
  readonly bytes: number;
  readonly crc32: number;
}

/** Adds up a checksum chunk by chunk. */
export class ChecksumBuilder {
  #bytes = 0;
  #crc32 = 0;

  add(chunk: Uint8Array): void {
    this.#bytes += chunk.byteLength;
    this.#crc32 = crc32(chunk, this.#crc32);
  }

  get value(): Checksum {
    return { bytes: this.#bytes, crc32: this.#crc32 };
  }
}

/** Reads a file once, a chunk at a time. Throws what node:fs throws, or the signal's reason. */
export async function checksumFile(path: string, signal?: AbortSignal): Promise<Checksum> {
  const checksum = new ChecksumBuilder();
  await using file = await open(path, 'r');
  const buffer = Buffer.allocUnsafe(chunkBytes);
  for (;;) {
    signal?.throwIfAborted();
    const { bytesRead } = await file.read(buffer, 0, chunkBytes);
    if (bytesRead === 0) return checksum.value;
    checksum.add(buffer.subarray(0, bytesRead));
  }
}
