import { type FileHandle, open } from 'node:fs/promises';
import { Agent, errors } from 'undici';
import {
  type AttemptId,
  type Checksum,
  ChecksumBuilder,
  type Clock,
  SkeinError,
  sleep,
} from '../common/index.ts';
import { abortReason, tokenHeader } from '../rpc/index.ts';
import { scratchError } from './scratch-file.ts';

/** How long a holder may keep its reader waiting. */
export interface FetchLimits {
  readonly connectTimeoutMs: number;
  /** From the request to the response's headers. */
  readonly headersTimeoutMs: number;
  /** Between two pieces of the body. */
  readonly idleTimeoutMs: number;
  /** Slower transfers than this are given up. */
  readonly minBytesPerSecond: number;
  /** Tries in all where connections break, each going on where the last one stopped; silence gets only one. */
  readonly tries: number;
  readonly retryDelayMs: number;
}

export const defaultFetchLimits: FetchLimits = {
  connectTimeoutMs: 3_000,
  headersTimeoutMs: 5_000,
  idleTimeoutMs: 10_000,
  minBytesPerSecond: 64 * 1024,
  tries: 3,
  retryDelayMs: 100,
};

/** A file that its holder did not give: `gone` when the holder answered, `unreachable` when it did not. */
export class FetchFailure extends Error {
  readonly kind: 'gone' | 'unreachable';

  constructor(kind: 'gone' | 'unreachable', message: string, cause?: unknown) {
    super(message, { cause });
    this.kind = kind;
  }
}

/** Where a finished attempt's file is served. */
export function exchangePath(attempt: AttemptId, name: string): string {
  const { queryId, stageId, task, attempt: attemptNumber } = attempt;
  return `/exchange/${queryId}/${stageId}/${task}/${attemptNumber}/${encodeURIComponent(name)}`;
}

export interface FetchFileRequest {
  /** http://HOST:PORT of the holder. */
  readonly url: string;
  readonly path: string;
  readonly bytes: number;
  /** File to write; an existing one is replaced. */
  readonly target: string;
}

/** Fetches partition files over HTTP/1.1, streaming to disk. Keeps connections for the next file. */
export class FileFetcher {
  readonly #agent: Agent;
  readonly #headers: Readonly<Record<string, string>>;
  readonly #clock: Clock;
  readonly #limits: FetchLimits;

  constructor(options: {
    readonly token: string | undefined;
    readonly clock: Clock;
    readonly limits: FetchLimits;
    /** Connections to one holder. */
    readonly connections: number;
  }) {
    this.#headers = tokenHeader(options.token);
    this.#clock = options.clock;
    this.#limits = options.limits;
    this.#agent = new Agent({
      connections: options.connections,
      pipelining: 1,
      connect: { timeout: options.limits.connectTimeoutMs },
      headersTimeout: options.limits.headersTimeoutMs,
      bodyTimeout: options.limits.idleTimeoutMs,
    });
  }

  /**
   * Fetches a whole file.
   * @returns what arrived, for the caller to compare
   * @throws FetchFailure; SkeinError 53100 or 58030 when the target cannot be written, 28000 when the holder does not
   * accept the cluster token; the signal's reason
   */
  async fetch(request: FetchFileRequest, signal: AbortSignal): Promise<Checksum> {
    const checksum = new ChecksumBuilder();
    const allowedMs =
      this.#limits.headersTimeoutMs +
      this.#limits.idleTimeoutMs +
      (request.bytes / this.#limits.minBytesPerSecond) * 1000;
    const deadline = new AbortController();
    const cancelDeadline = this.#clock.after(allowedMs, () => deadline.abort());
    const either = AbortSignal.any([signal, deadline.signal]);
    try {
      await using target = await openTarget(request.target);
      for (let attempt = 1; ; attempt++) {
        try {
          await this.#fetchRest(request, target, checksum, either);
          return checksum.value;
        } catch (error) {
          if (signal.aborted) throw abortReason(signal);
          if (error instanceof SkeinError || (error instanceof FetchFailure && error.kind === 'gone'))
            throw error;
          if (deadline.signal.aborted)
            throw new FetchFailure('unreachable', `too slow: ${request.url}`, error);
          if (attempt >= this.#limits.tries || isTimeout(error)) throw unreachable(request.url, error);
        }
        await sleep(this.#clock, this.#limits.retryDelayMs * attempt, signal);
      }
    } finally {
      cancelDeadline();
    }
  }

  async close(): Promise<void> {
    await this.#agent.destroy();
  }

  async #fetchRest(
    request: FetchFileRequest,
    target: FileHandle,
    checksum: ChecksumBuilder,
    signal: AbortSignal,
  ): Promise<void> {
    const offset = checksum.value.bytes;
    const response = await this.#agent.request({
      origin: request.url,
      path: request.path,
      method: 'GET',
      headers: { ...this.#headers, ...(offset > 0 ? { range: `bytes=${offset}-` } : {}) },
      signal,
    });
    const expected = request.bytes - offset;
    const refusal = refused(response.statusCode, response.headers['content-length'], offset, expected);
    if (refusal !== undefined) {
      await response.body.dump();
      throw refusal;
    }
    for await (const chunk of response.body as AsyncIterable<Buffer>) {
      checksum.add(chunk);
      try {
        await target.write(chunk);
      } catch (error) {
        throw scratchError(error, request.target);
      }
    }
    if (checksum.value.bytes < request.bytes) throw new Error('the body ended early');
  }
}

async function openTarget(path: string): Promise<FileHandle> {
  try {
    return await open(path, 'w', 0o600);
  } catch (error) {
    throw scratchError(error, path);
  }
}

/** The error that an answer stands for; undefined when its body is what was asked for. */
function refused(
  status: number,
  contentLength: string | string[] | undefined,
  offset: number,
  expected: number,
): Error | undefined {
  if (status === 401) return new SkeinError('28000', 'the holder of a partition refused the cluster token');
  if (status >= 500) return new Error(`status ${status}`);
  if (status !== (offset > 0 ? 206 : 200)) return new FetchFailure('gone', `status ${status}`);
  if (Number(contentLength) !== expected) {
    return new FetchFailure('gone', `${contentLength} bytes instead of ${expected}`);
  }
  return undefined;
}

function isTimeout(error: unknown): boolean {
  return (
    error instanceof errors.ConnectTimeoutError ||
    error instanceof errors.HeadersTimeoutError ||
    error instanceof errors.BodyTimeoutError
  );
}

function unreachable(url: string, cause: unknown): FetchFailure {
  return new FetchFailure(
    'unreachable',
    `${url}: ${cause instanceof Error ? cause.message : String(cause)}`,
    cause,
  );
}
