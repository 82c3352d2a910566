import { type ColumnMetaData, type FileMetaData, parquetMetadata, type SchemaElement } from 'hyparquet';
import { type ColumnBounds, chunkBounds, exactParsers } from './chunk-bounds.ts';
import type { Span } from './spans.ts';

const trailerBytes = 8;
/** Some old writers left the header of the dictionary page out of a chunk's size. */
const slackBytes = 256;

/** Where the bytes of a Parquet file's top-level columns lie. */
export interface ParquetLayout {
  readonly groups: readonly ParquetRowGroup[];
  readonly columns: readonly {
    /** Lower case: DuckDB finds columns so. */
    readonly name: string;
    readonly fieldId: number | undefined;
    /** By row group. */
    readonly chunks: readonly (readonly Span[])[];
    /** Bloom filters: DuckDB may look into them before it knows which row groups it reads. */
    readonly filters: readonly Span[];
  }[];
}

export interface ParquetRowGroup {
  /** Counted from 0. */
  readonly firstRow: number;
  readonly rows: number;
  /** What the footer says of the values of a column that is not nested. */
  bounds(name: string, fieldId: number | undefined): ColumnBounds | undefined;
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
    return layoutOf(
      parquetMetadata(footer, { geoparquet: false, parsers: exactParsers }),
      fileBytes - footer.byteLength,
      fileBytes,
    );
  } catch {
    return undefined;
  }
}

/**
 * Columns that the file has not are passed over: they are NULLs of an older schema.
 * @param wanted row groups, by position
 */
export function columnSpans(
  { columns }: ParquetLayout,
  names: readonly string[],
  fieldIds: readonly number[],
  wanted: readonly boolean[],
): Span[] {
  const wantedNames = new Set(names.map((name) => name.toLowerCase()));
  const wantedIds = new Set(fieldIds);
  return columns
    .filter(({ name, fieldId }) => wantedNames.has(name) || (fieldId !== undefined && wantedIds.has(fieldId)))
    .flatMap(({ chunks, filters }) => [...chunks.filter((_, group) => wanted[group]).flat(), ...filters]);
}

function layoutOf(metadata: FileMetaData, dataEnd: number, fileBytes: number): ParquetLayout | undefined {
  const [root] = metadata.schema;
  if (root === undefined) return undefined;
  const chunks = new Map<string, Span[][]>();
  const filters = new Map<string, Span[]>();
  for (const [group, { columns }] of metadata.row_groups.entries()) {
    for (const chunk of columns) {
      const meta = chunk.meta_data;
      const [name] = meta?.path_in_schema ?? [];
      if (meta === undefined || name === undefined || chunk.file_path !== undefined) return undefined;
      const groups = chunks.get(name) ?? metadata.row_groups.map((): Span[] => []);
      groups[group]?.push(chunkSpan(meta, fileBytes));
      chunks.set(name, groups);
      filters.set(name, [...(filters.get(name) ?? []), ...bloomSpans(meta, dataEnd)]);
    }
  }
  const elements = topLevel(metadata);
  const columns = elements.map(({ name, fieldId }) => ({
    name: name.toLowerCase(),
    fieldId,
    chunks: chunks.get(name) ?? [],
    filters: filters.get(name) ?? [],
  }));
  const consistent = columns.every((column) =>
    [...column.chunks.flat(), ...column.filters].every(({ start, end }) => start >= 4 && end > start),
  );
  return consistent ? { columns, groups: rowGroups(metadata, elements) } : undefined;
}

function rowGroups(
  { row_groups: groups }: FileMetaData,
  elements: ReturnType<typeof topLevel>,
): readonly ParquetRowGroup[] {
  let firstRow = 0;
  return groups.map(({ num_rows: count, columns }) => {
    const rows = Number(count);
    const bounds = (name: string, fieldId: number | undefined): ColumnBounds | undefined => {
      const found = elements.find((each) =>
        fieldId === undefined ? each.name.toLowerCase() === name.toLowerCase() : each.fieldId === fieldId,
      );
      const chunk = columns.find(
        ({ meta_data: meta }) => meta?.path_in_schema.length === 1 && meta.path_in_schema[0] === found?.name,
      );
      if (found === undefined || chunk?.meta_data === undefined) return undefined;
      return chunkBounds(found.element, chunk.meta_data);
    };
    const group = { firstRow, rows, bounds };
    firstRow += rows;
    return group;
  });
}

function topLevel({ schema }: FileMetaData): readonly {
  readonly name: string;
  readonly fieldId: number | undefined;
  readonly element: SchemaElement;
}[] {
  const found: { name: string; fieldId: number | undefined; element: SchemaElement }[] = [];
  let index = 1;
  const skip = (): void => {
    const children = schema[index]?.num_children ?? 0;
    index += 1;
    for (let child = 0; child < children; child++) skip();
  };
  while (index < schema.length) {
    const element = schema[index];
    if (element !== undefined) {
      found.push({ name: element.name, fieldId: element.field_id, element });
    }
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
