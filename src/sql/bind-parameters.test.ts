import { describe, expect, it } from 'vitest';
import { bindParameters } from './bind-parameters.ts';

describe('bindParameters', () => {
  it('fills in by position, by number and by name', () => {
    expect(bindParameters('SELECT ?, ?', [1, 'x']).sql).toBe("SELECT 1, 'x'");
    expect(bindParameters('SELECT $2, $1, $2', [1, 'x']).sql).toBe("SELECT 'x', 1, 'x'");
    expect(bindParameters('SELECT $a || $b', { a: 'it', b: "'s" }).sql).toBe("SELECT 'it' || '''s'");
  });

  it('leaves what only looks like a parameter', () => {
    const sql = `SELECT '?', "$1", $$?$$ -- ?`;
    expect(bindParameters(sql, undefined).sql).toBe(sql);
  });

  it.each([
    [null, 'NULL'],
    [true, 'true'],
    [-5, '(-5)'],
    [1.5, "'1.5'::DOUBLE"],
    [-0, "'-0.0'::DOUBLE"],
    [Number.NaN, "'NaN'::DOUBLE"],
    [Number.NEGATIVE_INFINITY, "'-Infinity'::DOUBLE"],
    [-9223372036854775808n, "'-9223372036854775808'::BIGINT"],
    [9223372036854775808n, "'9223372036854775808'::HUGEINT"],
    [2n ** 128n - 1n, "'340282366920938463463374607431768211455'::UHUGEINT"],
    [2n ** 128n, "'340282366920938463463374607431768211456'::BIGNUM"],
    ['a\0b', "('a' || chr(0) || 'b')"],
    [new Uint8Array([0, 255]), "'\\x00\\xFF'::BLOB"],
    [[1, null], '[1, NULL]'],
    [{ "it's": 1 }, "{'it''s': 1}"],
  ])('writes %s', (value, text) => {
    expect(bindParameters('?', [value]).sql).toBe(text);
  });

  it('maps positions back to the text of the user', () => {
    const bound = bindParameters('SELECT $a, b, $a + c', { a: 'hello' });
    const original = (name: string): number => bound.mapPosition(bound.sql.indexOf(name));
    expect(original('SELECT')).toBe(0);
    expect(original("'hello'")).toBe(7);
    expect(original('lo')).toBe(7);
    expect(original('b')).toBe(11);
    expect(original('c')).toBe(19);
  });

  it.each([
    ['SELECT ?', undefined, 7],
    ['SELECT ?, ?', [1], 10],
    ['SELECT ?', [1, 2], undefined],
    ['SELECT 1', [1], undefined],
    ['SELECT $b', { a: 1 }, 7],
    ['SELECT $a', { a: 1, b: 2 }, undefined],
    ['SELECT ?, $1', [1], 10],
    ['SELECT $toString', {}, 7],
  ])('refuses %s with %j', (sql, params, position) => {
    expect(() => bindParameters(sql, params)).toThrow(
      expect.objectContaining({ sqlState: '08P01', position }),
    );
  });
});
