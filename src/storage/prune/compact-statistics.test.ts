import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { compactStatistics, numberMark } from './compact-statistics.ts';

/** What parsing says, with numbers marked. */
function parsed(stats: string, name: string): unknown {
  const { numRecords, minValues, maxValues, nullCount } = JSON.parse(stats) as Record<string, never>;
  const of = (values: Record<string, unknown> | undefined): unknown => {
    const value = Object.hasOwn(values ?? {}, name) ? values?.[name] : undefined;
    return typeof value === 'number' ? numberMark + JSON.stringify(value) : value;
  };
  return {
    rows: `${numberMark}${String(numRecords)}`,
    min: of(minValues),
    max: of(maxValues),
    nulls: of(nullCount),
  };
}

const names = ['a', 'b', 'a"', 'numRecords', 'minValues', 'ä', '"a":1', ','];
const scalarValue = fc.oneof(
  fc.integer(),
  fc.double({ noNaN: true, noDefaultInfinity: true }).map((value) => value + 0),
  fc.boolean(),
  fc.constant(null),
  fc.constantFrom(...names, 'x,"a":1', '},"maxValues":{', '},"nullCount":{"a":7', '\\', '{', '}'),
  fc.string({ maxLength: 6 }),
);
const record = (value: fc.Arbitrary<unknown>) =>
  fc.dictionary(fc.constantFrom(...names), value, { noNullPrototype: true });
const nested = fc.oneof({ weight: 4, arbitrary: scalarValue }, record(scalarValue));

describe('compactStatistics', () => {
  it('gives what parsing gives, or nothing', () => {
    fc.assert(
      fc.property(
        record(nested),
        record(nested),
        record(fc.nat()),
        fc.constantFrom(...names),
        (min, max, nulls, name) => {
          const stats = JSON.stringify({ numRecords: 7, minValues: min, maxValues: max, nullCount: nulls });
          const compact = compactStatistics(stats, name);
          if (compact !== undefined) expect(compact).toEqual(parsed(stats, name));
        },
      ),
      { numRuns: 2000 },
    );
  });

  it('keeps all digits', () => {
    const stats =
      '{"numRecords":2,"minValues":{"a":-9223372036854775807,"b":"x"},"maxValues":{"a":0.10,"b":"y"},"nullCount":{"a":0,"b":1}}';
    expect(compactStatistics(stats, 'a')).toEqual({
      rows: '\u00002',
      min: '\u0000-9223372036854775807',
      max: '\u00000.10',
      nulls: '\u00000',
    });
    expect(compactStatistics(stats, 'b')).toEqual({ rows: '\u00002', min: 'x', max: 'y', nulls: '\u00001' });
    expect(compactStatistics(stats, 'c')).toEqual({
      rows: '\u00002',
      min: undefined,
      max: undefined,
      nulls: undefined,
    });
  });

  it('takes no other spelling', () => {
    expect(
      compactStatistics('{"numRecords": 2,"minValues":{},"maxValues":{},"nullCount":{}}', 'a'),
    ).toBeUndefined();
    expect(compactStatistics('{"numRecords":2}', 'a')).toBeUndefined();
    expect(
      compactStatistics('{"numRecords":2,"minValues":{"a":{"b":1}},"maxValues":{},"nullCount":{}}', 'b'),
    ).toBeUndefined();
    expect(
      compactStatistics('{"numRecords":2,"minValues":{"a":"\\u0061"},"maxValues":{},"nullCount":{}}', 'a'),
    ).toBeUndefined();
  });
});
