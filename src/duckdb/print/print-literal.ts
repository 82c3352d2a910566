import { assert } from '../../common/index.ts';
import type { LiteralValue } from '../../plan/index.ts';
import { formatType, isUnnamedStruct, type ScalarName, type SqlType } from '../../types/index.ts';
import { type Fragment, identifier, loose, stringLiteral, tight } from './sql-text.ts';

/** A constant that binds as exactly `type`: bare where DuckDB reads the bare text as that type, else with a cast. */
export function printLiteral(value: LiteralValue, type: SqlType): Fragment {
  if (value === null) return printNull(type);
  switch (type.kind) {
    case 'scalar':
      return printScalar(text(value), type.name);
    case 'decimal':
      return printDecimal(text(value), type);
    case 'enum':
      return typed(stringLiteral(text(value)), type);
    case 'list': {
      const items = parts(value).map((part) => printLiteral(part, type.element).sql);
      return castable(type) ? typed(`[${items.join(', ')}]`, type) : tight(`[${items.join(', ')}]`);
    }
    case 'array':
      return tight(
        `array_value(${parts(value)
          .map((part) => printLiteral(part, type.element).sql)
          .join(', ')})`,
      );
    case 'map': {
      const entries = parts(value).map(parts);
      const column = (index: 0 | 1, of: SqlType): string =>
        printLiteral(
          entries.map((entry) => entry[index] ?? null),
          { kind: 'list', element: of },
        ).sql;
      return tight(`map(${column(0, type.key)}, ${column(1, type.value)})`);
    }
    case 'struct': {
      const values = parts(value).map((part, index) => {
        const field = type.fields[index];
        assert(field !== undefined, 'a STRUCT constant has a value a field');
        return printLiteral(part, field.type).sql;
      });
      return tight(
        printStruct(
          type.fields.map((field) => field.name),
          values,
        ),
      );
    }
    case 'union': {
      const [tag, part] = parts(value);
      const member = type.members.find(({ name }) => name === tag);
      assert(member !== undefined && part !== undefined, 'a UNION constant has one of its members');
      return typed(`union_value(${identifier(member.name)} := ${printLiteral(part, member.type).sql})`, type);
    }
  }
}

/** `struct_pack(a := 1)`, or `row(1)` for fields without names. */
export function printStruct(names: readonly string[], values: readonly string[]): string {
  if (names.every((name) => name === '')) return `row(${values.join(', ')})`;
  return `struct_pack(${names.map((name, index) => `${identifier(name)} := ${values[index]}`).join(', ')})`;
}

/** False for types that SQL cannot spell: those with a STRUCT without field names inside. */
export function castable(type: SqlType): boolean {
  switch (type.kind) {
    case 'scalar':
    case 'decimal':
    case 'enum':
      return true;
    case 'list':
    case 'array':
      return castable(type.element);
    case 'map':
      return castable(type.key) && castable(type.value);
    case 'struct':
      return !isUnnamedStruct(type.fields) && type.fields.every((field) => castable(field.type));
    case 'union':
      return type.members.every((member) => castable(member.type));
  }
}

function printNull(type: SqlType): Fragment {
  if (type.kind === 'scalar' && type.name === 'NULL') return tight('NULL');
  if (castable(type)) return typed('NULL', type);
  return tight(`CASE WHEN false THEN ${printLiteral(sample(type), type).sql} END`);
}

/** Some value of a type that SQL cannot spell. */
function sample(type: SqlType): LiteralValue {
  switch (type.kind) {
    case 'struct':
      return type.fields.map(() => null);
    case 'list':
      return [null];
    case 'array':
      return Array.from({ length: type.length }, () => null);
    case 'map':
      return [[sample(type.key), null]];
    case 'scalar':
    case 'decimal':
    case 'enum':
    case 'union':
      return null;
  }
}

function typed(sql: string, type: SqlType): Fragment {
  return tight(`CAST(${sql} AS ${formatType(type)})`);
}

function printScalar(value: string, name: ScalarName): Fragment {
  const type: SqlType = { kind: 'scalar', name };
  switch (name) {
    case 'BOOLEAN':
      return tight(value);
    case 'VARCHAR':
      return tight(stringLiteral(value));
    case 'INTEGER':
      // The most negative one is read as a BIGINT.
      if (value === '-2147483648') return typed(value, type);
      return value.startsWith('-') ? loose(value) : tight(value);
    case 'TINYINT':
    case 'SMALLINT':
    case 'BIGINT':
    case 'UTINYINT':
    case 'USMALLINT':
    case 'UINTEGER':
    case 'UBIGINT':
      return typed(value, type);
    default:
      return typed(stringLiteral(value), type);
  }
}

/** DuckDB reads `0.05` as DECIMAL(3,2): as many digits as stand there. */
function printDecimal(value: string, type: SqlType & { kind: 'decimal' }): Fragment {
  const match = /^-?(\d+)\.(\d+)$/.exec(value);
  const [, whole = '', fraction = ''] = match ?? [];
  if (match !== null && whole.length + fraction.length === type.width && fraction.length === type.scale)
    return value.startsWith('-') ? loose(value) : tight(value);
  return typed(stringLiteral(value), type);
}

function text(value: LiteralValue): string {
  assert(typeof value === 'string', 'a plain constant is text');
  return value;
}

function parts(value: LiteralValue): readonly LiteralValue[] {
  assert(value !== null && typeof value !== 'string', 'a nested constant has parts');
  return value;
}
