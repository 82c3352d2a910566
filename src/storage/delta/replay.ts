import type {
  AddAction,
  CommitInfo,
  DeltaAction,
  DomainMetadataAction,
  MetadataAction,
  ProtocolAction,
  RemoveAction,
  TransactionAction,
} from './actions.ts';
import { canonicalPath } from './data-path.ts';
import { deletionVectorId } from './deletion-vector.ts';
import type { CheckpointRow } from './read-checkpoint.ts';

/** What the log says of a table after some version. */
export interface LogState {
  readonly protocol: ProtocolAction | undefined;
  readonly metadata: MetadataAction | undefined;
  readonly files: readonly AddAction[];
  readonly transactions: ReadonlyMap<string, TransactionAction>;
  readonly domains: ReadonlyMap<string, DomainMetadataAction>;
  /** Of the newest entry, where it has one. */
  readonly commitInfo: CommitInfo | undefined;
  /** Tombstones, where they were asked for. */
  readonly removes: readonly RemoveAction[];
}

/** A logical file: a data file with its deletion vector, whatever way its path is spelled. */
export function fileKey({ path, deletionVector }: Pick<AddAction, 'path' | 'deletionVector'>): string {
  const canonical = canonicalPath(path);
  return deletionVector === undefined ? canonical : `${canonical}\0${deletionVectorId(deletionVector)}`;
}

/**
 * Reconciles log entries newest first, then what they rest on: of each logical file, application and domain only the
 * newest action counts.
 * @see Delta PROTOCOL.md, Action Reconciliation
 */
export class Replay {
  readonly #withRemoves: boolean;
  #protocol: ProtocolAction | undefined;
  #metadata: MetadataAction | undefined;
  #commitInfo: CommitInfo | undefined;
  /** Newest first. */
  readonly #adds: AddAction[] = [];
  readonly #removes: RemoveAction[] = [];
  readonly #older: AddAction[] = [];
  readonly #parsedStats: { readonly index: number; readonly text: string }[] = [];
  readonly #seen = new Set<string>();
  readonly #transactions = new Map<string, TransactionAction>();
  readonly #domains = new Map<string, DomainMetadataAction>();

  constructor({ withRemoves = false }: { readonly withRemoves?: boolean } = {}) {
    this.#withRemoves = withRemoves;
  }

  /** The entries of the log after all else, oldest first. */
  addEntries(entries: readonly (readonly DeltaAction[])[]): void {
    const newest = entries.at(-1);
    for (const actions of entries.toReversed()) this.#addEntry(actions, actions === newest);
  }

  #addEntry(actions: readonly DeltaAction[], isNewest: boolean): void {
    for (const action of actions.toReversed()) {
      if ('add' in action) {
        if (this.#isNew(action.add)) this.#adds.push(action.add);
      } else if ('remove' in action) {
        if (this.#isNew(action.remove) && this.#withRemoves) this.#removes.push(action.remove);
      } else if ('commitInfo' in action) {
        if (isNewest) this.#commitInfo ??= action.commitInfo;
      } else {
        this.#addOther(action);
      }
    }
  }

  /** A row of the checkpoint that all entries come after. */
  addCheckpointRow({ action, parsedStats }: CheckpointRow): void {
    if ('add' in action) {
      if (!this.#isNew(action.add)) return;
      if (parsedStats !== undefined) this.#parsedStats.push({ index: this.#older.length, text: parsedStats });
      this.#older.push(action.add);
    } else if ('remove' in action) {
      if (this.#withRemoves && this.#isNew(action.remove)) this.#removes.push(action.remove);
    } else {
      this.#addOther(action);
    }
  }

  /** The state before all entries. */
  addState(state: LogState): void {
    for (const file of state.files) if (!this.#seen.has(fileKey(file))) this.#older.push(file);
    this.#protocol ??= state.protocol;
    this.#metadata ??= state.metadata;
    for (const [id, each] of state.transactions)
      if (!this.#transactions.has(id)) this.#transactions.set(id, each);
    for (const [id, each] of state.domains) if (!this.#domains.has(id)) this.#domains.set(id, each);
  }

  /** @param formatter makes JSON of statistics that lay in columns of a checkpoint */
  state(
    formatter: (protocol: ProtocolAction, metadata: MetadataAction) => (text: string) => string,
  ): LogState {
    if (this.#parsedStats.length > 0 && this.#protocol !== undefined && this.#metadata !== undefined) {
      const format = formatter(this.#protocol, this.#metadata);
      for (const { index, text } of this.#parsedStats) {
        const add = this.#older[index];
        if (add !== undefined) this.#older[index] = { ...add, stats: format(text) };
      }
    }
    return {
      protocol: this.#protocol,
      metadata: this.#metadata,
      files: this.#adds.length === 0 ? this.#older : [...this.#older, ...this.#adds.reverse()],
      transactions: this.#transactions,
      domains: new Map([...this.#domains].filter(([, { removed }]) => !removed)),
      commitInfo: this.#commitInfo,
      removes: this.#removes,
    };
  }

  #isNew(file: Pick<AddAction, 'path' | 'deletionVector'>): boolean {
    const before = this.#seen.size;
    return this.#seen.add(fileKey(file)).size > before;
  }

  #addOther(action: DeltaAction): void {
    if ('metaData' in action) {
      this.#metadata ??= action.metaData;
    } else if ('protocol' in action) {
      this.#protocol ??= action.protocol;
    } else if ('txn' in action) {
      if (!this.#transactions.has(action.txn.appId)) this.#transactions.set(action.txn.appId, action.txn);
    } else if ('domainMetadata' in action) {
      const { domain } = action.domainMetadata;
      if (!this.#domains.has(domain)) this.#domains.set(domain, action.domainMetadata);
    }
  }
}
