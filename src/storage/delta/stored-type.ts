import { assertNever } from '../../common/index.ts';
import { type ScalarName, type SqlType, scalar } from '../../types/index.ts';

/** How a type that Delta lacks is kept: in a type that it has, with every value, or not at all. */
const carriers: Readonly<Record<ScalarName, SqlType | 'native' | undefined>> = {
  // Delta's `void`.
  NULL: 'native',
  BOOLEAN: 'native',
  TINYINT: 'native',
  SMALLINT: 'native',
  INTEGER: 'native',
  BIGINT: 'native',
  FLOAT: 'native',
  DOUBLE: 'native',
  DATE: 'native',
  TIMESTAMP: 'native',
  'TIMESTAMP WITH TIME ZONE': 'native',
  BLOB: 'native',
  VARCHAR: 'native',
  UTINYINT: scalar('SMALLINT'),
  USMALLINT: scalar('INTEGER'),
  UINTEGER: scalar('BIGINT'),
  UBIGINT: { kind: 'decimal', width: 20, scale: 0 },
  // Values of more than 38 digits fail when they are written: what sums and counts give has fewer.
  HUGEINT: { kind: 'decimal', width: 38, scale: 0 },
  UHUGEINT: { kind: 'decimal', width: 38, scale: 0 },
  BIGNUM: scalar('VARCHAR'),
  TIMESTAMP_S: scalar('TIMESTAMP'),
  TIMESTAMP_MS: scalar('TIMESTAMP'),
  TIMESTAMP_NS: scalar('VARCHAR'),
  TIME: scalar('VARCHAR'),
  TIME_NS: scalar('VARCHAR'),
  'TIME WITH TIME ZONE': scalar('VARCHAR'),
  INTERVAL: scalar('VARCHAR'),
  UUID: scalar('VARCHAR'),
  BIT: scalar('VARCHAR'),
  JSON: scalar('VARCHAR'),
  VARIANT: undefined,
  GEOMETRY: undefined,
};

/** Types whose order is not the one of the type that carries them: bounds in statistics do not bound them. */
const reordered: ReadonlySet<ScalarName> = new Set([
  'BIGNUM',
  'TIMESTAMP_NS',
  'TIME WITH TIME ZONE',
  'INTERVAL',
  'BIT',
  'JSON',
]);

/**
 * The type that the data files have for a column of the type; the type itself where Delta has it. A cast there and
 * back gives every value again. Undefined where no type of Delta could carry it.
 */
export function storedType(type: SqlType): SqlType | undefined {
  switch (type.kind) {
    case 'scalar': {
      const carrier = carriers[type.name];
      return carrier === 'native' ? type : carrier;
    }
    case 'decimal':
      return type;
    case 'enum':
      return scalar('VARCHAR');
    case 'list':
    case 'array': {
      const element = storedType(type.element);
      return element && { kind: 'list', element };
    }
    case 'map': {
      const key = storedType(type.key);
      const value = storedType(type.value);
      return key && value && { kind: 'map', key, value };
    }
    case 'struct': {
      const fields = type.fields.map(({ name, type: field }) => ({ name, type: storedType(field) }));
      const stored = fields.flatMap((field) =>
        field.type === undefined || field.name === '' ? [] : [{ name: field.name, type: field.type }],
      );
      return stored.length === fields.length && fields.length > 0
        ? { kind: 'struct', fields: stored }
        : undefined;
    }
    case 'union':
      return undefined;
    default:
      return assertNever(type);
  }
}

/**
 * Whether a struct field of the type has to say so beside Delta's type: fields of structs below it speak for
 * themselves.
 */
export function isCarried(type: SqlType): boolean {
  switch (type.kind) {
    case 'scalar':
      return carriers[type.name] !== 'native';
    case 'enum':
    case 'array':
      return true;
    case 'list':
      return isCarried(type.element);
    case 'map':
      return isCarried(type.key) || isCarried(type.value);
    case 'decimal':
    case 'struct':
    case 'union':
      return false;
    default:
      return assertNever(type);
  }
}

/** Whether the least and greatest value in a file's statistics, which are of the stored type, bound the type's values. */
export function keepsOrder(type: SqlType): boolean {
  return type.kind === 'scalar' ? !reordered.has(type.name) : type.kind === 'decimal';
}
