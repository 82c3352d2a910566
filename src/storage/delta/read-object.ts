import type { ByteRange, ObjectStore } from '../object-store/object-store.ts';

/** The bytes of an object, or of a range of it. For small objects: they are held in memory. */
export async function readBytes(
  store: ObjectStore,
  key: string,
  range: ByteRange | undefined,
  signal: AbortSignal | undefined,
): Promise<Uint8Array> {
  const { stream } = await store.get(key, {
    ...(range === undefined ? {} : { range }),
    ...(signal === undefined ? {} : { signal }),
  });
  const chunks: Uint8Array[] = [];
  let length = 0;
  for await (const chunk of stream) {
    chunks.push(chunk);
    length += chunk.length;
  }
  const [first] = chunks;
  if (chunks.length === 1 && first !== undefined) return first;
  const bytes = new Uint8Array(length);
  let at = 0;
  for (const chunk of chunks) {
    bytes.set(chunk, at);
    at += chunk.length;
  }
  return bytes;
}
