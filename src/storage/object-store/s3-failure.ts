import { SkeinError, SqlState } from '../../common/index.ts';
import { missingObject } from './store-errors.ts';

/**
 * What a failed request means.
 * - `missing`: no such object or upload. `exists`: the condition of a conditional request does not hold.
 * - `conflict`: another request for the key is under way; this one was not carried out.
 * - `unclear`: may work later, and a write may have been carried out all the same.
 * - `range`: the object has none of the bytes. `unsupported`: the store does not know the request.
 * - `denied`: credentials are missing or may not do this. `refused`: anything else; another try gives the same.
 */
export interface S3Failure {
  readonly kind:
    | 'missing'
    | 'exists'
    | 'conflict'
    | 'unclear'
    | 'range'
    | 'unsupported'
    | 'denied'
    | 'refused';
  /** `503 SlowDown`, `ECONNRESET`: never the store's own message, which may hold parts of the credentials. */
  readonly text: string;
  readonly code: string;
}

const unclearStatuses = new Set([408, 425, 429, 500, 502, 503, 504]);
const unclearCodes = new Set([
  'RequestTimeout',
  'RequestTimeoutException',
  'SlowDown',
  'InternalError',
  'ServiceUnavailable',
  'Throttling',
  'ThrottlingException',
  'OperationAborted',
  'RequestTimeTooSkewed',
  'IncompleteBody',
  'BadDigest',
]);
const unsupportedCodes = new Set(['NotImplemented', 'MethodNotAllowed', 'MissingContentMD5']);
const missingCodes = new Set(['NoSuchKey', 'NotFound', 'NoSuchUpload']);
const credentialErrors = new Set(['CredentialsProviderError', 'TokenProviderError', 'ExpiredToken']);

/** Thrown by the SDK before anything is sent. */
const ownBugs = new Set([
  'TypeError',
  'RangeError',
  'ReferenceError',
  'SyntaxError',
  'ERR_INVALID_URL',
  'EndpointError',
]);

const deniedHint =
  'Check the credentials that each node has (AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or a profile), and what the bucket permits them.';

/** Reads what the SDK throws. */
export function toFailure(error: unknown): S3Failure {
  const thrown = error as {
    readonly name?: string;
    readonly code?: unknown;
    readonly Code?: unknown;
    readonly $metadata?: { readonly httpStatusCode?: number };
  };
  const status = thrown.$metadata?.httpStatusCode;
  const own = [thrown.Code, thrown.code].find((value) => typeof value === 'string');
  const code = safeCode(status === undefined ? (own ?? thrown.name) : (thrown.Code ?? thrown.name));
  const text = status === undefined ? code : `${status} ${code}`;
  return { kind: failureKind(status, code), text, code };
}

function failureKind(status: number | undefined, code: string): S3Failure['kind'] {
  if (credentialErrors.has(code) || status === 401 || (status === 403 && !unclearCodes.has(code)))
    return 'denied';
  if (status === undefined && ownBugs.has(code)) return 'refused';
  if (status === undefined || unclearCodes.has(code) || unclearStatuses.has(status)) return 'unclear';
  if (unsupportedCodes.has(code) || status === 501 || status === 405) return 'unsupported';
  if (status === 412) return 'exists';
  if (status === 409 && code === 'ConditionalRequestConflict') return 'conflict';
  if (status === 416) return 'range';
  if (status === 404 && (missingCodes.has(code) || code === 'UnknownError' || code === 'Unknown'))
    return 'missing';
  // A broken-off success: the headers came, the body could not be read.
  return status < 300 ? 'unclear' : 'refused';
}

/** A code goes into messages: only what looks like one. */
function safeCode(code: unknown): string {
  return typeof code === 'string' && /^[A-Za-z0-9_]{1,60}$/.test(code) ? code : 'UnknownError';
}

/** Of one key of a request over many. */
export function codeFailure(code: string | undefined): S3Failure {
  const safe = safeCode(code);
  return {
    kind: failureKind(safe === 'AccessDenied' ? 403 : missingCodes.has(safe) ? 404 : 400, safe),
    text: safe,
    code: safe,
  };
}

/**
 * @param action what was tried, `reading` or so
 * @param where the object's location
 */
export function failureError(failure: S3Failure, action: string, where: string): SkeinError {
  const details = { path: where, store: failure.text };
  switch (failure.kind) {
    case 'missing':
      return missingObject(where);
    case 'denied':
      return new SkeinError(
        SqlState.insufficientPrivilege,
        `the object store did not allow ${action} ${where} (${failure.text})`,
        { details, hint: deniedHint },
      );
    case 'unsupported':
      return new SkeinError(
        SqlState.featureNotSupported,
        `the object store does not support ${action} ${where} (${failure.text})`,
        { details },
      );
    case 'conflict':
    case 'unclear':
    case 'exists':
    case 'range':
      return new SkeinError(SqlState.ioError, `${action} ${where} failed (${failure.text})`, {
        retry: 'task',
        details,
      });
    case 'refused':
      return refusedError(failure, action, where);
  }
}

function refusedError(failure: S3Failure, action: string, where: string): SkeinError {
  const details = { path: where, store: failure.text };
  if (failure.code === 'NoSuchBucket') {
    return new SkeinError(SqlState.undefinedFile, `there is no such bucket: ${where}`, {
      details,
      hint: 'Make the bucket, or check its name and the option --s3-endpoint.',
    });
  }
  const region = failure.text.startsWith('301') || failure.code === 'AuthorizationHeaderMalformed';
  return new SkeinError(SqlState.ioError, `the object store refused ${action} ${where} (${failure.text})`, {
    details,
    ...(region ? { hint: 'The bucket may lie in another region.' } : {}),
  });
}
