import type { QueryRecord } from './query-record.ts';

export interface HistoryLimits {
  /** Ended queries that are remembered, and characters of their SQL together. */
  readonly history: number;
  readonly historyChars: number;
}

/** Every query that runs, and those that ended last. */
export class QueryHistory {
  readonly #limits: HistoryLimits;
  /** By id, oldest first. */
  readonly #records = new Map<string, QueryRecord>();
  /** In the order of their end. */
  readonly #ended: QueryRecord[] = [];
  #endedChars = 0;

  constructor(limits: HistoryLimits) {
    this.#limits = limits;
  }

  add(record: QueryRecord): void {
    this.#records.set(record.id, record);
  }

  get(id: string): QueryRecord | undefined {
    return this.#records.get(id);
  }

  newestFirst(): readonly QueryRecord[] {
    return [...this.#records.values()].reverse();
  }

  /** @returns those that are forgotten for it */
  ended(record: QueryRecord): readonly QueryRecord[] {
    this.#ended.push(record);
    this.#endedChars += record.sql.length;
    const forgotten: QueryRecord[] = [];
    const { history, historyChars } = this.#limits;
    while (this.#ended.length > history || this.#endedChars > historyChars) {
      const oldest = this.#ended.shift();
      if (oldest === undefined) break;
      this.#endedChars -= oldest.sql.length;
      this.#records.delete(oldest.id);
      forgotten.push(oldest);
    }
    return forgotten;
  }
}
