import { SkeinError, SqlState } from '../../common/index.ts';
import type {
  AddAction,
  CdcAction,
  CommitInfo,
  DeletionVectorDescriptor,
  DeltaAction,
  DomainMetadataAction,
  MetadataAction,
  ProtocolAction,
  RemoveAction,
  TransactionAction,
} from './actions.ts';

/** A file that a checkpoint keeps actions in. @see Delta PROTOCOL.md, Sidecar File Information */
export interface SidecarAction {
  readonly path: string;
  readonly sizeInBytes: number;
}

/** What rows of a checkpoint hold besides actions. */
export interface CheckpointAction {
  readonly sidecar?: SidecarAction;
  readonly checkpointMetadata?: { readonly version: number };
}

type Json = Readonly<Record<string, unknown>>;

/** An action lacks what readers need, or has it in another shape. */
class NoAction extends Error {}

/**
 * The actions of a log entry, in order. Actions and fields that this reader does not know are left out, as the
 * protocol wants it. A last line without an end is whole where it is JSON: some writers leave the newline out.
 * @param where the file, for errors
 * @throws SkeinError XX001 naming file and line where the entry is torn or invalid
 */
export function parseLogEntry(bytes: Uint8Array, where: string): readonly DeltaAction[] {
  const actions: DeltaAction[] = [];
  eachLine(bytes, where, (json) => {
    const action = parseAction(json);
    if (action !== undefined) actions.push(action);
  });
  return actions;
}

/** Calls back for every line of an NDJSON file, in order. @throws as `parseLogEntry` */
export function eachLine(bytes: Uint8Array, where: string, use: (json: unknown) => void): void {
  let text: string;
  try {
    text = new TextDecoder('utf-8', { fatal: true }).decode(bytes);
  } catch (error) {
    throw corruptLog(where, 'is not valid UTF-8', error);
  }
  const lines = text.split('\n');
  if (lines.at(-1) === '') lines.pop();
  if (lines.length === 0) throw corruptLog(where, 'is empty');
  lines.forEach((line, index) => {
    if (line.trim() === '' && index < lines.length - 1) return;
    try {
      use(JSON.parse(line));
    } catch (error) {
      if (!(error instanceof SyntaxError || error instanceof NoAction)) throw error;
      throw corruptLog(where, `is torn or damaged: line ${index + 1}: ${error.message}`, error);
    }
  });
}

export function corruptLog(where: string, problem: string, cause?: unknown): SkeinError {
  return new SkeinError(SqlState.dataCorrupted, `${where} ${problem}`, { details: { path: where }, cause });
}

/**
 * An action from its JSON; null is as absent.
 * @returns undefined for one that this reader does not know
 * @throws what `eachLine` and `parsing` turn into XX001
 */
export function parseAction(json: unknown): DeltaAction | undefined {
  const row = objectOf(json, 'the action');
  // Files first: there are most of them.
  if (isPresent(row.add)) return { add: parseAdd(objectOf(row.add, 'add')) };
  if (isPresent(row.remove)) return { remove: parseRemove(objectOf(row.remove, 'remove')) };
  if (isPresent(row.metaData)) return { metaData: parseMetadata(objectOf(row.metaData, 'metaData')) };
  if (isPresent(row.protocol)) return { protocol: parseProtocol(objectOf(row.protocol, 'protocol')) };
  if (isPresent(row.txn)) return { txn: parseTransaction(objectOf(row.txn, 'txn')) };
  if (isPresent(row.domainMetadata))
    return { domainMetadata: parseDomain(objectOf(row.domainMetadata, 'domainMetadata')) };
  if (isPresent(row.commitInfo))
    return { commitInfo: parseCommitInfo(objectOf(row.commitInfo, 'commitInfo')) };
  if (isPresent(row.cdc)) return { cdc: parseCdc(objectOf(row.cdc, 'cdc')) };
  return undefined;
}

