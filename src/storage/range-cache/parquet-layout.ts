import { type ColumnMetaData, type FileMetaData, parquetMetadata } from 'hyparquet';
import type { Span } from './spans.ts';

const trailerBytes = 8;
/** Some old writers left the header of the dictionary page out of a chunk's size. */
const slackBytes = 256;

/** Where the bytes of a Parquet file's top-level columns lie. */
export interface ParquetLayout {
  readonly columns: readonly {
    /** Lower case: DuckDB finds columns so. */
    readonly name: string;
    readonly fieldId: number | undefined;
    readonly spans: readonly Span[];
  }[];
}

/**
 * Where the footer begins.
 * @param trailer the file's last bytes, at least eight
 * @returns undefined where the file is no Parquet file, or its footer is encrypted
 */
export function footerStart(trailer: Uint8Array, fileBytes: number): number | undefined {
  const view = Buffer.from(trailer.buffer, trailer.byteOffset, trailer.byteLength);
  if (view.length < trailerBytes || view.toString('latin1', view.length - 4) !== 'PAR1') return undefined;
  const start = fileBytes - trailerBytes - view.readUInt32LE(view.length - trailerBytes);
  return start < 0 ? undefined : start;
}

/**
 * @param footer from `footerStart` to the end of the file
 * @returns undefined where the footer cannot be understood: then the file is wanted whole
 */
export function parquetLayout(footer: Uint8Array, fileBytes: number): ParquetLayout | undefined {
  try {
    return layoutOf(parquetMetadata(footer, { geoparquet: false }), fileBytes - footer.byteLength, fileBytes);
  } catch {
    return undefined;
  }
}

/** Columns that the file has not are passed over: they are NULLs of an older schema. */
export function columnSpans(
  { columns }: ParquetLayout,
  names: readonly string[],
  fieldIds: readonly number[],
): Span[] {
  const wantedNames = new Set(names.map((name) => name.toLowerCase()));
  const wantedIds = new Set(fieldIds);
  return columns
    .filter(({ name, fieldId }) => wantedNames.has(name) || (fieldId !== undefined && wantedIds.has(fieldId)))
    .flatMap(({ spans }) => spans);
}

function layoutOf(metadata: FileMetaData, dataEnd: number, fileBytes: number): ParquetLayout | undefined {
  const [root] = metadata.schema;
  if (root === undefined) return undefined;
  const spans = new Map<string, Span[]>();
  for (const { columns } of metadata.row_groups) {
    for (const chunk of columns) {
      const meta = chunk.meta_data;
      const [name] = meta?.path_in_schema ?? [];
      if (meta === undefined || name === undefined || chunk.file_path !== undefined) return undefined;
      const list = spans.get(name) ?? [];
      list.push(chunkSpan(meta, fileBytes), ...bloomSpans(meta, dataEnd));
      spans.set(name, list);
    }
  }
  const columns = topLevel(metadata).map(({ name, fieldId }) => ({
    name: name.toLowerCase(),
    fieldId,
    spans: spans.get(name) ?? [],
  }));
  const consistent = columns.every(({ spans: own }) =>
    own.every(({ start, end }) => start >= 4 && end > start),
  );
  return consistent ? { columns } : undefined;
}

function topLevel({
  schema,
}: FileMetaData): { readonly name: string; readonly fieldId: number | undefined }[] {
  const found: { readonly name: string; readonly fieldId: number | undefined }[] = [];
  let index = 1;
  const skip = (): void => {
    const children = schema[index]?.num_children ?? 0;
    index += 1;
    for (let child = 0; child < children; child++) skip();
  };
  while (index < schema.length) {
    const element = schema[index];
    if (element !== undefined) found.push({ name: element.name, fieldId: element.field_id });
    skip();
  }
  return found;
}

function chunkSpan(meta: ColumnMetaData, fileBytes: number): Span {
  const dictionary = Number(meta.dictionary_page_offset ?? 0n);
  const data = Number(meta.data_page_offset);
  const start = dictionary > 0 && dictionary < data ? dictionary : data;
  const end = start + Number(meta.total_compressed_size);
  return { start, end: Math.min(fileBytes, end + slackBytes) };
}

/** A filter without a length ends somewhere before the footer. */
function bloomSpans(meta: ColumnMetaData, dataEnd: number): Span[] {
  if (meta.bloom_filter_offset === undefined) return [];
  const start = Number(meta.bloom_filter_offset);
  const end = meta.bloom_filter_length === undefined ? dataEnd : start + meta.bloom_filter_length;
  return [{ start, end: Math.max(start + 1, Math.min(dataEnd, end)) }];
}
