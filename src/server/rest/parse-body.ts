import { SkeinError, SqlState } from '../../common/index.ts';
import { parseExactJson } from '../../types/index.ts';

/**
 * Parses a JSON body without losing a digit: integers beyond 2^53 become bigints.
 * @throws SkeinError 22023 where the body is no UTF-8 or no JSON
 */
export function parseBody(body: Uint8Array): unknown {
  let text: string;
  try {
    text = new TextDecoder('utf-8', { fatal: true }).decode(body);
  } catch (error) {
    throw new SkeinError(SqlState.invalidParameterValue, 'the body is not valid UTF-8', { cause: error });
  }
  if (text.trim() === '') throw new SkeinError(SqlState.invalidParameterValue, 'the body is empty');
  try {
    return parseExactJson(text);
  } catch (error) {
    const problem = error instanceof Error ? error.message : String(error);
    throw new SkeinError(SqlState.invalidParameterValue, `the body is not JSON: ${problem}`, {
      cause: error,
    });
  }
}
