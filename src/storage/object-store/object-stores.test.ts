import { randomUUID } from 'node:crypto';
import { expect, it } from 'vitest';
import { systemClock, systemRandom } from '../../common/index.ts';
import { describeObjectStore } from './conformance.ts';
import { ObjectStores } from './object-stores.ts';

const stores = new ObjectStores({ clock: systemClock, random: systemRandom });

describeObjectStore('memory', async () => stores.open(`memory://${randomUUID()}/folder`));

it('memory stores of one name share their objects, by folder', async () => {
  await stores.open('memory://shared/a').put('b/c', Buffer.from('x'));
  expect(await stores.open('memory://shared/a/b/').stat('c')).toMatchObject({ key: 'c', bytes: 1 });
  expect(await stores.open('memory://shared/a/b').stat('d')).toBeUndefined();
  expect(await stores.open('memory://other/a/b').stat('c')).toBeUndefined();
});

it('a store has one root, however its location is spelled', () => {
  expect(stores.open('file:///data/a%20b/').root).toBe('/data/a b');
  expect(stores.open('/data/a b')).toBe(stores.open('file:///data/a%20b'));
  expect(stores.open('s3a://bucket/x/').root).toBe('s3://bucket/x');
});
