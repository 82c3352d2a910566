import { describe, expect, it } from 'vitest';
import { formatBytes, formatCount, formatDuration, parseBytes, parseDuration } from './units.ts';

describe('parseBytes', () => {
  it.each([
    ['4GB', 4e9],
    ['512MiB', 512 * 2 ** 20],
    ['1.5 kb', 1500],
    ['1000', 1000],
    ['4G', 4e9],
    ['0', 0],
    [' 2TiB ', 2 * 2 ** 40],
  ])('reads %s', (text, bytes) => expect(parseBytes(text)).toBe(bytes));

  it.each(['', 'GB', '-1GB', '4 gigs', '1e9', '4X', '0x10', '99999999TB'])('refuses %j', (text) => {
    expect(() => parseBytes(text)).toThrow(`expected a size such as 4GB or 512MiB, got "${text}"`);
  });
});

describe('parseDuration', () => {
  it.each([
    ['30s', 30_000],
    ['500ms', 500],
    ['1.5m', 90_000],
    ['2h', 7_200_000],
    ['1d', 86_400_000],
    ['0', 0],
  ])('reads %s', (text, ms) => expect(parseDuration(text)).toBe(ms));

  it.each(['', '30', 's', '-5s', '5 minutes'])('refuses %j', (text) => {
    expect(() => parseDuration(text)).toThrow('expected a duration such as 30s, 500ms or 5m');
  });
});

describe('formats for people', () => {
  it.each([
    [0, '0 B'],
    [999, '999 B'],
    [1000, '1.0 KB'],
    [9960, '10 KB'],
    [999_499, '999 KB'],
    [999_600, '1.0 MB'],
    [4e9, '4.0 GB'],
  ])('formats %d bytes', (bytes, text) => expect(formatBytes(bytes)).toBe(text));

  it.each([
    [0.84, '0.8 ms'],
    [12.4, '12 ms'],
    [999.6, '1.00 s'],
    [59_990, '59.99 s'],
    [59_999, '1 m 00 s'],
    [125_000, '2 m 05 s'],
    [12_000_000, '3 h 20 m'],
    [187_200_000, '2 d 4 h'],
  ])('formats %d ms', (ms, text) => expect(formatDuration(ms)).toBe(text));

  it('groups digits', () => expect(formatCount(1_234_567)).toBe('1,234,567'));
});
