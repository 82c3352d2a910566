import type { GetObjectCommandOutput, ListMultipartUploadsCommandOutput } from '@aws-sdk/client-s3';
import type { ByteRange, ObjectInfo } from './object-store.ts';

export function rangeHeader(range: ByteRange | undefined): string | undefined {
  if (range === undefined) return undefined;
  const { start, end } = range;
  if (start < 0) return `bytes=${start}`;
  return `bytes=${start}-${end === undefined ? '' : end - 1}`;
}

export function toInfo(
  key: string,
  response: Pick<GetObjectCommandOutput, 'ETag' | 'LastModified'>,
  bytes: number,
): ObjectInfo {
  return { key, bytes, modifiedMs: response.LastModified?.getTime() ?? 0, etag: response.ETag ?? '' };
}

/** Where an answer's bytes lie in the object, and the object's size; undefined where the answer contradicts itself. */
export function bodyPlace(
  response: GetObjectCommandOutput,
): { readonly start: number; readonly bytes: number } | undefined {
  if (response.ContentRange === undefined) return { start: 0, bytes: response.ContentLength ?? 0 };
  const [, start, bytes] = /^bytes (\d+)-\d+\/(\d+)$/.exec(response.ContentRange) ?? [];
  return start === undefined || bytes === undefined
    ? undefined
    : { start: Number(start), bytes: Number(bytes) };
}

export function nextMarker(
  page: ListMultipartUploadsCommandOutput,
): { readonly KeyMarker?: string; readonly UploadIdMarker?: string } | undefined {
  if (!page.IsTruncated || page.NextKeyMarker === undefined) return undefined;
  const upload = page.NextUploadIdMarker;
  return { KeyMarker: page.NextKeyMarker, ...(upload === undefined ? {} : { UploadIdMarker: upload }) };
}
