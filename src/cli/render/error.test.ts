import { describe, expect, it } from 'vitest';
import { SkeinError } from '../../common/index.ts';
import { renderError } from './error.ts';
import { noColors } from './style.ts';

function render(sql: string | undefined, position?: number, hint?: string): string {
  const options = { ...(position !== undefined && { position }), ...(hint !== undefined && { hint }) };
  return renderError(new SkeinError('42P01', 'no table usrs', options), sql, noColors);
}

describe('renderError', () => {
  it('shows SQLSTATE, message, the line with a caret, and the hint', () => {
    const sql = 'SELECT *\n\tFROM usrs\nWHERE true';
    expect(render(sql, sql.indexOf('usrs'), 'did you mean "users"?')).toBe(
      [
        'error 42P01: no table usrs',
        'LINE 2:  FROM usrs',
        '              ^',
        'hint: did you mean "users"?',
        '',
      ].join('\n'),
    );
  });

  it('points right behind wide characters, at the start and at the end', () => {
    expect(render("SELECT '王', x", 12)).toContain("LINE 1: SELECT '王', x\n                     ^\n");
    expect(render('x', 0)).toContain('LINE 1: x\n        ^\n');
    expect(render('SELECT', 6)).toContain('LINE 1: SELECT\n              ^\n');
  });

  it('cuts a long line around the position', () => {
    const sql = `${'a'.repeat(500)} wrong ${'b'.repeat(500)}`;
    const [, line = '', caret = ''] = render(sql, 501).split('\n');
    expect(line.length).toBeLessThan(120);
    expect(line.slice(caret.indexOf('^'))).toMatch(/^wrong b+…$/);
  });

  it('shows no line without a position or the SQL', () => {
    expect(render('SELECT 1')).toBe('error 42P01: no table usrs\n');
    expect(render(undefined, 5)).toBe('error 42P01: no table usrs\n');
  });

  it('gives errors of ours as XX000, without a stack', () => {
    expect(renderError(new Error('broken'), undefined, noColors)).toBe('error XX000: broken\n');
  });
});
