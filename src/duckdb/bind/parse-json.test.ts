import { describe, expect, it } from 'vitest';
import { type JsonNumber, parseJson } from './parse-json.ts';

describe('parseJson', () => {
  it('keeps every digit of a number', () => {
    const text = '[18446744073709551615,-0.0,1e300,0.1,NaN,-Infinity]';
    const numbers = parseJson(text) as readonly JsonNumber[];
    expect(numbers.map((number) => number.text)).toEqual([
      '18446744073709551615',
      '-0.0',
      '1e300',
      '0.1',
      'NaN',
      '-Infinity',
    ]);
  });

  it('reads nested values, escapes and literals', () => {
    const value = parseJson(' { "a\\"b" : [ true, false, null, "\\u00e9\\n", {} , [] ], "": "x" } ');
    expect(value).toEqual(
      new Map<string, unknown>([
        ['a"b', [true, false, null, 'é\n', new Map(), []]],
        ['', 'x'],
      ]),
    );
  });

  it.each(['', '{', '[1,]', '{"a":}', '"a', '[1] 2', 'nul', '{1:2}'])('refuses %j', (text) => {
    expect(() => parseJson(text)).toThrow(SyntaxError);
  });
});
