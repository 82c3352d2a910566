import { describe, expect, it } from 'vitest';
import { tokenize } from './tokenize.ts';

function shown(sql: string): string[] {
  return tokenize(sql).map(({ kind, text }) => `${kind} ${text}`);
}

describe('tokenize', () => {
  it('tells words, literals, operators and punctuation apart', () => {
    expect(shown(`SELECT a."b c", 'it''s' FROM t1 WHERE x>=-1.5e-3;`)).toEqual([
      'word SELECT',
      'word a',
      'punctuation .',
      'quoted "b c"',
      'punctuation ,',
      "string 'it''s'",
      'word FROM',
      'word t1',
      'word WHERE',
      'word x',
      'operator >=-',
      'number 1.5e-3',
      'punctuation ;',
    ]);
  });

  it.each([
    ["E'a\\'b'", "string E'a\\'b'"],
    ["e'\\\\'", "string e'\\\\'"],
    ["E'a''b'", "string E'a''b'"],
    ["''''", "string ''''"],
    ["x'00FF'", "string x'00FF'"],
    ['$$it is $1$$', 'string $$it is $1$$'],
    ['$tag$ $$ ? $tag$', 'string $tag$ $$ ? $tag$'],
    ['0xFF', 'number 0xFF'],
    ['1_000.5', 'number 1_000.5'],
    ['.5', 'number .5'],
    ['$1', 'parameter $1'],
    ['$name', 'parameter $name'],
    ['?', 'parameter ?'],
    ['/* a /* b */ c */', 'comment /* a /* b */ c */'],
    ['-- ?', 'comment -- ?'],
    ['straße', 'word straße'],
    ['x$y', 'word x$y'],
  ])('%s is one token', (sql, token) => {
    expect(shown(sql)).toEqual([token]);
  });

  it('ends an operator where a comment begins', () => {
    expect(shown('1 +/* c */ 2 --x')).toEqual([
      'number 1',
      'operator +',
      'comment /* c */',
      'number 2',
      'comment --x',
    ]);
  });

  it('takes literals of any length', () => {
    const long = 'x'.repeat(40_000_000);
    expect(tokenize(`'${long}''' E'${long}\\'' "${long}"`).map(({ kind }) => kind)).toEqual([
      'string',
      'string',
      'quoted',
    ]);
  });

  it('gives offsets into the text', () => {
    expect(tokenize("  'é' x").map(({ start, end }) => [start, end])).toEqual([
      [2, 5],
      [6, 7],
    ]);
  });

  it.each([
    ["SELECT 'abc", 7],
    ['SELECT "abc', 7],
    ["SELECT E'abc\\'", 7],
    ["SELECT x'00", 7],
    ['SELECT 1 /* x', 9],
    ['SELECT $$x', 7],
    ['SELECT \0', 7],
  ])('%j does not end', (sql, position) => {
    expect(() => tokenize(sql)).toThrow(expect.objectContaining({ sqlState: '42601', position }));
  });
});
