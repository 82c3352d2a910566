/** Folder of a table's log, as the beginning of keys. */
export const logFolder = '_delta_log/';

/** Version 7 -> `00000000000000000007`. */
export function padVersion(version: number): string {
  return String(version).padStart(20, '0');
}

export function commitKey(version: number): string {
  return `${logFolder}${padVersion(version)}.json`;
}

export type LogFile =
  | { readonly kind: 'commit'; readonly version: number }
  | { readonly kind: 'checkpoint'; readonly version: number; readonly form: CheckpointForm }
  | { readonly kind: 'checksum'; readonly version: number }
  | { readonly kind: 'compacted'; readonly version: number; readonly endVersion: number };

export type CheckpointForm =
  | { readonly kind: 'classic' }
  | { readonly kind: 'uuid'; readonly format: 'parquet' | 'json' }
  | { readonly kind: 'part'; readonly part: number; readonly parts: number };

const fileName = /^_delta_log\/(\d{20})\.(.+)$/;
const uuid = /^checkpoint\.[0-9a-fA-F]{8}(?:-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}\.(parquet|json)$/;

/**
 * What a file of the log is by its name; undefined for everything else, as for files that are still being written.
 * @see Delta PROTOCOL.md, File Types
 */
export function parseLogKey(key: string): LogFile | undefined {
  const [, digits, rest] = fileName.exec(key) ?? [];
  const version = Number(digits);
  if (rest === undefined || !Number.isSafeInteger(version)) return undefined;
  if (rest === 'json') return { kind: 'commit', version };
  if (rest === 'crc') return { kind: 'checksum', version };
  if (rest === 'checkpoint.parquet') return { kind: 'checkpoint', version, form: { kind: 'classic' } };
  const [, format] = uuid.exec(rest) ?? [];
  if (format === 'parquet' || format === 'json') {
    return { kind: 'checkpoint', version, form: { kind: 'uuid', format } };
  }
  const [, part, parts] = /^checkpoint\.(\d{10})\.(\d{10})\.parquet$/.exec(rest) ?? [];
  if (part !== undefined) {
    return { kind: 'checkpoint', version, form: { kind: 'part', part: Number(part), parts: Number(parts) } };
  }
  const [, end] = /^(\d{20})\.compacted\.json$/.exec(rest) ?? [];
  return end === undefined ? undefined : { kind: 'compacted', version, endVersion: Number(end) };
}
