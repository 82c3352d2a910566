import { describe, expect, it } from 'vitest';
import { formatValue } from './format-value.ts';
import type { SqlValue } from './record-batch.ts';
import { type ScalarName, type SqlType, scalar } from './sql-type.ts';

const list = (element: SqlType): SqlType => ({ kind: 'list', element });
const varchar = scalar('VARCHAR');

// The expected texts are what DuckDB 1.5.6 answers to `SELECT <value>::VARCHAR`.
describe('formatValue spells as DuckDB', () => {
  it.each<[ScalarName, SqlValue, string]>([
    ['DOUBLE', 1, '1.0'],
    ['DOUBLE', -0, '-0.0'],
    ['DOUBLE', 0, '0.0'],
    ['DOUBLE', 1e15, '1000000000000000.0'],
    ['DOUBLE', 1e16, '1e+16'],
    ['DOUBLE', 1.2345678901234568e17, '1.2345678901234568e+17'],
    ['DOUBLE', 0.0001, '0.0001'],
    ['DOUBLE', 0.00001, '1e-05'],
    ['DOUBLE', 5e-324, '5e-324'],
    ['DOUBLE', Number.NaN, 'nan'],
    ['DOUBLE', Number.NEGATIVE_INFINITY, '-inf'],
    ['FLOAT', Math.fround(0.1), '0.1'],
    ['FLOAT', Math.fround(123456.789), '123456.79'],
    ['FLOAT', Math.fround(3.4e38), '3.4e+38'],
    ['FLOAT', 16777216, '16777216.0'],
    ['FLOAT', Number.POSITIVE_INFINITY, 'inf'],
    ['INTEGER', 16777216, '16777216'],
    ['BIGINT', 9223372036854775807n, '9223372036854775807'],
    ['BOOLEAN', true, 'true'],
    ['VARCHAR', "it's", "it's"],
    ['TIMESTAMP', '2020-01-01 10:00:00', '2020-01-01 10:00:00'],
    ['BLOB', Uint8Array.from([0xaa, 0, 0x61, 0x0a, 0x27, 0x5c, 0x22]), '\\xAA\\x00a\\x0A\\x27\\x5C\\x22'],
  ])('%s %s', (name, value, text) => expect(formatValue(value, scalar(name))).toBe(text));

  it('quotes strings in lists where they would be misread', () => {
    const items = [
      'a',
      'b c',
      '',
      "it's",
      'x,y',
      'Null',
      null,
      ' lead',
      'tail\t',
      'a\\b',
      "a\\b'c",
      '[x]',
      'a:b',
      'é ü',
    ];
    expect(formatValue(items, list(varchar))).toBe(
      String.raw`[a, b c, '', 'it\'s', 'x,y', 'Null', NULL, ' lead', 'tail${'\t'}', a\b, 'a\\b\'c', '[x]', 'a:b', é ü]`,
    );
  });

  it('leaves nested lists and enums readable', () => {
    expect(formatValue([['a b'], []], list(list(varchar)))).toBe('[[a b], []]');
    expect(formatValue(['a,b'], list({ kind: 'enum', values: ['a,b', 'c'] }))).toBe("['a,b']");
    expect(formatValue(['2020-01-01 10:00:00'], list(scalar('TIMESTAMP')))).toBe("['2020-01-01 10:00:00']");
  });

  it('spells structs, maps and unions', () => {
    const fields = [
      { name: 'a', type: scalar('INTEGER') },
      { name: "d'e", type: list(scalar('DOUBLE')) },
    ];
    expect(formatValue({ a: null, "d'e": [1, 2.5] }, { kind: 'struct', fields })).toBe(
      String.raw`{'a': NULL, 'd\'e': [1.0, 2.5]}`,
    );
    const map: SqlType = { kind: 'map', key: varchar, value: scalar('INTEGER') };
    expect(
      formatValue(
        [
          ['b c', 2],
          ['x=y', null],
        ],
        map,
      ),
    ).toBe("{b c=2, 'x=y'=NULL}");
    const unnamed = [scalar('INTEGER'), varchar, varchar].map((type) => ({ name: '', type }));
    expect(formatValue([1, 'x,y', null], { kind: 'struct', fields: unnamed })).toBe("(1, 'x,y', NULL)");
    const union: SqlType = { kind: 'union', members: [{ name: 'k', type: varchar }] };
    expect(formatValue([{ tag: 'k', value: 'a,b' }], list(union))).toBe('[a,b]');
  });

  it('gives undefined for NULL', () => expect(formatValue(null, varchar)).toBeUndefined());
});
