import { describe, expect, it } from 'vitest';
import { type RecordBatch, type Schema, type SqlValue, scalar } from '../../types/index.ts';
import { type ResultFormat, resultFormatter } from './result-formatter.ts';
import { colors, noColors } from './style.ts';
import type { TableOptions } from './table.ts';

const columns: Schema = [
  { name: 'name', type: scalar('VARCHAR') },
  { name: 'n', type: scalar('BIGINT') },
];

function batchOf(schema: Schema, rows: readonly (readonly SqlValue[])[]): RecordBatch {
  return {
    schema,
    rowCount: rows.length,
    columns: schema.map((_, index) => rows.map((row) => row[index] ?? null)),
  };
}

function render(
  format: ResultFormat,
  batches: readonly (readonly (readonly SqlValue[])[])[],
  schema = columns,
  options: Partial<TableOptions> = {},
): string {
  const table: TableOptions = { width: undefined, maxRows: undefined, style: noColors, ...options };
  const formatter = resultFormatter(format, table);
  const texts = [formatter.begin(schema)];
  for (const rows of batches) texts.push(formatter.batch(batchOf(schema, rows)));
  return texts.join('') + formatter.end();
}

it.each([
  ['table', 'done\n'],
  ['json', '[]\n'],
  ['jsonl', ''],
  ['csv', ''],
  ['markdown', ''],
] as const)('says of a statement without an answer, as %s', (format, text) => {
  expect(render(format, [], [])).toBe(text);
});

const people = [
  [
    ['Ann', 7n],
    [null, 1234n],
  ],
  [['王小明', null]],
];

describe('table', () => {
  it('boxes aligned columns, numbers to the right', () => {
    expect(render('table', people)).toBe(
      [
        '┌─────────┬────────┐',
        '│ name    │      n │',
        '│ varchar │ bigint │',
        '├─────────┼────────┤',
        '│ Ann     │      7 │',
        '│ NULL    │   1234 │',
        '│ 王小明  │   NULL │',
        '└─────────┴────────┘',
        '3 rows',
        '',
      ].join('\n'),
    );
  });

  it('shows an empty result and a single row', () => {
    expect(render('table', []).split('\n').slice(-3)).toEqual(['└─────────┴────────┘', '0 rows', '']);
    expect(render('table', [[['a', 1n]]])).toContain('\n1 row\n');
  });

  it('tells NULL from the text NULL, and obeys no control character', () => {
    const text = render('table', [
      [
        ['NULL', 1n],
        ['a\nb\tc\x1b[31m\u202e', 2n],
      ],
    ]);
    expect(text).toContain("│ 'NULL' ");
    expect(text).toContain(String.raw`│ a\nb\tc\x1b[31m\u202e │`);
  });

  it('dims NULL on a terminal', () => {
    expect(render('table', people, columns, { style: colors })).toContain('\x1b[2mNULL\x1b[22m');
  });

  it('leaves out the middle rows of a long result, whatever the batches', () => {
    const rows = Array.from({ length: 1001 }, (_, index) => [`r${index}`, BigInt(index)]);
    for (const size of [1, 3, 500, 1001]) {
      const batches = Array.from({ length: Math.ceil(rows.length / size) }, (_, index) =>
        rows.slice(index * size, (index + 1) * size),
      );
      const lines = render('table', batches, columns, { maxRows: 5 }).split('\n');
      expect(lines.slice(4)).toEqual([
        '│ r0      │      0 │',
        '│ r1      │      1 │',
        '│ r2      │      2 │',
        '│ ⋮       │      ⋮ │',
        '│ r999    │    999 │',
        '│ r1000   │   1000 │',
        '└─────────┴────────┘',
        '1,001 rows, 5 shown (--max-rows 0 shows all)',
        '',
      ]);
    }
  });

  it('leaves out nothing of a result that fits', () => {
    const text = render('table', people, columns, { maxRows: 3 });
    expect(text).not.toContain('⋮');
    expect(text.split('\n')).toHaveLength(10);
  });

  it('streams all rows where none are left out, one header for all', () => {
    const batches = Array.from({ length: 30 }, (_, batch) =>
      Array.from({ length: 100 }, (_, row) => [`r${batch * 100 + row}`, 1n]),
    );
    const lines = render('table', batches).split('\n');
    expect(lines).toHaveLength(4 + 3000 + 3);
    expect(lines.filter((line) => line.includes('varchar'))).toHaveLength(1);
    expect(lines[4 + 2999]).toBe('│ r2999   │      1 │');
    expect(lines.at(-2)).toBe('3,000 rows');
  });

  it('cuts the widest texts to the line, never a number', () => {
    const wide = [[['x'.repeat(200), 123456789012345678n]]];
    const lines = render('table', wide, columns, { width: 40 }).split('\n');
    expect(lines[4]).toBe(`│ ${'x'.repeat(14)}… │ 123456789012345678 │`);
    expect(lines.slice(0, -2).every((line) => [...line].length === 40)).toBe(true);
  });

  it('leaves columns out of the middle where they cannot fit', () => {
    const many: Schema = Array.from({ length: 20 }, (_, index) => ({
      name: `c${index}`,
      type: scalar('BIGINT'),
    }));
    const rows = [[many.map((_, index) => BigInt(index))]];
    const lines = render('table', rows, many, { width: 40 }).split('\n');
    expect(lines[1]).toMatch(/^│ +c0 │ +c1 │ … │ +c19 │$/);
    expect(lines.every((line) => [...line].length <= 40)).toBe(true);
    expect(lines.at(-2)).toMatch(/^1 row, \d+ of 20 columns shown$/);
  });

  it('cuts one column wider than the line', () => {
    const lines = render(
      'table',
      [[['x'.repeat(100)]]],
      [columns[0] ?? { name: '', type: scalar('VARCHAR') }],
      { width: 20 },
    );
    expect(lines.split('\n')[4]).toBe(`│ ${'x'.repeat(15)}… │`);
  });
});

