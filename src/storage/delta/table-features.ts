import { SkeinError, SqlState } from '../../common/index.ts';
import type { SqlType } from '../../types/index.ts';
import type { MetadataAction, ProtocolAction } from './actions.ts';
import { checkConstraints, columnRules } from './column-rules.ts';
import type { DeltaField } from './delta-snapshot.ts';
import { storedType } from './stored-type.ts';
import { deltaProperties } from './table-properties.ts';

/** What a table is made of, as far as it decides which features it needs. */
export interface TableShape {
  readonly fields: readonly DeltaField[];
  readonly configuration: Readonly<Record<string, string>>;
}

type Need = (shape: TableShape) => boolean;

interface Feature {
  /** Readers must know it too. */
  readonly readers: boolean;
  /** Protocol versions before table features that had it built in. */
  readonly legacy?: { readonly reader: number; readonly writer: number };
  /** Features that it does not work without. */
  readonly requires?: readonly string[];
  /** Whether a table of this shape uses it. */
  readonly needed: Need;
  /** Whether it asks anything of writers; where it does as soon as it is used: left out. */
  readonly active?: Need;
  /**
   * Whether this engine writes such a table correctly: always, never, or where the table does not use what the
   * feature allows.
   */
  readonly written: 'always' | 'never' | 'unlessActive';
}

const never: Need = () => false;
const whenSet =
  (key: string): Need =>
  ({ configuration }) =>
    configuration[key]?.trim().toLowerCase() === 'true';
/** The protocol counts expressions only; Spark also NOT NULL, and opens no table with it that does not name the feature. */
const hasInvariants: Need = ({ fields }) => {
  const { invariants, notNull } = columnRules(fields, {});
  return invariants.length > 0 || notNull.length > 0;
};
const refused = (readers: boolean): Feature => ({ readers, needed: never, written: 'never' });
/** Iceberg compatibility asks for ids of nested fields, and for partition values in the data files: not written. */
const icebergCompat = (version: number): Feature => ({
  readers: false,
  needed: whenSet(`delta.enableIcebergCompatV${version}`),
  written: 'unlessActive',
});

/**
 * The features that are known here, each with the decision whether its tables are written.
 * @see Delta PROTOCOL.md, Valid Feature Names in Table Features
 */
const features: ReadonlyMap<string, Feature> = new Map<string, Feature>([
  [
    'appendOnly',
    {
      readers: false,
      legacy: { reader: 1, writer: 2 },
      needed: whenSet('delta.appendOnly'),
      written: 'always',
    },
  ],
  [
    'invariants',
    {
      readers: false,
      legacy: { reader: 1, writer: 2 },
      needed: hasInvariants,
      written: 'always',
    },
  ],
  [
    'checkConstraints',
    {
      readers: false,
      legacy: { reader: 1, writer: 3 },
      needed: ({ configuration }) => checkConstraints(configuration).length > 0,
      written: 'always',
    },
  ],
  [
    'changeDataFeed',
    {
      readers: false,
      legacy: { reader: 1, writer: 4 },
      needed: whenSet('delta.enableChangeDataFeed'),
      written: 'always',
    },
  ],
  [
    'generatedColumns',
    {
      readers: false,
      legacy: { reader: 1, writer: 4 },
      needed: ({ fields }) => columnRules(fields, {}).generated.length > 0,
      written: 'always',
    },
  ],
  [
    'columnMapping',
    {
      readers: true,
      legacy: { reader: 2, writer: 5 },
      needed: ({ configuration }) => deltaProperties(configuration).columnMappingMode !== 'none',
      written: 'always',
    },
  ],
  [
    'identityColumns',
    {
      readers: false,
      legacy: { reader: 1, writer: 6 },
      needed: ({ fields }) => columnRules(fields, {}).identities.length > 0,
      written: 'always',
    },
  ],
  ['deletionVectors', { readers: true, needed: whenSet('delta.enableDeletionVectors'), written: 'always' }],
  [
    'timestampNtz',
    {
      readers: true,
      needed: ({ fields }) => fields.some(({ type }) => holds(storedType(type) ?? type, 'TIMESTAMP')),
      written: 'always',
    },
  ],
  [
    'inCommitTimestamp',
    { readers: false, needed: whenSet('delta.enableInCommitTimestamps'), written: 'always' },
  ],
  ['domainMetadata', { readers: false, needed: never, written: 'always' }],
  [
    'v2Checkpoint',
    {
      readers: true,
      needed: ({ configuration }) => deltaProperties(configuration).checkpointPolicy === 'v2',
      written: 'always',
    },
  ],
  [
    'allowColumnDefaults',
    {
      readers: false,
      needed: ({ fields }) => columnRules(fields, {}).defaults.length > 0,
      written: 'always',
    },
  ],
  ['typeWidening', { readers: true, needed: whenSet('delta.enableTypeWidening'), written: 'always' }],
  // The feature's last name before it was settled; data files and schema are the same.
  ['typeWidening-preview', { readers: true, needed: never, written: 'always' }],
  // Concerns VACUUM only, which checks the protocol of every table here.
  ['vacuumProtocolCheck', { readers: true, needed: never, written: 'always' }],
  // Asks writers for statistics of the clustering columns, which they get; files of ours are not clustered.
  ['clustering', { readers: false, requires: ['domainMetadata'], needed: never, written: 'always' }],
  // Restricts the cleanup of the log only, which leaves such logs alone.
  ['checkpointProtection', { readers: false, needed: never, written: 'always' }],
  // Row ids would have to be given to every row, and carried along by every rewrite; a suspended table wants none.
  [
    'rowTracking',
    {
      readers: false,
      requires: ['domainMetadata'],
      needed: whenSet('delta.enableRowTracking'),
      active: ({ configuration }) => configuration['delta.rowTrackingSuspended']?.toLowerCase() !== 'true',
      written: 'unlessActive',
    },
  ],
  ['icebergCompatV1', icebergCompat(1)],
  ['icebergCompatV2', icebergCompat(2)],
  ['icebergCompatV3', icebergCompat(3)],
  // Variants are written in one of two encodings that must be chosen by the table; DuckDB's is not held to it.
  [
    'variantType',
    { ...refused(true), needed: ({ fields }) => fields.some(({ type }) => holds(type, 'VARIANT')) },
  ],
  ['variantType-preview', refused(true)],
  ['variantShredding', refused(true)],
  ['variantShredding-preview', refused(true)],
  // Data files here do not hold partition columns.
  ['materializePartitionColumns', refused(false)],
  // Commits of these tables belong to a catalog, or to another table.
  ['catalogManaged', refused(true)],
  ['catalogOwned-preview', refused(true)],
  ['coordinatedCommits-preview', refused(false)],
  ['redirectReaderWriter-preview', refused(true)],
  ['redirectWriterOnly-preview', refused(false)],
]);

