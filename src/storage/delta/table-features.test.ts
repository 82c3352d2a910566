import { describe, expect, it } from 'vitest';
import { scalar } from '../../types/index.ts';
import type { MetadataAction } from './actions.ts';
import { withDefault, withGeneration, withIdentity } from './column-rules.ts';
import {
  checkWritable,
  isActive,
  lowestProtocol,
  neededFeatures,
  splitFeatureRequests,
  supportsFeature,
  upgradeProtocol,
} from './table-features.ts';
import { integer, testField, text } from './test-fields.ts';

const plain = testField('a', integer);

function metadata(configuration: Record<string, string> = {}): MetadataAction {
  return {
    id: 'x',
    format: { provider: 'parquet', options: {} },
    schemaString: '{}',
    partitionColumns: [],
    configuration,
  };
}

describe('neededFeatures', () => {
  it('finds nothing in a plain table', () => {
    expect(neededFeatures({ fields: [plain], configuration: {} })).toEqual([]);
  });

  it('reads properties', () => {
    const configuration = {
      'delta.appendOnly': 'true',
      'delta.enableDeletionVectors': 'true',
      'delta.enableChangeDataFeed': 'false',
      'delta.constraints.positive': 'a > 0',
      'delta.columnMapping.mode': 'name',
      'delta.checkpointPolicy': 'v2',
      'delta.enableInCommitTimestamps': 'TRUE',
    };
    expect(neededFeatures({ fields: [plain], configuration })).toEqual([
      'appendOnly',
      'checkConstraints',
      'columnMapping',
      'deletionVectors',
      'inCommitTimestamp',
      'v2Checkpoint',
    ]);
  });

  it('reads the schema, nested types too', () => {
    const identity = { start: 1n, step: 1n, highWaterMark: undefined, allowExplicitInsert: false };
    const nested = testField('n', { kind: 'list', element: scalar('TIMESTAMP') });
    const fields = [
      testField('a', integer, {
        metadata: { 'delta.invariants': JSON.stringify({ expression: { expression: 'a > 3' } }) },
      }),
      withGeneration(testField('g', integer), 'a + 1'),
      withDefault(testField('d', text), "'x'"),
      withIdentity(testField('i', scalar('BIGINT')), identity),
      nested,
      testField('z', scalar('TIMESTAMP WITH TIME ZONE')),
    ];
    expect(neededFeatures({ fields, configuration: {} })).toEqual([
      'invariants',
      'generatedColumns',
      'identityColumns',
      'timestampNtz',
      'allowColumnDefaults',
    ]);
  });

  it('counts NOT NULL as an invariant, as Spark does', () => {
    const fields = [testField('a', integer, { nullable: false }), withDefault(testField('d', text), "'x'")];
    expect(neededFeatures({ fields, configuration: {} })).toEqual(['invariants', 'allowColumnDefaults']);
  });

  it('adds what was asked for, and what that requires', () => {
    expect(neededFeatures({ fields: [plain], configuration: {} }, ['clustering'])).toEqual([
      'domainMetadata',
      'clustering',
    ]);
  });

  it('refuses by name what cannot be written', () => {
    const shape = { fields: [plain], configuration: {} };
    expect(() => neededFeatures(shape, ['time-travel-2'])).toThrow(/unknown feature "time-travel-2"/);
    expect(() => neededFeatures(shape, ['rowTracking'])).toThrow(/"rowTracking"/);
    const rowTracking = { fields: [plain], configuration: { 'delta.enableRowTracking': 'true' } };
    expect(() => neededFeatures(rowTracking)).toThrow(/"rowTracking"/);
    const iceberg = { fields: [plain], configuration: { 'delta.enableIcebergCompatV2': 'true' } };
    expect(() => neededFeatures(iceberg)).toThrow(/"icebergCompatV2"/);
    const variant = { fields: [testField('v', scalar('VARIANT'))], configuration: {} };
    expect(() => neededFeatures(variant)).toThrow(/"variantType"/);
  });
});

describe('lowestProtocol', () => {
  it('uses versions that old readers know as long as they can', () => {
    expect(lowestProtocol([])).toEqual({ minReaderVersion: 1, minWriterVersion: 2 });
    expect(lowestProtocol(['checkConstraints'])).toEqual({ minReaderVersion: 1, minWriterVersion: 3 });
    expect(lowestProtocol(['columnMapping'])).toEqual({ minReaderVersion: 2, minWriterVersion: 5 });
    expect(lowestProtocol(['identityColumns'])).toEqual({ minReaderVersion: 1, minWriterVersion: 6 });
  });

  it('names features where one of them has no version', () => {
    expect(lowestProtocol(['appendOnly', 'inCommitTimestamp'])).toEqual({
      minReaderVersion: 1,
      minWriterVersion: 7,
      writerFeatures: ['appendOnly', 'inCommitTimestamp'],
    });
    expect(lowestProtocol(['columnMapping', 'deletionVectors', 'domainMetadata'])).toEqual({
      minReaderVersion: 3,
      minWriterVersion: 7,
      readerFeatures: ['columnMapping', 'deletionVectors'],
      writerFeatures: ['columnMapping', 'deletionVectors', 'domainMetadata'],
    });
  });
});

