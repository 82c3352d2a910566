import { type Column, isScalarName, type SqlType, scalar } from '../../types/index.ts';
import { Fields, UnreadablePlan } from './fields.ts';
import type { Json } from './parse-json.ts';

/** What a plan has as the alias of another type, not as a type. */
const aliases: ReadonlySet<string> = new Set(['JSON', 'GEOMETRY']);

/**
 * Reads a bound type: `{ id, type_info? }`. A collation is dropped: where it matters the plan holds the function that
 * applies it.
 */
export function readType(json: Json | undefined): SqlType {
  const fields = new Fields(json, 'type');
  const id = fields.string('id');
  const info = fields.optionalObject('type_info');
  if (info !== undefined) return readTypeInfo(id, info);
  if (id === 'NULL' || id === '"NULL"') return scalar('NULL');
  if (!isScalarName(id) || aliases.has(id)) throw new UnreadablePlan(`the type ${id}`);
  return scalar(id);
}

function readTypeInfo(id: string, info: Fields): SqlType {
  const alias = info.get('alias') ?? '';
  if (alias === 'JSON' && id === 'VARCHAR') return scalar('JSON');
  if (alias === 'GEOMETRY' && id === 'BLOB') return scalar('GEOMETRY');
  if (alias !== '') throw new UnreadablePlan(`the type ${String(alias)}`);
  switch (id) {
    case 'VARCHAR':
    case 'VARIANT':
      return scalar(id);
    case 'DECIMAL':
      return { kind: 'decimal', width: info.integer('width'), scale: info.integer('scale') };
    case 'ENUM':
      return { kind: 'enum', values: info.strings('values') };
    case 'LIST':
      return { kind: 'list', element: readType(info.get('child_type')) };
    case 'ARRAY':
      return { kind: 'array', element: readType(info.get('child_type')), length: info.integer('size') };
    case 'STRUCT':
      return { kind: 'struct', fields: readColumns(info) };
    case 'UNION':
      return { kind: 'union', members: readColumns(info).slice(1) };
    case 'MAP':
      return readMap(readType(info.get('child_type')));
    default:
      throw new UnreadablePlan(`the type ${id}`);
  }
}

function readColumns(info: Fields): readonly Column[] {
  return info.list('child_types').map((child) => {
    const fields = new Fields(child, 'field');
    const name = fields.get('first');
    return { name: typeof name === 'string' ? name : '', type: readType(fields.get('second')) };
  });
}

function readMap(entry: SqlType): SqlType {
  const [key, value] = entry.kind === 'struct' ? entry.fields : [];
  if (key === undefined || value === undefined) throw new UnreadablePlan('a MAP without key and value');
  return { kind: 'map', key: key.type, value: value.type };
}
