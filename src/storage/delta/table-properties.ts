import { SkeinError, SqlState } from '../../common/index.ts';

export type TableIsolation = 'Serializable' | 'WriteSerializable';

/** What a table's `delta.*` properties say, with the protocol's defaults. Durations in milliseconds. */
export interface DeltaProperties {
  readonly appendOnly: boolean;
  readonly checkpointInterval: number;
  readonly checkpointPolicy: 'classic' | 'v2';
  readonly writeStatsAsJson: boolean;
  readonly writeStatsAsStruct: boolean;
  readonly columnMappingMode: 'none' | 'name' | 'id';
  /** Leaf columns that get statistics, from the left; -1: all. */
  readonly dataSkippingNumIndexedCols: number;
  /** As `parseColumnPaths` gives it; undefined: the first `dataSkippingNumIndexedCols`. */
  readonly dataSkippingStatsColumns: readonly (readonly string[])[] | undefined;
  /** Characters of a text that statistics keep. */
  readonly dataSkippingStringPrefixLength: number;
  readonly deletedFileRetentionMs: number;
  readonly logRetentionMs: number;
  /** Undefined: application transactions are kept forever. */
  readonly transactionRetentionMs: number | undefined;
  readonly enableChangeDataFeed: boolean;
  readonly enableDeletionVectors: boolean;
  readonly enableExpiredLogCleanup: boolean;
  readonly enableInCommitTimestamps: boolean;
  readonly enableTypeWidening: boolean;
  readonly isolationLevel: TableIsolation;
  /** Bytes that OPTIMIZE and writers aim at; undefined: the writer's own choice. */
  readonly targetFileBytes: number | undefined;
}

type Check = (value: string) => string | undefined;

const boolean: Check = (value) =>
  /^(true|false)$/i.test(value.trim()) ? undefined : 'must be true or false';
const integer =
  (minimum: number): Check =>
  (value) =>
    /^-?\d+$/.test(value.trim()) && Number.isSafeInteger(Number(value)) && Number(value) >= minimum
      ? undefined
      : `must be an integer of at least ${minimum}`;
const oneOf =
  (...values: readonly string[]): Check =>
  (value) =>
    values.some((known) => known.toLowerCase() === value.trim().toLowerCase())
      ? undefined
      : `must be one of ${values.join(', ')}`;
const interval: Check = (value) =>
  intervalMs(value) === undefined
    ? "must be a duration such as 'interval 7 days'; months and years have no fixed length"
    : undefined;
const bytes: Check = (value) =>
  byteCount(value) === undefined ? "must be a size such as '134217728' or '128mb'" : undefined;
const columnPaths: Check = (value) =>
  parseColumnPaths(value) === undefined ? 'must be a comma-separated list of column names' : undefined;
const anything: Check = () => undefined;

/** Checks of the values of the keys that the protocol and its reference implementation know. */
const checks = new Map<string, Check>(
  Object.entries({
    'delta.appendOnly': boolean,
    'delta.autoOptimize': boolean,
    'delta.autoOptimize.autoCompact': oneOf('true', 'false', 'auto', 'legacy'),
    'delta.autoOptimize.optimizeWrite': boolean,
    'delta.checkpoint.writeStatsAsJson': boolean,
    'delta.checkpoint.writeStatsAsStruct': boolean,
    'delta.checkpointInterval': integer(1),
    'delta.checkpointPolicy': oneOf('classic', 'v2'),
    'delta.checkpointRetentionDuration': interval,
    'delta.columnMapping.maxColumnId': integer(0),
    'delta.columnMapping.mode': oneOf('none', 'name', 'id'),
    'delta.dataSkippingNumIndexedCols': integer(-1),
    'delta.dataSkippingStatsColumns': columnPaths,
    'delta.dataSkippingStringPrefixLength': integer(0),
    'delta.deletedFileRetentionDuration': interval,
    'delta.enableChangeDataFeed': boolean,
    'delta.enableDeletionVectors': boolean,
    'delta.enableExpiredLogCleanup': boolean,
    'delta.enableIcebergCompatV1': boolean,
    'delta.enableIcebergCompatV2': boolean,
    'delta.enableIcebergCompatV3': boolean,
    'delta.enableInCommitTimestamps': boolean,
    'delta.enableRowTracking': boolean,
    'delta.enableTypeWidening': boolean,
    'delta.enableVariantShredding': boolean,
    'delta.inCommitTimestampEnablementTimestamp': integer(0),
    'delta.inCommitTimestampEnablementVersion': integer(0),
    'delta.isolationLevel': oneOf('Serializable', 'WriteSerializable'),
    'delta.logRetentionDuration': interval,
    'delta.minReaderVersion': integer(1),
    'delta.minWriterVersion': integer(1),
    'delta.parquet.compression.codec': oneOf(
      'uncompressed',
      'none',
      'snappy',
      'gzip',
      'lz4',
      'lz4_raw',
      'zstd',
    ),
    'delta.parquet.format.version': (value) =>
      /^(1\.0\.0|2\.\d+\.\d+)$/.test(value.trim()) ? undefined : 'must be 1.0.0 or 2.MINOR.PATCH',
    'delta.randomizeFilePrefixes': boolean,
    'delta.randomPrefixLength': integer(1),
    'delta.rowTrackingSuspended': boolean,
    'delta.setTransactionRetentionDuration': interval,
    'delta.targetFileSize': bytes,
    'delta.tuneFileSizesForRewrites': boolean,
    'delta.universalFormat.enabledFormats': anything,
  }),
);

