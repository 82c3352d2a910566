import { describe, expect, it } from 'vitest';
import { scalar } from '../../types/index.ts';
import {
  addCheck,
  columnRules,
  defaultOf,
  differInIdentityOnly,
  dropCheck,
  identityOf,
  nextIdentities,
  withComment,
  withDefault,
  withGeneration,
  withIdentity,
} from './column-rules.ts';
import { integer, testField, text } from './test-fields.ts';

const identity = { start: 10n, step: 5n, highWaterMark: undefined, allowExplicitInsert: false };

describe('columnRules', () => {
  it('reads what it builds', () => {
    const fields = [
      testField('id', scalar('BIGINT'), { nullable: false }),
      testField('i', integer, {
        metadata: { 'delta.invariants': JSON.stringify({ expression: { expression: 'i > 3' } }) },
      }),
      withGeneration(testField('g', integer), 'i * 2'),
      withDefault(testField('d', text), "'x'"),
      withIdentity(testField('n', scalar('BIGINT')), identity),
      testField(
        's',
        { kind: 'struct', fields: [] },
        {
          children: [testField('inner', integer, { nullable: false })],
        },
      ),
    ];
    expect(columnRules(fields, { 'delta.constraints.positive': 'id > 0', other: 'x' })).toEqual({
      notNull: [['id'], ['s', 'inner']],
      invariants: [{ column: 'i', sql: 'i > 3' }],
      checks: [{ name: 'positive', sql: 'id > 0' }],
      generated: [{ column: 'g', sql: 'i * 2' }],
      defaults: [{ column: 'd', sql: "'x'" }],
      identities: [{ column: 'n', ...identity }],
    });
  });

  it('names the column of wrong metadata', () => {
    const broken = testField('a', integer, { metadata: { 'delta.invariants': '{"x":1}' } });
    expect(() => columnRules([broken], {})).toThrow(/delta\.invariants at column "a"/);
    const half = testField('b', integer, { metadata: { 'delta.identity.start': 1 } });
    expect(() => identityOf(half)).toThrow(/column "b"/);
  });

  it('removes what is set to nothing', () => {
    const field = withComment(withDefault(testField('a', text), "'x'"), 'why');
    expect(defaultOf(field)).toBe("'x'");
    expect(columnRules([withDefault(testField('a', text), ' ')], {}).defaults).toEqual([]);
    expect(withComment(withDefault(field, undefined), undefined).metadata).toEqual({});
  });
});

describe('checks', () => {
  it('are added and dropped by name in any case', () => {
    const one = addCheck({}, 'Positive', 'a > 0');
    expect(one).toEqual({ 'delta.constraints.Positive': 'a > 0' });
    expect(() => addCheck(one, 'positive', 'a > 1')).toThrow(/exists already/);
    expect(dropCheck(one, 'POSITIVE')).toEqual({});
    expect(() => dropCheck({}, 'x')).toThrow(/no constraint "x"/);
  });
});

describe('identities', () => {
  it('go on from the high-water mark', () => {
    expect(nextIdentities(identity, 3)).toEqual({ first: 10n, last: 20n });
    expect(nextIdentities({ ...identity, highWaterMark: 20n }, 2)).toEqual({ first: 25n, last: 30n });
    // Inserted by hand: between two steps, and before the start.
    expect(nextIdentities({ ...identity, highWaterMark: 22n }, 1)).toEqual({ first: 25n, last: 25n });
    expect(nextIdentities({ ...identity, highWaterMark: 9n }, 1)).toEqual({ first: 10n, last: 10n });
    expect(nextIdentities({ ...identity, highWaterMark: 10n }, 1)).toEqual({ first: 15n, last: 15n });
  });

  it('go down with a negative step', () => {
    const down = { ...identity, start: 0n, step: -2n };
    expect(nextIdentities(down, 2)).toEqual({ first: 0n, last: -2n });
    expect(nextIdentities({ ...down, highWaterMark: -3n }, 1)).toEqual({ first: -4n, last: -4n });
    expect(nextIdentities({ ...down, highWaterMark: 3n }, 1)).toEqual({ first: 0n, last: 0n });
  });

  it('end with BIGINT', () => {
    const last = { ...identity, start: 2n ** 63n - 3n, step: 1n };
    expect(nextIdentities(last, 3).last).toBe(2n ** 63n - 1n);
    expect(() => nextIdentities(last, 4)).toThrow(/no values left/);
    expect(() => withIdentity(testField('a', integer), { ...identity, step: 0n })).toThrow(/step/);
  });

  it('are the only difference of two schemas, or not', () => {
    const schema = (mark: number, name = 'a'): string =>
      JSON.stringify({
        type: 'struct',
        fields: [{ name, metadata: { 'delta.identity.start': 1, 'delta.identity.highWaterMark': mark } }],
      });
    expect(differInIdentityOnly(schema(1), schema(7))).toBe(true);
    expect(differInIdentityOnly(schema(1), schema(1, 'b'))).toBe(false);
  });
});
