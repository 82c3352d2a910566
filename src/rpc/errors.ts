import { create, type MessageInitShape } from '@bufbuild/protobuf';
import { Code, ConnectError } from '@connectrpc/connect';
import {
  abortReason,
  type RetryScope,
  SkeinError,
  type SkeinErrorOptions,
  SqlState,
  toSkeinError,
} from '../common/index.ts';
import {
  type ErrorDetail,
  ErrorDetailSchema,
  PartitionFileSchema,
  type PartitionRef,
  PartitionRefSchema,
} from './gen/skein/v1/cluster_pb.ts';

/** SQLSTATE of a call that did not reach its end: the other process or the way to it failed. */
const connectionFailure = '08006';

/**
 * Partitions of earlier stages that could not be had whole: unreachable, missing, short or corrupt.
 * The tasks that made them must run again before this one can.
 */
export class LostInputError extends SkeinError {
  /** Never empty; without inline bytes. */
  readonly lost: readonly PartitionRef[];

  constructor(
    sqlState: string,
    message: string,
    lost: readonly PartitionRef[],
    options: Omit<SkeinErrorOptions, 'retry'> = {},
  ) {
    super(sqlState, message, { ...options, retry: 'stage' });
    this.name = 'LostInputError';
    this.lost = lost.map(withoutBytes);
  }
}

/** Gives an error the form in which it crosses to another process: every field of a SkeinError, no stack. */
export function toConnectError(error: unknown): ConnectError {
  const skein = toSkeinError(error);
  const detail: MessageInitShape<typeof ErrorDetailSchema> = {
    sqlState: skein.sqlState,
    message: skein.message,
    retry: skein.retry,
    details: { ...skein.details },
    lost: skein instanceof LostInputError ? [...skein.lost] : [],
    ...(skein.position === undefined ? {} : { position: skein.position }),
    ...(skein.hint === undefined ? {} : { hint: skein.hint }),
  };
  return new ConnectError(skein.message, codeOf(skein.sqlState), undefined, [
    { desc: ErrorDetailSchema, value: detail },
  ]);
}

/**
 * Restores the error of another process. An error without our fields comes from the transport, not from the work:
 * it is 08006 and another try elsewhere may succeed (`retry: 'task'`).
 * @param signal the call's own signal: if it aborted, its reason is the error
 */
export function fromConnectError(error: unknown, signal?: AbortSignal): SkeinError {
  if (signal?.aborted) return abortReason(signal);
  if (error instanceof SkeinError) return error;
  if (error instanceof ConnectError) {
    const [detail] = error.findDetails(ErrorDetailSchema);
    if (detail !== undefined) return fromDetail(detail, error);
    if (error.code === Code.Unauthenticated || error.code === Code.PermissionDenied) {
      return new SkeinError('28000', error.rawMessage, { cause: error });
    }
    return new SkeinError(connectionFailure, `a cluster call failed: ${error.rawMessage}`, {
      retry: 'task',
      cause: error,
    });
  }
  return toSkeinError(error);
}

function fromDetail(detail: ErrorDetail, cause: ConnectError): SkeinError {
  const options: SkeinErrorOptions = {
    retry: toRetryScope(detail.retry),
    details: detail.details,
    cause,
    ...(detail.position === undefined ? {} : { position: detail.position }),
    ...(detail.hint === undefined ? {} : { hint: detail.hint }),
  };
  if (detail.lost.length > 0)
    return new LostInputError(detail.sqlState, detail.message, detail.lost, options);
  return new SkeinError(detail.sqlState, detail.message, options);
}

function toRetryScope(text: string): RetryScope {
  return text === 'task' || text === 'stage' || text === 'query' ? text : 'never';
}

/** Connect's code is for people who read HTTP logs; Skein itself reads the detail. */
function codeOf(sqlState: string): Code {
  if (sqlState === SqlState.queryCanceled) return Code.Canceled;
  if (sqlState.startsWith('08') || sqlState.startsWith('57')) return Code.Unavailable;
  if (sqlState.startsWith('53')) return Code.ResourceExhausted;
  if (sqlState.startsWith('58') || sqlState.startsWith('XX')) return Code.Internal;
  if (sqlState.startsWith('28')) return Code.Unauthenticated;
  return Code.FailedPrecondition;
}

function withoutBytes(ref: PartitionRef): PartitionRef {
  return create(PartitionRefSchema, {
    ...ref,
    files: ref.files.map((file) => create(PartitionFileSchema, { ...file, inline: new Uint8Array() })),
  });
}
