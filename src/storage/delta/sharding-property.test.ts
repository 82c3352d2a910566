import { expect, it } from 'vitest';
import { scalar } from '../../types/index.ts';
import type { Sharding } from '../table.ts';
import type { DeltaField } from './delta-snapshot.ts';
import { formatSharding, parseSharding } from './sharding-property.ts';

const fields = ['id', 'at'].map(
  (name): DeltaField => ({
    name,
    type: scalar('BIGINT'),
    nullable: true,
    physicalName: `col-${name}`,
    fieldId: undefined,
    children: [],
    metadata: {},
  }),
);

it.each<Sharding>([
  { kind: 'hash', columns: [1, 0], shards: 8 },
  { kind: 'range', column: 1, splits: ['10', '20'] },
  { kind: 'roundRobin', shards: 3 },
])('reads what it wrote: %j', (sharding) => {
  expect(parseSharding(formatSharding(sharding, fields), fields, '/t')).toEqual(sharding);
});

it('knows columns by their physical names, and no sharding by one that is gone', () => {
  const text = formatSharding({ kind: 'hash', columns: [0], shards: 2 }, fields);
  expect(text).toBe('{"kind":"hash","columns":["col-id"],"shards":2}');
  expect(parseSharding(text, fields.slice(1), '/t')).toBeUndefined();
  expect(parseSharding(undefined, fields, '/t')).toBeUndefined();
});

it.each([
  '',
  '[]',
  '{"kind":"hash","columns":[],"shards":2}',
  '{"kind":"roundRobin","shards":0}',
  '{"kind":"x"}',
])('refuses %j', (text) => {
  expect(() => parseSharding(text, fields, '/t')).toThrow(expect.objectContaining({ sqlState: 'XX001' }));
});
