import { assert } from '../common/index.ts';
import { isUnnamedStruct } from './json-value.ts';
import { type Column, formatType, quoteIdentifier, quoteLiteral, type SqlType } from './sql-type.ts';
import { hasUnnamedStruct, wireType } from './wire-type.ts';

type Direction = 'toWire' | 'fromWire';

/**
 * SQL that turns a value of `type` into its wire type.
 * @param sql a column reference: it may be repeated
 */
export function toWireSql(sql: string, type: SqlType): string {
  return convert('toWire', sql, type, 0);
}

/** SQL that turns a value of `type`'s wire type back into `type`, exactly. */
export function fromWireSql(sql: string, type: SqlType): string {
  return convert('fromWire', sql, type, 0);
}

/** `depth` numbers the lambda parameters, so that inner ones do not hide outer ones. */
function convert(direction: Direction, sql: string, type: SqlType, depth: number): string {
  const wire = wireType(type);
  assert(wire !== 'unsupported', `${formatType(type)} has no wire type`);
  if (wire === type) return sql;
  if (castSuffices(direction, type) && !hasUnnamedStruct(type))
    return cast(sql, direction === 'toWire' ? wire : type);
  const element = (elementType: SqlType): string => {
    const name = `x${depth}`;
    return `lambda ${name}: ${convert(direction, name, elementType, depth + 1)}`;
  };
  switch (type.kind) {
    case 'scalar':
      return type.name === 'INTERVAL' ? intervalText(sql) : timeWithZoneText(sql);
    case 'list':
      return `list_transform(${sql}, ${element(type.element)})`;
    case 'array': {
      const list = `list_transform(${sql}, ${element(type.element)})`;
      return direction === 'toWire' ? list : cast(list, type);
    }
    case 'map':
      return (
        `CASE WHEN ${sql} IS NOT NULL THEN MAP(list_transform(map_keys(${sql}), ${element(type.key)}), ` +
        `list_transform(map_values(${sql}), ${element(type.value)})) END`
      );
    case 'struct': {
      if (isUnnamedStruct(type.fields)) return convertRow(direction, sql, type.fields, depth);
      const fields = type.fields.map(({ name, type: fieldType }) => {
        const field = `struct_extract(${sql}, ${quoteLiteral(name)})`;
        return `${quoteIdentifier(name)} := ${convert(direction, field, fieldType, depth)}`;
      });
      return `CASE WHEN ${sql} IS NOT NULL THEN struct_pack(${fields.join(', ')}) END`;
    }
    case 'union':
      return direction === 'toWire'
        ? unionToStruct(sql, type.members, depth)
        : structToUnion(sql, type, type.members, depth);
    case 'decimal':
    case 'enum':
      return cast(sql, type);
  }
}

/** Fields without names go by their positions, from 1; on the wire by `f0`, `f1` ... */
function convertRow(direction: Direction, sql: string, columns: readonly Column[], depth: number): string {
  const toWire = direction === 'toWire';
  const values = columns.map(({ type }, index) => {
    const field = `struct_extract(${sql}, ${toWire ? index + 1 : `'f${index}'`})`;
    return convert(direction, field, type, depth);
  });
  const struct = toWire
    ? `struct_pack(${values.map((value, index) => `f${index} := ${value}`).join(', ')})`
    : `row(${values.join(', ')})`;
  return `CASE WHEN ${sql} IS NOT NULL THEN ${struct} END`;
}

function cast(sql: string, type: SqlType): string {
  return `CAST(${sql} AS ${formatType(type)})`;
}

/** False where something inside needs more than DuckDB's own cast. */
function castSuffices(direction: Direction, type: SqlType): boolean {
  switch (type.kind) {
    case 'scalar':
      return direction === 'fromWire' || (type.name !== 'INTERVAL' && type.name !== 'TIME WITH TIME ZONE');
    case 'decimal':
    case 'enum':
      return true;
    case 'list':
    case 'array':
      return castSuffices(direction, type.element);
    case 'map':
      return castSuffices(direction, type.key) && castSuffices(direction, type.value);
    case 'struct':
      return type.fields.every((field) => castSuffices(direction, field.type));
    case 'union':
      return false;
  }
}

/** DuckDB's own spelling of long times is one that it does not read: `2562047788:00:54.775807`. */
function intervalText(sql: string): string {
  const part = (name: string): string => `date_part('${name}', ${sql})`;
  const months = `${part('year')} * 12 + ${part('month')}`;
  const micros = `${part('hour')} * 3600000000 + ${part('minute')} * 60000000 + ${part('microsecond')}`;
  return `printf('%d months %d days %d microseconds', ${months}, ${part('day')}, ${micros})`;
}

/** DuckDB spells an offset of one second like one of a minute: `-00:01`. */
function timeWithZoneText(sql: string): string {
  const offset = `date_part('timezone', ${sql})`;
  const size = `abs(${offset})`;
  return (
    `CAST(CAST(${sql} AS TIME) AS VARCHAR) || CASE WHEN ${offset} < 0 THEN '-' ELSE '+' END || ` +
    `printf('%02d:%02d:%02d', ${size} // 3600, ${size} // 60 % 60, ${size} % 60)`
  );
}

function unionToStruct(sql: string, members: readonly Column[], depth: number): string {
  const fields = members.map(({ name, type }, index) => {
    const member = `union_extract(${sql}, ${quoteLiteral(name)})`;
    return `m${index} := ${convert('toWire', member, type, depth)}`;
  });
  const tag = `tag := CAST(union_tag(${sql}) AS VARCHAR)`;
  return `CASE WHEN ${sql} IS NOT NULL THEN struct_pack(${[tag, ...fields].join(', ')}) END`;
}

function structToUnion(sql: string, type: SqlType, members: readonly Column[], depth: number): string {
  const whens = members.map((member, index) => {
    const value = convert('fromWire', `struct_extract(${sql}, 'm${index}')`, member.type, depth);
    const union = cast(`union_value(${quoteIdentifier(member.name)} := ${value})`, type);
    return `WHEN ${quoteLiteral(member.name)} THEN ${union}`;
  });
  return `CASE struct_extract(${sql}, 'tag') ${whens.join(' ')} END`;
}