/** Keys that only the engine may write: who sets them by hand breaks the table. */
const internalKeys = new Set([
  'delta.columnmapping.maxcolumnid',
  'delta.incommittimestampenablementtimestamp',
  'delta.incommittimestampenablementversion',
  'delta.rowtracking.materializedrowidcolumnname',
  'delta.rowtracking.materializedrowcommitversioncolumnname',
]);

const canonicalKeys = new Map([...checks.keys()].map((key) => [key.toLowerCase(), key]));

/**
 * Checks properties that a user sets.
 * @returns the properties with the known keys spelled as the protocol spells them; unknown ones unchanged
 * @throws SkeinError 22023 naming the key: a wrong value, or a key that only the engine may set
 */
export function validateProperties(
  properties: Readonly<Record<string, string>>,
): Readonly<Record<string, string>> {
  const entries = Object.entries(properties).map(([key, value]) => {
    if (internalKeys.has(key.toLowerCase())) {
      throw new SkeinError(SqlState.invalidParameterValue, `table property ${key} is set by the engine only`);
    }
    const canonical = canonicalKeys.get(key.toLowerCase()) ?? key;
    const fault = checks.get(canonical)?.(value);
    if (fault !== undefined) throw wrongValue(canonical, value, fault);
    return [canonical, value] as const;
  });
  const result = Object.fromEntries(entries);
  checkRetentions(result);
  return result;
}

/** A log that forgets removed files before their time has passed would leave them to nobody's VACUUM. */
function checkRetentions(configuration: Readonly<Record<string, string>>): void {
  const given = (key: string): boolean => configuration[key] !== undefined;
  if (!given('delta.logRetentionDuration') || !given('delta.deletedFileRetentionDuration')) return;
  const { logRetentionMs, deletedFileRetentionMs } = deltaProperties(configuration);
  if (logRetentionMs >= deletedFileRetentionMs) return;
  throw new SkeinError(
    SqlState.invalidParameterValue,
    'delta.logRetentionDuration must not be shorter than delta.deletedFileRetentionDuration',
  );
}

/**
 * Reads the properties of a table, ours or others'.
 * @throws SkeinError 22023 naming the key of a wrong value
 */
