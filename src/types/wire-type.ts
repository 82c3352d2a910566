import { assertNever } from '../common/index.ts';
import { isUnnamedStruct } from './json-value.ts';
import { type Column, type ScalarName, type SqlType, scalar } from './sql-type.ts';

/**
 * How DuckDB must write the Parquet files of an exchange: plain pages, which are the fastest to write and read, and
 * no bloom filters, which in DuckDB 1.5.6 lose BLOBs and the zeros of DOUBLE. Version 2 is the smaller one by far, but
 * fails on a constant LIST or MAP of strings ("not enough space in buffer").
 * @param types of the columns, before `toWireSql`
 */
export function exchangeParquetOptions(types: readonly SqlType[]): string {
  const isPlain = types.every((type) => !hasStringsInLists(wireOf(type) ?? type, false));
  const version = isPlain ? 'v2' : 'v1';
  return `FORMAT parquet, PARQUET_VERSION ${version}, COMPRESSION uncompressed, DICTIONARY_SIZE_LIMIT 1, WRITE_BLOOM_FILTER false`;
}

function hasStringsInLists(type: SqlType, inList: boolean): boolean {
  switch (type.kind) {
    case 'scalar':
      return inList && (type.name === 'VARCHAR' || type.name === 'JSON' || type.name === 'BLOB');
    case 'decimal':
      return false;
    case 'enum':
      return inList;
    case 'list':
    case 'array':
      return hasStringsInLists(type.element, true);
    case 'map':
      return hasStringsInLists(type.key, true) || hasStringsInLists(type.value, true);
    case 'struct':
      return type.fields.some((field) => hasStringsInLists(field.type, inList));
    case 'union':
      return type.members.some((member) => hasStringsInLists(member.type, inList));
    default:
      return assertNever(type);
  }
}

/**
 * Types that Parquet, as DuckDB writes and reads it, changes or refuses: HUGEINT becomes DOUBLE, a negative INTERVAL
 * is an error, TIME WITH TIME ZONE loses its zone, GEOMETRY gains a coordinate system.
 */
const scalarWireTypes: ReadonlyMap<ScalarName, ScalarName> = new Map([
  ['NULL', 'INTEGER'],
  ['HUGEINT', 'VARCHAR'],
  ['UHUGEINT', 'VARCHAR'],
  ['BIGNUM', 'VARCHAR'],
  ['TIME WITH TIME ZONE', 'VARCHAR'],
  ['TIMESTAMP_S', 'TIMESTAMP'],
  ['TIMESTAMP_MS', 'TIMESTAMP'],
  ['INTERVAL', 'VARCHAR'],
  ['BIT', 'VARCHAR'],
  ['GEOMETRY', 'VARCHAR'],
]);

/**
 * The type as which a column travels in the Parquet files of an exchange, so that `fromWire` gives back every value
 * of `type` exactly; `type` itself where Parquet keeps it. A UNION travels as its tag and one field a member, an
 * ARRAY as a LIST, a STRUCT without field names as one with names.
 * @returns `unsupported` for VARIANT, and for an ARRAY or a UNION with a STRUCT without field names inside: DuckDB has
 *   no syntax for their types
 */
export function wireType(type: SqlType): SqlType | 'unsupported' {
  const wire = wireOf(type);
  return wire === undefined ? 'unsupported' : wire;
}

/** Undefined: unsupported. */
function wireOf(type: SqlType): SqlType | undefined {
  switch (type.kind) {
    case 'scalar': {
      if (type.name === 'VARIANT') return undefined;
      const wire = scalarWireTypes.get(type.name);
      return wire === undefined ? type : scalar(wire);
    }
    case 'decimal':
      return type;
    case 'enum':
      return scalar('VARCHAR');
    case 'list': {
      const element = wireOf(type.element);
      if (element === undefined || element === type.element) return element && type;
      return { kind: 'list', element };
    }
    case 'array': {
      const element = wireOf(type.element);
      return element === undefined || hasUnnamedStruct(type.element) ? undefined : { kind: 'list', element };
    }
    case 'map': {
      const key = wireOf(type.key);
      const value = wireOf(type.value);
      if (key === undefined || value === undefined) return undefined;
      return key === type.key && value === type.value ? type : { kind: 'map', key, value };
    }
    case 'struct':
      // Parquet makes up names for fields that have none, so that row(1, 2) would come back as something else.
      return isUnnamedStruct(type.fields)
        ? structWire(
            type.fields.map((field, index) => ({ ...field, name: `f${index}` })),
            undefined,
          )
        : structWire(type.fields, type);
    case 'union': {
      if (type.members.some((member) => hasUnnamedStruct(member.type))) return undefined;
      const members = type.members.map((member, index) => ({ ...member, name: `m${index}` }));
      return structWire([{ name: 'tag', type: scalar('VARCHAR') }, ...members], undefined);
    }
    default:
      return assertNever(type);
  }
}

/** `same` is what to give when no field changes. */
function structWire(fields: readonly Column[], same: SqlType | undefined): SqlType | undefined {
  const wires: Column[] = [];
  for (const { name, type } of fields) {
    const wire = wireOf(type);
    if (wire === undefined) return undefined;
    wires.push({ name, type: wire });
  }
  if (same !== undefined && wires.every((wire, index) => wire.type === fields[index]?.type)) return same;
  return { kind: 'struct', fields: wires };
}

export function hasUnnamedStruct(type: SqlType): boolean {
  switch (type.kind) {
    case 'scalar':
    case 'decimal':
    case 'enum':
      return false;
    case 'list':
    case 'array':
      return hasUnnamedStruct(type.element);
    case 'map':
      return hasUnnamedStruct(type.key) || hasUnnamedStruct(type.value);
    case 'struct':
      return isUnnamedStruct(type.fields) || type.fields.some((field) => hasUnnamedStruct(field.type));
    case 'union':
      return type.members.some((member) => hasUnnamedStruct(member.type));
    default:
      return assertNever(type);
  }
}
