import type { S3 } from '@aws-sdk/client-s3';
import {
  abortReason,
  type Clock,
  type Random,
  Semaphore,
  SkeinError,
  SqlState,
  sleep,
  unlessAborted,
} from '../../common/index.ts';
import { failureError, type S3Failure, toFailure } from './s3-failure.ts';

/** Where the store is. Credentials come by the SDK's chain: environment, profile, web identity, instance. */
export interface S3Options {
  /** http(s)://HOST:PORT of an S3-compatible store; undefined for AWS. */
  readonly endpoint?: string;
  /** Undefined: as the environment or the profile says; `us-east-1` where there is an endpoint. */
  readonly region?: string;
  /** The bucket in the path instead of in the host name. */
  readonly forcePathStyle?: boolean;
}

/** How long a store may keep its user waiting. */
export interface S3Limits {
  readonly connectTimeoutMs: number;
  /** From the request to the response's headers, on top of what its body takes. */
  readonly requestTimeoutMs: number;
  /** Between two pieces of a body. */
  readonly idleTimeoutMs: number;
  /** Bodies are expected to be sent no slower than this. */
  readonly minBytesPerSecond: number;
  /** Requests are tried again for so long, and no more often than `tries`. */
  readonly retryForMs: number;
  readonly tries: number;
  readonly firstDelayMs: number;
  readonly maxDelayMs: number;
  /** A larger body is sent in parts of this size, as many at once as `partsAtOnce` over all uploads. */
  readonly partBytes: number;
  readonly partsAtOnce: number;
  readonly connections: number;
}

const defaultS3Limits: S3Limits = {
  connectTimeoutMs: 5_000,
  requestTimeoutMs: 20_000,
  idleTimeoutMs: 20_000,
  minBytesPerSecond: 256 * 1024,
  retryForMs: 60_000,
  tries: 30,
  firstDelayMs: 50,
  maxDelayMs: 5_000,
  partBytes: 8 * 1024 * 1024,
  partsAtOnce: 8,
  connections: 64,
};

/** One request, to be tried until it is answered. */
export interface S3Request<T> {
  /** For errors: `reading`, `writing`. */
  readonly action: string;
  /** For errors: the object's location. */
  readonly where: string;
  readonly signal: AbortSignal | undefined;
  /** Of the request's body. */
  readonly bodyBytes?: number;
  readonly send: (s3: S3, options: { readonly abortSignal: AbortSignal }) => Promise<T>;
  /**
   * A failure that is an answer: of the caller's, or thrown. Undefined: the usual, another try where it is `unclear` or
   * `conflict`, an error for the rest.
   */
  readonly onFailure?: (failure: S3Failure) => Promise<{ readonly answer: T } | undefined>;
}

/** The way to one S3 endpoint: its client, timeouts and retries. Shared by the stores on it. */
export class S3Connection {
  readonly limits: S3Limits;
  readonly clock: Clock;
  readonly random: Random;
  /** Bounds the memory that parts of uploads take. */
  readonly parts: Semaphore;
  readonly #options: S3Options;
  readonly #verified = new Map<string, Promise<void>>();
  #client: Promise<S3> | undefined;

  constructor(
    options: S3Options,
    shared: { readonly clock: Clock; readonly random: Random; readonly limits?: Partial<S3Limits> },
  ) {
    this.#options = options;
    this.clock = shared.clock;
    this.random = shared.random;
    this.limits = { ...defaultS3Limits, ...shared.limits };
    this.parts = new Semaphore(this.limits.partsAtOnce);
  }

  /** @throws SkeinError as `ObjectStore` says */
  async request<T>(request: S3Request<T>): Promise<T> {
    const until = this.clock.monotonic() + this.limits.retryForMs;
    for (let attempt = 1; ; attempt++) {
      const outcome = await this.#try(request);
      if ('answer' in outcome) return outcome.answer;
      const { failure } = outcome;
      const handled = await request.onFailure?.(failure);
      if (handled !== undefined) return handled.answer;
      const again = failure.kind === 'unclear' || failure.kind === 'conflict';
      const delayMs = this.#delayMs(attempt);
      if (!again || attempt >= this.limits.tries || this.clock.monotonic() + delayMs > until) {
        throw failureError(failure, request.action, request.where);
      }
      await this.pause(delayMs, request.signal);
    }
  }

