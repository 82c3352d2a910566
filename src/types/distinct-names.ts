import type { Schema } from './sql-type.ts';

/** `a, b, a` becomes `a, b, a_1`. */
export function distinctNames(schema: Schema): readonly string[] {
  const all = new Set(schema.map(({ name }) => name));
  const used = new Set<string>();
  return schema.map(({ name }) => {
    let distinct = name;
    for (let number = 1; used.has(distinct); number++) {
      const next = `${name}_${number}`;
      if (!all.has(next)) distinct = next;
    }
    used.add(distinct);
    return distinct;
  });
}
