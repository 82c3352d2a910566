import { describe, expect, it } from 'vitest';
import { canonicalPath, encodeDataPath, resolveDataPath } from './data-path.ts';

describe('resolveDataPath', () => {
  it.each([
    ['/t', 'part-0.parquet', 'part-0.parquet'],
    ['/t', 'p=a%20b/x%25.parquet', 'p=a b/x%.parquet'],
    ['/t', 'p=a+b/./x', 'p=a+b/x'],
    ['/t', 'p=c:d/x', 'p=c:d/x'],
    ['/t', 'a..b/..c/x', 'a..b/..c/x'],
    ['/t', 'file:///t/a/x', 'a/x'],
    ['/t', '/t/x', 'x'],
    ['s3://b/t', 's3a://b/t/p=1/x', 'p=1/x'],
  ])('in %s, %s is %s', (table, path, key) => {
    expect(resolveDataPath(table, path)).toEqual({ kind: 'relative', key });
  });

  it.each([
    ['/t', 'file:/other/a%20b', '/other/a b'],
    ['/t', 'file://localhost/other/x', '/other/x'],
    ['/t', '/tx/x', '/tx/x'],
    ['s3://b/t', 's3a://c/x', 's3://c/x'],
    ['/t', 's3://c/x', 's3://c/x'],
    ['s3://b/t', 's3://b/tt/x', 's3://b/tt/x'],
  ])('from %s, %s is elsewhere: %s', (table, path, location) => {
    expect(resolveDataPath(table, path)).toEqual({ kind: 'absolute', location });
  });

  it.each([
    ['../x', 'XX001'],
    ['a/../../x', 'XX001'],
    ['a/%2e%2E/x', 'XX001'],
    ['a%2F..%2Fx', 'XX001'],
    ['file:/t/../x', 'XX001'],
    ['s3://b/a/../../x', 'XX001'],
    ['', 'XX001'],
    ['a%', 'XX001'],
    ['a%00b', 'XX001'],
    ['file://host/x', '0A000'],
    ['abfss://x@y/z', '0A000'],
    ['s3:x', '0A000'],
    ['constructor://a/b', '0A000'],
  ])('refuses %s', (path, sqlState) => {
    expect(() => resolveDataPath('/t', path)).toThrow(
      expect.objectContaining({ sqlState, details: { path: '/t' } }),
    );
  });

  it('refuses a path without a scheme from the root of a store without one', () => {
    expect(() => resolveDataPath('s3://b/t', '/x')).toThrow(expect.objectContaining({ sqlState: '0A000' }));
  });

  it('reads back what encodeDataPath writes', () => {
    for (const key of ['p=a b/ä%20.parquet', "c:d/#?&;+'*()", 'x://y', '🦆/=']) {
      expect(resolveDataPath('/t', encodeDataPath(key))).toEqual({ kind: 'relative', key });
    }
    expect(encodeDataPath('p=a b/x')).toBe('p=a%20b/x');
  });
});

describe('canonicalPath', () => {
  it('is one for all spellings', () => {
    expect(canonicalPath('p=%C3%A4%3Ab')).toBe(canonicalPath('p=ä:b'));
    expect(canonicalPath('100%')).toBe('100%');
  });
});
