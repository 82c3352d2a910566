import { Readable } from 'node:stream';
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import { canceledError, SkeinError, SqlState } from '../../common/index.ts';
import {
  type QueryInfo,
  type QueryRequest,
  type QueryService,
  type QueryState,
  type ResultPage,
  treeToDot,
} from '../../coordinator/index.ts';
import { paramFromJson, type SqlValue } from '../../types/index.ts';
import { unknownQuery } from './error-handler.ts';
import { RowEncoder, resultJson, resultLines, startResult } from './result-json.ts';
import { idParams, listQuery, pageQuery, queryBody, treeQuery } from './schemas.ts';
import { queryJson, queryLinks } from './views.ts';

interface QueryBody {
  readonly sql: string;
  readonly params?: readonly unknown[] | Readonly<Record<string, unknown>>;
  readonly schema?: string;
  readonly settings?: Readonly<Record<string, string | number | boolean>>;
  readonly async?: boolean;
}

interface PageRequest {
  readonly offset?: number;
  readonly limit?: number;
}

const defaultPageRows = 1000;
const json = 'application/json; charset=utf-8';
const ndjson = 'application/x-ndjson';
const ref = (name: string): object => ({ $ref: `${name}#` });
const errors = {
  '4xx': { description: 'the request or its SQL is at fault', ...ref('Error') },
  '5xx': { description: 'the server, its workers or their files are at fault', ...ref('Error') },
};

/** `/query` and `/queries`: submit, watch, page and cancel. */
export function addQueryRoutes(app: FastifyInstance, service: QueryService): void {
  addSubmit(app, service);
  addWatch(app, service);
  app.delete<{ Params: { id: string } }>(
    '/query/:id',
    {
      schema: {
        summary: 'Cancel a query; answers when its tasks have stopped. True also of one that had ended.',
        params: idParams,
        response: { 200: ref('Canceled'), ...errors },
      },
    },
    async ({ params: { id } }) => {
      if (!(await service.cancel(id))) throw unknownQuery(id);
      return { queryId: id, state: service.get(id)?.state ?? 'canceled' };
    },
  );
  app.get<{ Querystring: { state?: QueryState; limit: number } }>(
    '/queries',
    {
      schema: {
        summary: 'Running and recent queries, newest first',
        querystring: listQuery,
        response: { 200: ref('Queries'), ...errors },
      },
    },
    async ({ query: { state, limit } }) => {
      const queries = service.list().filter((info) => state === undefined || info.state === state);
      return { queries: queries.slice(0, limit).map(queryJson) };
    },
  );
}

function addSubmit(app: FastifyInstance, service: QueryService): void {
  app.post<{ Body: QueryBody }>(
    '/query',
    {
      schema: {
        summary: 'Run SQL',
        description:
          'The answer streams. With Accept: application/x-ndjson it comes as lines: a header, batches of rows, and a ' +
          'trailer. Closing the connection cancels the query. An error after the first rows ends the connection, or ' +
          'is the last line: only an answer that is complete JSON, or has its trailer, is complete.',
        body: queryBody,
        response: {
          200: {
            description: 'the result',
            content: {
              'application/json': { schema: ref('Result') },
              [ndjson]: { schema: ref('ResultLine') },
            },
          },
          202: { description: 'accepted, with async: true', ...ref('Accepted') },
          ...errors,
        },
      },
    },
    async (request, reply) => {
      const { async = false, ...body } = request.body;
      const queryRequest = readRequest(body);
      return async
        ? await submitAsync(service, queryRequest, reply)
        : await run(service, queryRequest, request, reply);
    },
  );
}

function readRequest({ params, ...rest }: Omit<QueryBody, 'async'>): QueryRequest {
  return params === undefined ? rest : { ...rest, params: readParams(params) };
}

function readParams(json: NonNullable<QueryBody['params']>): NonNullable<QueryRequest['params']> {
  try {
    if (Array.isArray(json)) return json.map(paramFromJson);
    const named = Object.entries(json).map(([name, value]): [string, SqlValue] => [
      name,
      paramFromJson(value),
    ]);
    return Object.fromEntries(named);
  } catch (error) {
    if (!(error instanceof RangeError)) throw error;
    throw new SkeinError(SqlState.invalidParameterValue, 'body: field "params" is nested too deeply');
  }
}

