import type { CheckConstraint, ColumnDefinition, IdentityClause, Name, Span, Text } from '../statement.ts';
import { anyOf, type Cursor, comma, type Stop, syntaxError, unsupported, words } from './cursor.ts';

/** What can follow a column's type. */
const constraintWords = words(
  'NOT NULL',
  'NULL',
  'DEFAULT',
  'CHECK',
  'GENERATED',
  'AS',
  'PRIMARY',
  'UNIQUE',
  'REFERENCES',
  'CONSTRAINT',
  'COLLATE',
);
/** COMMENT and USING are no reserved words: they count where a text or COMPRESSION follows. */
const softWords: Stop = (cursor, index, first) =>
  index > first &&
  ((cursor.wordsAt(index, 'COMMENT') && cursor.tokens[index + 1]?.kind === 'string') ||
    cursor.wordsAt(index, 'USING', 'COMPRESSION'));

/** Ends the type in a column definition. */
export const endOfType: Stop = anyOf(comma, constraintWords, softWords);
/** Ends the expression after DEFAULT: IS NOT NULL is part of it, and so is the NULL of DEFAULT NULL. */
const endOfDefault: Stop = anyOf(comma, softWords, (cursor, index, first) => {
  if (index === first) return false;
  if (cursor.wordsAt(index - 1, 'IS') || cursor.wordsAt(index - 2, 'IS', 'NOT')) return false;
  return constraintWords(cursor, index, first);
});

type Draft = { -readonly [Key in keyof ColumnDefinition]: ColumnDefinition[Key] } & {
  checks: CheckConstraint[];
};

/** `name [type] [NOT NULL] [DEFAULT e] [CHECK (e)] [GENERATED ...] [COMMENT 'text']`, in any order after the type. */
export function parseColumnDefinition(cursor: Cursor): ColumnDefinition {
  const { name, offset } = cursor.name('the name of a column');
  const draft: Draft = {
    name,
    offset,
    type: endOfType(cursor, cursor.index, cursor.index) || atListEnd(cursor) ? undefined : typeSpan(cursor),
    nullable: true,
    default: undefined,
    generated: undefined,
    identity: undefined,
    checks: [],
    comment: undefined,
  };
  while (!atListEnd(cursor)) parseConstraint(cursor, draft);
  checkCombination(draft);
  return draft;
}

function typeSpan(cursor: Cursor): Span {
  return cursor.span('a type', endOfType);
}

function atListEnd(cursor: Cursor): boolean {
  return cursor.atEnd || cursor.atSymbol(',') || cursor.atSymbol(')');
}

function parseConstraint(cursor: Cursor, draft: Draft): void {
  const { offset } = cursor;
  const named = cursor.take('CONSTRAINT') ? cursor.name('the name of a constraint') : undefined;
  refuseKeys(cursor);
  if (cursor.take('CHECK')) {
    draft.checks.push({ name: named, condition: cursor.bracketed('a condition') });
  } else if (cursor.take('NOT')) {
    cursor.expect('NULL');
    draft.nullable = false;
  } else if (cursor.take('NULL')) {
    // What a column is anyway.
  } else if (cursor.take('DEFAULT')) {
    refuseSecond('DEFAULT', draft.default, offset);
    draft.default = cursor.span('an expression', endOfDefault);
  } else if (cursor.at('GENERATED') || cursor.at('AS')) {
    refuseSecond('GENERATED', draft.generated ?? draft.identity, offset);
    Object.assign(draft, parseGenerated(cursor));
  } else if (cursor.take('COMMENT')) {
    refuseSecond('COMMENT', draft.comment, offset);
    draft.comment = cursor.text('a comment in quotes');
  } else {
    throw cursor.error(['NOT NULL', 'DEFAULT', 'CHECK', 'GENERATED', 'COMMENT', ',', ')']);
  }
}

function refuseSecond(what: string, first: Span | Text | IdentityClause | undefined, offset: number): void {
  if (first !== undefined) throw syntaxError(`the column has ${what} twice`, offset);
}

