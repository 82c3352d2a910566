import { assertNever, SkeinError, SqlState } from '../../common/index.ts';
import {
  formatExactJson,
  formatType,
  parseExactJson,
  parseType,
  type ScalarName,
  type Schema,
  type SqlType,
  sameType,
  scalar,
} from '../../types/index.ts';
import type { ColumnMappingMode, DeltaField } from './delta-snapshot.ts';
import { isCarried, storedType } from './stored-type.ts';

/** Metadata of a field whose type Delta lacks: the type as DuckDB prints it. */
const skeinType = 'skein.type';
const mappedName = 'delta.columnMapping.physicalName';
const mappedId = 'delta.columnMapping.id';
const nestedIds = 'delta.columnMapping.nested.ids';

const primitives: Readonly<Record<string, ScalarName>> = {
  string: 'VARCHAR',
  long: 'BIGINT',
  integer: 'INTEGER',
  short: 'SMALLINT',
  byte: 'TINYINT',
  float: 'FLOAT',
  double: 'DOUBLE',
  boolean: 'BOOLEAN',
  binary: 'BLOB',
  date: 'DATE',
  timestamp: 'TIMESTAMP WITH TIME ZONE',
  timestamp_ntz: 'TIMESTAMP',
  void: 'NULL',
};
const primitiveNames = new Map(Object.entries(primitives).map(([delta, name]) => [name, delta]));

/** Where in which schema the parser is, for errors and for what column mapping says. */
interface Place {
  readonly table: string;
  readonly mode: ColumnMappingMode;
  /** Names from the top-level column on. */
  readonly path: readonly string[];
  /** Ids of elements, keys and values below the nearest struct field, and the way from it. */
  readonly nestedIds: Readonly<Record<string, unknown>>;
  readonly nestedPath: string;
}

/**
 * The columns of a Delta schema. With column mapping, `fieldId` is known in mode `name` too, because writers need it;
 * readers go by it only in mode `id`.
 * @param table its location, for errors
 * @throws SkeinError XX001 where the JSON is no schema; 0A000 for a type that Skein cannot read, naming the column
 */
export function parseSchemaString(
  schemaString: string,
  mode: ColumnMappingMode,
  table: string,
): readonly DeltaField[] {
  const place: Place = { table, mode, path: [], nestedIds: {}, nestedPath: '' };
  let json: unknown;
  try {
    json = parseExactJson(schemaString);
  } catch (error) {
    throw corrupt(place, 'is no JSON', error);
  }
  if (!isObject(json) || json.type !== 'struct') throw corrupt(place, 'is no struct');
  return parseFields(json.fields, place);
}

/** The columns as SQL sees them. */
export function fieldsToSchema(fields: readonly DeltaField[]): Schema {
  return fields.map(({ name, type }) => ({ name, type }));
}

function parseFields(json: unknown, place: Place): readonly DeltaField[] {
  if (!Array.isArray(json)) throw corrupt(place, 'has a struct without fields');
  return json.map((field: unknown) => parseField(field, place));
}

function parseField(json: unknown, place: Place): DeltaField {
  if (!isObject(json) || typeof json.name !== 'string') throw corrupt(place, 'has a field without a name');
  const { name } = json;
  const metadata = isObject(json.metadata) ? json.metadata : {};
  const path = [...place.path, name];
  const physicalName = place.mode === 'none' ? name : metadata[mappedName];
  if (typeof physicalName !== 'string')
    throw corrupt({ ...place, path }, 'has no physical name, which column mapping needs');
  const ids = metadata[nestedIds];
  const below: Place = {
    ...place,
    path,
    nestedIds: isObject(ids) ? ids : {},
    nestedPath: physicalName,
  };
  checkTypeChanges(metadata['delta.typeChanges'], below);
  const { type, children } = parseTypeJson(json.type, below);
  const field: DeltaField = {
    name,
    type,
    nullable: json.nullable !== false,
    physicalName,
    fieldId: place.mode === 'none' ? undefined : fieldIdOf(metadata[mappedId], below),
    children,
    metadata,
  };
  return restoreType(field, metadata[skeinType]);
}

function fieldIdOf(id: unknown, place: Place): number | undefined {
  if (typeof id === 'number' && Number.isInteger(id)) return id;
  if (place.mode === 'id') throw corrupt(place, 'has no field id, which column mapping needs');
  return undefined;
}

