import type { IncomingMessage } from 'node:http';
import type { FastifyInstance, FastifyRequest } from 'fastify';
import { canceledError, SkeinError, SqlState } from '../../common/index.ts';
import type { IngestService, LoadResult } from '../../coordinator/index.ts';
import { RequestError } from './error-handler.ts';
import { parseBody } from './parse-body.ts';
import {
  appendContent,
  appendHeaders,
  appendQuery,
  arrowStream,
  loadBody,
  loadContent,
  loadQuery,
  tableParams,
} from './schemas.ts';

interface LoadQuery {
  readonly table?: string;
  readonly schema?: string;
  readonly format?: 'parquet' | 'csv' | 'json';
  readonly name?: string;
  readonly options?: string;
  readonly create?: boolean;
  readonly idempotencyKey?: string;
}

interface LoadBodyJson extends Omit<LoadQuery, 'options' | 'name' | 'table'> {
  readonly table: string;
  readonly paths: readonly string[];
  readonly options?: Readonly<Record<string, string | number | boolean>>;
}

/**
 * Media types of files. None of them can be posted by a page of another site unasked: text/plain could be, and is not
 * among them.
 */
const fileTypes: Readonly<Record<string, 'parquet' | 'csv' | 'json' | undefined>> = {
  'application/octet-stream': undefined,
  'application/gzip': undefined,
  'application/zstd': undefined,
  'application/json': 'json',
  'application/x-ndjson': 'json',
  'application/vnd.apache.parquet': 'parquet',
  'text/csv': 'csv',
};

/** Longest append; the service itself may allow less. */
const appendBytes = 64 * 1024 ** 2;
const ref = (name: string): object => ({ $ref: `${name}#` });
const errors = {
  '4xx': { description: 'the request or its rows are at fault', ...ref('Error') },
  '5xx': { description: 'the server, its workers or their files are at fault', ...ref('Error') },
};

/** `/data`: loads and appends. */
export function addDataRoutes(app: FastifyInstance, ingest: IngestService, bodyLimit: number): void {
  readBodies(app, bodyLimit);
  checkBodiesLater(app);
  addLoad(app, ingest);
  app.post<{ Params: { table: string }; Querystring: { schema?: string } }>(
    '/data/:table/append',
    {
      schema: {
        summary: 'Append a few rows, as JSON lines or as an Arrow stream; answers when they are durable',
        description:
          'Rows of requests that come at nearly the same time share a commit. Rows that do not fit the table refuse ' +
          'their own request alone. With the header Idempotency-Key a request that is sent again adds nothing.',
        params: tableParams,
        querystring: appendQuery,
        headers: appendHeaders,
        body: appendContent,
        response: { 200: ref('Appended'), ...errors },
      },
    },
    async (request, reply) => {
      const { params, query, headers } = request;
      const bytes = await collect(request.body as IncomingMessage | undefined, appendBytes);
      const key = headers['idempotency-key'];
      const idempotencyKey = typeof key === 'string' ? key : undefined;
      try {
        return appendedJson(
          await ingest.append({
            table: params.table,
            body:
              mediaType(request) === arrowStream
                ? { kind: 'arrow', stream: bytes }
                : { kind: 'json', lines: bytes },
            ...(query.schema === undefined ? {} : { schema: query.schema }),
            ...(idempotencyKey === undefined ? {} : { idempotencyKey }),
          }),
        );
      } catch (error) {
        if (error instanceof SkeinError && error.sqlState === SqlState.insufficientResources) {
          reply.header('retry-after', '1');
        }
        throw error;
      }
    },
  );
}

