import { describe, expect, it } from 'vitest';
import { deltaProperties, intervalMs, parseColumnPaths, validateProperties } from './table-properties.ts';

describe('intervalMs', () => {
  it('reads intervals as Delta tables spell them', () => {
    expect(intervalMs('interval 7 days')).toBe(604_800_000);
    expect(intervalMs('interval 1 week')).toBe(604_800_000);
    expect(intervalMs('2 weeks')).toBe(1_209_600_000);
    expect(intervalMs('INTERVAL 1 day 12 hours')).toBe(129_600_000);
    expect(intervalMs("interval '30' minutes")).toBe(1_800_000);
    expect(intervalMs('interval 0 seconds')).toBe(0);
  });

  it('refuses what has no fixed length, or is no interval', () => {
    for (const text of ['1 month', 'interval 1 year', 'interval', '7', 'days 7', 'interval -1 days', '']) {
      expect(intervalMs(text), text).toBeUndefined();
    }
  });
});

describe('parseColumnPaths', () => {
  it('reads names, nested names and names in backticks', () => {
    expect(parseColumnPaths('a, b.c ,`x.y`.`p``q`')).toEqual([['a'], ['b', 'c'], ['x.y', 'p`q']]);
    expect(parseColumnPaths('')).toEqual([]);
  });

  it('refuses what is no list', () => {
    for (const text of ['a,', 'a..b', '`a', 'a b', ',a', 'a.']) {
      expect(parseColumnPaths(text), text).toBeUndefined();
    }
  });
});

describe('validateProperties', () => {
  it('spells known keys as the protocol does and keeps the others', () => {
    expect(validateProperties({ 'DELTA.appendonly': 'TRUE', 'my.key': 'x', 'delta.unknown': 'y' })).toEqual({
      'delta.appendOnly': 'TRUE',
      'my.key': 'x',
      'delta.unknown': 'y',
    });
  });

  it('names the key of a wrong value', () => {
    expect(() => validateProperties({ 'delta.checkpointInterval': '0' })).toThrow(
      /delta\.checkpointInterval/,
    );
    expect(() => validateProperties({ 'delta.logRetentionDuration': '1 month' })).toThrow(/fixed length/);
    expect(() => validateProperties({ 'delta.isolationLevel': 'SnapshotIsolation' })).toThrow(/Serializable/);
    expect(() => validateProperties({ 'delta.columnMapping.maxColumnId': '4' })).toThrow(/engine only/);
  });

  it('refuses a log that forgets removed files too early', () => {
    const log = { 'delta.logRetentionDuration': 'interval 1 day' };
    expect(() =>
      validateProperties({ ...log, 'delta.deletedFileRetentionDuration': 'interval 2 days' }),
    ).toThrow(/must not be shorter/);
    expect(validateProperties(log)).toEqual(log);
  });
});

describe('deltaProperties', () => {
  it('has the defaults of the protocol', () => {
    expect(deltaProperties({})).toMatchObject({
      appendOnly: false,
      checkpointInterval: 10,
      writeStatsAsJson: true,
      writeStatsAsStruct: false,
      dataSkippingNumIndexedCols: 32,
      deletedFileRetentionMs: 604_800_000,
      logRetentionMs: 2_592_000_000,
      transactionRetentionMs: undefined,
      isolationLevel: 'WriteSerializable',
      checkpointPolicy: 'classic',
    });
  });

  it('reads values in any case', () => {
    expect(
      deltaProperties({
        'delta.appendOnly': 'True',
        'delta.isolationLevel': 'serializable',
        'delta.checkpointPolicy': 'V2',
        'delta.columnMapping.mode': 'NAME',
        'delta.targetFileSize': '128mb',
      }),
    ).toMatchObject({
      appendOnly: true,
      isolationLevel: 'Serializable',
      checkpointPolicy: 'v2',
      columnMappingMode: 'name',
      targetFileBytes: 134_217_728,
    });
  });
});
