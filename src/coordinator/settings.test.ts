import { describe, expect, it } from 'vitest';
import { readSettings } from './settings.ts';

describe('readSettings', () => {
  it('gives every node the time zone of the coordinator unless the session has one', () => {
    expect(readSettings(undefined, 'Europe/Oslo')).toEqual({
      localBypass: 'auto',
      duckdb: { TimeZone: 'Europe/Oslo' },
    });
    expect(readSettings({ timezone: 'UTC' }, 'Europe/Oslo').duckdb).toEqual({ TimeZone: 'UTC' });
  });

  it('reads names and words in any case, and values of any kind', () => {
    expect(
      readSettings({ LOCAL_BYPASS: 'OFF', integer_division: true, null_order: 'NULLS_LAST' }, 'UTC'),
    ).toEqual({
      localBypass: 'off',
      duckdb: { TimeZone: 'UTC', integer_division: 'true', default_null_order: 'nulls_last' },
    });
  });

  it('refuses unknown names, and says which was meant', () => {
    expect(() => readSettings({ local_bypas: 'off' }, 'UTC')).toThrow(
      expect.objectContaining({ sqlState: '42704', hint: 'did you mean local_bypass?' }),
    );
    expect(() => readSettings({ allowed_directories: '/' }, 'UTC')).toThrow(
      expect.objectContaining({ sqlState: '42704' }),
    );
  });

  it.each([
    ['local_bypass', 'sometimes'],
    ['default_order', 'up'],
    ['integer_division', 'maybe'],
    ['TimeZone', "UTC'; DROP TABLE x; --"],
  ])('refuses a value that %s cannot take', (name, value) => {
    expect(() => readSettings({ [name]: value }, 'UTC')).toThrow(
      expect.objectContaining({ sqlState: '22023' }),
    );
  });
});
