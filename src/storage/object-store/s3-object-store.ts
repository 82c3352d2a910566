import type {
  DeleteObjectsCommandOutput,
  GetObjectCommandOutput,
  HeadObjectCommandOutput,
  ListObjectsV2CommandOutput,
} from '@aws-sdk/client-s3';
import { mapConcurrently, SkeinError, SqlState } from '../../common/index.ts';
import { byteStream, bytesStream, readAll } from './byte-stream.ts';
import { checkKey, checkPrefix, checkRange, compareKeys, resolveRange } from './object-key.ts';
import type {
  GetOptions,
  ListOptions,
  ObjectBody,
  ObjectInfo,
  ObjectStore,
  PutBody,
} from './object-store.ts';
import { bodyPlace, nextMarker, rangeHeader, toInfo } from './s3-answers.ts';
import type { S3Connection } from './s3-connection.ts';
import { codeFailure, failureError, type S3Failure } from './s3-failure.ts';
import { readableOf, S3Source } from './s3-source.ts';
import { openSource, uploadInParts } from './s3-upload.ts';
import { changedObject, missingObject } from './store-errors.ts';

/** Objects in one request to delete them. */
const deletedAtOnce = 1000;
const requestsAtOnce = 8;
const deleteRounds = 5;
/** Names the put that made an object, so that an answer that was lost can be found out. */
const writerField = 'skein-put';

export interface S3ObjectStoreOptions {
  readonly root: string;
  readonly bucket: string;
  /** Without slashes at its ends; empty for the whole bucket. */
  readonly prefix: string;
  readonly connection: S3Connection;
}

/**
 * Objects of a bucket of any S3-compatible store. Before the first `putIfAbsent` in a bucket the store is put to the
 * test: many ignore the header.
 */
export class S3ObjectStore implements ObjectStore {
  readonly root: string;
  readonly #bucket: string;
  readonly #prefix: string;
  readonly #connection: S3Connection;

  constructor(options: S3ObjectStoreOptions) {
    this.root = options.root;
    this.#bucket = options.bucket;
    this.#prefix = options.prefix === '' ? '' : `${options.prefix}/`;
    this.#connection = options.connection;
  }

  async get(key: string, options: GetOptions = {}): Promise<ObjectBody> {
    checkKey(key);
    checkRange(options.range);
    const { range, ifMatch, signal } = options;
    if (range !== undefined && range.start === range.end) {
      return this.#emptyBody(key, options);
    }
    const response = await this.#open(key, rangeHeader(range), ifMatch, signal);
    if (response === 'range') return this.#emptyBody(key, options);
    const body = readableOf(response);
    const place = bodyPlace(response);
    const info = toInfo(key, response, place?.bytes ?? 0);
    const { start, end } = resolveRange(range, info.bytes);
    const problem = this.#unexpected(info, ifMatch, start === end || start === place?.start);
    if (problem !== undefined) {
      body.destroy();
      throw problem;
    }
    const source = new S3Source({
      connection: this.#connection,
      where: this.#where(key),
      start,
      end,
      body,
      reopen: async (from, reopenSignal) => {
        const again = await this.#open(key, `bytes=${from}-${end - 1}`, info.etag, reopenSignal);
        return again === 'range' || bodyPlace(again)?.start !== from ? undefined : again;
      },
    });
    return { info, stream: byteStream(source, signal) };
  }