function holds(type: SqlType, name: string): boolean {
  switch (type.kind) {
    case 'scalar':
      return type.name === name;
    case 'list':
    case 'array':
      return holds(type.element, name);
    case 'map':
      return holds(type.key, name) || holds(type.value, name);
    case 'struct':
      return type.fields.some((field) => holds(field.type, name));
    case 'union':
      return type.members.some((member) => holds(member.type, name));
    case 'decimal':
    case 'enum':
      return false;
  }
}

/**
 * Features that a table of this shape uses, and those that they require; in the order of the protocol's list.
 * @param requested names that were asked for besides, as `delta.feature.NAME = 'supported'` does
 * @throws SkeinError 0A000 naming a feature that is not known, or whose tables are not written
 */
export function neededFeatures(shape: TableShape, requested: Iterable<string> = []): readonly string[] {
  const wanted = new Set(requested);
  for (const [name, feature] of features) {
    if (feature.needed(shape)) wanted.add(name);
  }
  for (const name of [...wanted]) {
    const feature = features.get(name);
    if (feature === undefined || !isWritten(feature, shape)) throw notWritten(name);
    for (const required of feature.requires ?? []) wanted.add(required);
  }
  return [...features.keys()].filter((name) => wanted.has(name));
}

function isWritten(feature: Feature, shape: TableShape): boolean {
  switch (feature.written) {
    case 'always':
      return true;
    case 'never':
      return false;
    case 'unlessActive':
      return !(feature.active ?? feature.needed)(shape);
  }
}

function notWritten(name: string): SkeinError {
  const known = features.has(name) ? 'tables with the feature' : 'tables with the unknown feature';
  return new SkeinError(SqlState.featureNotSupported, `${known} "${name}" cannot be written`, {
    details: { feature: name },
  });
}

/** Whether the table's protocol allows the feature: by name, or by a version that has it built in. */
export function supportsFeature(protocol: ProtocolAction, name: string): boolean {
  if (protocol.minWriterVersion >= 7) return protocol.writerFeatures?.includes(name) ?? false;
  const legacy = features.get(name)?.legacy;
  return (
    legacy !== undefined &&
    protocol.minWriterVersion >= legacy.writer &&
    protocol.minReaderVersion >= legacy.reader
  );
}

/** The lowest protocol that has these features: by version as long as that is enough, else by name. */
export function lowestProtocol(needed: readonly string[]): ProtocolAction {
  const known = needed.map((name) => ({ name, feature: featureOf(name) }));
  const named = known.filter(({ feature }) => feature.legacy === undefined);
  const reader = Math.max(1, ...known.map(({ feature }) => feature.legacy?.reader ?? 1));
  const writer = Math.max(2, ...known.map(({ feature }) => feature.legacy?.writer ?? 2));
  if (named.length === 0) return { minReaderVersion: reader, minWriterVersion: writer };
  if (!named.some(({ feature }) => feature.readers)) {
    return { minReaderVersion: reader, minWriterVersion: 7, writerFeatures: needed };
  }
  return {
    minReaderVersion: 3,
    minWriterVersion: 7,
    readerFeatures: known.filter(({ feature }) => feature.readers).map(({ name }) => name),
    writerFeatures: needed,
  };
}

