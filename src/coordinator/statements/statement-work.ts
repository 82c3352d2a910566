import { SkeinError, SqlState } from '../../common/index.ts';
import type { ExplainStatement, Statement } from '../../sql/index.ts';
import { alterTable } from './alter-table.ts';
import { analyze } from './analyze.ts';
import { comment, createSchema, createView, drop, rename } from './change-names.ts';
import { copyFrom } from './copy-from.ts';
import { copyTo } from './copy-to.ts';
import { createTable } from './create-table.ts';
import { deleteFrom } from './delete.ts';
import { describeDetail, describeHistory } from './describe-table.ts';
import { insert } from './insert.ts';
import { merge } from './merge.ts';
import { optimize } from './optimize.ts';
import { restore } from './restore.ts';
import { show } from './show.ts';
import type { StatementWork } from './statement-context.ts';
import { truncate } from './truncate.ts';
import { update } from './update.ts';
import { vacuum } from './vacuum.ts';

/** How a statement is carried out that is no query. */
export function statementWork(statement: Exclude<Statement, ExplainStatement>): StatementWork {
  switch (statement.kind) {
    case 'query':
      throw new Error('a query needs no executor');
    case 'createSchema':
      return (context) => createSchema(statement, context);
    case 'drop':
      return (context) => drop(statement, context);
    case 'rename':
      return (context) => rename(statement, context);
    case 'createView':
      return (context) => createView(statement, context);
    case 'comment':
      return (context) => comment(statement, context);
    case 'createTable':
      return (context) => createTable(statement, context);
    case 'alterTable':
      return (context) => alterTable(statement, context);
    case 'truncate':
      return (context) => truncate(statement, context);
    case 'insert':
      return (context) => insert(statement, context);
    case 'update':
      return (context) => update(statement, context);
    case 'delete':
      return (context) => deleteFrom(statement, context);
    case 'merge':
      return (context) => merge(statement, context);
    case 'describeHistory':
      return (context) => describeHistory(statement, context);
    case 'describeDetail':
      return (context) => describeDetail(statement, context);
    case 'restore':
      return (context) => restore(statement, context);
    case 'optimize':
      return (context) => optimize(statement, context);
    case 'vacuum':
      return (context) => vacuum(statement, context);
    case 'show':
      return (context) => show(statement, context);
    case 'copyFrom':
      return (context) => copyFrom(statement, context);
    case 'copyTo':
      return (context) => copyTo(statement, context);
    case 'analyze':
      return (context) => analyze(statement, context);
    case 'transaction':
      return () => refuse(statement.action.toUpperCase());
  }
}

function refuse(what: string): never {
  throw new SkeinError(SqlState.featureNotSupported, `${what} is not supported yet`);
}
