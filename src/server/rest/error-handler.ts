import type { FastifyError, FastifyInstance } from 'fastify';
import { SkeinError, SqlState, toSkeinError } from '../../common/index.ts';
import { httpStatus } from './http-status.ts';
import { errorJson } from './views.ts';

/** An error of the request itself, whose HTTP status is not that of its SQLSTATE. */
export class RequestError extends SkeinError {
  readonly statusCode: number;

  constructor(statusCode: number, sqlState: string, message: string, hint?: string) {
    super(sqlState, message, hint === undefined ? {} : { hint });
    this.statusCode = statusCode;
  }
}

export function unknownQuery(id: string): RequestError {
  return new RequestError(404, SqlState.undefinedObject, `there is no query ${id}`);
}

/** Every error leaves as `{"error": {...}}` with a status that fits it. */
export function handleErrors(app: FastifyInstance): void {
  app.setErrorHandler((error, _request, reply) => {
    const known = translate(error as FastifyError);
    const status = known instanceof RequestError ? known.statusCode : httpStatus(known);
    // The rest of the body may still be on its way: no other request can follow it.
    if (status === 413) reply.header('connection', 'close');
    if (status >= 500) reply.log.error({ err: error }, 'request failed');
    return reply.code(status).send({ error: errorJson(known) });
  });
  app.setNotFoundHandler((request) => {
    throw new RequestError(
      404,
      SqlState.undefinedObject,
      `there is no ${request.method} ${request.url.split('?')[0]}`,
      'GET /openapi.json lists what there is',
    );
  });
}

function translate(error: FastifyError): SkeinError {
  if (error instanceof SkeinError) return error;
  if (error.validation !== undefined) {
    return new SkeinError(SqlState.invalidParameterValue, validationMessage(error));
  }
  switch (error.code) {
    case 'FST_ERR_CTP_BODY_TOO_LARGE':
      return new RequestError(413, SqlState.limitExceeded, 'the body is too large');
    case 'FST_ERR_CTP_INVALID_MEDIA_TYPE':
      return new RequestError(
        415,
        SqlState.invalidParameterValue,
        'the body is not of type application/json',
        'send Content-Type: application/json',
      );
  }
  const status = error.statusCode;
  if (status !== undefined && status >= 400 && status < 500) {
    return new RequestError(status, SqlState.invalidParameterValue, error.message);
  }
  return toSkeinError(error);
}

interface ValidationParams {
  readonly additionalProperty?: string;
  readonly missingProperty?: string;
  readonly allowedValues?: readonly string[];
}

/** Names the field at fault: `body: unknown field "limit"`, `body: field "sql" must be string`. */
function validationMessage({ validation, validationContext }: FastifyError): string {
  const where = validationContext ?? 'request';
  const [first] = validation ?? [];
  const at = first?.instancePath.slice(1).replaceAll('/', '.') ?? '';
  const { additionalProperty, missingProperty, allowedValues }: ValidationParams = first?.params ?? {};
  const inside = at === '' ? '' : `${at}.`;
  switch (first?.keyword) {
    case 'additionalProperties':
      return `${where}: unknown field "${inside}${additionalProperty}"`;
    case 'required':
      return `${where}: field "${inside}${missingProperty}" is missing`;
    case 'enum':
      return `${where}: field "${at}" must be one of ${JSON.stringify(allowedValues)}`;
    default: {
      const problem = (first?.message ?? 'is not valid').replace(
        'must be array,object',
        'must be an array or an object',
      );
      return at === '' ? `${where} ${problem}` : `${where}: field "${at}" ${problem}`;
    }
  }
}
