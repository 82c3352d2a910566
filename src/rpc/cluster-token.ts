import { createHash, timingSafeEqual } from 'node:crypto';
import type { Interceptor } from '@connectrpc/connect';
import { SkeinError } from '../common/index.ts';
import { toConnectError } from './errors.ts';

/** Header that carries the cluster's shared token; empty where the cluster has none. */
export function tokenHeader(token: string | undefined): Readonly<Record<string, string>> {
  return token === undefined ? {} : { authorization: `Bearer ${token}` };
}

/** Whether an `Authorization` header holds the cluster's token. Takes the same time for every wrong one. */
export function tokenMatches(token: string | undefined, header: string | null | undefined): boolean {
  if (token === undefined) return true;
  return timingSafeEqual(digest(`Bearer ${token}`), digest(header ?? ''));
}

/** Sends the token with every call. */
export function sendToken(token: string | undefined): Interceptor[] {
  if (token === undefined) return [];
  return [
    (next) => (request) => {
      for (const [name, value] of Object.entries(tokenHeader(token))) request.header.set(name, value);
      return next(request);
    },
  ];
}

/** Refuses calls without the token: 28000. */
export function requireToken(token: string | undefined): Interceptor[] {
  if (token === undefined) return [];
  return [
    (next) => (request) => {
      if (tokenMatches(token, request.header.get('authorization'))) return next(request);
      throw toConnectError(new SkeinError('28000', 'the cluster token is missing or wrong'));
    },
  ];
}

function digest(text: string): Buffer {
  return createHash('sha256').update(text).digest();
}
