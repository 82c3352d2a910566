import { crc32 } from 'node:zlib';
import { SkeinError, SqlState } from '../../common/index.ts';
import type { ObjectStore } from '../object-store/object-store.ts';
import type { DeletionVectorDescriptor } from './actions.ts';
import { type DataPath, resolveDataPath } from './data-path.ts';
import { readBytes } from './read-object.ts';
import { decodeRoaring, encodeRoaring, NoBitmap } from './roaring.ts';
import type { RowRuns } from './row-runs.ts';
import { decodeZ85, encodeZ85 } from './z85.ts';

const formatVersion = 1;
/** Characters of a UUID in base 85. */
const uuidLength = 20;

/** Tells the deletion vectors of a file apart. @see Delta PROTOCOL.md, Derived Fields */
export function deletionVectorId({ storageType, pathOrInlineDv, offset }: DeletionVectorDescriptor): string {
  return `${storageType}${pathOrInlineDv}${offset === undefined ? '' : `@${offset}`}`;
}

/**
 * The file of a deletion vector; undefined for one that lies in the log.
 * @throws SkeinError XX001 where the descriptor names no file
 */
export function deletionVectorPath(
  table: string,
  { storageType, pathOrInlineDv }: DeletionVectorDescriptor,
): DataPath | undefined {
  if (storageType === 'i') return undefined;
  if (storageType === 'p') return resolveDataPath(table, pathOrInlineDv);
  const prefix = pathOrInlineDv.slice(0, -uuidLength);
  const uuid = decodeZ85(pathOrInlineDv.slice(-uuidLength));
  if (uuid?.length !== 16 || /[/\\\0]|^\.\.?$/.test(prefix)) {
    throw corrupt(table, `${JSON.stringify(pathOrInlineDv.slice(0, 100))} names no file`);
  }
  return { kind: 'relative', key: deletionVectorKey(Buffer.from(uuid).toString('hex'), prefix) };
}

/**
 * The key of a file of deletion vectors below its table.
 * @param uuid with or without hyphens
 */
export function deletionVectorKey(uuid: string, prefix = ''): string {
  const [, ...parts] = /^(.{8})(.{4})(.{4})(.{4})(.{12})$/.exec(uuid.replaceAll('-', '')) ?? [];
  return `${prefix === '' ? '' : `${prefix}/`}deletion_vector_${parts.join('-')}.bin`;
}

/** What `pathOrInlineDv` says of a file of kind `u`. */
export function encodeDeletionVectorName(uuid: string, prefix = ''): string {
  return prefix + encodeZ85(Buffer.from(uuid.replaceAll('-', ''), 'hex'));
}

/**
 * Reads the rows that a deletion vector deletes.
 * @param openRoot the store for an absolute location and the object's key in it; undefined: those are refused (0A000)
 * @throws SkeinError XX001 naming the file where it is damaged; 58P01 where it is gone
 */
export async function readDeletionVector(
  store: ObjectStore,
  descriptor: DeletionVectorDescriptor,
  signal: AbortSignal | undefined,
  openRoot?: (location: string) => { readonly store: ObjectStore; readonly key: string },
): Promise<RowRuns> {
  const path = deletionVectorPath(store.root, descriptor);
  if (path === undefined) {
    const bytes = decodeZ85(descriptor.pathOrInlineDv);
    const where = `${store.root}: a deletion vector in the log`;
    if (bytes === undefined || bytes.length < descriptor.sizeInBytes) throw corrupt(where, 'is cut short');
    return decodeDeletionVector(bytes.subarray(0, descriptor.sizeInBytes), descriptor.cardinality, where);
  }
  const at = path.kind === 'relative' ? { store, key: path.key } : openRoot?.(path.location);
  if (at === undefined) {
    throw new SkeinError(
      SqlState.featureNotSupported,
      `${store.root}: a deletion vector lies outside of the table`,
      { details: { path: store.root } },
    );
  }
  const where = `${at.store.root}/${at.key}`;
  // The first byte of the file is the version of the format; a vector has its size before and its CRC after it.
  const start = Math.max(descriptor.offset ?? 0, 1);
  const end = start + descriptor.sizeInBytes + 8;
  const [version, framed] = await Promise.all([
    readBytes(at.store, at.key, { start: 0, end: 1 }, signal),
    readBytes(at.store, at.key, { start, end }, signal),
  ]);
  if (version[0] !== formatVersion)
    throw corrupt(where, `is a file of deletion vectors of version ${version[0]}`);
  return decodeDeletionVector(unframe(framed, descriptor.sizeInBytes, where), descriptor.cardinality, where);
}

/** The vector itself from its size, its bytes and their CRC-32, all big-endian. */
function unframe(framed: Uint8Array, sizeInBytes: number, where: string): Uint8Array {
  const view = new DataView(framed.buffer, framed.byteOffset, framed.byteLength);
  if (framed.length < sizeInBytes + 8 || view.getUint32(0) !== sizeInBytes)
    throw corrupt(where, 'has a deletion vector of another size than the log says');
  const bytes = framed.subarray(4, 4 + sizeInBytes);
  if (view.getUint32(4 + sizeInBytes) !== crc32(bytes))
    throw corrupt(where, 'has a deletion vector with a wrong checksum');
  return bytes;
}

/** @throws SkeinError XX001 naming `where` */
function decodeDeletionVector(bytes: Uint8Array, cardinality: number, where: string): RowRuns {
  let rows: RowRuns;
  try {
    rows = decodeRoaring(bytes);
  } catch (error) {
    if (!(error instanceof NoBitmap)) throw error;
    throw corrupt(where, `is no deletion vector: ${error.message}`, error);
  }
  if (rows.rowCount !== cardinality)
    throw corrupt(where, `has a deletion vector of ${rows.rowCount} rows, and the log says ${cardinality}`);
  return rows;
}

/** The bytes of a deletion vector, as they lie in a file or, in base 85, in the log. */
export function encodeDeletionVector(rows: RowRuns): Uint8Array {
  return encodeRoaring(rows);
}

/** A vector of a file: what its descriptor says. */
export interface FramedVector {
  readonly offset: number;
  readonly sizeInBytes: number;
}

/** A file of deletion vectors. @param vectors as `encodeDeletionVector` gives them */
export function frameDeletionVectors(vectors: readonly Uint8Array[]): {
  readonly bytes: Uint8Array;
  readonly vectors: readonly FramedVector[];
} {
  const bytes = new Uint8Array(vectors.reduce((sum, vector) => sum + vector.length + 8, 1));
  const view = new DataView(bytes.buffer);
  view.setUint8(0, formatVersion);
  let at = 1;
  const framed = vectors.map((vector) => {
    const offset = at;
    view.setUint32(at, vector.length);
    bytes.set(vector, at + 4);
    view.setUint32(at + 4 + vector.length, crc32(vector));
    at += vector.length + 8;
    return { offset, sizeInBytes: vector.length };
  });
  return { bytes, vectors: framed };
}

/** The descriptor of a vector that lies in the log itself. */
export function inlineDeletionVector(rows: RowRuns): DeletionVectorDescriptor {
  const bytes = encodeDeletionVector(rows);
  return {
    storageType: 'i',
    pathOrInlineDv: encodeZ85(bytes),
    sizeInBytes: bytes.length,
    cardinality: rows.rowCount,
  };
}

function corrupt(where: string, problem: string, cause?: unknown): SkeinError {
  return new SkeinError(SqlState.dataCorrupted, `${where} ${problem}`, { details: { path: where }, cause });
}
