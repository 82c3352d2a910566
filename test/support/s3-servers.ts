import { readdir, readFile, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { systemClock, systemRandom } from '../../src/common/index.ts';
import { ObjectStores } from '../../src/storage/index.ts';
import { FakeS3 } from './fake-s3.ts';
import { motoMissing, startMoto } from './moto-server.ts';

export interface S3Server {
  readonly endpoint: string;
  readonly bucket: string;
  close(): Promise<unknown>;
}

/** Every S3 server that tests can have on this machine. */
export const s3Servers: readonly {
  readonly name: string;
  readonly skip: boolean;
  start(): Promise<S3Server>;
}[] = [
  {
    name: 'a fake S3',
    skip: false,
    start: async () => {
      const fake = await FakeS3.start();
      return { endpoint: fake.endpoint, bucket: 'bucket', close: () => fake.close() };
    },
  },
  { name: 'moto', skip: motoMissing() !== undefined, start: startMoto },
];

/** Puts every file of a folder below a location, under its relative path. */
export async function uploadFolder(server: S3Server, folder: string, location: string): Promise<void> {
  const s3 = { endpoint: server.endpoint };
  const stores = new ObjectStores({ clock: systemClock, random: systemRandom, s3 });
  const store = stores.open(location);
  for (const name of await readdir(folder, { recursive: true })) {
    if (!(await stat(join(folder, name))).isFile()) continue;
    await store.put(name, await readFile(join(folder, name)));
  }
  await stores.close();
}
