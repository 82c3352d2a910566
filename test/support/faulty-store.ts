import type { ObjectStore } from '../../src/storage/index.ts';

export interface StoreStep {
  readonly method: 'put' | 'putIfAbsent' | 'delete';
  /** Location of the object, or of the first one. */
  readonly location: string;
  readonly when: 'before' | 'after';
}

/** A store that tells of everything that it changes, and waits for the listener before and after it. */
export function watchedStore(store: ObjectStore, step: (step: StoreStep) => Promise<void>): ObjectStore {
  const around = async <T>(method: StoreStep['method'], key: string, work: () => Promise<T>): Promise<T> => {
    const location = `${store.root}/${key}`;
    await step({ method, location, when: 'before' });
    const result = await work();
    await step({ method, location, when: 'after' });
    return result;
  };
  return {
    root: store.root,
    get: (key, options) => store.get(key, options),
    stat: (key, signal) => store.stat(key, signal),
    put: (key, body, signal) => around('put', key, () => store.put(key, body, signal)),
    putIfAbsent: (key, body, signal) =>
      around('putIfAbsent', key, () => store.putIfAbsent(key, body, signal)),
    list: (prefix, options) => store.list(prefix, options),
    listFolders: (prefix, signal) => store.listFolders(prefix, signal),
    delete: (keys, signal) => around('delete', keys[0] ?? '', () => store.delete(keys, signal)),
    removeLeftovers: (beforeMs, signal) => store.removeLeftovers(beforeMs, signal),
    locations: (key) => store.locations(key),
  };
}
