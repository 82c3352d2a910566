import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { jsonDecoder, jsonEncoder, paramFromJson, paramToJson, parseType, type SqlValue } from './index.ts';

function encode(type: string, value: SqlValue): string {
  return jsonEncoder(parseType(type))(value);
}

describe('jsonEncoder', () => {
  it.each<[string, SqlValue, string]>([
    ['BOOLEAN', true, 'true'],
    ['INTEGER', -7, '-7'],
    ['BIGINT', 9007199254740992n, '9007199254740992'],
    ['BIGINT', -9007199254740992n, '-9007199254740992'],
    ['BIGINT', 9007199254740993n, '"9007199254740993"'],
    ['HUGEINT', -9007199254740993n, '"-9007199254740993"'],
    ['DOUBLE', 1e21, '1e+21'],
    ['DOUBLE', -0, '-0.0'],
    ['DOUBLE', Number.NaN, '"nan"'],
    ['FLOAT', Number.POSITIVE_INFINITY, '"inf"'],
    ['DOUBLE', Number.NEGATIVE_INFINITY, '"-inf"'],
    ['DECIMAL(38,2)', '0.10', '"0.10"'],
    ['TIMESTAMP', '2024-01-01 00:00:00.000001', '"2024-01-01 00:00:00.000001"'],
    [
      'BLOB',
      new Uint8Array([0, 0x22, 0x27, 0x5c, 0x61, 0x7e, 0x7f, 0xab]),
      '"\\\\x00\\\\x22\\\\x27\\\\x5Ca~\\\\x7F\\\\xAB"',
    ],
    ['VARCHAR', 'a"\\\n\u2028🦆', '"a\\"\\\\\\n\u2028🦆"'],
    ['"NULL"', null, 'null'],
    ['BIGINT[]', [1n, null, 2n ** 60n], '[1,null,"1152921504606846976"]'],
    ['MAP(VARCHAR, BIGINT)', [['k', 1n]], '[["k",1]]'],
    ['STRUCT("a b" BIGINT, c VARCHAR)', { c: 'x', 'a b': 5n }, '{"a b":5,"c":"x"}'],
    ['STRUCT(INTEGER, VARCHAR)', [1, 'x'], '[1,"x"]'],
    ['UNION(i INTEGER, s VARCHAR)', { tag: 's', value: 'x' }, '{"tag":"s","value":"x"}'],
  ])('encodes %s', (type, value, expected) => {
    expect(encode(type, value)).toBe(expected);
    expect(jsonDecoder(parseType(type))(JSON.parse(expected))).toEqual(value);
  });

  it('gives NULL of every type as null', () => {
    for (const type of ['BIGINT', 'BLOB', 'STRUCT(a INTEGER)', 'UNION(a INTEGER)', 'MAP(DATE, DATE)']) {
      expect(encode(type, null)).toBe('null');
    }
  });
});

describe('jsonDecoder', () => {
  const values: readonly [string, fc.Arbitrary<SqlValue>][] = [
    ['BIGINT', fc.bigInt()],
    ['DOUBLE', fc.double()],
    ['VARCHAR', fc.string({ unit: 'binary' })],
    ['BLOB', fc.uint8Array().map((bytes) => new Uint8Array(bytes))],
    [
      'STRUCT(a BIGINT[], "__proto__" BLOB)',
      fc.tuple(fc.array(fc.bigInt()), fc.uint8Array()).map(([a, b]) =>
        Object.fromEntries([
          ['a', a],
          ['__proto__', new Uint8Array(b)],
        ]),
      ),
    ],
  ];
  it.each(values)('gives back any %s', (text, value) => {
    const type = parseType(text);
    const encoder = jsonEncoder(type);
    const decoder = jsonDecoder(type);
    fc.assert(
      fc.property(fc.option(value), (original) => {
        expect(decoder(JSON.parse(encoder(original)))).toEqual(original);
      }),
    );
  });

  it.each<[string, unknown]>([
    ['INTEGER', '1'],
    ['BIGINT', 1.5],
    ['BIGINT', 'x'],
    ['DOUBLE', 'Infinity'],
    ['VARCHAR', 1],
    ['BOOLEAN', 0],
    ['INTEGER[]', {}],
    ['MAP(INTEGER, INTEGER)', [[1]]],
    ['STRUCT(a INTEGER)', { b: 1 }],
    ['UNION(a INTEGER)', { tag: 'b', value: 1 }],
  ])('refuses what is no %s: %j', (type, json) => {
    expect(() => jsonDecoder(parseType(type))(json)).toThrow(expect.objectContaining({ sqlState: 'XX001' }));
  });
});

describe('parameters as JSON', () => {
  it('come back as they were', () => {
    const { value } = fc.letrec<{ value: SqlValue }>((tie) => ({
      value: fc.oneof(
        fc.constant(null),
        fc.boolean(),
        fc.double(),
        fc.bigInt(),
        fc.string(),
        fc.uint8Array().map((bytes) => new Uint8Array(bytes)),
        fc.array(tie('value')),
        fc.dictionary(fc.string(), tie('value'), { noNullPrototype: true }),
      ),
    }));
    fc.assert(
      fc.property(value, (original) => {
        expect(paramFromJson(JSON.parse(paramToJson(original)))).toEqual(original);
      }),
    );
  });

  it.each([{ $bigint: '1.5' }, { $float: '1' }, { $bigint: 1 }])('refuses %j', (json) => {
    expect(() => paramFromJson(json)).toThrow(expect.objectContaining({ sqlState: '22023' }));
  });

  it('refuses a STRUCT that would be taken for another value', () => {
    expect(() => paramToJson({ $bigint: 'x' })).toThrow(expect.objectContaining({ sqlState: '22023' }));
  });
});