describe('csv', () => {
  it('quotes what needs it and tells NULL from the empty string', () => {
    const rows = [
      [
        ['a,b', 1n],
        ['say "hi"', null],
        ['two\r\nlines', 3n],
        ['', 4n],
        [null, 5n],
        [' plain ', 6n],
      ],
    ];
    expect(render('csv', rows)).toBe(
      'name,n\n"a,b",1\n"say ""hi""",\n"two\r\nlines",3\n"",4\n,5\n plain ,6\n',
    );
  });

  it('keeps the header of an empty result', () => expect(render('csv', [])).toBe('name,n\n'));
});

describe('json', () => {
  it('is an array of objects, one a line', () => {
    expect(render('json', people)).toBe(
      '[\n{"name":"Ann","n":7},\n{"name":null,"n":1234},\n{"name":"王小明","n":null}\n]\n',
    );
    expect(render('json', [[], [['a', 2n ** 60n]], []])).toBe(
      '[\n{"name":"a","n":"1152921504606846976"}\n]\n',
    );
    expect(render('json', [])).toBe('[]\n');
  });

  it('gives repeated names a number', () => {
    const type = scalar('INTEGER');
    const schema = ['a', 'a_1', 'a', 'b', 'a'].map((name) => ({ name, type }));
    expect(render('jsonl', [[[1, 2, 3, 4, 5]]], schema)).toBe('{"a":1,"a_1":2,"a_2":3,"b":4,"a_3":5}\n');
  });
});

describe('markdown', () => {
  it('is a table with numbers to the right', () => {
    expect(render('markdown', [[['a|b\nc', 1n]], [[null, 2n]]])).toBe(
      '| name | n |\n| --- | ---: |\n| a\\|b<br>c | 1 |\n| NULL | 2 |\n',
    );
  });
});
