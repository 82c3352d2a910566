import type { FastifyInstance } from 'fastify';
import type { QueryService } from '../../coordinator/index.ts';

/** `/cluster` and `/health`. */
export function addClusterRoutes(app: FastifyInstance, service: QueryService): void {
  app.get(
    '/cluster',
    {
      schema: {
        summary: 'Workers, their load, caches and health; tables',
        response: { 200: { $ref: 'Cluster#' } },
      },
    },
    async () => await service.cluster(),
  );
  app.get(
    '/health',
    {
      schema: {
        summary: 'Answers while the process serves; says whether it has workers to run queries on',
        response: { 200: { $ref: 'Health#' } },
      },
    },
    async () => {
      const { version, uptimeMs, workers } = service.health();
      return { status: workers > 0 ? 'ok' : 'no workers', version, uptimeMs, workers };
    },
  );
}