/** @throws as `parseAction` */
export function parseCheckpointAction(json: unknown): CheckpointAction | undefined {
  const row = objectOf(json, 'the action');
  if (isPresent(row.sidecar)) {
    const sidecar = objectOf(row.sidecar, 'sidecar');
    const path = stringOf(sidecar, 'path');
    return { sidecar: { path, sizeInBytes: integerOf(sidecar, 'sizeInBytes') } };
  }
  if (!isPresent(row.checkpointMetadata)) return undefined;
  const version = integerOf(objectOf(row.checkpointMetadata, 'checkpointMetadata'), 'version');
  return { checkpointMetadata: { version } };
}

/** Turns what the parsers here throw into an error of the file. @throws SkeinError XX001 naming `where` */
export function parsing<T>(where: string, parse: () => T): T {
  try {
    return parse();
  } catch (error) {
    if (!(error instanceof SyntaxError || error instanceof NoAction)) throw error;
    throw corruptLog(where, `is damaged: ${error.message}`, error);
  }
}

const noValues: Readonly<Record<string, string | null>> = {};

type Mutable<T> = { -readonly [K in keyof T]: T[K] };

/** @throws as `parseAction` */
export function parseAdd(json: Json): AddAction {
  const add: Mutable<AddAction> = {
    path: stringOf(json, 'path'),
    partitionValues: partitionValuesOf(json),
    size: integerOf(json, 'size'),
    modificationTime: integerOf(json, 'modificationTime'),
    dataChange: json.dataChange === true,
  };
  if (isPresent(json.stats)) add.stats = stringOf(json, 'stats');
  addFileFields(add, json);
  if (isPresent(json.clusteringProvider)) add.clusteringProvider = stringOf(json, 'clusteringProvider');
  return add;
}

function parseRemove(json: Json): RemoveAction {
  const remove: Mutable<RemoveAction> = {
    path: stringOf(json, 'path'),
    dataChange: json.dataChange === true,
  };
  if (isPresent(json.deletionTimestamp)) remove.deletionTimestamp = integerOf(json, 'deletionTimestamp');
  if (isPresent(json.extendedFileMetadata)) remove.extendedFileMetadata = json.extendedFileMetadata === true;
  if (isPresent(json.partitionValues)) remove.partitionValues = partitionValuesOf(json);
  if (isPresent(json.size)) remove.size = integerOf(json, 'size');
  if (isPresent(json.stats)) remove.stats = stringOf(json, 'stats');
  addFileFields(remove, json);
  return remove;
}

function addFileFields(file: Mutable<AddAction | RemoveAction>, json: Json): void {
  if (isPresent(json.tags)) file.tags = stringsOf(json, 'tags');
  if (isPresent(json.deletionVector))
    file.deletionVector = parseDeletionVector(objectOf(json.deletionVector, 'deletionVector'));
  if (isPresent(json.baseRowId)) file.baseRowId = integerOf(json, 'baseRowId');
  if (isPresent(json.defaultRowCommitVersion))
    file.defaultRowCommitVersion = integerOf(json, 'defaultRowCommitVersion');
}

function parseDeletionVector(json: Json): DeletionVectorDescriptor {
  const { storageType } = json;
  if (storageType !== 'u' && storageType !== 'i' && storageType !== 'p')
    throw new NoAction(`a deletion vector is of the unknown kind ${JSON.stringify(storageType)}`);
  return {
    storageType,
    pathOrInlineDv: stringOf(json, 'pathOrInlineDv'),
    ...(isPresent(json.offset) ? { offset: integerOf(json, 'offset') } : {}),
    sizeInBytes: integerOf(json, 'sizeInBytes'),
    cardinality: integerOf(json, 'cardinality'),
  };
}

function parseMetadata(json: Json): MetadataAction {
  const format = objectOf(json.format ?? { provider: 'parquet' }, 'format');
  return {
    id: stringOf(json, 'id'),
    ...(isPresent(json.name) ? { name: stringOf(json, 'name') } : {}),
    ...(isPresent(json.description) ? { description: stringOf(json, 'description') } : {}),
    format: { provider: stringOf(format, 'provider'), options: stringsOf(format, 'options') },
    schemaString: stringOf(json, 'schemaString'),
    partitionColumns: listOf(json, 'partitionColumns') ?? [],
    configuration: stringsOf(json, 'configuration'),
    ...(isPresent(json.createdTime) ? { createdTime: integerOf(json, 'createdTime') } : {}),
  };
}

