import { setMaxListeners } from 'node:events';
import { abortReason } from '../../common/index.ts';

/** Where the bytes of a stream come from, piece by piece. */
export interface ByteSource {
  /** The next piece, undefined at the end. Called again only after it has answered. */
  next(): Promise<Uint8Array | undefined>;
  /** Frees what the source holds; makes a `next` under way end soon. Called once. */
  close(): Promise<void>;
}

/** Reads a source as it is pulled, nothing ahead; closes it at the end, on errors, on cancel and when the signal aborts. */
export function byteStream(source: ByteSource, signal?: AbortSignal): ReadableStream<Uint8Array> {
  let closing: Promise<void> | undefined;
  const close = (): Promise<void> => {
    signal?.removeEventListener('abort', onAbort);
    // What closing throws comes too late to matter: the bytes are read, or nobody wants them.
    closing ??= source.close().catch(() => undefined);
    return closing;
  };
  let onAbort = (): void => undefined;
  return new ReadableStream<Uint8Array>(
    {
      start(controller) {
        onAbort = () => {
          if (signal !== undefined) controller.error(abortReason(signal));
          void close();
        };
        if (signal === undefined) return;
        if (signal.aborted) return onAbort();
        // A log's entries are read many at a time, by one signal.
        setMaxListeners(0, signal);
        signal.addEventListener('abort', onAbort, { once: true });
      },
      async pull(controller) {
        try {
          const piece = await source.next();
          if (closing !== undefined) return;
          if (piece !== undefined) return controller.enqueue(piece);
          await close();
          controller.close();
        } catch (error) {
          if (closing !== undefined) return;
          await close();
          controller.error(error);
        }
      },
      cancel: close,
    },
    { highWaterMark: 0 },
  );
}

/** A stream of bytes that are in memory. */
export function bytesStream(bytes: Uint8Array, signal?: AbortSignal): ReadableStream<Uint8Array> {
  let rest: Uint8Array | undefined = bytes.byteLength === 0 ? undefined : bytes;
  const source: ByteSource = {
    async next() {
      const piece = rest;
      rest = undefined;
      return piece;
    },
    close: async () => undefined,
  };
  return byteStream(source, signal);
}

/** All bytes of a stream: for objects known to be small. */
export async function readAll(stream: ReadableStream<Uint8Array>): Promise<Uint8Array> {
  const pieces: Uint8Array[] = [];
  for await (const piece of stream) pieces.push(piece);
  return pieces.length === 1 && pieces[0] !== undefined ? pieces[0] : Buffer.concat(pieces);
}
