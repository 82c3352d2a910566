/** What a predicate may give for the rows of a file: a set of true, false and NULL. */
export type Truth = number;

export const maybeTrue: Truth = 1;
export const maybeFalse: Truth = 2;
export const maybeNull: Truth = 4;
/** Nothing is known. */
export const anything: Truth = 7;
/** Of no rows at all. */
export const nothing: Truth = 0;

export function truthOf(value: boolean | null): Truth {
  return value === null ? maybeNull : value ? maybeTrue : maybeFalse;
}

export function not(truth: Truth): Truth {
  return (truth & maybeNull) | (truth & maybeTrue ? maybeFalse : 0) | (truth & maybeFalse ? maybeTrue : 0);
}

export function and(a: Truth, b: Truth): Truth {
  return combine(a, b, (x, y) =>
    x === false || y === false ? false : x === null || y === null ? null : true,
  );
}

export function or(a: Truth, b: Truth): Truth {
  return not(and(not(a), not(b)));
}

const values = [true, false, null] as const;

function combine(a: Truth, b: Truth, both: (x: boolean | null, y: boolean | null) => boolean | null): Truth {
  let result = nothing;
  for (const x of values) {
    if ((a & truthOf(x)) === 0) continue;
    for (const y of values) if ((b & truthOf(y)) !== 0) result |= truthOf(both(x, y));
  }
  return result;
}