  async stat(key: string, signal?: AbortSignal): Promise<ObjectInfo | undefined> {
    checkKey(key);
    return (await this.#head(key, signal))?.info;
  }

  async put(key: string, body: PutBody, signal?: AbortSignal): Promise<ObjectInfo> {
    checkKey(key);
    await using source = await openSource(body);
    const { limits } = this.#connection;
    if (source.bytes > 2 * limits.partBytes) {
      const writer = this.#connection.random.token(20);
      await uploadInParts(
        {
          connection: this.#connection,
          bucket: this.#bucket,
          key: this.#prefix + key,
          where: this.#where(key),
          signal,
          metadata: { [writerField]: writer },
          isOurs: async () => (await this.#head(key, signal))?.writer === writer,
        },
        source,
      );
    } else {
      const bytes = await source.read(0, source.bytes);
      await this.#connection.request({
        action: 'writing',
        where: this.#where(key),
        signal,
        bodyBytes: bytes.byteLength,
        send: (s3, options) =>
          s3.putObject({ Bucket: this.#bucket, Key: this.#prefix + key, Body: bytes }, options),
      });
    }
    return this.#written(key, source.bytes, signal);
  }

  async putIfAbsent(key: string, body: Uint8Array, signal?: AbortSignal): Promise<'created' | 'exists'> {
    checkKey(key);
    await this.verifyConditionalPut(signal);
    return this.#putIfAbsent(key, body, signal);
  }

  /**
   * Finds out, once a bucket, whether the store refuses to replace an object with `If-None-Match: *`.
   * @throws SkeinError 0A000 where it does not: two writers could then both be told that they committed
   */
  async verifyConditionalPut(signal?: AbortSignal): Promise<void> {
    await this.#connection.verifyOnce(this.#bucket, () => this.#probe(), signal);
  }

  async *list(prefix: string, options: ListOptions = {}): AsyncIterable<ObjectInfo> {
    checkPrefix(prefix);
    let last = '';
    for await (const page of this.#pages(
      prefix,
      options.shallow ?? false,
      options.startAfter,
      options.signal,
    )) {
      for (const object of page.Contents ?? []) {
        const key = object.Key?.slice(this.#prefix.length);
        // Consoles mark folders by empty objects whose keys end in a slash.
        if (key === undefined || key === '' || key.endsWith('/')) continue;
        if (last !== '' && compareKeys(last, key) >= 0) throw this.#unordered();
        last = key;
        yield {
          key,
          bytes: object.Size ?? 0,
          modifiedMs: object.LastModified?.getTime() ?? 0,
          etag: object.ETag ?? '',
        };
      }
    }
  }

  async listFolders(prefix: string, signal?: AbortSignal): Promise<readonly string[]> {
    checkPrefix(prefix);
    const names: string[] = [];
    for await (const page of this.#pages(prefix, true, undefined, signal)) {
      for (const { Prefix: folder } of page.CommonPrefixes ?? []) {
        const name = folder?.slice(this.#prefix.length + prefix.length, -1);
        if (name) names.push(name);
      }
    }
    return names.sort(compareKeys);
  }

  async delete(keys: readonly string[], signal?: AbortSignal): Promise<void> {
    keys.forEach(checkKey);
    const unique = [...new Set(keys)];
    const batches: string[][] = [];
    for (let at = 0; at < unique.length; at += deletedAtOnce)
      batches.push(unique.slice(at, at + deletedAtOnce));
    await mapConcurrently(batches, requestsAtOnce / 2, (batch) => this.#deleteBatch(batch, signal));
  }

  async removeLeftovers(beforeMs: number, signal?: AbortSignal): Promise<number> {
    let removed = 0;
    let marker: { readonly KeyMarker?: string; readonly UploadIdMarker?: string } | undefined = {};
    while (marker !== undefined) {
      const from: typeof marker = marker;
      const page = await this.#connection.request({
        action: 'listing uploads of',
        where: this.root,
        signal,
        send: (s3, options) =>
          s3.listMultipartUploads({ Bucket: this.#bucket, Prefix: this.#prefix, ...from }, options),
      });
      for (const { Key: key, UploadId: uploadId, Initiated: begun } of page.Uploads ?? []) {
        if (key === undefined || uploadId === undefined || (begun?.getTime() ?? beforeMs) >= beforeMs)
          continue;
        await this.#connection.request<unknown>({
          action: 'abandoning',
          where: this.root,
          signal,
          send: (s3, options) =>
            s3.abortMultipartUpload({ Bucket: this.#bucket, Key: key, UploadId: uploadId }, options),
          onFailure: async (failure) => (failure.kind === 'missing' ? { answer: undefined } : undefined),
        });
        removed += 1;
      }
      marker = nextMarker(page);
    }
    return removed;
  }

  async locations(): Promise<readonly string[]> {
    return [];
  }

  async #probe(): Promise<void> {
    const key = `.skein-probe-${this.#connection.random.token(20)}`;
    const bytes = Buffer.from(key);
    await this.put(key, bytes);
    try {
      const outcome = await this.#conditionalPut(key, bytes, 'probe', undefined, async () => undefined);
      if (outcome === 'exists') return;
    } finally {
      await this.delete([key]).catch(() => undefined);
    }
    throw new SkeinError(
      SqlState.featureNotSupported,
      `the object store ignores conditional writes: ${this.root}`,
      {
        hint: 'Tables need a store that answers 412 to a PUT with If-None-Match: * of an object that exists.',
        details: { path: this.root },
      },
    );
  }

  async #putIfAbsent(
    key: string,
    body: Uint8Array,
    signal: AbortSignal | undefined,
  ): Promise<'created' | 'exists'> {
    const writer = this.#connection.random.token(20);
    let undecided = false;
    try {
      return await this.#conditionalPut(key, body, writer, signal, async (failure) => {
        if (failure.kind === 'exists' && !undecided) return 'exists';
        if (failure.kind !== 'exists' && failure.kind !== 'unclear') return undefined;
        // A try that is not to be seen yet may be carried out later: from now on `exists` means nothing by itself.
        undecided = true;
        return this.#whoseIs(key, body, writer, signal);
      });
    } catch (error) {
      if (!undecided || signal?.aborted) throw error;
      throw new SkeinError(SqlState.ioError, `it is not known whether ${this.#where(key)} was written`, {
        details: { path: this.#where(key), outcome: 'unknown' },
        cause: error,
      });
    }
  }

  /** Whether this put's object lies there, another one, or none. */
  async #whoseIs(
    key: string,
    body: Uint8Array,
    writer: string,
    signal: AbortSignal | undefined,
  ): Promise<'created' | 'exists' | undefined> {
    const found = await this.#head(key, signal);
    if (found === undefined) return undefined;
    if (found.writer !== undefined) return found.writer === writer ? 'created' : 'exists';
    // A store that keeps no metadata, or another program's object.
    if (found.info.bytes !== body.byteLength) return 'exists';
    const { stream } = await this.get(key, signal === undefined ? {} : { signal });
    return Buffer.compare(await readAll(stream), body) === 0 ? 'created' : 'exists';
  }