/** Keys are promises that nobody here checks. */
export function refuseKeys(cursor: Cursor): void {
  const { offset } = cursor;
  const word = (['PRIMARY', 'UNIQUE', 'FOREIGN', 'REFERENCES', 'COLLATE'] as const).find((key) =>
    cursor.at(key),
  );
  if (word === undefined && !cursor.at('USING', 'COMPRESSION')) return;
  if (word === 'COLLATE')
    throw unsupported('a column cannot have a collation', offset, 'use COLLATE in queries');
  if (word === undefined) throw unsupported('a column cannot choose its compression', offset);
  const key = word === 'PRIMARY' ? 'PRIMARY KEY' : word === 'FOREIGN' ? 'FOREIGN KEY' : word;
  throw unsupported(
    `tables have no ${key}: Delta tables cannot enforce keys`,
    offset,
    'NOT NULL and CHECK are enforced; MERGE INTO keeps rows unique',
  );
}

/** `GENERATED ALWAYS AS (e) [STORED]`, `AS (e)`, `GENERATED ALWAYS | BY DEFAULT AS IDENTITY [(...)]`. */
function parseGenerated(cursor: Cursor): Pick<ColumnDefinition, 'generated' | 'identity'> {
  const { offset } = cursor;
  let always = true;
  if (cursor.take('GENERATED')) {
    if (cursor.oneOf('ALWAYS', 'BY') === 'BY') {
      cursor.expect('DEFAULT');
      always = false;
    }
  }
  cursor.expect('AS');
  if (cursor.take('IDENTITY')) {
    return { generated: undefined, identity: { always, ...identityOptions(cursor), offset } };
  }
  if (!always) throw cursor.error(['IDENTITY']);
  if (!cursor.atSymbol('(')) throw cursor.error(['(', 'IDENTITY']);
  const generated = cursor.bracketed('an expression');
  if (!cursor.take('STORED')) cursor.take('VIRTUAL');
  return { generated, identity: undefined };
}

/** `(START [WITH] n INCREMENT [BY] m)`, both optional, with or without a comma. */
function identityOptions(cursor: Cursor): { readonly start: bigint; readonly step: bigint } {
  const found: { start?: bigint; step?: bigint } = {};
  if (cursor.takeSymbol('(')) {
    do {
      const { offset } = cursor;
      const key = cursor.oneOf('START', 'INCREMENT') === 'START' ? 'start' : 'step';
      cursor.take(key === 'start' ? 'WITH' : 'BY');
      if (found[key] !== undefined) throw syntaxError('the option is there twice', offset);
      found[key] = bigInteger(cursor);
      if (key === 'step' && found.step === 0n) throw syntaxError('INCREMENT BY cannot be 0', offset);
      cursor.takeSymbol(',');
    } while (!cursor.atSymbol(')'));
    cursor.expectSymbol(')');
  }
  return { start: found.start ?? 1n, step: found.step ?? 1n };
}

function bigInteger(cursor: Cursor): bigint {
  const { text, offset } = cursor.literal('a whole number');
  if (!/^-?[0-9]+$/.test(text) || BigInt.asIntN(64, BigInt(text)) !== BigInt(text)) {
    throw syntaxError(`${text} is no BIGINT`, offset);
  }
  return BigInt(text);
}

function checkCombination(column: ColumnDefinition): void {
  const sources = [column.default, column.generated, column.identity].filter(
    (source) => source !== undefined,
  );
  if (sources.length > 1) {
    throw syntaxError(
      `the column ${column.name} can have only one of DEFAULT, GENERATED and IDENTITY`,
      column.offset,
    );
  }
}

/** `[CONSTRAINT name] CHECK (condition)`. */
export function parseCheck(cursor: Cursor): CheckConstraint {
  const name: Name | undefined = cursor.take('CONSTRAINT')
    ? cursor.name('the name of a constraint')
    : undefined;
  refuseKeys(cursor);
  cursor.expect('CHECK');
  return { name, condition: cursor.bracketed('a condition') };
}
