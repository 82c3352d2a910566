import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { formatType, parseType, type SqlType, scalar } from './index.ts';

const scalarType = fc
  .constantFrom(
    'NULL',
    'BOOLEAN',
    'BIGINT',
    'TIME',
    'TIME WITH TIME ZONE',
    'TIMESTAMP_NS',
    'TIMESTAMP WITH TIME ZONE',
    'VARCHAR',
    'GEOMETRY',
  )
  .map((name) => scalar(name as 'BIGINT'));

const anyName = fc.oneof(
  fc.string({ minLength: 1 }),
  fc.constantFrom('a"b', 'INTEGER', 'time', 'with', 'NULL', ',', ')', 'ß'),
);

const anyType = fc.letrec<{ type: SqlType; column: { name: string; type: SqlType } }>((tie) => ({
  column: fc.record({ name: anyName, type: tie('type') }),
  type: fc.oneof(
    { depthSize: 'small', withCrossShrink: true },
    scalarType,
    fc.record({ kind: fc.constant('decimal' as const), width: fc.nat(38), scale: fc.nat(38) }),
    fc.record({ kind: fc.constant('enum' as const), values: fc.array(fc.string()) }),
    fc.record({ kind: fc.constant('list' as const), element: tie('type') }),
    fc.record({ kind: fc.constant('array' as const), element: tie('type'), length: fc.nat(1000) }),
    fc.record({ kind: fc.constant('map' as const), key: tie('type'), value: tie('type') }),
    fc.record({
      kind: fc.constant('struct' as const),
      fields: fc.oneof(
        fc.array(tie('column'), { maxLength: 4 }),
        fc.array(
          tie('type').map((type) => ({ name: '', type })),
          { maxLength: 4 },
        ),
      ),
    }),
    fc.record({ kind: fc.constant('union' as const), members: fc.array(tie('column'), { maxLength: 4 }) }),
  ),
})).type;

describe('parseType', () => {
  it('reads back what formatType prints', () => {
    fc.assert(
      fc.property(anyType, (type) => {
        expect(parseType(formatType(type))).toEqual(type);
      }),
    );
  });

  it.each([
    ['"NULL"', scalar('NULL')],
    [
      'STRUCT(a INTEGER, "B c" TIME WITH TIME ZONE)',
      {
        kind: 'struct',
        fields: [
          { name: 'a', type: scalar('INTEGER') },
          { name: 'B c', type: scalar('TIME WITH TIME ZONE') },
        ],
      },
    ],
    [
      'STRUCT(INTEGER, TIMESTAMP WITH TIME ZONE, VARCHAR[])',
      {
        kind: 'struct',
        fields: [
          { name: '', type: scalar('INTEGER') },
          { name: '', type: scalar('TIMESTAMP WITH TIME ZONE') },
          { name: '', type: { kind: 'list', element: scalar('VARCHAR') } },
        ],
      },
    ],
    ["ENUM('a', 'b''c')", { kind: 'enum', values: ['a', "b'c"] }],
    ['INTEGER[3][]', { kind: 'list', element: { kind: 'array', element: scalar('INTEGER'), length: 3 } }],
    ['decimal(18,3)', { kind: 'decimal', width: 18, scale: 3 }],
  ])('reads DuckDB spelling %s', (text, expected) => {
    expect(parseType(text)).toEqual(expected);
  });

  it.each([
    ['', 0],
    ['INTEGERS', 0],
    ['"INTEGER"', 0],
    ['INTEGER x', 8],
    ['INTEGER[', 8],
    ['DECIMAL(3)', 9],
    ["ENUM('a", 5],
    ['STRUCT(a INTEGER', 16],
    ['MAP(INTEGER)', 11],
  ])('refuses %j and says where', (text, position) => {
    expect(() => parseType(text)).toThrow(expect.objectContaining({ sqlState: '42601', position }));
  });
});
