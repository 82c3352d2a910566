import { expect, it } from 'vitest';
import { parseType } from '../../types/index.ts';
import { schemaToFields } from './delta-schema.ts';
import { statsFromParsed } from './parsed-stats.ts';

it('gives statistics in columns the spelling of the log, and keeps every digit', () => {
  const fields = schemaToFields(
    Object.entries({
      z: 'TIMESTAMP WITH TIME ZONE',
      n: 'TIMESTAMP',
      s: 'VARCHAR',
      f: 'DOUBLE',
      d: 'DECIMAL(38,10)',
      st: 'STRUCT("a:b" TIMESTAMP)',
    }).map(([name, type]) => ({ name, type: parseType(type) })),
  );
  const text =
    '{"numRecords":2,"minValues":{"z":"2024-01-01 00:00:00.5+00","n":"2024-01-01 00:00:00",' +
    '"s":"2024-01-01 00:00:00","f":-Infinity,"d":1234567890123456789012345678.0123456789,' +
    '"st":{"a:b":"2024-01-01 00:00:00"}},"maxValues":{"s":"{\\"n\\":","f":NaN,"z":null},' +
    '"nullCount":{"z":0,"st":{"a:b":1}}}';
  expect(statsFromParsed(text, fields)).toBe(
    '{"numRecords":2,"minValues":{"z":"2024-01-01T00:00:00.5Z","n":"2024-01-01T00:00:00",' +
      '"s":"2024-01-01 00:00:00","f":"-Infinity","d":1234567890123456789012345678.0123456789,' +
      '"st":{"a:b":"2024-01-01T00:00:00"}},"maxValues":{"s":"{\\"n\\":","f":"NaN","z":null},' +
      '"nullCount":{"z":0,"st":{"a:b":1}}}',
  );
});
