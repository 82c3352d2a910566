import { quoteLiteral } from '../../types/index.ts';

/** Rows a piece covers. DuckDB copies a constant for every vector of rows, so a piece must be small. */
const pieceRows = 1 << 19;

/** Deleted rows of one file, as bits in pieces of `pieceRows`; the highest bit of a byte is its first row. */
export interface DeletionBits {
  /** By number of the piece. */
  readonly pieces: ReadonlyMap<number, Uint8Array>;
  /** Different rows. */
  readonly count: number;
}

/** @param runs first row of each run and the one after its last, from 0, in any order */
export function deletionBits(runs: Iterable<readonly [number, number]>): DeletionBits {
  const pieces = new Map<number, Uint8Array>();
  let count = 0;
  for (const [start, end] of runs) {
    for (let row = start; row < end; row++) {
      const number = Math.floor(row / pieceRows);
      let piece = pieces.get(number);
      if (piece === undefined) {
        piece = new Uint8Array(pieceRows / 8);
        pieces.set(number, piece);
      }
      const at = (row % pieceRows) >> 3;
      const bit = 0x80 >> (row & 7);
      const before = piece[at] ?? 0;
      if ((before & bit) !== 0) continue;
      piece[at] = before | bit;
      count += 1;
    }
  }
  return { pieces, count };
}

/** SQL that is true for the rows of a file that are not deleted, and the statements that it needs before. */
export interface KeptRows {
  readonly statements: readonly string[];
  readonly predicate: string;
}

/**
 * The bits as variables of a connection.
 * @param prefix of the variables' names, used for nothing else on the connection
 * @param row SQL of the row's number in its file
 */
export function keptRows({ pieces }: DeletionBits, prefix: string, row: string): KeptRows {
  const last = Math.max(-1, ...pieces.keys());
  const statements: string[] = [];
  const predicates: string[] = [];
  for (let number = 0; number <= last; number++) {
    const piece = pieces.get(number);
    if (piece === undefined) {
      predicates.push('true');
      continue;
    }
    const name = `${prefix}_${number}`;
    const bits = Buffer.from(piece.buffer, piece.byteOffset, piece.byteLength).toString('base64');
    statements.push(`SET VARIABLE ${name} = from_base64('${bits}')::BIT`);
    const index = number === 0 ? row : `${row} - ${number * pieceRows}`;
    predicates.push(`get_bit(getvariable(${quoteLiteral(name)}), (${index})::INTEGER) = 0`);
  }
  predicates.push('true');
  return { statements, predicate: chooseByNumber(row, predicates, (index) => index * pieceRows) };
}

/**
 * SQL for the value that belongs to a number: `values[i]` from `from(i)` up to before `from(i + 1)`. A tree of CASEs:
 * where the number is the same for many rows, as a file's index is, DuckDB follows one path for all of them.
 */
export function chooseByNumber(
  number: string,
  values: readonly string[],
  from: (index: number) => number = (index) => index,
): string {
  const runs: { readonly from: number; readonly value: string }[] = [];
  values.forEach((value, index) => {
    if (runs.at(-1)?.value !== value) runs.push({ from: from(index), value });
  });
  const choose = (low: number, high: number): string => {
    if (high - low <= 1) return runs[low]?.value ?? 'NULL';
    const middle = (low + high) >> 1;
    const bound = runs[middle]?.from ?? 0;
    return `CASE WHEN ${number} < ${bound} THEN ${choose(low, middle)} ELSE ${choose(middle, high)} END`;
  };
  return choose(0, runs.length);
}
