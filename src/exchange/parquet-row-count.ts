import { open } from 'node:fs/promises';
import { SkeinError, SqlState } from '../common/index.ts';

const magic = 'PAR1';
const trailerBytes = 8;
/** Most footers fit, and then one read is enough. */
const firstReadBytes = 64 * 1024;
/** Field of `FileMetaData` that holds the number of rows. */
const numRowsField = 3;

/**
 * Rows of a Parquet file, from its footer.
 * @throws SkeinError XX001 when the file has no footer; what node:fs throws when it cannot be read
 * @see https://github.com/apache/parquet-format FileMetaData, in Thrift's compact protocol
 */
export async function parquetRowCount(path: string): Promise<number> {
  await using file = await open(path, 'r');
  const { size } = await file.stat();
  const readTail = async (bytes: number): Promise<Buffer> => {
    const buffer = Buffer.allocUnsafe(Math.min(bytes, size));
    const { bytesRead } = await file.read(buffer, 0, buffer.length, size - buffer.length);
    return buffer.subarray(0, bytesRead);
  };
  let tail = await readTail(firstReadBytes);
  const wanted = footerBytes(tail, path) + trailerBytes;
  if (wanted > tail.length && wanted <= size) tail = await readTail(wanted);
  return rowCountOfTail(tail, path);
}

/**
 * Rows of a Parquet file, given its last bytes with at least the whole footer.
 * @param path for the error only
 */
export function rowCountOfTail(tail: Buffer, path: string): number {
  const bytes = footerBytes(tail, path);
  const end = tail.length - trailerBytes;
  if (bytes > end) throw notParquet(path);
  try {
    return readNumRows(new CompactReader(tail.subarray(end - bytes, end)));
  } catch (cause) {
    throw notParquet(path, cause);
  }
}

function footerBytes(tail: Buffer, path: string): number {
  if (tail.length < trailerBytes || tail.toString('latin1', tail.length - magic.length) !== magic) {
    throw notParquet(path);
  }
  return tail.readUInt32LE(tail.length - trailerBytes);
}

function notParquet(path: string, cause?: unknown): SkeinError {
  return new SkeinError(SqlState.dataCorrupted, `${path} is not a whole Parquet file`, {
    details: { path },
    cause,
  });
}

function readNumRows(reader: CompactReader): number {
  let id = 0;
  for (;;) {
    const field = reader.field(id);
    if (field === undefined) throw new RangeError('no number of rows');
    id = field.id;
    if (id === numRowsField) return Number(reader.zigzag());
    reader.skip(field.type);
  }
}

/** As much of Thrift's compact protocol as skipping over fields takes. */
class CompactReader {
  readonly #bytes: Buffer;
  #at = 0;

  constructor(bytes: Buffer) {
    this.#bytes = bytes;
  }

  /** The next field of the struct being read; undefined at its end. */
  field(previousId: number): { readonly id: number; readonly type: number } | undefined {
    const header = this.#byte();
    if (header === 0) return undefined;
    const delta = header >> 4;
    return { id: delta === 0 ? Number(this.zigzag()) : previousId + delta, type: header & 15 };
  }

  zigzag(): bigint {
    const value = this.#varint();
    return (value >> 1n) ^ -(value & 1n);
  }

  skip(type: number): void {
    switch (type) {
      case 1:
      case 2:
        return;
      case 3:
        this.#skipBytes(1);
        return;
      case 4:
      case 5:
      case 6:
        this.#varint();
        return;
      case 7:
        this.#skipBytes(8);
        return;
      case 8:
        this.#skipBytes(Number(this.#varint()));
        return;
      case 9:
      case 10:
        this.#skipList();
        return;
      case 12:
        this.#skipStruct();
        return;
      default:
        throw new RangeError(`unexpected Thrift type ${type}`);
    }
  }

  /** A method, since `this.#at += this.#varint()` would read `#at` too early. */
  #skipBytes(count: number): void {
    this.#at += count;
  }

  #skipList(): void {
    const header = this.#byte();
    const size = header >> 4 === 15 ? Number(this.#varint()) : header >> 4;
    const type = header & 15;
    for (let index = 0; index < size; index++) {
      // A boolean takes a byte in a list and none in a struct.
      if (type === 1 || type === 2) this.#skipBytes(1);
      else this.skip(type);
    }
  }

  #skipStruct(): void {
    let id = 0;
    for (;;) {
      const field = this.field(id);
      if (field === undefined) return;
      id = field.id;
      this.skip(field.type);
    }
  }

  #varint(): bigint {
    let value = 0n;
    for (let shift = 0n; ; shift += 7n) {
      const byte = this.#byte();
      value |= BigInt(byte & 127) << shift;
      if (byte < 128) return value;
      if (shift > 63n) throw new RangeError('a number is too long');
    }
  }

  #byte(): number {
    const byte = this.#bytes[this.#at++];
    if (byte === undefined) throw new RangeError('the footer ends early');
    return byte;
  }
}
