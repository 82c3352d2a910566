import { describe, expect, it } from 'vitest';
import { type SqlType, scalar } from '../../types/index.ts';
import { fileStats, indexedColumns, leafColumns, limitStats, widenStats } from './file-stats.ts';
import { integer, testField, text } from './test-fields.ts';

function statsOf(type: SqlType, values: Record<string, string>, rows = 2): unknown {
  const copied = new Map([
    ['"c"', new Map(Object.entries({ null_count: '0', num_values: String(rows), ...values }))],
  ]);
  return JSON.parse(fileStats([{ path: ['c'], type }], rows, copied));
}

const bounds = (min: unknown, max: unknown, nulls = 0): unknown => ({
  numRecords: 2,
  minValues: min === undefined ? {} : { c: min },
  maxValues: max === undefined ? {} : { c: max },
  nullCount: { c: nulls },
});

describe('fileStats', () => {
  it.each<[string, SqlType, string, string, unknown, unknown]>([
    ['integers', integer, '-3', '4', -3, 4],
    ['booleans', scalar('BOOLEAN'), '0', '1', false, true],
    ['numbers', scalar('DOUBLE'), '1e-10', '1e+15', 1e-10, 1e15],
    // What DuckDB 1.5.6 prints for 2^81 is 2^82.
    ['numbers that may be printed wrong', scalar('DOUBLE'), '-1.0', '4.835703278458517e+24', -1, undefined],
    ['numbers without a finite bound', scalar('DOUBLE'), '0.1', 'inf', 0.1, undefined],
    ['decimals', { kind: 'decimal', width: 10, scale: 2 }, '-1.10', '12.30', -1.1, 12.3],
    ['dates', scalar('DATE'), '2020-01-02', '2020-01-03', '2020-01-02', '2020-01-03'],
    ['dates BC and after 9999', scalar('DATE'), '0002-01-01 (BC)', '10000-01-01', undefined, undefined],
    ['infinite dates', scalar('DATE'), '-infinity', 'infinity', undefined, undefined],
    [
      'times',
      scalar('TIMESTAMP'),
      '2020-01-02 03:04:05.123456',
      '2020-01-02 03:04:05.123456',
      '2020-01-02T03:04:05.123',
      '2020-01-02T03:04:05.124',
    ],
    [
      'times before 1970',
      scalar('TIMESTAMP'),
      '1969-12-31 23:59:59.999999',
      '1969-12-31 23:59:59.9',
      '1969-12-31T23:59:59.999',
      '1969-12-31T23:59:59.900',
    ],
    [
      'times with a zone',
      scalar('TIMESTAMP WITH TIME ZONE'),
      '2020-01-02 03:04:05+00',
      '9999-12-31 23:59:59.999999+00',
      '2020-01-02T03:04:05.000Z',
      undefined,
    ],
    ['bytes', scalar('BLOB'), '00', 'FF', undefined, undefined],
    ['texts', text, 'a"b', 'é', 'a"b', 'é'],
  ])('has %s', (_, type, min, max, expectedMin, expectedMax) => {
    expect(statsOf(type, { min, max })).toEqual(bounds(expectedMin, expectedMax));
  });

  it('keeps every digit', () => {
    const copied = new Map([
      ['"l"', new Map([['min', '9007199254740993']])],
      ['"d"', new Map([['max', '12345678901234567.890']])],
    ]);
    const columns = [
      { path: ['l'], type: scalar('BIGINT') },
      { path: ['d'], type: { kind: 'decimal', width: 38, scale: 3 } as const },
    ];
    expect(fileStats(columns, 1, copied)).toBe(
      '{"numRecords":1,"minValues":{"l":9007199254740993},"maxValues":{"d":12345678901234567.890},"nullCount":{}}',
    );
  });

  it('has no greatest number where one is NaN, which is greater than all', () => {
    expect(statsOf(scalar('DOUBLE'), { min: '1.5', max: '1.5', has_nan: 'true' })).toEqual(
      bounds(1.5, undefined),
    );
  });

  it('bounds both zeros', () => {
    const copied = new Map([['"c"', new Map(Object.entries({ min: '-0.0', max: '-0.0' }))]]);
    expect(fileStats([{ path: ['c'], type: scalar('DOUBLE') }], 1, copied)).toContain(
      '"minValues":{"c":-0.0},"maxValues":{"c":0.0}',
    );
  });

  it('cuts texts so that they still bound', () => {
    const long = 'x'.repeat(40);
    expect(statsOf(text, { min: long, max: long })).toEqual(
      bounds('x'.repeat(32), `${'x'.repeat(32)}\u007f`),
    );
    const accented = 'é'.repeat(40);
    expect(statsOf(text, { max: accented })).toEqual(bounds(undefined, `${'é'.repeat(32)}\u{10ffff}`));
    const greatest = 'x'.repeat(32) + '\u{10ffff}'.repeat(3);
    expect(statsOf(text, { max: `${greatest}yz` })).toEqual(bounds(undefined, `${greatest}\u007f`));
    expect(statsOf(text, { max: '\u{10ffff}'.repeat(99) })).toEqual(bounds(undefined, undefined));
    expect(statsOf(text, { max: '\u{10ffff}'.repeat(40) })).toEqual(
      bounds(undefined, '\u{10ffff}'.repeat(40)),
    );
  });

  it('counts NULLs only where DuckDB counted values', () => {
    expect(statsOf(integer, { null_count: '2' })).toEqual(bounds(undefined, undefined, 2));
    expect(statsOf(text, { num_values: '0' })).toMatchObject({ nullCount: {} });
  });

  it('nests fields of structs and leaves lists out', () => {
    const struct = testField('s', {
      kind: 'struct',
      fields: [
        { name: 'a"b', type: integer },
        { name: 'l', type: { kind: 'list', element: integer } },
      ],
    });
    const columns = leafColumns([struct]);
    expect(columns.map(({ path }) => path)).toEqual([
      ['s', 'a"b'],
      ['s', 'l'],
    ]);
    const copied = new Map([
      ['"s"."a""b"', new Map(Object.entries({ min: '1', max: '2', null_count: '0', num_values: '3' }))],
      ['"s"."l"', new Map(Object.entries({ min: '1', max: '2', null_count: '0', num_values: '3' }))],
    ]);
    expect(JSON.parse(fileStats(columns, 3, copied))).toEqual({
      numRecords: 3,
      minValues: { s: { 'a"b': 1 } },
      maxValues: { s: { 'a"b': 2 } },
      nullCount: { s: { 'a"b': 0 } },
    });
  });
});