async function submitAsync(
  service: QueryService,
  request: QueryRequest,
  reply: FastifyReply,
): Promise<object> {
  const handle = await service.submit({ ...request, keepResult: true });
  const links = queryLinks(handle.id);
  reply.code(202).header('location', links.self);
  return { queryId: handle.id, state: handle.info().state, links };
}

async function run(
  service: QueryService,
  query: QueryRequest,
  request: FastifyRequest,
  reply: FastifyReply,
): Promise<FastifyReply> {
  const controller = new AbortController();
  reply.raw.once('close', () => {
    if (!reply.raw.writableFinished) controller.abort(canceledError('the client closed the connection'));
  });
  const handle = await service.submit({ ...query, signal: controller.signal });
  if (request.headers.accept?.includes(ndjson)) {
    return sendText(reply, `${ndjson}; charset=utf-8`, resultLines(handle));
  }
  return sendText(reply, json, resultJson(await startResult(handle)));
}

/** Streams text as fast as the client takes it. */
function sendText(reply: FastifyReply, contentType: string, text: AsyncIterable<string>): FastifyReply {
  const stream = Readable.from(text, { objectMode: false, highWaterMark: 64 * 1024 });
  return reply.header('content-type', contentType).send(stream);
}

function addWatch(app: FastifyInstance, service: QueryService): void {
  app.get<{ Params: { id: string }; Querystring: PageRequest }>(
    '/query/:id',
    {
      schema: {
        summary: 'State and progress of a query; of a finished async one also a page of its result',
        params: idParams,
        querystring: pageQuery,
        response: { 200: ref('QueryWithRows'), ...errors },
      },
    },
    async ({ params: { id }, query }, reply) => {
      const info = service.get(id);
      if (info === undefined) throw unknownQuery(id);
      const page = info.state === 'finished' ? await keptPage(service, id, query) : undefined;
      return sendText(reply, json, pageJson(info, page, query));
    },
  );
  app.get<{ Params: { id: string }; Querystring: { format: 'json' | 'dot' } }>(
    '/query/:id/tree',
    {
      schema: {
        summary: 'Stages, operators, tasks and attempts of a query, estimated and actual',
        params: idParams,
        querystring: treeQuery,
        response: {
          200: {
            description: 'the tree',
            content: {
              'application/json': { schema: ref('Tree') },
              'text/vnd.graphviz': { schema: { type: 'string' } },
            },
          },
          ...errors,
        },
      },
    },
    async ({ params: { id }, query: { format } }, reply) => {
      const tree = service.tree(id);
      if (tree === undefined) throw unknownQuery(id);
      if (format === 'json') return tree;
      return reply.header('content-type', 'text/vnd.graphviz; charset=utf-8').send(treeToDot(tree));
    },
  );
}

/** Undefined where no page was asked for and the rows went to whoever submitted the query. */
async function keptPage(
  service: QueryService,
  id: string,
  { offset, limit }: PageRequest,
): Promise<ResultPage | undefined> {
  if (limit === 0) return undefined;
  try {
    return await service.resultPage(id, offset ?? 0, limit ?? defaultPageRows);
  } catch (error) {
    const kept = !(error instanceof SkeinError && error.sqlState === SqlState.notInThisState);
    if (kept || offset !== undefined || limit !== undefined) throw error;
    return undefined;
  }
}

async function* pageJson(
  info: QueryInfo,
  page: ResultPage | undefined,
  { limit = defaultPageRows }: PageRequest,
): AsyncGenerator<string> {
  const links = queryLinks(info.id);
  const head = JSON.stringify({ ...queryJson(info), links });
  if (page === undefined) {
    yield head;
    return;
  }
  const encoder = new RowEncoder(page.columns);
  yield `${head.slice(0, -1)},"rows":[`;
  let separator = '';
  for (const batch of page.batches) {
    for (const rows of encoder.chunks(batch)) {
      yield separator + rows;
      separator = ',';
    }
  }
  const next =
    page.nextOffset === undefined ? null : `${links.self}?offset=${page.nextOffset}&limit=${limit}`;
  yield `],"offset":${page.offset},"next":${JSON.stringify(next)}}`;
}
