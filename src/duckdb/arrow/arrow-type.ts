import { assertNever } from '../../common/index.ts';
import { type ScalarName, type SqlType, scalar } from '../../types/index.ts';
import type { ArrowField, UnitNanos } from './arrow-field.ts';
import { malformed } from './malformed.ts';

/**
 * The SQL type that has every value of an Arrow field, but for instants in nanoseconds: DuckDB has them in microseconds.
 * @throws SkeinError 22023 for structs that SQL has not: without fields, or with a name twice
 */
export function sqlTypeOfArrow({ type, children }: ArrowField): SqlType {
  switch (type.kind) {
    case 'null':
      return scalar('NULL');
    case 'bool':
      return scalar('BOOLEAN');
    case 'int':
      return scalar(integerNames[type.bits][type.signed ? 0 : 1]);
    case 'float':
      return scalar(type.bits === 64 ? 'DOUBLE' : 'FLOAT');
    case 'decimal':
      return { kind: 'decimal', width: type.digits, scale: type.scale };
    case 'text':
      return scalar('VARCHAR');
    case 'bytes':
    case 'fixedBytes':
      return scalar('BLOB');
    case 'date':
      return scalar('DATE');
    case 'time':
      return scalar(type.unit === 1n ? 'TIME_NS' : 'TIME');
    case 'timestamp':
      return scalar(type.hasZone ? 'TIMESTAMP WITH TIME ZONE' : timestampNames[`${type.unit}`]);
    case 'list':
    case 'fixedList':
      return { kind: 'list', element: sqlTypeOfArrow(childOf(children, 0)) };
    case 'struct': {
      const fields = children.map((field) => ({ name: field.name, type: sqlTypeOfArrow(field) }));
      const names = new Set(fields.map(({ name }) => name.toLowerCase()));
      if (fields.length === 0 || names.size < fields.length || names.has('')) {
        throw malformed('a struct without fields, or with fields that share a name');
      }
      return { kind: 'struct', fields };
    }
    case 'map': {
      const entries = childOf(children, 0);
      return {
        kind: 'map',
        key: sqlTypeOfArrow(childOf(entries.children, 0)),
        value: sqlTypeOfArrow(childOf(entries.children, 1)),
      };
    }
    default:
      return assertNever(type);
  }
}

function childOf(children: readonly ArrowField[], index: number): ArrowField {
  const child = children[index];
  if (child === undefined) throw malformed('a column without its child');
  return child;
}

const integerNames: Readonly<Record<8 | 16 | 32 | 64, readonly [ScalarName, ScalarName]>> = {
  8: ['TINYINT', 'UTINYINT'],
  16: ['SMALLINT', 'USMALLINT'],
  32: ['INTEGER', 'UINTEGER'],
  64: ['BIGINT', 'UBIGINT'],
};

const timestampNames: Readonly<Record<`${UnitNanos}`, ScalarName>> = {
  1000000000: 'TIMESTAMP_S',
  1000000: 'TIMESTAMP_MS',
  1000: 'TIMESTAMP',
  1: 'TIMESTAMP_NS',
};
