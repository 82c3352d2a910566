import { createHash, timingSafeEqual } from 'node:crypto';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import swagger from '@fastify/swagger';
import { Ajv } from 'ajv';
import fastify, { type FastifyBaseLogger, type FastifyInstance, type FastifyRequest } from 'fastify';
import { SkeinError, SqlState } from '../../common/index.ts';
import type { IngestService, QueryService } from '../../coordinator/index.ts';
import { addClusterRoutes } from './cluster-routes.ts';
import { addDataRoutes } from './data-routes.ts';
import { handleErrors } from './error-handler.ts';
import { parseBody } from './parse-body.ts';
import { addQueryRoutes } from './query-routes.ts';
import { components } from './schemas.ts';

export interface RestOptions {
  readonly queryService: QueryService;
  /** Undefined: there is no `/data`. */
  readonly ingest?: IngestService;
  /** Skein's version, for OpenAPI. */
  readonly version: string;
  /** When given, every request but `GET /health` must carry `Authorization: Bearer <token>`. */
  readonly token?: string;
  /** Longest request body; default 4 MiB. */
  readonly bodyLimitBytes?: number;
  readonly logger?: FastifyBaseLogger;
  /** Answers requests that are none of REST's, on the same port: true when it took the request. */
  readonly intercept?: (request: IncomingMessage, response: ServerResponse) => boolean;
}

const defaultBodyLimit = 4 * 1024 * 1024;
/** Uploads take as long as their client's line needs. */
const longestUploadMs = 6 * 3_600_000;
const stalledMs = 60_000;

/** What an answer may do in a browser: nothing. There is no CORS header: other sites may not read it. */
const securityHeaders = {
  'cache-control': 'no-store',
  'content-security-policy': "default-src 'none'; frame-ancestors 'none'",
  'cross-origin-resource-policy': 'same-origin',
  'referrer-policy': 'no-referrer',
  'x-content-type-options': 'nosniff',
  'x-frame-options': 'DENY',
};

/**
 * The REST door over a query service: a Fastify app that is ready and not yet listening. Closing it drops open
 * connections; the service is left to its owner.
 */
export async function createRestServer(options: RestOptions): Promise<FastifyInstance> {
  const app = fastify({
    ...(options.logger === undefined ? { logger: false } : { loggerInstance: options.logger }),
    bodyLimit: options.bodyLimitBytes ?? defaultBodyLimit,
    exposeHeadRoutes: false,
    forceCloseConnections: true,
    requestTimeout: longestUploadMs,
    // A client whose host is gone answers no keep-alive probe: its query is canceled like any that was closed.
    serverFactory: (handler) =>
      createServer({ keepAlive: true, requestTimeout: longestUploadMs }, (request, response) => {
        // A body that stands still ends its connection; an answer may take its time.
        request.setTimeout(stalledMs, () => request.destroy());
        request.once('end', () => request.setTimeout(0));
        if (options.intercept?.(request, response) !== true) handler(request, response);
      }),
  });
  readRequests(app);
  handleErrors(app);
  app.addHook('onSend', async (_request, reply) => {
    reply.headers(securityHeaders);
  });
  if (options.token !== undefined) requireToken(app, options.token);
  for (const schema of components) app.addSchema(schema);
  await app.register(swagger, {
    openapi: {
      openapi: '3.1.0',
      info: {
        title: 'Skein',
        version: options.version,
        description:
          'SQL over several workers. Errors are {"error": {...}}; docs/errors.md lists the SQLSTATEs.',
        license: { name: 'Apache-2.0', identifier: 'Apache-2.0' },
      },
      ...(options.token === undefined
        ? {}
        : {
            components: { securitySchemes: { bearer: { type: 'http', scheme: 'bearer' } } },
            security: [{ bearer: [] }],
          }),
    },
    refResolver: {
      buildLocalReference: (json, _base, _fragment, index) => `${json.$id ?? `schema-${index}`}`,
    },
  });
  // In plugins, so that the document sees them: it collects routes from when it was registered.
  app.register(async (scope) => addQueryRoutes(scope, options.queryService));
  app.register(async (scope) => addClusterRoutes(scope, options.queryService));
  const { ingest } = options;
  if (ingest !== undefined) {
    const bodyLimit = options.bodyLimitBytes ?? defaultBodyLimit;
    app.register(async (scope) => addDataRoutes(scope, ingest, bodyLimit));
  }
  app.get('/openapi.json', { schema: { hide: true } }, async () => app.swagger());
  await app.ready();
  return app;
}

/** Bodies are JSON only, so no page of another site can post one unasked; nothing is coerced but query strings. */
function readRequests(app: FastifyInstance): void {
  app.removeAllContentTypeParsers();
  app.addContentTypeParser(
    'application/json',
    { parseAs: 'buffer' },
    // Some clients name a content type for the body that a GET or DELETE does not have.
    async (request: FastifyRequest, body: Buffer) =>
      body.length === 0 && request.method !== 'POST' ? undefined : parseBody(body),
  );
  const shared = {
    allErrors: false,
    removeAdditional: false,
    useDefaults: true,
    allowUnionTypes: true,
  } as const;
  const bodies = new Ajv({ ...shared, coerceTypes: false });
  const strings = new Ajv({ ...shared, coerceTypes: true });
  app.setValidatorCompiler<object>(({ schema, httpPart }) =>
    (httpPart === 'body' ? bodies : strings).compile(schema),
  );
  // Answers are made from types; their schemas document them, and a test holds them to it.
  app.setSerializerCompiler(() => (data) => JSON.stringify(data));
}

function requireToken(app: FastifyInstance, token: string): void {
  const digest = (text: string): Buffer => createHash('sha256').update(text).digest();
  const expected = digest(`Bearer ${token}`);
  app.addHook('onRequest', async (request, reply) => {
    if (request.routeOptions.url === '/health') return;
    if (timingSafeEqual(digest(request.headers.authorization ?? ''), expected)) return;
    reply.header('www-authenticate', 'Bearer');
    throw new SkeinError(SqlState.invalidAuthorization, 'the request carries no valid token', {
      hint: 'send Authorization: Bearer <token>',
    });
  });
}
