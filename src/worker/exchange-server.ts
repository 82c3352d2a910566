import { createReadStream } from 'node:fs';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { pipeline } from 'node:stream/promises';
import { type AttemptId, queryId, stageId } from '../common/index.ts';
import { tokenMatches } from '../rpc/index.ts';
import type { Spool } from './spool.ts';

const pathPattern = /^\/exchange\/([^/]+)\/(\d{1,9})\/(\d{1,9})\/(\d{1,9})\/([^/]+)$/;

/**
 * Serves the files of finished attempts: `GET /exchange/{query}/{stage}/{task}/{attempt}/{file}`, with Range.
 * Names are looked up among those that the spool committed, never joined to a path.
 */
export function exchangeHandler(
  spool: Spool,
  token: string | undefined,
): (request: IncomingMessage, response: ServerResponse) => void {
  return (request, response) => {
    serve(spool, token, request, response).catch(() => response.destroy());
  };
}

async function serve(
  spool: Spool,
  token: string | undefined,
  request: IncomingMessage,
  response: ServerResponse,
): Promise<void> {
  if (!tokenMatches(token, request.headers.authorization)) return refuse(response, 401);
  if (request.method !== 'GET') return refuse(response, 405);
  const file = findFile(spool, request.url ?? '');
  if (file === undefined) return refuse(response, 404);
  const range = parseRange(request.headers.range, file.bytes);
  if (range === undefined) return refuse(response, 416);
  const { first, last, partial } = range;
  response.writeHead(partial ? 206 : 200, {
    'content-type': 'application/octet-stream',
    'content-length': last - first + 1,
    'accept-ranges': 'bytes',
    ...(partial ? { 'content-range': `bytes ${first}-${last}/${file.bytes}` } : {}),
  });
  response.flushHeaders();
  await pipeline(createReadStream(file.path, { start: first, end: last }), response);
}

function findFile(spool: Spool, url: string): { readonly path: string; readonly bytes: number } | undefined {
  const [, query, stage, task, attempt, name] = pathPattern.exec(url) ?? [];
  if (query === undefined || name === undefined) return undefined;
  const id: AttemptId = {
    queryId: queryId(query),
    stageId: stageId(Number(stage)),
    task: Number(task),
    attempt: Number(attempt),
  };
  return spool.committedFile(id, name);
}

interface ByteRange {
  readonly first: number;
  readonly last: number;
  readonly partial: boolean;
}

/** `bytes=FIRST-` or `bytes=FIRST-LAST`; no header is the whole file; undefined for everything else. */
function parseRange(header: string | undefined, bytes: number): ByteRange | undefined {
  if (header === undefined) return { first: 0, last: bytes - 1, partial: false };
  const [, from, to] = /^bytes=(\d{1,15})-(\d{0,15})$/.exec(header) ?? [];
  if (from === undefined) return undefined;
  const first = Number(from);
  const last = Math.min(to === '' || to === undefined ? bytes - 1 : Number(to), bytes - 1);
  return first <= last ? { first, last, partial: true } : undefined;
}

function refuse(response: ServerResponse, status: number): void {
  response.writeHead(status, { 'content-length': 0 }).end();
}