export function deltaProperties(configuration: Readonly<Record<string, string>>): DeltaProperties {
  const text = (key: string): string | undefined => {
    const value = configuration[key];
    if (value === undefined) return undefined;
    const fault = checks.get(key)?.(value);
    if (fault !== undefined) throw wrongValue(key, value, fault);
    return value.trim();
  };
  const flag = (key: string, absent: boolean): boolean =>
    (text(key) ?? String(absent)).toLowerCase() === 'true';
  const count = (key: string, absent: number): number => Number(text(key) ?? absent);
  const duration = (key: string, absent: string): number => intervalMs(text(key) ?? absent) ?? 0;
  const transactions = text('delta.setTransactionRetentionDuration');
  const statsColumns = text('delta.dataSkippingStatsColumns');
  const fileSize = text('delta.targetFileSize');
  const serializable = text('delta.isolationLevel')?.toLowerCase() === 'serializable';
  const mode = text('delta.columnMapping.mode')?.toLowerCase();
  return {
    appendOnly: flag('delta.appendOnly', false),
    checkpointInterval: count('delta.checkpointInterval', 10),
    checkpointPolicy: text('delta.checkpointPolicy')?.toLowerCase() === 'v2' ? 'v2' : 'classic',
    writeStatsAsJson: flag('delta.checkpoint.writeStatsAsJson', true),
    writeStatsAsStruct: flag('delta.checkpoint.writeStatsAsStruct', false),
    columnMappingMode: mode === 'name' || mode === 'id' ? mode : 'none',
    dataSkippingNumIndexedCols: count('delta.dataSkippingNumIndexedCols', 32),
    dataSkippingStatsColumns: statsColumns === undefined ? undefined : parseColumnPaths(statsColumns),
    dataSkippingStringPrefixLength: count('delta.dataSkippingStringPrefixLength', 32),
    deletedFileRetentionMs: duration('delta.deletedFileRetentionDuration', 'interval 1 week'),
    logRetentionMs: duration('delta.logRetentionDuration', 'interval 30 days'),
    transactionRetentionMs: transactions === undefined ? undefined : intervalMs(transactions),
    enableChangeDataFeed: flag('delta.enableChangeDataFeed', false),
    enableDeletionVectors: flag('delta.enableDeletionVectors', false),
    enableExpiredLogCleanup: flag('delta.enableExpiredLogCleanup', true),
    enableInCommitTimestamps: flag('delta.enableInCommitTimestamps', false),
    enableTypeWidening: flag('delta.enableTypeWidening', false),
    isolationLevel: serializable ? 'Serializable' : 'WriteSerializable',
    targetFileBytes: fileSize === undefined ? undefined : byteCount(fileSize),
  };
}

function wrongValue(key: string, value: string, fault: string): SkeinError {
  return new SkeinError(SqlState.invalidParameterValue, `table property ${key} ${fault}, not '${value}'`);
}

const unitMs: Readonly<Record<string, number>> = {
  week: 604_800_000,
  day: 86_400_000,
  hour: 3_600_000,
  minute: 60_000,
  second: 1000,
  millisecond: 1,
  microsecond: 0.001,
};

/**
 * Milliseconds of an interval as Delta tables spell it: `interval 7 days`, `2 weeks`, `interval 1 day 12 hours`.
 * Undefined where it is none, is negative, or counts in months or years.
 */
export function intervalMs(text: string): number | undefined {
  const parts = text
    .trim()
    .toLowerCase()
    .replace(/^interval\b/, '')
    .trim()
    .split(/\s+/);
  if (parts.length < 2 || parts.length % 2 !== 0) return undefined;
  let total = 0;
  for (let at = 0; at < parts.length; at += 2) {
    const amount = Number(parts[at]?.replace(/^'(.*)'$/, '$1'));
    const unit = unitMs[(parts[at + 1] ?? '').replace(/s$/, '')];
    if (!Number.isFinite(amount) || unit === undefined) return undefined;
    total += amount * unit;
  }
  return total >= 0 ? Math.floor(total) : undefined;
}

function byteCount(text: string): number | undefined {
  const match = /^(\d+)\s*(b|kb?|mb?|gb?)?$/i.exec(text.trim());
  if (match?.[1] === undefined) return undefined;
  const power = 'bkmg'.indexOf((match[2] ?? 'b').charAt(0).toLowerCase());
  const count = Number(match[1]) * 1024 ** power;
  return Number.isSafeInteger(count) && count > 0 ? count : undefined;
}

/**
 * Column paths as `delta.dataSkippingStatsColumns` lists them: names of letters, digits and underscores, or in
 * backticks, joined by dots, separated by commas. Undefined where the text is no such list.
 */
export function parseColumnPaths(text: string): readonly (readonly string[])[] | undefined {
  if (text.trim() === '') return [];
  const part = /\s*(?:`((?:[^`]|``)+)`|([^\s`.,]+))\s*([.,]?)/y;
  const paths: string[][] = [];
  let path: string[] = [];
  let separator = ',';
  while (part.lastIndex < text.length) {
    const match = part.exec(text);
    if (match === null) return undefined;
    path.push(match[1]?.replaceAll('``', '`') ?? match[2] ?? '');
    separator = match[3] ?? '';
    if (separator !== '.') {
      paths.push(path);
      path = [];
    }
    if (separator === '') break;
  }
  return part.lastIndex === text.length && separator === '' ? paths : undefined;
}
