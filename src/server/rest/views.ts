import type { SkeinError } from '../../common/index.ts';
import type { QueryErrorInfo, QueryInfo } from '../../coordinator/index.ts';
import { formatType, type Schema } from '../../types/index.ts';

/** A column as JSON: its type as DuckDB prints it. */
export function columnsJson(schema: Schema): { name: string; type: string }[] {
  return schema.map(({ name, type }) => ({ name, type: formatType(type) }));
}

/** An error's fields for users; details and causes stay on the server. */
export function errorJson(error: SkeinError | QueryErrorInfo): QueryErrorInfo {
  return {
    sqlState: error.sqlState,
    message: error.message,
    ...(error.position === undefined ? {} : { position: error.position }),
    ...(error.hint === undefined ? {} : { hint: error.hint }),
  };
}

/** What `GET /query/{id}` and `GET /queries` say of a query; absent is null. */
export function queryJson(info: QueryInfo): Record<string, unknown> {
  return {
    queryId: info.id,
    sql: info.sql,
    state: info.state,
    submittedAt: info.submittedAt,
    finishedAt: info.finishedAt ?? null,
    columns: info.columns === undefined ? null : columnsJson(info.columns),
    progress: info.progress,
    stats: info.stats,
    error: info.error === undefined ? null : errorJson(info.error),
  };
}

/** Where a query can be watched and canceled. */
export function queryLinks(id: string): { self: string; tree: string; cancel: string } {
  const self = `/query/${encodeURIComponent(id)}`;
  return { self, tree: `${self}/tree`, cancel: self };
}
