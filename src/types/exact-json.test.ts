import { describe, expect, it } from 'vitest';
import { formatExactJson, parseExactJson } from './exact-json.ts';

describe('exact JSON', () => {
  it('keeps every digit of long integers, and only of integers', () => {
    const text = '{"a":9223372036854775807,"b":[-9007199254740993,1.5],"c":"9223372036854775807","d":null}';
    expect(parseExactJson(text)).toEqual({
      a: 9223372036854775807n,
      b: [-9007199254740993n, 1.5],
      c: '9223372036854775807',
      d: null,
    });
    expect(formatExactJson(parseExactJson(text))).toBe(text);
  });

  it('leaves out what is undefined', () => {
    expect(formatExactJson({ a: undefined, b: [undefined] })).toBe('{"b":[null]}');
  });
});
