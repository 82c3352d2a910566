import { describe, expect, it } from 'vitest';
import { nearestName } from './nearest.ts';

describe('nearestName', () => {
  it.each([
    ['usrs', 'users'],
    ['wrokers', 'workers'],
    ['MEMORI', 'memory'],
    ['spol', 'spool'],
  ])('%s means %s', (name, meant) => {
    expect(nearestName(name, ['workers', 'users', 'memory', 'spool'])).toBe(meant);
  });

  it('gives nothing where nothing is near', () => {
    expect(nearestName('colour', ['workers', 'users'])).toBeUndefined();
    expect(nearestName('x', [])).toBeUndefined();
  });
});