  async pause(delayMs: number, signal: AbortSignal | undefined): Promise<void> {
    try {
      await sleep(this.clock, delayMs, signal);
    } catch (error) {
      throw signal?.aborted ? abortReason(signal) : error;
    }
  }

  /** Runs a check once a bucket, again only where it did not come to a verdict. */
  async verifyOnce(bucket: string, check: () => Promise<void>, signal?: AbortSignal): Promise<void> {
    let verifying = this.#verified.get(bucket);
    if (verifying === undefined) {
      verifying = check().catch((error: unknown) => {
        if (!(error instanceof SkeinError && error.sqlState === SqlState.featureNotSupported)) {
          this.#verified.delete(bucket);
        }
        throw error;
      });
      this.#verified.set(bucket, verifying);
    }
    // Others wait for it too: who gives up does not stop it.
    await unlessAborted(verifying, signal);
  }

  async close(): Promise<void> {
    const client = await this.#client?.catch(() => undefined);
    this.#client = undefined;
    client?.destroy();
  }

  async #try<T>(request: S3Request<T>): Promise<{ readonly answer: T } | { readonly failure: S3Failure }> {
    const { signal } = request;
    if (signal?.aborted) throw abortReason(signal);
    const timeout = new AbortController();
    const { requestTimeoutMs, minBytesPerSecond } = this.limits;
    const allowedMs = requestTimeoutMs + ((request.bodyBytes ?? 0) / minBytesPerSecond) * 1000;
    const cancelTimeout = this.clock.after(allowedMs, () => timeout.abort());
    // The SDK may leave its listeners on a signal that outlives the request.
    const forward = (): void => timeout.abort();
    signal?.addEventListener('abort', forward, { once: true });
    try {
      const s3 = await this.#connect();
      return { answer: await request.send(s3, { abortSignal: timeout.signal }) };
    } catch (error) {
      if (signal?.aborted) throw abortReason(signal);
      if (error instanceof SkeinError) throw error;
      if (timeout.signal.aborted) return { failure: { kind: 'unclear', text: 'timeout', code: 'Timeout' } };
      return { failure: toFailure(error) };
    } finally {
      cancelTimeout();
      signal?.removeEventListener('abort', forward);
    }
  }

  /** Grows with every try; half of it is left to chance, so that those who failed together do not come back together. */
  #delayMs(attempt: number): number {
    const { firstDelayMs, maxDelayMs } = this.limits;
    const full = Math.min(maxDelayMs, firstDelayMs * 2 ** (attempt - 1));
    return full * (0.5 + 0.5 * this.random.next());
  }

  /** The SDK is loaded when it is needed: it takes its time and memory. */
  async #connect(): Promise<S3> {
    this.#client ??= this.#newClient();
    try {
      return await this.#client;
    } catch (error) {
      this.#client = undefined;
      throw error;
    }
  }

  async #newClient(): Promise<S3> {
    const { S3 } = await import('@aws-sdk/client-s3');
    const { endpoint, forcePathStyle } = this.#options;
    const region = this.#options.region ?? (endpoint === undefined ? undefined : 'us-east-1');
    const sockets = { maxSockets: this.limits.connections, keepAlive: true };
    const client = new S3({
      ...(endpoint === undefined ? {} : { endpoint }),
      ...(region === undefined ? {} : { region }),
      forcePathStyle: forcePathStyle ?? endpoint !== undefined,
      // Retries are ours, by Clock and Random.
      maxAttempts: 1,
      requestChecksumCalculation: 'WHEN_REQUIRED',
      responseChecksumValidation: 'WHEN_REQUIRED',
      requestHandler: {
        connectionTimeout: this.limits.connectTimeoutMs,
        httpAgent: sockets,
        httpsAgent: sockets,
      },
    });
    await client.config.region().catch((cause: unknown) => {
      throw new SkeinError(SqlState.invalidParameterValue, 'no region is set for S3', {
        hint: 'Set s3.region, or AWS_REGION.',
        cause,
      });
    });
    return client;
  }
}
