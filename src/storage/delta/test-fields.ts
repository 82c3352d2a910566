import { type SqlType, scalar } from '../../types/index.ts';
import type { DeltaField } from './delta-snapshot.ts';

/** A field for tests, without column mapping. */
export function testField(name: string, type: SqlType, changes: Partial<DeltaField> = {}): DeltaField {
  return {
    name,
    type,
    nullable: true,
    physicalName: name,
    fieldId: undefined,
    children: childrenOf(type),
    metadata: {},
    ...changes,
  };
}

function childrenOf(type: SqlType): DeltaField[] {
  if (type.kind === 'struct') return type.fields.map((field) => testField(field.name, field.type));
  if (type.kind === 'list') return [testField('element', type.element)];
  if (type.kind === 'map') return [testField('key', type.key), testField('value', type.value)];
  return [];
}

export const integer = scalar('INTEGER');
export const text = scalar('VARCHAR');
