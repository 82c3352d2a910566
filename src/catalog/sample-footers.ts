import type { DeltaSnapshot, TableFile, TableSnapshot } from '../storage/index.ts';
import type { InspectFiles } from './file-tables.ts';

/** What the footers of some of a table's files say, for estimates: a log tells no counts of different values. */
export interface FooterSample {
  /** Of the table's metadata. */
  readonly tableId: string;
  readonly schemaString: string;
  /** Rows of the table when it was taken. */
  readonly tableRows: number;
  /** Different values in the table, about, by the physical name of the column. */
  readonly distinct: Readonly<Record<string, number>>;
}

const filesOfSample = 4;
/** With fewer different values than this share of its rows, a sample has most of those that the table has. */
const repeatedShare = 0.1;
/** A table this much larger or smaller is another one, as far as estimates go. */
const otherSize = 2;

export function isStale(
  sample: FooterSample | undefined,
  { metadata }: DeltaSnapshot,
  rows: number,
): boolean {
  if (sample?.tableId !== metadata.id || sample.schemaString !== metadata.schemaString) return true;
  return rows > sample.tableRows * otherSize || rows * otherSize < sample.tableRows;
}

/** Local files are looked into as they are, whatever their ETag. */
function toFound({ path, bytes }: TableFile): Parameters<InspectFiles>[1][number] {
  return { path, bytes, etag: '' };
}

/** Reads local files only: of others it is not worth the time. What cannot be read tells nothing. */
export async function sampleFooters(
  inspect: InspectFiles,
  { metadata, location }: DeltaSnapshot,
  { files, rowCount }: TableSnapshot,
): Promise<FooterSample> {
  const step = (files.length - 1) / (filesOfSample - 1);
  const some =
    files.length <= filesOfSample
      ? files
      : Array.from({ length: filesOfSample }, (_, at) => files[Math.round(at * step)]).filter(
          (file) => file !== undefined,
        );
  const found =
    location.startsWith('/') && some.length > 0
      ? await inspect('parquet', some.map(toFound), [], new AbortController().signal).catch(() => undefined)
      : undefined;
  const distinct: Record<string, number> = {};
  for (const [index, { name }] of (found?.schema ?? []).entries()) {
    const count = found?.statistics?.[index]?.distinct;
    if (found === undefined || count === undefined) continue;
    const repeats = count <= found.rowCount * repeatedShare;
    distinct[name] = repeats ? count : Math.round((count * rowCount) / Math.max(1, found.rowCount));
  }
  return { tableId: metadata.id, schemaString: metadata.schemaString, tableRows: rowCount, distinct };
}
