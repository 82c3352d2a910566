const text = `
  all analyse analyze and any array as asc asymmetric both case cast check collate column constraint create default
  deferrable desc describe distinct do else end except false fetch for foreign from group having in initially
  intersect into lambda lateral leading limit not null offset on only or order pivot pivot_longer pivot_wider placing
  primary qualify references returning select show some summarize symmetric table then to trailing true union unique
  unpivot using variadic when where window with
`;

/** DuckDB's reserved words in lower case: no names unless quoted. `duckdb_keywords()` lists them. */
export const reservedWords: ReadonlySet<string> = new Set(text.trim().split(/\s+/));

const callable = `
  anti asof at authorization binary by collation columns concurrently cross freeze full generated glob ilike inner is
  isnull join left like map natural notnull outer overlaps positional right semi similar struct tablesample try_cast
  unpack verbose
`;

/** Words that cannot be an alias without AS: those of joins and operators. DuckDB calls them `type_function`. */
export const joinWords: ReadonlySet<string> = new Set(callable.trim().split(/\s+/));