describe('indexedColumns', () => {
  const fields = [
    testField('p', text),
    testField('A', integer, { physicalName: 'col-a' }),
    testField('s', {
      kind: 'struct',
      fields: [
        { name: 'x', type: integer },
        { name: 'y', type: text },
      ],
    }),
    testField('z', text),
  ];
  const paths = (configuration: Record<string, string>, clustering?: string[][]): unknown =>
    indexedColumns(fields, ['p'], configuration, clustering).map(({ path }) => path.join('.'));

  it('are the first ones, by physical names, without partition columns', () => {
    expect(paths({})).toEqual(['col-a', 's.x', 's.y', 'z']);
    expect(paths({ 'delta.dataSkippingNumIndexedCols': '2' })).toEqual(['col-a', 's.x']);
    expect(paths({ 'delta.dataSkippingNumIndexedCols': '-1' })).toHaveLength(4);
  });

  it('are those that the table names, and its clustering columns', () => {
    expect(paths({ 'delta.dataSkippingStatsColumns': 'a,S.y' })).toEqual(['col-a', 's.y']);
    expect(paths({ 'delta.dataSkippingStatsColumns': 's' })).toEqual(['s.x', 's.y']);
    expect(paths({ 'delta.dataSkippingNumIndexedCols': '0' }, [['z']])).toEqual(['z']);
  });
});

describe('limitStats and widenStats', () => {
  const stats =
    '{"numRecords":3,"minValues":{"a":9007199254740993,"s":{"x":1.50,"y":"n7"}},"maxValues":{"b":"x"},' +
    '"nullCount":{"a":0,"s":{"x":1}},"tightBounds":true}';

  it('keeps some columns, and their digits', () => {
    const columns = [
      { path: ['a'], type: integer },
      { path: ['s', 'x'], type: integer },
    ];
    expect(limitStats(stats, columns)).toBe(
      '{"numRecords":3,"minValues":{"a":9007199254740993,"s":{"x":1.50}},"maxValues":{},' +
        '"nullCount":{"a":0,"s":{"x":1}},"tightBounds":true}',
    );
    expect(limitStats('no json', columns)).toBeUndefined();
  });

  it('says that bounds are wide', () => {
    expect(widenStats(stats)).toBe(stats.replace('"tightBounds":true', '"tightBounds":false'));
    expect(widenStats('{"numRecords":3}')).toBe('{"numRecords":3,"tightBounds":false}');
    expect(widenStats(undefined)).toBeUndefined();
    expect(widenStats('broken')).toBeUndefined();
  });
});
