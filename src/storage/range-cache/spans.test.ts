import fc from 'fast-check';
import { expect, it } from 'vitest';
import { cutSpans, joinSpans, type Span, subtractSpans } from './spans.ts';

const spans = fc.array(
  fc.tuple(fc.nat(60), fc.nat(12)).map(([start, length]) => ({ start, end: start + length })),
  { maxLength: 8 },
);
const cells = (list: readonly Span[]): Set<number> =>
  new Set(list.flatMap(({ start, end }) => Array.from({ length: end - start }, (_, index) => start + index)));

it('subtracting spans is subtracting their bytes', () => {
  fc.assert(
    fc.property(spans, spans, (a, b) => {
      const covered = cells(b);
      const rest = subtractSpans(a, b);
      expect(cells(rest)).toEqual(new Set([...cells(joinSpans(a))].filter((cell) => !covered.has(cell))));
      expect(joinSpans(rest)).toEqual(rest);
    }),
  );
});

it('joins over gaps, and cuts', () => {
  const list = [
    { start: 10, end: 20 },
    { start: 0, end: 5 },
    { start: 21, end: 22 },
  ];
  expect(joinSpans(list)).toEqual([
    { start: 0, end: 5 },
    { start: 10, end: 20 },
    { start: 21, end: 22 },
  ]);
  expect(joinSpans(list, 1)).toEqual([
    { start: 0, end: 5 },
    { start: 10, end: 22 },
  ]);
  expect(cutSpans([{ start: 3, end: 10 }], 3)).toEqual([
    { start: 3, end: 6 },
    { start: 6, end: 9 },
    { start: 9, end: 10 },
  ]);
});
