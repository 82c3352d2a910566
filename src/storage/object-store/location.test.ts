import { describe, expect, it } from 'vitest';
import { formatLocation, parseLocation, splitLocation } from './location.ts';

describe('locations', () => {
  it.each([
    ['/', '/'],
    ['/a//', '/a'],
    ['file:///a/b%20c', '/a/b c'],
    ['s3://bucket', 's3://bucket'],
    ['s3a://bucket/a/b/', 's3://bucket/a/b'],
    ['s3://bucket/a%20b', 's3://bucket/a%20b'],
    ['memory://name/x', 'memory://name/x'],
  ])('%s is %s', (text, expected) => expect(formatLocation(parseLocation(text))).toBe(expected));

  it.each(['', 'a/b', 'http://x/y', 's3://', 's3:///x', 's3://user:secret@host/x', 'file://a%', 'memory://'])(
    'refuses %j',
    (text) => {
      expect(() => parseLocation(text)).toThrow(expect.objectContaining({ sqlState: '22023' }));
      if (text.includes('secret')) expect(() => parseLocation(text)).not.toThrow('secret');
    },
  );

  it.each(['/a/../b', 's3://bucket/../x', 'memory://x/./y', '/a\0', 'file:///a/%2e%2e/b', '/a//b'])(
    'refuses %j as a way out',
    (text) => expect(() => parseLocation(text)).toThrow(expect.objectContaining({ sqlState: '42501' })),
  );

  it('splits into root and key', () => {
    expect(splitLocation('s3://b/t/k')).toEqual({ root: 's3://b', key: 't/k' });
    expect(splitLocation('/a/b')).toEqual({ root: '/', key: 'a/b' });
    expect(splitLocation('memory://m/k')).toEqual({ root: 'memory://m', key: 'k' });
    expect(() => splitLocation('s3://b')).toThrow();
  });
});