describe('upgradeProtocol', () => {
  it('leaves a table alone that has everything', () => {
    expect(upgradeProtocol({ minReaderVersion: 1, minWriterVersion: 4 }, ['changeDataFeed'])).toBeUndefined();
  });

  it('raises versions', () => {
    expect(upgradeProtocol({ minReaderVersion: 1, minWriterVersion: 2 }, ['columnMapping'])).toEqual({
      minReaderVersion: 2,
      minWriterVersion: 5,
    });
  });

  it('names all that an old version had built in', () => {
    expect(upgradeProtocol({ minReaderVersion: 2, minWriterVersion: 5 }, ['deletionVectors'])).toEqual({
      minReaderVersion: 3,
      minWriterVersion: 7,
      readerFeatures: ['columnMapping', 'deletionVectors'],
      writerFeatures: [
        'appendOnly',
        'invariants',
        'checkConstraints',
        'changeDataFeed',
        'generatedColumns',
        'columnMapping',
        'deletionVectors',
      ],
    });
  });

  it('keeps the reader version where only writers are concerned', () => {
    expect(upgradeProtocol({ minReaderVersion: 1, minWriterVersion: 2 }, ['domainMetadata'])).toEqual({
      minReaderVersion: 1,
      minWriterVersion: 7,
      writerFeatures: ['appendOnly', 'invariants', 'domainMetadata'],
    });
    const named = { minReaderVersion: 1, minWriterVersion: 7, writerFeatures: ['domainMetadata'] };
    expect(upgradeProtocol(named, ['columnMapping'])).toEqual({
      minReaderVersion: 2,
      minWriterVersion: 7,
      writerFeatures: ['domainMetadata', 'columnMapping'],
    });
  });

  it('adds to the lists of a table with features', () => {
    const current = {
      minReaderVersion: 3,
      minWriterVersion: 7,
      readerFeatures: ['timestampNtz'],
      writerFeatures: ['timestampNtz', 'foo'],
    };
    expect(upgradeProtocol(current, ['columnMapping', 'appendOnly'])).toEqual({
      minReaderVersion: 3,
      minWriterVersion: 7,
      readerFeatures: ['timestampNtz', 'columnMapping'],
      writerFeatures: ['timestampNtz', 'foo', 'columnMapping', 'appendOnly'],
    });
  });
});

describe('checkWritable', () => {
  const named = (...writerFeatures: string[]) => ({
    minReaderVersion: 3,
    minWriterVersion: 7,
    readerFeatures: [],
    writerFeatures,
  });

  it('accepts the tables that are written', () => {
    checkWritable({ minReaderVersion: 2, minWriterVersion: 6 }, metadata());
    checkWritable(named('deletionVectors', 'clustering', 'vacuumProtocolCheck'), metadata());
    checkWritable(named('rowTracking'), metadata({ 'delta.rowTrackingSuspended': 'true' }));
    checkWritable(named('icebergCompatV1'), metadata());
  });

  it('refuses the others by name', () => {
    expect(() => checkWritable({ minReaderVersion: 4, minWriterVersion: 7 }, metadata())).toThrow(
      /reader version 4/,
    );
    for (const name of ['rowTracking', 'catalogManaged', 'somethingNew']) {
      expect(() => checkWritable(named(name), metadata())).toThrow(`"${name}"`);
    }
    const iceberg = metadata({ 'delta.enableIcebergCompatV1': 'true' });
    expect(() => checkWritable(named('icebergCompatV1'), iceberg)).toThrow(/"icebergCompatV1"/);
    const orc = { ...metadata(), format: { provider: 'orc', options: {} } };
    expect(() => checkWritable(named(), orc)).toThrow(/"orc"/);
  });
});

describe('supportsFeature and isActive', () => {
  it('take the property and the protocol together', () => {
    const on = metadata({ 'delta.enableChangeDataFeed': 'true' });
    expect(
      isActive(
        { protocol: { minReaderVersion: 1, minWriterVersion: 4 }, metadata: on },
        'enableChangeDataFeed',
      ),
    ).toBe(true);
    expect(
      isActive(
        { protocol: { minReaderVersion: 1, minWriterVersion: 2 }, metadata: on },
        'enableChangeDataFeed',
      ),
    ).toBe(false);
    expect(supportsFeature({ minReaderVersion: 1, minWriterVersion: 5 }, 'columnMapping')).toBe(false);
    expect(
      supportsFeature({ minReaderVersion: 1, minWriterVersion: 7, writerFeatures: [] }, 'appendOnly'),
    ).toBe(false);
  });
});

describe('splitFeatureRequests', () => {
  it('takes the requests out of the properties', () => {
    expect(splitFeatureRequests({ 'delta.feature.DeletionVectors': 'supported', a: 'b' })).toEqual({
      properties: { a: 'b' },
      features: ['deletionVectors'],
    });
    expect(() => splitFeatureRequests({ 'delta.feature.x': 'no' })).toThrow(/must be supported/);
  });
});
