import type { AddAction, DeltaAction, ProtocolAction } from './actions.ts';
import { DeltaLog } from './delta-log.ts';
import { FakeStore } from './fake-store.ts';
import { parsing } from './log-entry.ts';
import { commitKey, formatVersion, logFolder } from './log-files.ts';
import type { ParquetBatch, ParquetObject, ParquetRows, ParquetValue, ScratchFile } from './parquet-rows.ts';
import { readBytes } from './read-object.ts';

/** "Parquet" files that are texts of JSON arrays, for tests. */
class FakeParquetRows implements ParquetRows {
  async *readRows(
    { store, key }: ParquetObject,
    values: readonly ParquetValue[],
  ): AsyncIterable<ParquetBatch> {
    const text = new TextDecoder().decode(await readBytes(store, key, undefined, undefined));
    const rows = parsing(`${store.root}/${key}`, (): unknown => JSON.parse(text));
    yield batchOf(rows, values);
  }

  writeRows(): Promise<ScratchFile> {
    throw new Error('not in this fake');
  }
}

/** Rows as their port gives them, of JSON. */
export function batchOf(rows: unknown, values: readonly ParquetValue[]): ParquetBatch {
  type Json = Readonly<Record<string, unknown>> | null | undefined;
  const objects = rows as readonly Json[];
  const columns = values.map(({ column, field, as, unless }) => {
    const found = objects.map((row) => {
      const whole = row?.[column] ?? null;
      const struct = whole as Json;
      if (field === undefined) return whole;
      return unless !== undefined && (struct?.[unless] ?? null) !== null ? null : (struct?.[field] ?? null);
    });
    if (found.every((value) => value === null)) return undefined;
    if (as === 'json') return found;
    return found.map((value) =>
      value === null ? '' : as === 'text' ? String(value as string | number) : JSON.stringify(value),
    );
  });
  return { rowCount: objects.length, columns };
}

export const metaData = {
  id: 'table',
  format: { provider: 'parquet', options: {} },
  schemaString:
    '{"type":"struct","fields":[{"name":"id","type":"long","nullable":true,"metadata":{}},' +
    '{"name":"at","type":"timestamp","nullable":true,"metadata":{}}]}',
  partitionColumns: [],
  configuration: {},
} as const;
export const protocol: ProtocolAction = { minReaderVersion: 1, minWriterVersion: 2 };
export const creation: readonly DeltaAction[] = [{ protocol }, { metaData }];

export function add(path: string, more: Partial<AddAction> = {}): { readonly add: AddAction } {
  return {
    add: { path, partitionValues: {}, size: 1, modificationTime: 1, dataChange: true, ...more },
  };
}

export function remove(path: string, more: object = {}): DeltaAction {
  return { remove: { path, dataChange: true, deletionTimestamp: 1, ...more } };
}

/** A table whose log a test writes line by line. */
export class FakeTable {
  readonly store = new FakeStore();
  readonly log = this.open();

  open(): DeltaLog {
    return new DeltaLog({ store: this.store, parquet: new FakeParquetRows() });
  }

  commit(version: number, actions: readonly DeltaAction[], modifiedMs = version * 1000): void {
    this.store.set(commitKey(version), lines(actions), modifiedMs);
  }

  checkpoint(version: number, actions: readonly object[], name = 'checkpoint.parquet'): string {
    const key = `${logFolder}${formatVersion(version)}.${name}`;
    this.store.set(key, name.endsWith('.json') ? lines(actions) : JSON.stringify(actions));
    return key;
  }

  compaction(first: number, last: number, actions: readonly DeltaAction[]): string {
    const key = `${logFolder}${formatVersion(first)}.${formatVersion(last)}.compacted.json`;
    this.store.set(key, lines(actions));
    return key;
  }

  hint(version: number): void {
    this.store.set(`${logFolder}_last_checkpoint`, JSON.stringify({ version, size: 1 }));
  }
}

function lines(actions: readonly object[]): string {
  return actions.map((action) => `${JSON.stringify(action)}\n`).join('');
}
