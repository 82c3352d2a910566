import type { Statement } from '../sql/index.ts';
import type { QueryRecord } from './query-record.ts';
import type { QueryRequest } from './query-service.ts';
import type { SessionSettings } from './settings.ts';

/** A query on its way: what was asked, and how. */
export interface Submission {
  readonly record: QueryRecord;
  readonly request: QueryRequest;
  readonly statement: Statement;
  readonly settings: SessionSettings;
}

export type Explain = Extract<Statement, { kind: 'explain' }>;