function featureOf(name: string): Feature {
  const feature = features.get(name);
  if (feature === undefined) throw notWritten(name);
  return feature;
}

/**
 * The protocol that a table of `current` needs for more features; undefined where it has them. Nothing is ever taken
 * away: on the way to named features all that the old version had built in are named, as older versions of the table
 * may have used them.
 */
export function upgradeProtocol(
  current: ProtocolAction,
  needed: readonly string[],
): ProtocolAction | undefined {
  const missing = needed.filter((name) => !supportsFeature(current, name));
  if (missing.length === 0) return undefined;
  if (current.minWriterVersion < 7 && missing.every((name) => featureOf(name).legacy !== undefined)) {
    const lowest = lowestProtocol(missing);
    return {
      minReaderVersion: Math.max(current.minReaderVersion, lowest.minReaderVersion),
      minWriterVersion: Math.max(current.minWriterVersion, lowest.minWriterVersion),
    };
  }
  const builtIn = [...features.keys()].filter(
    (name) => current.minWriterVersion < 7 && supportsFeature(current, name),
  );
  const writerFeatures = [...new Set([...(current.writerFeatures ?? []), ...builtIn, ...missing])];
  const forReaders = writerFeatures.filter((name) => features.get(name)?.readers ?? false);
  const namedForReaders =
    current.minReaderVersion >= 3 || forReaders.some((name) => featureOf(name).legacy === undefined);
  if (!namedForReaders) {
    const reader = forReaders.length > 0 ? 2 : 1;
    return {
      minReaderVersion: Math.max(current.minReaderVersion, reader),
      minWriterVersion: 7,
      writerFeatures,
    };
  }
  const readerFeatures = [...new Set([...(current.readerFeatures ?? []), ...forReaders])];
  return { minReaderVersion: 3, minWriterVersion: 7, readerFeatures, writerFeatures };
}

/**
 * Refuses a table that this engine cannot write without breaking a rule of its features.
 * @throws SkeinError 0A000 naming the version or the feature
 */
export function checkWritable(protocol: ProtocolAction, metadata: MetadataAction): void {
  if (protocol.minReaderVersion > 3 || protocol.minWriterVersion > 7) {
    const versions = `reader version ${protocol.minReaderVersion}, writer version ${protocol.minWriterVersion}`;
    throw new SkeinError(
      SqlState.featureNotSupported,
      `tables of Delta protocol ${versions} cannot be written`,
    );
  }
  if (metadata.format.provider !== 'parquet') {
    const format = metadata.format.provider;
    throw new SkeinError(
      SqlState.featureNotSupported,
      `Delta tables of format "${format}" cannot be written`,
    );
  }
  const shape = { fields: [], configuration: metadata.configuration };
  for (const name of [...(protocol.writerFeatures ?? []), ...(protocol.readerFeatures ?? [])]) {
    const feature = features.get(name);
    if (feature === undefined || !isWritten(feature, shape)) throw notWritten(name);
  }
}

type Switch =
  | 'appendOnly'
  | 'enableChangeDataFeed'
  | 'enableDeletionVectors'
  | 'enableInCommitTimestamps'
  | 'enableTypeWidening';

const switchFeature: Readonly<Record<Switch, string>> = {
  appendOnly: 'appendOnly',
  enableChangeDataFeed: 'changeDataFeed',
  enableDeletionVectors: 'deletionVectors',
  enableInCommitTimestamps: 'inCommitTimestamp',
  enableTypeWidening: 'typeWidening',
};

/** Whether a property that only counts together with its feature is on. */
export function isActive(
  table: { readonly protocol: ProtocolAction; readonly metadata: MetadataAction },
  property: Switch,
): boolean {
  return (
    deltaProperties(table.metadata.configuration)[property] &&
    supportsFeature(table.protocol, switchFeature[property])
  );
}

const requestPrefix = 'delta.feature.';

/**
 * Splits what a user sets into properties to be stored and features asked for by `delta.feature.NAME`.
 * @throws SkeinError 22023 where such a request is neither `supported` nor `enabled`
 */
export function splitFeatureRequests(properties: Readonly<Record<string, string>>): {
  readonly properties: Readonly<Record<string, string>>;
  readonly features: readonly string[];
} {
  const isRequest = (key: string): boolean => key.toLowerCase().startsWith(requestPrefix);
  const entries = Object.entries(properties);
  const names = entries
    .filter(([key]) => isRequest(key))
    .map(([key, value]) => {
      if (!/^(supported|enabled)$/i.test(value.trim())) {
        throw new SkeinError(SqlState.invalidParameterValue, `table property ${key} must be supported`);
      }
      const name = key.slice(requestPrefix.length);
      return [...features.keys()].find((known) => known.toLowerCase() === name.toLowerCase()) ?? name;
    });
  return {
    properties: Object.fromEntries(entries.filter(([key]) => !isRequest(key))),
    features: names,
  };
}
