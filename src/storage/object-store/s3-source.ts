import type { Readable } from 'node:stream';
import type { GetObjectCommandOutput } from '@aws-sdk/client-s3';
import type { ByteSource } from './byte-stream.ts';
import type { S3Connection } from './s3-connection.ts';
import { failureError, toFailure } from './s3-failure.ts';
import { changedObject, shortObject } from './store-errors.ts';

/** What remains of an object's bytes, asked for again where the connection broke. */
export interface S3SourceOptions {
  readonly connection: S3Connection;
  readonly where: string;
  /** Bytes `start` to before `end`, of which `body` has begun. */
  readonly start: number;
  readonly end: number;
  readonly body: Readable;
  /** Asks for bytes from `start` of the same version; undefined where the object has changed. */
  readonly reopen: (start: number, signal: AbortSignal) => Promise<GetObjectCommandOutput | undefined>;
}

/** Streams a range of an object. A body that ends early or falls silent is gone on with, a few times. */
export class S3Source implements ByteSource {
  readonly #options: S3SourceOptions;
  readonly #closed = new AbortController();
  #at: number;
  #body: Readable;
  #pieces: AsyncIterator<Uint8Array>;
  #failures = 0;

  constructor(options: S3SourceOptions) {
    this.#options = options;
    this.#at = options.start;
    this.#body = options.body;
    this.#pieces = piecesOf(options.body);
  }

  async next(): Promise<Uint8Array | undefined> {
    const { end, where } = this.#options;
    while (this.#at < end) {
      const read = await this.#read();
      if (read.kind === 'piece') {
        const piece = read.bytes.subarray(0, end - this.#at);
        this.#at += piece.byteLength;
        if (piece.byteLength > 0) return piece;
        continue;
      }
      this.#failures += 1;
      if (this.#failures >= this.#options.connection.limits.tries || this.#closed.signal.aborted) {
        throw read.kind === 'end'
          ? shortObject(where, end - this.#at)
          : failureError(toFailure(read.error), 'reading', where);
      }
      await this.#reopen();
    }
    return undefined;
  }

  async close(): Promise<void> {
    this.#closed.abort();
    this.#body.destroy();
  }

  async #read(): Promise<
    | { readonly kind: 'piece'; readonly bytes: Uint8Array }
    | { readonly kind: 'end' }
    | { readonly kind: 'broken'; readonly error: unknown }
  > {
    const { clock, limits } = this.#options.connection;
    const cancel = clock.after(limits.idleTimeoutMs, () => this.#body.destroy(new Error('timeout')));
    try {
      const result = await this.#pieces.next();
      return result.done ? { kind: 'end' } : { kind: 'piece', bytes: result.value };
    } catch (error) {
      return { kind: 'broken', error };
    } finally {
      cancel();
    }
  }

  async #reopen(): Promise<void> {
    const { connection, where, reopen } = this.#options;
    this.#body.destroy();
    await connection.pause(connection.limits.firstDelayMs * this.#failures, this.#closed.signal);
    const response = await reopen(this.#at, this.#closed.signal);
    if (response === undefined) throw changedObject(where);
    this.#body = readableOf(response);
    this.#pieces = piecesOf(this.#body);
    if (this.#closed.signal.aborted) this.#body.destroy();
  }
}

/** The body of an answer; under Node it is always a stream of Node's. */
export function readableOf(response: GetObjectCommandOutput): Readable {
  const body = response.Body as Readable;
  // An error after the body was given up would end the process.
  body.on('error', () => undefined);
  return body;
}

function piecesOf(body: Readable): AsyncIterator<Uint8Array> {
  return body.iterator({ destroyOnReturn: true }) as AsyncIterator<Uint8Array>;
}
