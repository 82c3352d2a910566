import { create } from '@bufbuild/protobuf';
import { Code, ConnectError } from '@connectrpc/connect';
import { describe, expect, it } from 'vitest';
import { SkeinError } from '../common/index.ts';
import { createInProcessWorkerClient } from './clients.ts';
import { fromConnectError, LostInputError, toConnectError } from './errors.ts';
import { PartitionRefSchema, RunTaskRequestSchema } from './gen/skein/v1/cluster_pb.ts';
import type { WorkerClient } from './routes.ts';

const signal = new AbortController().signal;

function failing(error: unknown): WorkerClient {
  const fail = (): Promise<never> => Promise.reject(error);
  return createInProcessWorkerClient({ runTask: fail, dropQuery: fail, getStatus: fail });
}

async function thrown(promise: Promise<unknown>): Promise<unknown> {
  return promise.then(
    () => undefined,
    (error: unknown) => error,
  );
}

describe('errors between processes', () => {
  it('keep every field', async () => {
    const error = new SkeinError('22P02', 'no number: "é"', {
      retry: 'query',
      position: 0,
      hint: 'a hint',
      details: { path: '/a b' },
    });
    const received = await thrown(failing(error).runTask(create(RunTaskRequestSchema), signal));
    expect(received).toBeInstanceOf(SkeinError);
    const { sqlState, message, retry, position, hint, details } = error;
    expect(received).toMatchObject({ sqlState, message, retry, position, hint, details });
  });

  it('leave out what they do not have', async () => {
    const received = await thrown(failing(new SkeinError('XX000', 'bare')).getStatus(signal));
    expect(received).toMatchObject({ position: undefined, hint: undefined, retry: 'never' });
  });

  it('name lost partitions, without their bytes', async () => {
    const lost = create(PartitionRefSchema, {
      producer: { queryId: 'q', stageId: 1, task: 2, attempt: 3 },
      partition: 4,
      workerId: 'w',
      files: [{ name: 'f', bytes: 3n, rows: 2n, inline: new Uint8Array([1, 2, 3]) }],
    });
    const error = new LostInputError('58030', 'lost', [lost]);
    const received = await thrown(failing(error).runTask(create(RunTaskRequestSchema), signal));
    expect(received).toBeInstanceOf(LostInputError);
    expect(received).toMatchObject({ retry: 'stage', lost: [{ partition: 4, workerId: 'w' }] });
    expect((received as LostInputError).lost[0]?.files[0]).toMatchObject({
      rows: 2n,
      inline: new Uint8Array(),
    });
  });

  it('of any other kind are bugs of ours', async () => {
    const received = await thrown(failing(new TypeError('x is not a function')).dropQuery('q', signal));
    expect(received).toMatchObject({ sqlState: 'XX000', retry: 'never', message: 'x is not a function' });
  });

  it('of the transport may go away elsewhere', () => {
    const error = fromConnectError(new ConnectError('read ECONNRESET', Code.Aborted));
    expect(error).toMatchObject({ sqlState: '08006', retry: 'task' });
  });

  it('are the reason of the caller who aborted', () => {
    const caller = new AbortController();
    caller.abort(new SkeinError('57014', 'too slow'));
    const received = fromConnectError(toConnectError(new Error('whatever')), caller.signal);
    expect(received.message).toBe('too slow');
  });
});
