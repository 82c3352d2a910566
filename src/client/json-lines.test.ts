import { expect, test } from 'vitest';
import { jsonLines } from './json-lines.ts';

test('rows are lines of JSON that lose nothing', () => {
  const rows = [
    {
      a: 1n,
      b: 9007199254740993n,
      c: Number.NaN,
      d: -Infinity,
      e: new Uint8Array([0, 255]),
      f: Buffer.from('A'),
    },
    { a: null, s: { x: 2n ** 70n, l: [1.5, 'new\nline'] }, t: new Date(0) },
  ];
  expect(Buffer.from(jsonLines(rows)).toString()).toBe(
    '{"a":1,"b":"9007199254740993","c":"nan","d":"-inf","e":"\\\\x00\\\\xFF","f":"\\\\x41"}\n' +
      '{"a":null,"s":{"x":"1180591620717411303424","l":[1.5,"new\\nline"]},"t":"1970-01-01T00:00:00.000Z"}\n',
  );
});
