import type { Clock, Random } from '../../common/index.ts';
import { LocalObjectStore } from './local-object-store.ts';
import { formatLocation, type Location, parseLocation } from './location.ts';
import { MemoryObjectStore, type MemoryObjects } from './memory-object-store.ts';
import type { ObjectStore } from './object-store.ts';
import { S3Connection, type S3Limits, type S3Options } from './s3-connection.ts';
import { S3ObjectStore } from './s3-object-store.ts';

/** Stores that are kept for the next who asks; making one is cheap, what they share is not. */
const storesKept = 1_000;

export interface ObjectStoresOptions {
  readonly clock: Clock;
  readonly random: Random;
  readonly s3?: S3Options;
  readonly s3Limits?: Partial<S3Limits>;
  /** For tests: stands between every store and its users. */
  readonly wrap?: ((store: ObjectStore) => ObjectStore) | undefined;
}

/** Opens object stores by their location. They share connections, and memory stores of one name their objects. */
export class ObjectStores {
  readonly #clock: Clock;
  readonly #random: Random;
  readonly #s3: S3Connection;
  readonly #memory = new Map<string, MemoryObjects>();
  readonly #open = new Map<string, ObjectStore>();
  readonly #wrap: (store: ObjectStore) => ObjectStore;

  constructor({ clock, random, s3, s3Limits, wrap }: ObjectStoresOptions) {
    this.#wrap = wrap ?? ((store) => store);
    this.#clock = clock;
    this.#random = random;
    this.#s3 = new S3Connection(s3 ?? {}, {
      clock,
      random,
      ...(s3Limits === undefined ? {} : { limits: s3Limits }),
    });
  }

  /**
   * The store at `/absolute/folder`, `file:///absolute/folder`, `s3://bucket/prefix` or `memory://name`. Nothing is read
   * or made before the store is used.
   * @throws SkeinError 22023 where that is no location, 42501 where parts of it are empty, `.` or `..`
   */
  open(text: string): ObjectStore {
    const location = parseLocation(text);
    const root = formatLocation(location);
    const known = this.#open.get(root);
    if (known !== undefined) return known;
    const store = this.#wrap(this.#create(root, location));
    const [oldest] = this.#open.keys();
    if (this.#open.size >= storesKept && oldest !== undefined) this.#open.delete(oldest);
    this.#open.set(root, store);
    return store;
  }

  /** Frees connections. Stores must not be in use any more. */
  async close(): Promise<void> {
    this.#open.clear();
    await this.#s3.close();
  }

  #create(root: string, location: Location): ObjectStore {
    switch (location.kind) {
      case 'local':
        return new LocalObjectStore(location.path, this.#random);
      case 's3': {
        const { bucket, prefix } = location;
        return new S3ObjectStore({ root, bucket, prefix, connection: this.#s3 });
      }
      case 'memory': {
        const objects: MemoryObjects = this.#memory.get(location.name) ?? new Map();
        this.#memory.set(location.name, objects);
        return new MemoryObjectStore(root, objects, location.prefix, this.#clock);
      }
    }
  }
}
