import { open } from 'node:fs/promises';
import { abortReason, mapConcurrently, unlessAborted } from '../../common/index.ts';
import type { PutBody } from './object-store.ts';
import type { S3Connection } from './s3-connection.ts';
import { failureError, type S3Failure } from './s3-failure.ts';
import { fileError, shortObject } from './store-errors.ts';

const mostParts = 9_000;
const partUnit = 1024 * 1024;
const uploadTries = 3;

/** Bytes of a body that can be read piece by piece. */
export interface UploadSource {
  readonly bytes: number;
  read(start: number, end: number): Promise<Uint8Array>;
  [Symbol.asyncDispose](): Promise<void>;
}

/** @throws SkeinError 58P01, 42501 or 58030 for a file that cannot be read */
export async function openSource(body: PutBody): Promise<UploadSource> {
  if (body instanceof Uint8Array) {
    return {
      bytes: body.byteLength,
      read: async (start, end) => body.subarray(start, end),
      [Symbol.asyncDispose]: async () => undefined,
    };
  }
  const { file: path } = body;
  try {
    const file = await open(path, 'r');
    const { size } = await file.stat();
    return {
      bytes: size,
      async read(start, end) {
        const buffer = Buffer.allocUnsafe(end - start);
        for (let at = 0; at < buffer.length; ) {
          const { bytesRead } = await file.read(buffer, at, buffer.length - at, start + at);
          if (bytesRead === 0) throw shortObject(path, buffer.length - at);
          at += bytesRead;
        }
        return buffer;
      },
      [Symbol.asyncDispose]: () => file.close(),
    };
  } catch (error) {
    throw fileError(error, path);
  }
}

export interface UploadTarget {
  readonly connection: S3Connection;
  readonly bucket: string;
  /** The whole key. */
  readonly key: string;
  readonly where: string;
  readonly signal: AbortSignal | undefined;
  /** Marks the object as this upload's. */
  readonly metadata: Readonly<Record<string, string>>;
  /** Whether the object that lies there has the metadata. */
  readonly isOurs: () => Promise<boolean>;
}

/** Sends a body in parts, a bounded number at once, and begins anew where the store lost the upload. */
export async function uploadInParts(target: UploadTarget, source: UploadSource): Promise<void> {
  for (let attempt = 1; ; attempt++) {
    const failure = await uploadOnce(target, source);
    if (failure === undefined) return;
    if (attempt >= uploadTries) throw failureError(failure, 'writing', target.where);
  }
}

/** @returns the failure after which the upload may be begun anew */
async function uploadOnce(target: UploadTarget, source: UploadSource): Promise<S3Failure | undefined> {
  const uploadId = await createUpload(target);
  try {
    const parts = await sendParts(target, source, uploadId);
    const failure = await completeUpload(target, uploadId, parts);
    if (failure !== undefined) await abandon(target, uploadId);
    return failure;
  } catch (error) {
    await abandon(target, uploadId);
    throw error;
  }
}

/** Without the signal, so that the upload of who gives up meanwhile becomes known and can be abandoned. */
async function createUpload(target: UploadTarget): Promise<string> {
  const { connection, bucket, key, where, signal, metadata } = target;
  const creating = connection.request({
    action: 'writing',
    where,
    signal: undefined,
    send: (s3, options) =>
      s3.createMultipartUpload({ Bucket: bucket, Key: key, Metadata: { ...metadata } }, options),
  });
  try {
    const { UploadId } = await unlessAborted(creating, signal);
    return UploadId ?? '';
  } catch (error) {
    void creating.then(
      ({ UploadId }) => abandon(target, UploadId ?? ''),
      () => undefined,
    );
    throw error;
  }
}

interface SentPart {
  readonly PartNumber: number;
  readonly ETag: string;
}

async function sendParts(
  { connection, bucket, key, where, signal: outer }: UploadTarget,
  source: UploadSource,
  uploadId: string,
): Promise<SentPart[]> {
  const bytes = partBytes(source.bytes, connection.limits.partBytes);
  const starts = Array.from({ length: Math.ceil(source.bytes / bytes) }, (_, index) => index * bytes);
  // One part that fails stops the others.
  const stop = new AbortController();
  const signal = outer === undefined ? stop.signal : AbortSignal.any([outer, stop.signal]);
  const running: Promise<unknown>[] = [];
  const send = (start: number, index: number): Promise<SentPart> =>
    connection.parts.run(async () => {
      const body = await source.read(start, Math.min(start + bytes, source.bytes));
      const { ETag } = await connection.request({
        action: 'writing',
        where,
        signal,
        bodyBytes: body.byteLength,
        send: (s3, options) =>
          s3.uploadPart(
            { Bucket: bucket, Key: key, UploadId: uploadId, PartNumber: index + 1, Body: body },
            options,
          ),
      });
      return { PartNumber: index + 1, ETag: ETag ?? '' };
    }, signal);
  try {
    return await mapConcurrently(starts, connection.limits.partsAtOnce, (start, index) => {
      const sending = send(start, index);
      running.push(sending);
      return sending;
    });
  } catch (error) {
    stop.abort();
    await Promise.allSettled(running);
    throw outer?.aborted ? abortReason(outer) : error;
  }
}

async function completeUpload(
  { connection, bucket, key, where, signal, isOurs }: UploadTarget,
  uploadId: string,
  parts: readonly SentPart[],
): Promise<S3Failure | undefined> {
  return connection.request<S3Failure | undefined>({
    action: 'writing',
    where,
    signal,
    async send(s3, options) {
      const upload = { Bucket: bucket, Key: key, UploadId: uploadId };
      await s3.completeMultipartUpload({ ...upload, MultipartUpload: { Parts: [...parts] } }, options);
      return undefined;
    },
    async onFailure(failure) {
      // An upload that is gone may have been completed by a try whose answer was lost.
      if (failure.kind === 'missing') return { answer: (await isOurs()) ? undefined : failure };
      return failure.kind === 'conflict' ? { answer: failure } : undefined;
    },
  });
}

/** Frees the parts; whatever happens here, the error that led here counts. Unaborted: the signal may have aborted. */
async function abandon({ connection, bucket, key, where }: UploadTarget, uploadId: string): Promise<void> {
  const upload = { Bucket: bucket, Key: key, UploadId: uploadId };
  await connection
    .request<unknown>({
      action: 'abandoning',
      where,
      signal: undefined,
      send: (s3, options) => s3.abortMultipartUpload(upload, options),
      onFailure: async () => ({ answer: undefined }),
    })
    .catch(() => undefined);
}

/** No store takes more than 10,000 parts. */
function partBytes(bytes: number, least: number): number {
  return Math.max(least, Math.ceil(bytes / mostParts / partUnit) * partUnit);
}