function parseTypeJson(json: unknown, place: Place): Pick<DeltaField, 'type' | 'children'> {
  if (typeof json === 'string') return { type: parsePrimitive(json, place), children: [] };
  if (!isObject(json)) throw corrupt(place, 'has a field without a type');
  switch (json.type) {
    case 'struct': {
      const children = parseFields(json.fields, place);
      return { type: { kind: 'struct', fields: fieldsToSchema(children) }, children };
    }
    case 'array': {
      const element = parseNested('element', json.elementType, json.containsNull !== false, place);
      return { type: { kind: 'list', element: element.type }, children: [element] };
    }
    case 'map': {
      const key = parseNested('key', json.keyType, false, place);
      const value = parseNested('value', json.valueType, json.valueContainsNull !== false, place);
      return { type: { kind: 'map', key: key.type, value: value.type }, children: [key, value] };
    }
    default:
      throw unreadable(json.type, place);
  }
}

function parseNested(name: string, json: unknown, nullable: boolean, place: Place): DeltaField {
  const nestedPath = `${place.nestedPath}.${name}`;
  const id = place.nestedIds[nestedPath];
  const below = { ...place, path: [...place.path, name], nestedPath };
  return {
    name,
    ...parseTypeJson(json, below),
    nullable,
    physicalName: name,
    fieldId: place.mode !== 'none' && typeof id === 'number' ? id : undefined,
    metadata: {},
  };
}

function parsePrimitive(text: string, place: Place): SqlType {
  const name = Object.hasOwn(primitives, text) ? primitives[text] : undefined;
  if (name !== undefined) return scalar(name);
  const match = /^decimal(?:\(\s*(\d+)\s*,\s*(\d+)\s*\))?$/.exec(text);
  const [, width = '10', scale = '0'] = match ?? [];
  if (match === null || Number(width) > 38 || Number(scale) > Number(width)) throw unreadable(text, place);
  return { kind: 'decimal', width: Number(width), scale: Number(scale) };
}

/** The type that Skein wrote, where what is stored is still what carries that type: others may have changed it. */
function restoreType(field: DeltaField, text: unknown): DeltaField {
  if (typeof text !== 'string') return field;
  let type: SqlType;
  try {
    type = parseType(text);
  } catch {
    return field;
  }
  const wanted = storedType(type);
  const found = storedType(field.type);
  return wanted !== undefined && found !== undefined && sameType(wanted, found)
    ? withType(field, type)
    : field;
}

function withType(field: DeltaField, type: SqlType): DeltaField {
  const below = nestedTypes(type);
  const children = field.children.map((child, index) => {
    const childType = below[index];
    return childType === undefined ? child : withType(child, childType);
  });
  return { ...field, type, children };
}

function nestedTypes(type: SqlType): readonly SqlType[] {
  switch (type.kind) {
    case 'list':
    case 'array':
      return [type.element];
    case 'map':
      return [type.key, type.value];
    case 'struct':
      return type.fields.map((field) => field.type);
    case 'union':
    case 'scalar':
    case 'decimal':
    case 'enum':
      return [];
    default:
      return assertNever(type);
  }
}

const wideningTo: Readonly<Record<string, readonly string[]>> = {
  byte: ['short', 'integer', 'long', 'double', 'decimal'],
  short: ['integer', 'long', 'double', 'decimal'],
  integer: ['long', 'double', 'decimal'],
  long: ['decimal'],
  float: ['double'],
  date: ['timestamp_ntz'],
  decimal: ['decimal'],
  void: Object.keys(primitives),
};

