import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { formatType, parseType } from '../../types/index.ts';
import {
  assignColumnMapping,
  fieldsToSchema,
  fieldsToSchemaString,
  parseSchemaString,
  schemaToFields,
} from './delta-schema.ts';
import { storedType } from './stored-type.ts';

function parse(fields: unknown, mode: 'none' | 'name' | 'id' = 'none') {
  return parseSchemaString(JSON.stringify({ type: 'struct', fields }), mode, '/t');
}

function column(name: string, type: unknown, metadata = {}) {
  return { name, type, nullable: true, metadata };
}

describe('parseSchemaString', () => {
  it.each([
    ['string', 'VARCHAR'],
    ['long', 'BIGINT'],
    ['integer', 'INTEGER'],
    ['short', 'SMALLINT'],
    ['byte', 'TINYINT'],
    ['float', 'FLOAT'],
    ['double', 'DOUBLE'],
    ['decimal(38, 10)', 'DECIMAL(38,10)'],
    ['decimal(5,2)', 'DECIMAL(5,2)'],
    ['decimal', 'DECIMAL(10,0)'],
    ['boolean', 'BOOLEAN'],
    ['binary', 'BLOB'],
    ['date', 'DATE'],
    ['timestamp', 'TIMESTAMP WITH TIME ZONE'],
    ['timestamp_ntz', 'TIMESTAMP'],
    ['void', '"NULL"'],
    [{ type: 'array', elementType: 'integer', containsNull: false }, 'INTEGER[]'],
    [{ type: 'map', keyType: 'string', valueType: 'date', valueContainsNull: true }, 'MAP(VARCHAR, DATE)'],
    [
      { type: 'struct', fields: [column('b c', { type: 'array', elementType: 'long', containsNull: true })] },
      'STRUCT("b c" BIGINT[])',
    ],
  ])('reads and writes %j', (delta, type) => {
    const fields = parse([column('a', delta)]);
    expect(fieldsToSchema(fields).map((each) => formatType(each.type))).toEqual([type]);
    const again = parseSchemaString(fieldsToSchemaString(fields), 'none', '/t');
    expect(again).toEqual(fields);
  });

  it.each(['variant', 'geometry(4326)', 'interval day', 'decimal(39,0)', 'decimal(5,6)', 'decimals'])(
    'refuses %s and names the column',
    (type) => {
      const element = { type: 'array', elementType: type, containsNull: true };
      expect(() => parse([column('a', element)])).toThrow(
        expect.objectContaining({
          sqlState: '0A000',
          message: `/t: column a.element is of type ${type}, which cannot be read`,
        }),
      );
    },
  );

  it('is XX001 where the JSON is no schema', () => {
    for (const text of ['', '[]', '{"type":"struct"}', '{"type":"struct","fields":[{"type":"long"}]}'])
      expect(() => parseSchemaString(text, 'none', '/t')).toThrow(
        expect.objectContaining({ sqlState: 'XX001' }),
      );
  });

  it('keeps numbers of the metadata to the last digit', () => {
    const text =
      '{"type":"struct","fields":[{"name":"id","type":"long","nullable":true,' +
      '"metadata":{"delta.identity.highWaterMark":9223372036854775807}}]}';
    expect(fieldsToSchemaString(parseSchemaString(text, 'none', '/t'))).toBe(text);
  });

  it('resolves physical names and ids, nested ones too', () => {
    const mapped = (id: number, name: string, more = {}) => ({
      'delta.columnMapping.id': id,
      'delta.columnMapping.physicalName': name,
      ...more,
    });
    const fields = [
      column(
        'l',
        {
          type: 'array',
          elementType: { type: 'struct', fields: [column('x', 'long', mapped(2, 'col-x'))] },
          containsNull: true,
        },
        mapped(1, 'col-l', { 'delta.columnMapping.nested.ids': { 'col-l.element': 3 } }),
      ),
    ];
    const [list] = parse(fields, 'id');
    expect(list).toMatchObject({ physicalName: 'col-l', fieldId: 1 });
    expect(list?.children[0]).toMatchObject({ physicalName: 'element', fieldId: 3 });
    expect(list?.children[0]?.children[0]).toMatchObject({ name: 'x', physicalName: 'col-x', fieldId: 2 });
    const [unmapped] = parse(fields, 'none');
    expect(unmapped).toMatchObject({ physicalName: 'l', fieldId: undefined });
    expect(() => parse([column('a', 'long')], 'name')).toThrow(
      expect.objectContaining({ sqlState: 'XX001' }),
    );
  });

  it('knows the type changes that it can read', () => {
    const changed = (fromType: string, toType: string) => [
      column('a', 'long', { 'delta.typeChanges': [{ fromType, toType }] }),
    ];
    expect(parse(changed('integer', 'long'))).toHaveLength(1);
    expect(parse(changed('decimal(5,2)', 'decimal(7,3)'))).toHaveLength(1);
    expect(() => parse(changed('long', 'string'))).toThrow(expect.objectContaining({ sqlState: '0A000' }));
  });
});

