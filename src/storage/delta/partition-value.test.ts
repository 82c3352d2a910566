import { describe, expect, it } from 'vitest';
import { type SqlType, scalar } from '../../types/index.ts';
import { partitionFolder, partitionValueToSql, serializePartitionValue } from './partition-value.ts';

const zoned = scalar('TIMESTAMP WITH TIME ZONE');

describe('serializePartitionValue', () => {
  it.each<[SqlType, string | null, string | null]>([
    [scalar('VARCHAR'), 'a b/c=%é"', 'a b/c=%é"'],
    [scalar('VARCHAR'), '', null],
    [scalar('INTEGER'), null, null],
    [scalar('BIGINT'), '-9223372036854775808', '-9223372036854775808'],
    [{ kind: 'decimal', width: 5, scale: 2 }, '1.50', '1.50'],
    [scalar('DOUBLE'), '1e+20', '1e+20'],
    [scalar('DOUBLE'), 'inf', 'Infinity'],
    [scalar('FLOAT'), '-inf', '-Infinity'],
    [scalar('FLOAT'), 'nan', 'NaN'],
    [scalar('BOOLEAN'), 'true', 'true'],
    [scalar('DATE'), '2020-01-02', '2020-01-02'],
    [scalar('TIMESTAMP'), '2020-01-02 03:04:05', '2020-01-02 03:04:05'],
    [scalar('TIMESTAMP'), '2020-01-02 03:04:05.12', '2020-01-02 03:04:05.120000'],
    [zoned, '2020-01-02 03:04:05+00', '2020-01-02T03:04:05.000000Z'],
    [zoned, '2020-01-01 22:04:05.5-05', '2020-01-02T03:04:05.500000Z'],
    [zoned, '2020-01-02 08:34:05.123456+05:30', '2020-01-02T03:04:05.123456Z'],
    [zoned, '0099-12-31 23:30:00-00:30', '0100-01-01T00:00:00.000000Z'],
    [scalar('BLOB'), 'a\\xC3\\xA9', 'aé'],
  ])('%j %j is %j', (type, value, expected) => {
    expect(serializePartitionValue(type, value)).toBe(expected);
  });

  it('refuses what the log cannot say', () => {
    expect(() => serializePartitionValue(scalar('DATE'), 'infinity')).toThrow(/partition column/);
    expect(() => serializePartitionValue(scalar('TIMESTAMP'), '0044-03-15 (BC) 00:00:00')).toThrow(
      /partition/,
    );
    expect(() => serializePartitionValue(scalar('BLOB'), '\\xFF')).toThrow(/UTF-8/);
    expect(() => serializePartitionValue({ kind: 'list', element: zoned }, '[]')).toThrow(/cannot partition/);
  });
});

describe('partitionValueToSql', () => {
  it.each<[SqlType, string | null, string]>([
    [scalar('VARCHAR'), "it's", "'it''s'::VARCHAR"],
    [scalar('VARCHAR'), '', 'NULL::VARCHAR'],
    [scalar('DATE'), null, 'NULL::DATE'],
    [zoned, '2020-01-02T03:04:05.000000Z', "'2020-01-02T03:04:05.000000Z'::TIMESTAMP WITH TIME ZONE"],
    [zoned, '2020-01-02 03:04:05', "'2020-01-02 03:04:05+00'::TIMESTAMP WITH TIME ZONE"],
    [zoned, '2020-01-02 03:04:05-08:00', "'2020-01-02 03:04:05-08:00'::TIMESTAMP WITH TIME ZONE"],
    [scalar('BLOB'), 'é', "'\\xC3\\xA9'::BLOB"],
    [{ kind: 'decimal', width: 5, scale: 2 }, '1.50', "'1.50'::DECIMAL(5,2)"],
  ])('%j %j is %s', (type, value, expected) => {
    expect(partitionValueToSql(type, value)).toBe(expected);
  });
});

describe('partitionFolder', () => {
  it('escapes as Hive does', () => {
    expect(partitionFolder(['a', 'b=c'], { a: 'x y/z=%é', 'b=c': null })).toBe(
      'a=x y%2Fz%3D%25é/b%3Dc=__HIVE_DEFAULT_PARTITION__/',
    );
    expect(partitionFolder([], {})).toBe('');
  });
});
