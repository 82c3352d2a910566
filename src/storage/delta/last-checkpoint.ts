import { createHash } from 'node:crypto';

/** @see Delta PROTOCOL.md, Last Checkpoint File Schema */
export interface LastCheckpoint {
  readonly version: number;
  /** Actions in the checkpoint. */
  readonly size: number;
  readonly sizeInBytes: number;
  readonly numOfAddFiles: number;
}

/** The text of `_last_checkpoint`, with its checksum. */
export function encodeLastCheckpoint(checkpoint: LastCheckpoint): Uint8Array {
  return Buffer.from(JSON.stringify({ ...checkpoint, checksum: jsonChecksum(checkpoint) }));
}

/**
 * MD5 of the canonical form of a JSON object, without its field `checksum`.
 * @see Delta PROTOCOL.md, JSON checksum
 */
export function jsonChecksum(json: object): string {
  return createHash('md5').update(canonicalJson(json)).digest('hex');
}

/** Paths and values, sorted by the bytes of the paths: `"a"+0="x","b"=1`. */
export function canonicalJson(json: object): string {
  const leaves = Object.entries(json)
    .filter(([name]) => name !== 'checksum')
    .flatMap(([name, value]) => leavesOf(value, quote(name)));
  leaves.sort(([a], [b]) => Buffer.compare(Buffer.from(a), Buffer.from(b)));
  return leaves.map(([path, value]) => `${path}=${value}`).join(',');
}

function leavesOf(value: unknown, path: string): (readonly [string, string])[] {
  if (Array.isArray(value)) {
    return value.flatMap((item: unknown, index) => leavesOf(item, `${path}+${index}`));
  }
  if (typeof value === 'object' && value !== null) {
    return Object.entries(value).flatMap(([name, field]) => leavesOf(field, `${path}+${quote(name)}`));
  }
  return [[path, typeof value === 'string' ? quote(value) : JSON.stringify(value)]];
}

/** All but letters, digits, `-`, `.`, `_` and `~` is escaped. */
function quote(text: string): string {
  const escaped = encodeURIComponent(text).replace(
    /[!'()*]/g,
    (char) => `%${char.charCodeAt(0).toString(16).toUpperCase()}`,
  );
  return `"${escaped}"`;
}