  /** @param settle what a failure means; undefined: another try where that can help, else an error */
  #conditionalPut(
    key: string,
    body: Uint8Array,
    writer: string,
    signal: AbortSignal | undefined,
    settle: (failure: S3Failure) => Promise<'created' | 'exists' | undefined>,
  ): Promise<'created' | 'exists'> {
    const input = {
      Bucket: this.#bucket,
      Key: this.#prefix + key,
      Body: body,
      IfNoneMatch: '*',
      Metadata: { [writerField]: writer },
    };
    return this.#connection.request<'created' | 'exists'>({
      action: 'committing',
      where: this.#where(key),
      signal,
      bodyBytes: body.byteLength,
      async send(s3, options) {
        await s3.putObject(input, options);
        return 'created';
      },
      async onFailure(failure) {
        const answer = (await settle(failure)) ?? (failure.kind === 'exists' ? 'exists' : undefined);
        return answer === undefined ? undefined : { answer };
      },
    });
  }

  /** @returns `range` where the object has none of the bytes */
  async #open(
    key: string,
    range: string | undefined,
    ifMatch: string | undefined,
    signal: AbortSignal | undefined,
  ): Promise<GetObjectCommandOutput | 'range'> {
    const where = this.#where(key);
    return this.#connection.request<GetObjectCommandOutput | 'range'>({
      action: 'reading',
      where,
      signal,
      send: (s3, options) =>
        s3.getObject(
          {
            Bucket: this.#bucket,
            Key: this.#prefix + key,
            ...(range === undefined ? {} : { Range: range }),
            ...(ifMatch === undefined ? {} : { IfMatch: ifMatch }),
          },
          options,
        ),
      async onFailure(failure) {
        if (failure.kind === 'exists') throw changedObject(where);
        return failure.kind === 'range' ? { answer: 'range' } : undefined;
      },
    });
  }

  /** What stores do that ignore headers. */
  #unexpected(info: ObjectInfo, ifMatch: string | undefined, rangeKept: boolean): SkeinError | undefined {
    if (ifMatch !== undefined && info.etag !== ifMatch) return changedObject(this.#where(info.key));
    if (rangeKept) return undefined;
    return new SkeinError(
      SqlState.featureNotSupported,
      `the object store ignores byte ranges: ${this.root}`,
      {
        details: { path: this.root },
      },
    );
  }

  /** Stores answer 416 for a range beyond the end, and have no way to ask for no bytes. */
  async #emptyBody(key: string, { ifMatch, signal }: GetOptions): Promise<ObjectBody> {
    const info = await this.stat(key, signal);
    if (info === undefined) throw missingObject(this.#where(key));
    if (ifMatch !== undefined && ifMatch !== info.etag) throw changedObject(this.#where(key));
    return { info, stream: bytesStream(new Uint8Array(0), signal) };
  }

  async #head(
    key: string,
    signal: AbortSignal | undefined,
  ): Promise<{ readonly info: ObjectInfo; readonly writer: string | undefined } | undefined> {
    const response = await this.#connection.request<HeadObjectCommandOutput | undefined>({
      action: 'reading',
      where: this.#where(key),
      signal,
      send: (s3, options) => s3.headObject({ Bucket: this.#bucket, Key: this.#prefix + key }, options),
      onFailure: async (failure) => (failure.kind === 'missing' ? { answer: undefined } : undefined),
    });
    if (response === undefined) return undefined;
    const info = toInfo(key, response, response.ContentLength ?? 0);
    return { info, writer: response.Metadata?.[writerField] };
  }

  /** A put's answer has neither time nor size: the store is asked, which also finds what it cut short. */
  async #written(key: string, bytes: number, signal: AbortSignal | undefined): Promise<ObjectInfo> {
    const found = await this.#head(key, signal);
    if (found?.info.bytes === bytes) return found.info;
    throw changedObject(this.#where(key));
  }

  async *#pages(
    prefix: string,
    shallow: boolean,
    startAfter: string | undefined,
    signal: AbortSignal | undefined,
  ): AsyncGenerator<ListObjectsV2CommandOutput> {
    let token: string | undefined;
    do {
      const from: string | undefined = token;
      const page: ListObjectsV2CommandOutput = await this.#connection.request({
        action: 'listing',
        where: this.#where(prefix),
        signal,
        send: (s3, options) =>
          s3.listObjectsV2(
            {
              Bucket: this.#bucket,
              Prefix: this.#prefix + prefix,
              ...(shallow ? { Delimiter: '/' } : {}),
              ...(startAfter === undefined ? {} : { StartAfter: this.#prefix + startAfter }),
              ...(from === undefined ? {} : { ContinuationToken: from }),
            },
            options,
          ),
      });
      yield page;
      token = page.IsTruncated ? page.NextContinuationToken : undefined;
    } while (token !== undefined);
  }

  async #deleteBatch(batch: readonly string[], signal: AbortSignal | undefined): Promise<void> {
    let rest = batch;
    for (let round = 1; ; round++) {
      const failed = await this.#deleteRound(rest, signal);
      const [first] = failed;
      if (first === undefined) return;
      const lasting = failed.find(({ failure }) => failure.kind !== 'unclear');
      if (lasting !== undefined || round >= deleteRounds) {
        const { key, failure } = lasting ?? first;
        throw failureError(failure, 'deleting', this.#where(key));
      }
      rest = failed.map(({ key }) => key);
      await this.#connection.pause(this.#connection.limits.firstDelayMs * 2 ** round, signal);
    }
  }

  /** @returns the keys that are not deleted */
  async #deleteRound(
    keys: readonly string[],
    signal: AbortSignal | undefined,
  ): Promise<readonly { readonly key: string; readonly failure: S3Failure }[]> {
    const response = await this.#connection.request<DeleteObjectsCommandOutput | undefined>({
      action: 'deleting',
      where: this.root,
      signal,
      send: (s3, options) =>
        s3.deleteObjects(
          {
            Bucket: this.#bucket,
            Delete: { Quiet: true, Objects: keys.map((key) => ({ Key: this.#prefix + key })) },
          },
          options,
        ),
      // Some stores delete one object a request only.
      onFailure: async (failure) => (failure.kind === 'unsupported' ? { answer: undefined } : undefined),
    });
    if (response === undefined) {
      await mapConcurrently(keys, requestsAtOnce, (key) => this.#deleteOne(key, signal));
      return [];
    }
    return (response.Errors ?? []).flatMap(({ Key: key, Code: code }) => {
      const failure = codeFailure(code);
      return failure.kind === 'missing' || key === undefined
        ? []
        : [{ key: key.slice(this.#prefix.length), failure }];
    });
  }

  async #deleteOne(key: string, signal: AbortSignal | undefined): Promise<void> {
    await this.#connection.request<unknown>({
      action: 'deleting',
      where: this.#where(key),
      signal,
      send: (s3, options) => s3.deleteObject({ Bucket: this.#bucket, Key: this.#prefix + key }, options),
      onFailure: async (failure) => (failure.kind === 'missing' ? { answer: undefined } : undefined),
    });
  }

  /** Directory buckets list in no order, and readers of logs need it. */
  #unordered(): SkeinError {
    return new SkeinError(
      SqlState.featureNotSupported,
      `the object store lists objects out of order: ${this.root}`,
      { details: { path: this.root } },
    );
  }

  #where(key: string): string {
    return `${this.root}/${key}`;
  }
}