function parseProtocol(json: Json): ProtocolAction {
  const readerFeatures = listOf(json, 'readerFeatures');
  const writerFeatures = listOf(json, 'writerFeatures');
  return {
    minReaderVersion: integerOf(json, 'minReaderVersion'),
    minWriterVersion: integerOf(json, 'minWriterVersion'),
    ...(readerFeatures === undefined ? {} : { readerFeatures }),
    ...(writerFeatures === undefined ? {} : { writerFeatures }),
  };
}

function parseTransaction(json: Json): TransactionAction {
  return {
    appId: stringOf(json, 'appId'),
    version: integerOf(json, 'version'),
    ...(isPresent(json.lastUpdated) ? { lastUpdated: integerOf(json, 'lastUpdated') } : {}),
  };
}

function parseDomain(json: Json): DomainMetadataAction {
  return {
    domain: stringOf(json, 'domain'),
    configuration: isPresent(json.configuration) ? stringOf(json, 'configuration') : '',
    removed: json.removed === true,
  };
}

/** Writers put anything here: a field of another type than usual is left out, never an error. */
function parseCommitInfo(json: Json): CommitInfo {
  const kinds: Readonly<Record<string, string>> = {
    timestamp: 'number',
    inCommitTimestamp: 'number',
    operation: 'string',
    operationParameters: 'object',
    operationMetrics: 'object',
    engineInfo: 'string',
    isBlindAppend: 'boolean',
    txnId: 'string',
  };
  return Object.fromEntries(
    Object.entries(json).filter(
      ([name, value]) => isPresent(value) && (!Object.hasOwn(kinds, name) || typeof value === kinds[name]),
    ),
  );
}

function parseCdc(json: Json): CdcAction {
  return {
    path: stringOf(json, 'path'),
    partitionValues: partitionValuesOf(json),
    size: integerOf(json, 'size'),
    dataChange: false,
    ...(isPresent(json.tags) ? { tags: stringsOf(json, 'tags') } : {}),
  };
}

function isPresent(value: unknown): boolean {
  return value !== undefined && value !== null;
}

function objectOf(value: unknown, name: string): Json {
  if (typeof value !== 'object' || value === null || Array.isArray(value))
    throw new NoAction(`${name} is no object`);
  return value as Json;
}

function stringOf(json: Json, name: string): string {
  const value = json[name];
  if (typeof value !== 'string') throw new NoAction(`${name} is no string`);
  return value;
}

function integerOf(json: Json, name: string): number {
  const value = json[name];
  if (!Number.isSafeInteger(value)) throw new NoAction(`${name} is no integer of at most 53 bits`);
  return value as number;
}

function listOf(json: Json, name: string): readonly string[] | undefined {
  const value = json[name];
  if (!isPresent(value)) return undefined;
  if (!Array.isArray(value) || !value.every((item) => typeof item === 'string'))
    throw new NoAction(`${name} is no list of strings`);
  return value as readonly string[];
}

/** Empty where there are none. */
function stringsOf(json: Json, name: string): Readonly<Record<string, string>> {
  if (!isPresent(json[name])) return {};
  const values = objectOf(json[name], name);
  if (Object.values(values).every((value) => typeof value === 'string'))
    return values as Readonly<Record<string, string>>;
  const entries = Object.entries(values).filter(([, value]) => isPresent(value));
  // Some writers put numbers and booleans here.
  return Object.fromEntries(entries.map(([key, value]) => [key, String(value)]));
}

/** One object for all files without any. */
function partitionValuesOf(json: Json): Readonly<Record<string, string | null>> {
  if (!isPresent(json.partitionValues)) return noValues;
  const values = objectOf(json.partitionValues, 'partitionValues');
  let count = 0;
  for (const value of Object.values(values)) {
    count += 1;
    if (typeof value !== 'string' && value !== null)
      throw new NoAction('a partition value is neither a string nor null');
  }
  return count === 0 ? noValues : (values as Readonly<Record<string, string | null>>);
}
