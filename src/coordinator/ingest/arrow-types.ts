import { SkeinError, SqlState } from '../../common/index.ts';
import { storedType } from '../../storage/index.ts';
import { formatType, integerTypes, type Schema, type SqlType } from '../../types/index.ts';
import { columnPosition, type DeltaTarget } from '../statements/delta-target.ts';

/**
 * Holds the types of columns against those of a table's: a client that knows its types means them, so nothing is read
 * out of text, and no number is rounded to one with fewer digits behind the point.
 * @throws SkeinError 42703, 42804
 */
export function checkArrowTypes(columns: Schema, { snapshot, table }: DeltaTarget): void {
  for (const { name, type } of columns) {
    const own = snapshot.schema[columnPosition(snapshot.schema, { name, offset: 0 }, table.key)];
    if (own === undefined || fits(type, own.type)) continue;
    throw new SkeinError(
      SqlState.datatypeMismatch,
      `the column ${own.name} of ${table.key} is ${formatType(own.type)}, the Arrow stream has ${formatType(type)}`,
      { hint: "Cast it in the client to the table's type." },
    );
  }
}

type Family = 'number' | 'text' | 'timestamp' | 'time' | 'other';

function familyOf(type: SqlType): Family {
  if (type.kind === 'decimal') return 'number';
  if (type.kind !== 'scalar') return 'other';
  const { name } = type;
  if (integerTypes.has(name) || name === 'FLOAT' || name === 'DOUBLE') return 'number';
  switch (name) {
    case 'VARCHAR':
      return 'text';
    case 'TIMESTAMP':
    case 'TIMESTAMP_S':
    case 'TIMESTAMP_MS':
    case 'TIMESTAMP_NS':
      return 'timestamp';
    case 'TIME':
    case 'TIME_NS':
      return 'time';
    default:
      return 'other';
  }
}

function fits(from: SqlType, to: SqlType): boolean {
  if (from.kind === 'scalar' && from.name === 'NULL') return true;
  if (from.kind === 'list')
    return (to.kind === 'list' || to.kind === 'array') && fits(from.element, to.element);
  if (from.kind === 'map') return to.kind === 'map' && fits(from.key, to.key) && fits(from.value, to.value);
  if (from.kind === 'struct') return to.kind === 'struct' && fieldsFit(from.fields, to.fields);
  switch (familyOf(from)) {
    case 'number':
      return familyOf(to) === 'number' && decimalsOf(from) <= decimalsOf(to);
    case 'text':
      // Types that Arrow lacks are sent as text: those that tables keep so, too.
      return isText(to);
    case 'timestamp':
      return familyOf(to) === 'timestamp';
    case 'time':
      return familyOf(to) === 'time';
    case 'other':
      return formatType(from) === formatType(to) || (isDate(from) && familyOf(to) === 'timestamp');
  }
}

function fieldsFit(from: Schema, to: Schema): boolean {
  return (
    from.length === to.length &&
    from.every(({ name, type }) => {
      const own = to.find((field) => field.name.toLowerCase() === name.toLowerCase());
      return own !== undefined && fits(type, own.type);
    })
  );
}

/** Digits behind the point. */
function decimalsOf(type: SqlType): number {
  if (type.kind === 'decimal') return type.scale;
  return type.kind === 'scalar' && integerTypes.has(type.name) ? 0 : Number.POSITIVE_INFINITY;
}

function isText(type: SqlType): boolean {
  const carrier = storedType(type);
  return (
    carrier?.kind === 'scalar' &&
    carrier.name === 'VARCHAR' &&
    !['timestamp', 'time'].includes(familyOf(type))
  );
}

function isDate(type: SqlType): boolean {
  return type.kind === 'scalar' && type.name === 'DATE';
}