/** @see Delta PROTOCOL.md, Reader Requirements for Type Widening */
function checkTypeChanges(changes: unknown, place: Place): void {
  if (!Array.isArray(changes)) return;
  for (const change of changes as readonly unknown[]) {
    const from = isObject(change) ? String(change.fromType) : '';
    const to = isObject(change) ? String(change.toType) : '';
    const kind = (type: string): string => type.replace(/\(.*$/s, '');
    if (from === to || wideningTo[kind(from)]?.includes(kind(to))) continue;
    throw new SkeinError(
      SqlState.featureNotSupported,
      `${place.table}: column ${place.path.join('.')} was changed from ${from} to ${to}, which cannot be read`,
    );
  }
}

/** The JSON of a schema. Types that Delta lacks become the ones that carry them, and a note of the type itself. */
export function fieldsToSchemaString(fields: readonly DeltaField[]): string {
  return formatExactJson({ type: 'struct', fields: fields.map(fieldToJson) });
}

function fieldToJson(field: DeltaField): unknown {
  const { [skeinType]: _, ...metadata } = field.metadata;
  return {
    name: field.name,
    type: typeToJson(field),
    nullable: field.nullable,
    metadata: isCarried(field.type) ? { ...metadata, [skeinType]: formatType(field.type) } : metadata,
  };
}

function typeToJson({ type, children, name }: DeltaField): unknown {
  const [first, second] = children;
  switch (type.kind) {
    case 'struct':
      return { type: 'struct', fields: children.map(fieldToJson) };
    case 'list':
    case 'array':
      return { type: 'array', elementType: first && typeToJson(first), containsNull: first?.nullable };
    case 'map':
      return {
        type: 'map',
        keyType: first && typeToJson(first),
        valueType: second && typeToJson(second),
        valueContainsNull: second?.nullable,
      };
    case 'scalar':
    case 'decimal':
    case 'enum':
    case 'union': {
      const stored = storedType(type);
      if (stored?.kind === 'decimal') return `decimal(${stored.width},${stored.scale})`;
      const primitive = stored?.kind === 'scalar' ? primitiveNames.get(stored.name) : undefined;
      return primitive ?? refuseType(type, [name]);
    }
    default:
      return assertNever(type);
  }
}

/**
 * Fields for a new table without column mapping.
 * @param isNullable by position in the schema; everything where it is left out
 * @throws SkeinError 0A000 for a type or a name that a Delta table cannot have, naming the column
 */
export function schemaToFields(
  schema: Schema,
  isNullable: (position: number) => boolean = () => true,
): readonly DeltaField[] {
  checkNames(schema, []);
  return schema.map(({ name, type }, position) => newField(name, type, isNullable(position), [name]));
}

/** A new field of a schema without column mapping. @throws as `schemaToFields` */
function newField(name: string, type: SqlType, nullable: boolean, path: readonly string[]): DeltaField {
  const leaf = { name, type, nullable, physicalName: name, fieldId: undefined, metadata: {} };
  switch (type.kind) {
    case 'struct':
      checkNames(type.fields, path);
      return {
        ...leaf,
        children: type.fields.map((field) => newField(field.name, field.type, true, [...path, field.name])),
      };
    case 'list':
    case 'array':
      return { ...leaf, children: [newField('element', type.element, true, path)] };
    case 'map':
      return {
        ...leaf,
        children: [newField('key', type.key, false, path), newField('value', type.value, true, path)],
      };
    case 'scalar':
    case 'decimal':
    case 'enum':
    case 'union':
      if (storedType(type) === undefined || (type.kind === 'scalar' && type.name === 'NULL'))
        return refuseType(type, path);
      return { ...leaf, children: [] };
    default:
      return assertNever(type);
  }
}

function checkNames(columns: Schema, path: readonly string[]): void {
  const seen = new Set<string>();
  if (columns.length === 0)
    throw unsupported(path, 'has no columns or fields, which a Delta table cannot keep');
  for (const { name } of columns) {
    const folded = name.toLowerCase();
    if (name === '' || seen.has(folded))
      throw unsupported([...path, name], 'needs a name of its own, whatever its case, in a Delta table');
    seen.add(folded);
  }
}

function refuseType(type: SqlType, path: readonly string[]): never {
  throw unsupported(path, `is of type ${formatType(type)}, which a Delta table cannot keep`);
}

function unsupported(path: readonly string[], problem: string): SkeinError {
  const column = path.length === 0 ? 'the table' : `column ${path.join('.')}`;
  return new SkeinError(SqlState.featureNotSupported, `${column} ${problem}`, {
    details: { column: path[0] ?? '' },
  });
}

/**
 * Gives ids and physical names to the fields that have none. Those of a table that had no column mapping before keep
 * their names as physical ones.
 * @param maxId of the ids that the table has given out so far
 * @param newName gives physical names; undefined: the logical ones
 */
export function assignColumnMapping(
  fields: readonly DeltaField[],
  maxId: number,
  newName: (() => string) | undefined,
): { readonly fields: readonly DeltaField[]; readonly maxId: number } {
  let last = maxId;
  const assign = (field: DeltaField, isStructField: boolean): DeltaField => {
    if (!isStructField) return { ...field, children: assignChildren(field) };
    const fieldId = field.fieldId ?? ++last;
    const known = field.metadata[mappedName];
    const physicalName = typeof known === 'string' ? known : (newName?.() ?? field.name);
    const metadata = { ...field.metadata, [mappedId]: fieldId, [mappedName]: physicalName };
    return { ...field, fieldId, physicalName, metadata, children: assignChildren(field) };
  };
  const assignChildren = (field: DeltaField): readonly DeltaField[] =>
    field.children.map((child) => assign(child, field.type.kind === 'struct'));
  return { fields: fields.map((field) => assign(field, true)), maxId: last };
}

function isObject(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function corrupt({ table, path }: Place, problem: string, cause?: unknown): SkeinError {
  const where = path.length === 0 ? '' : ` of column ${path.join('.')}`;
  return new SkeinError(SqlState.dataCorrupted, `${table}: the schema${where} ${problem}`, {
    details: { path: table },
    cause,
  });
}

function unreadable(type: unknown, { table, path }: Place): SkeinError {
  return new SkeinError(
    SqlState.featureNotSupported,
    `${table}: column ${path.join('.')} is of type ${String(type)}, which cannot be read`,
    { details: { path: table, column: path[0] ?? '' } },
  );
}
