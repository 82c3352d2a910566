import { SkeinError, SqlState } from '../../common/index.ts';
import type { ByteRange } from './object-store.ts';

/**
 * Refuses keys that could lead out of a store's root, or that not every store can hold.
 * @throws SkeinError 42501
 */
export function checkKey(key: string): void {
  const parts = key.split('/');
  const bad = parts.some((part) => part === '' || part === '.' || part === '..');
  if (bad || key.includes('\0') || /\p{Surrogate}/u.test(key)) {
    throw new SkeinError(SqlState.insufficientPrivilege, `not a key of an object: ${JSON.stringify(key)}`, {
      details: { key },
    });
  }
}

/** The same for what keys begin with: empty, a folder with its `/`, or the first part of a name. */
export function checkPrefix(prefix: string): void {
  if (prefix !== '') checkKey(prefix.endsWith('/') ? prefix.slice(0, -1) : prefix);
}

/** Orders keys by the bytes of their UTF-8, as S3 does: JavaScript's own order differs beyond U+FFFF. */
export function compareKeys(a: string, b: string): number {
  const length = Math.min(a.length, b.length);
  for (let index = 0; index < length; index++) {
    const left = a.charCodeAt(index);
    const right = b.charCodeAt(index);
    if (left !== right) return codePointRank(left) - codePointRank(right);
  }
  return a.length - b.length;
}

/** Moves surrogates, which stand for code points beyond U+FFFF, behind every other UTF-16 unit. */
function codePointRank(unit: number): number {
  return unit >= 0xd800 && unit <= 0xdfff ? unit + 0x10000 : unit;
}

/** The bytes that a range means in an object of `size` bytes: start <= end <= size. */
export function resolveRange(
  range: ByteRange | undefined,
  size: number,
): { readonly start: number; readonly end: number } {
  if (range === undefined) return { start: 0, end: size };
  const start = range.start < 0 ? Math.max(0, size + range.start) : Math.min(range.start, size);
  return { start, end: Math.max(start, Math.min(range.end ?? size, size)) };
}

/** @throws SkeinError 22023 for a range that cannot be meant */
export function checkRange(range: ByteRange | undefined): void {
  if (range === undefined) return;
  const { start, end } = range;
  const whole = Number.isSafeInteger(start) && (end === undefined || Number.isSafeInteger(end));
  if (!whole || (end !== undefined && (start < 0 || end < start))) {
    throw new SkeinError(SqlState.invalidParameterValue, `not a byte range: ${start} to ${end}`);
  }
}
