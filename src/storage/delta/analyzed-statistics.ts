import type { ObjectStore } from '../object-store/object-store.ts';
import { readBytes } from './read-object.ts';

/** What ANALYZE found out about a table. */
export interface AnalyzedStatistics {
  /** Of the table's metadata: statistics of a table that lay there before are no one's. */
  readonly tableId: string;
  readonly version: number;
  readonly rowCount: number;
  /** Different values, about, by the physical name of the column. */
  readonly distinct: Readonly<Record<string, number>>;
}

const key = '_skein/statistics.json';

/** Statistics beside a table: in no version of it, and no reader needs them. */
export class StatisticsFile {
  readonly #store: ObjectStore;
  #known: AnalyzedStatistics | undefined;

  /** @param store rooted at the table */
  constructor(store: ObjectStore) {
    this.#store = store;
  }

  /** As of the last look. The same object as long as nothing changed. */
  of(tableId: string): AnalyzedStatistics | undefined {
    return this.#known?.tableId === tableId ? this.#known : undefined;
  }

  /** Looks again. What cannot be read is not there: statistics are a help, and no more. */
  async load(): Promise<void> {
    try {
      if ((await this.#store.stat(key)) === undefined) return;
      const text = new TextDecoder().decode(await readBytes(this.#store, key, undefined, undefined));
      const found = parseStatistics(text);
      if (JSON.stringify(found) !== JSON.stringify(this.#known)) this.#known = found;
    } catch {
      // Then the last ones serve.
    }
  }

  async save(statistics: AnalyzedStatistics, signal: AbortSignal): Promise<void> {
    await this.#store.put(key, new TextEncoder().encode(JSON.stringify(statistics)), signal);
    this.#known = statistics;
  }
}

function parseStatistics(text: string): AnalyzedStatistics | undefined {
  const json = JSON.parse(text) as Partial<Record<keyof AnalyzedStatistics, unknown>> | null;
  if (json === null || typeof json !== 'object') return undefined;
  const { tableId, version, rowCount, distinct } = json;
  if (typeof tableId !== 'string' || typeof version !== 'number' || typeof rowCount !== 'number') {
    return undefined;
  }
  if (typeof distinct !== 'object' || distinct === null) return undefined;
  const counts = Object.entries(distinct).filter(
    (entry): entry is [string, number] => typeof entry[1] === 'number' && entry[1] >= 0,
  );
  return { tableId, version, rowCount, distinct: Object.fromEntries(counts) };
}
