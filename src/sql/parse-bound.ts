import { SkeinError } from '../common/index.ts';
import { bindParameters, type Parameters } from './bind-parameters.ts';
import { checkLength, parseWhole } from './parse-statement.ts';
import type { Statement } from './statement.ts';

/** A statement whose parameters are filled in: its spans, and their offsets, are of the text with the values in it. */
export interface BoundStatement {
  readonly statement: Statement;
  /** From an offset in that text (`span.offset` and on) to the offset in the text as the user sent it. */
  mapPosition(offset: number): number;
}

/**
 * Fills in the parameters, which are numbered over the whole statement, then takes it apart: in
 * `UPDATE t SET a = ? WHERE b = ?` each value is in the span that it belongs to, and a value may stand where the
 * envelope wants a literal (`VERSION AS OF ?`, `LIMIT ?`, `COPY t FROM ?`).
 * @throws SkeinError as bindParameters and parseStatement do, with positions in the user's text
 */
export function parseBound(sql: string, params: Parameters | undefined): BoundStatement {
  checkLength(sql);
  const bound = bindParameters(sql, params);
  const mapPosition = (offset: number): number => bound.mapPosition(offset);
  try {
    return { statement: parseWhole(bound.sql), mapPosition };
  } catch (error) {
    throw mapErrorPosition(error, mapPosition);
  }
}

/** The error with its position put through `map`; anything without a position as it is. */
export function mapErrorPosition(error: unknown, map: (position: number) => number): unknown {
  if (!(error instanceof SkeinError) || error.position === undefined) return error;
  const { sqlState, message, retry, hint, details, position, cause } = error;
  return new SkeinError(sqlState, message, {
    retry,
    details,
    position: map(position),
    ...(hint === undefined ? {} : { hint }),
    cause: cause ?? error,
  });
}