describe('types that Delta lacks', () => {
  const texts = [
    'UTINYINT',
    'USMALLINT',
    'UINTEGER',
    'UBIGINT',
    'HUGEINT',
    'UHUGEINT',
    'BIGNUM',
    'TIMESTAMP_S',
    'TIMESTAMP_MS',
    'TIMESTAMP_NS',
    'TIME',
    'TIME WITH TIME ZONE',
    'INTERVAL',
    'UUID',
    'BIT',
    'JSON',
    "ENUM('a', 'b')",
    'INTEGER[3]',
  ];
  const carried = fc.constantFrom(...texts, 'INTEGER', 'VARCHAR', 'DECIMAL(5,2)');
  const types = fc.letrec<{ type: string }>((tie) => ({
    type: fc.oneof(
      { depthSize: 'small', withCrossShrink: true },
      carried,
      tie('type').map((type) => `${type}[]`),
      tie('type').map((type) => `${type}[2]`),
      tie('type').map((type) => `MAP(VARCHAR, ${type})`),
      fc.tuple(tie('type'), tie('type')).map(([a, b]) => `STRUCT("a" ${a}, "b c" ${b})`),
    ),
  })).type;

  it('come back from a schema that names only types that Delta has', () => {
    fc.assert(
      fc.property(types, (text) => {
        const schema = [{ name: 'x', type: parseType(text) }];
        const fields = schemaToFields(schema);
        const again = parseSchemaString(fieldsToSchemaString(fields), 'none', '/t');
        expect(fieldsToSchema(again)).toEqual(schema);
        expect(again.map(({ children }) => children.map((child) => child.type))).toEqual(
          fields.map(({ children }) => children.map((child) => child.type)),
        );
      }),
    );
  });

  it('give way to a type that another writer made of the column', () => {
    const widened = [column('a', 'double', { 'skein.type': 'UUID' })];
    expect(fieldsToSchema(parse(widened))).toEqual([{ name: 'a', type: parseType('DOUBLE') }]);
    expect(fieldsToSchemaString(parse(widened))).not.toContain('skein.type');
  });

  it.each([
    'UNION(a INTEGER)',
    'VARIANT',
    'GEOMETRY',
    '"NULL"',
    'STRUCT(INTEGER)',
    'STRUCT(a UNION(b DATE))[]',
  ])('are refused where nothing carries them: %s', (text) => {
    const schema = [{ name: 'x', type: parseType(text) }];
    expect(() => schemaToFields(schema)).toThrow(
      expect.objectContaining({ sqlState: '0A000', details: { column: 'x' } }),
    );
  });

  it('refuses names that differ in case only', () => {
    const schema = ['a', 'A'].map((name) => ({ name, type: parseType('DATE') }));
    expect(() => schemaToFields(schema)).toThrow(expect.objectContaining({ sqlState: '0A000' }));
  });

  it('have a stored type that stores as itself', () => {
    for (const text of texts) {
      const stored = storedType(parseType(text));
      expect(stored && storedType(stored)).toEqual(stored);
    }
  });
});

describe('assignColumnMapping', () => {
  it('numbers struct fields on from the last id and leaves known ones alone', () => {
    const fields = schemaToFields([
      { name: 'a', type: parseType('STRUCT(b INTEGER)[]') },
      { name: 'c', type: parseType('DATE') },
    ]);
    let names = 0;
    const first = assignColumnMapping(fields, 4, () => `col-${++names}`);
    expect(first.maxId).toBe(7);
    const again = parseSchemaString(fieldsToSchemaString(first.fields), 'id', '/t');
    expect(again).toEqual(first.fields);
    expect(again[0]).toMatchObject({ fieldId: 5, physicalName: 'col-1' });
    expect(assignColumnMapping(again, 7, undefined)).toEqual({ fields: again, maxId: 7 });
    expect(assignColumnMapping(fields, 0, undefined).fields[1]).toMatchObject({ physicalName: 'c' });
  });
});