function addLoad(app: FastifyInstance, ingest: IngestService): void {
  app.post<{ Querystring: LoadQuery }>(
    '/data/load',
    {
      schema: {
        summary: 'Load files into a table, in one commit',
        description:
          'A JSON body names files that the server may read. With `table` in the URL the body is the file itself: ' +
          'Parquet, CSV or JSON, also compressed by gzip or zstd (then `name` tells so: rows.csv.gz). With an ' +
          'idempotency key a load that is sent again is not done again.',
        querystring: loadQuery,
        body: loadContent,
        response: { 200: ref('Loaded'), ...errors },
      },
    },
    async (request, reply) => {
      const controller = new AbortController();
      reply.raw.once('close', () => {
        if (!reply.raw.writableFinished) controller.abort(canceledError('the client closed the connection'));
      });
      const { query } = request;
      if (mediaType(request) === arrowStream) {
        throw new RequestError(
          415,
          SqlState.invalidParameterValue,
          'Arrow streams are appended, not loaded',
          'POST /data/{table}/append',
        );
      }
      if (query.table === undefined) {
        const { paths, ...rest } = loadBody(request.body) as LoadBodyJson;
        return loadedJson(
          await ingest.load({ ...rest, source: { kind: 'paths', paths }, signal: controller.signal }),
        );
      }
      const { name, options, table, ...rest } = query;
      const body = request.body as IncomingMessage;
      const format = query.format ?? formatOfType(request, name);
      return loadedJson(
        await ingest.load({
          ...rest,
          table,
          source: { kind: 'bodies', bodies: [{ name: name ?? 'upload', read: () => body }] },
          ...(format === undefined ? {} : { format }),
          ...(options === undefined ? {} : { options: parseOptions(options) }),
          signal: controller.signal,
        }),
      );
    },
  );
}

/** Files are streams; a JSON body without a table in the URL is a request. */
function readBodies(app: FastifyInstance, bodyLimit: number): void {
  app.removeAllContentTypeParsers();
  app.addContentTypeParser(
    [...Object.keys(fileTypes), arrowStream],
    async (request: FastifyRequest, payload: IncomingMessage) => {
      const isRequest =
        request.url.split('?')[0] === '/data/load' && (request.query as LoadQuery).table === undefined;
      return isRequest ? parseBody(await collect(payload, bodyLimit)) : payload;
    },
  );
}

/** Bodies are streams: who reads one checks it. Their schemas are for the document. */
function checkBodiesLater(app: FastifyInstance): void {
  const compile = app.validatorCompiler;
  app.setValidatorCompiler((route) =>
    route.httpPart === 'body' || compile === undefined ? () => true : compile(route),
  );
}

async function collect(body: IncomingMessage | undefined, maxBytes: number): Promise<Uint8Array> {
  if (body === undefined) throw new SkeinError(SqlState.invalidParameterValue, 'the body is empty');
  const chunks: Buffer[] = [];
  let bytes = 0;
  // A connection that is cut would take the answer with it: what is too much is read, and forgotten.
  for await (const chunk of body.iterator({ destroyOnReturn: false }) as AsyncIterable<Buffer>) {
    bytes += chunk.byteLength;
    if (bytes > maxBytes) {
      body.resume();
      throw new RequestError(413, SqlState.limitExceeded, 'the body is too large');
    }
    chunks.push(chunk);
  }
  return Buffer.concat(chunks);
}

/** Where neither the URL nor the name says it. */
function formatOfType(
  request: FastifyRequest,
  name: string | undefined,
): 'parquet' | 'csv' | 'json' | undefined {
  if (name?.includes('.')) return undefined;
  return fileTypes[mediaType(request)];
}

function mediaType(request: FastifyRequest): string {
  const [type = ''] = (request.headers['content-type'] ?? '').split(';');
  return type.trim().toLowerCase();
}

function parseOptions(text: string): Readonly<Record<string, string | number | boolean>> {
  const value = parseBody(Buffer.from(text));
  const isRecord = typeof value === 'object' && value !== null && !Array.isArray(value);
  if (
    isRecord &&
    Object.values(value).every((each) => ['string', 'number', 'boolean'].includes(typeof each))
  ) {
    return value as Readonly<Record<string, string | number | boolean>>;
  }
  throw new SkeinError(
    SqlState.invalidParameterValue,
    'querystring: field "options" must be a JSON object of values',
  );
}

function loadedJson({ queryId, table, rows, version, duplicate }: LoadResult): object {
  return { queryId, table, rows: rows ?? null, version: version ?? null, duplicate };
}

function appendedJson({ version, rows, duplicate }: Awaited<ReturnType<IngestService['append']>>): object {
  return { version: version ?? null, rows: rows ?? null, duplicate };
}
