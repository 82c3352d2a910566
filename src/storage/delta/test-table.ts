import { readFile } from 'node:fs/promises';
import type { Clock, Random } from '../../common/index.ts';
import type {
  GetOptions,
  ListOptions,
  ObjectBody,
  ObjectInfo,
  ObjectStore,
  PutBody,
} from '../object-store/object-store.ts';
import type { AddAction, DeltaAction, MetadataAction, ProtocolAction, TransactionAction } from './actions.ts';
import { storeCommitLog } from './commit-log.ts';
import { canonicalPath } from './data-path.ts';
import { fieldsToSchema, parseSchemaString } from './delta-schema.ts';
import type { DeltaSnapshot } from './delta-snapshot.ts';
import { FakeStore } from './fake-store.ts';
import { deltaProperties } from './table-properties.ts';

/** What happens to one `putIfAbsent`, and when its answer comes. */
export type PutFault = 'none' | 'appliedButFails' | 'notAppliedButFails' | 'appliedButExists' | 'refused';

/** A store that writes, for tests of the write side: answers come late, in an order that the seed decides. */
export class WritableStore implements ObjectStore {
  /** Asked before each `putIfAbsent`. */
  fault: (key: string) => PutFault = () => 'none';
  failure: () => Error = () => new Error('connection lost');
  now = 1_700_000_000_000;
  readonly root: string;
  readonly #objects: FakeStore;
  readonly #random: Random | undefined;

  constructor(root = 'memory://table', random?: Random) {
    this.root = root;
    this.#objects = new FakeStore(root);
    this.#random = random;
  }

  set(key: string, bytes: Uint8Array | string, modifiedMs = 0): void {
    this.#objects.set(key, bytes, modifiedMs);
  }

  remove(key: string): void {
    this.#objects.remove(key);
  }

  keys(): readonly string[] {
    return this.#objects.keys();
  }

  bytesOf(key: string): Uint8Array {
    return this.#objects.bytesOf(key);
  }

  get(key: string, options?: GetOptions): Promise<ObjectBody> {
    return this.#objects.get(key, options);
  }

  stat(key: string): Promise<ObjectInfo | undefined> {
    return this.#objects.stat(key);
  }

  list(prefix: string, options?: ListOptions): AsyncIterable<ObjectInfo> {
    return this.#objects.list(prefix, options);
  }

  listFolders(): Promise<readonly string[]> {
    return this.#objects.listFolders();
  }

  delete(keys: readonly string[]): Promise<void> {
    return this.#objects.delete(keys);
  }

  async removeLeftovers(): Promise<number> {
    return 0;
  }

  locations(): Promise<readonly string[]> {
    return this.#objects.locations();
  }

  async put(key: string, body: PutBody): Promise<ObjectInfo> {
    await this.#delay();
    const bytes = body instanceof Uint8Array ? body : await readFile(body.file);
    this.set(key, bytes, this.now);
    return { key, bytes: bytes.length, modifiedMs: this.now, etag: '' };
  }

  async putIfAbsent(key: string, body: Uint8Array): Promise<'created' | 'exists'> {
    await this.#delay();
    const fault = this.fault(key);
    if (fault === 'refused' || fault === 'notAppliedButFails') throw this.failure();
    const exists = this.keys().includes(key);
    if (!exists) this.set(key, body, this.now);
    await this.#delay();
    if (fault === 'appliedButFails') throw this.failure();
    return exists || fault === 'appliedButExists' ? 'exists' : 'created';
  }

  async #delay(): Promise<void> {
    const ticks = this.#random === undefined ? 0 : Math.floor(this.#random.next() * 4);
    for (let tick = 0; tick < ticks; tick += 1) await new Promise(setImmediate);
  }
}

/** A generator whose numbers the seed decides. */
export function seededRandom(seed: number): Random {
  let state = seed;
  const next = (): number => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
  return {
    next,
    token: (length) => Array.from({ length }, () => Math.floor(next() * 36).toString(36)).join(''),
  };
}

/** A clock that stands, and whose timers fire at once. */
export function standingClock(now = 1_700_000_000_000): Clock & { time: number } {
  return {
    time: now,
    now() {
      return this.time;
    },
    monotonic() {
      return this.time;
    },
    after(_delayMs, callback) {
      const handle = setImmediate(callback);
      return () => clearImmediate(handle);
    },
  };
}

export const testMetadata: MetadataAction = {
  id: '5fba94ed-9794-4965-ba6e-6ee3c0d22af9',
  format: { provider: 'parquet', options: {} },
  schemaString: JSON.stringify({
    type: 'struct',
    fields: [{ name: 'a', type: 'integer', nullable: true, metadata: {} }],
  }),
  partitionColumns: [],
  configuration: {},
  createdTime: 1,
};
export const testProtocol: ProtocolAction = { minReaderVersion: 1, minWriterVersion: 2 };

export function testAdd(path: string, changes: Partial<AddAction> = {}): AddAction {
  return { path, partitionValues: {}, size: 10, modificationTime: 1, dataChange: true, ...changes };
}

/** The table as the commits say, replayed without any of the read side's shortcuts. */
export async function replay(store: ObjectStore, upTo = Number.MAX_SAFE_INTEGER): Promise<DeltaSnapshot> {
  const log = storeCommitLog(store);
  const files = new Map<string, AddAction>();
  const transactions = new Map<string, TransactionAction>();
  let protocol = testProtocol;
  let metadata = testMetadata;
  let version = -1;
  let timestampMs = 0;
  for (let next = 0; next <= upTo; next += 1) {
    const commit = await log.commit(next, undefined);
    if (commit === undefined) break;
    ({ version, timestampMs } = commit);
    for (const action of removesFirst(commit.actions)) {
      if ('remove' in action) files.delete(canonicalPath(action.remove.path));
      if ('add' in action) files.set(canonicalPath(action.add.path), action.add);
      if ('txn' in action) transactions.set(action.txn.appId, action.txn);
      if ('protocol' in action) protocol = action.protocol;
      if ('metaData' in action) metadata = action.metaData;
    }
  }
  const columnMapping = deltaProperties(metadata.configuration).columnMappingMode;
  const fields = parseSchemaString(metadata.schemaString, columnMapping, store.root);
  return {
    location: store.root,
    version,
    timestampMs,
    protocol,
    metadata,
    fields,
    schema: fieldsToSchema(fields),
    columnMapping,
    files: [...files.values()],
    transactions,
    domains: new Map(),
  };
}

function removesFirst(actions: readonly DeltaAction[]): readonly DeltaAction[] {
  return [
    ...actions.filter((action) => 'remove' in action),
    ...actions.filter((action) => !('remove' in action)),
  ];
}
