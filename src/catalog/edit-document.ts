import { nearestName, SkeinError, SqlState } from '../common/index.ts';
import type { CatalogDocument, CommentEntry, TableEntry, ViewEntry } from './catalog-document.ts';

/** Pure changes of a document: each gives the document after it, and throws a SkeinError where it cannot be. */
export type DocumentChange = (document: CatalogDocument) => CatalogDocument;

/** A table or view. */
export interface QualifiedName {
  readonly schema: string;
  readonly name: string;
}

export type NamedObject =
  | { readonly kind: 'table'; readonly entry: TableEntry }
  | { readonly kind: 'view'; readonly entry: ViewEntry };

/** Always there, and no file's name may be one. */
const builtinSchemas = ['main', 'system', 'information_schema', 'pg_catalog'];

export function sameName(a: string, b: string): boolean {
  return a.toLowerCase() === b.toLowerCase();
}

/** The schema as it is spelt. @throws SkeinError 3F000 */
export function requireSchema(document: CatalogDocument, schema: string): string {
  const all = ['main', ...document.schemas];
  const found = all.find((each) => sameName(each, schema));
  if (found !== undefined) return found;
  const nearest = nearestName(schema, all);
  throw new SkeinError(SqlState.undefinedSchema, `there is no schema ${schema}`, {
    ...(nearest === undefined ? {} : { hint: `did you mean ${nearest}?` }),
  });
}

/** What the document has of that name; files of the warehouse are not looked at. */
export function findObject(
  document: CatalogDocument,
  { schema, name }: QualifiedName,
): NamedObject | undefined {
  const named = (entry: QualifiedName): boolean =>
    sameName(entry.schema, schema) && sameName(entry.name, name);
  const table = document.tables.find(named);
  if (table !== undefined) return { kind: 'table', entry: table };
  const view = document.views.find(named);
  return view === undefined ? undefined : { kind: 'view', entry: view };
}

/** @throws SkeinError 42P06 where there is one; 42501 for names that the system keeps */
export function addSchema(schema: string, comment?: string): DocumentChange {
  return (document) => {
    if (builtinSchemas.slice(1).some((each) => sameName(each, schema))) {
      throw new SkeinError(SqlState.insufficientPrivilege, `the schema name ${schema} is reserved`);
    }
    if (['main', ...document.schemas].some((each) => sameName(each, schema))) {
      throw new SkeinError(SqlState.duplicateSchema, `there is a schema ${schema} already`);
    }
    if (schema === '' || schema.includes('.')) {
      throw new SkeinError(SqlState.invalidParameterValue, 'the name of a schema has characters, and no dot');
    }
    const schemas = [...document.schemas, schema].sort();
    const next = { ...document, schemas };
    return comment === undefined ? next : setComment({ schema }, undefined, comment)(next);
  };
}

/** @throws SkeinError 3F000; 2BP01 where it has tables or views and `cascade` is false */
export function removeSchema(schema: string, cascade: boolean): DocumentChange {
  return (document) => {
    const found = requireSchema(document, schema);
    if (found === 'main') {
      throw new SkeinError(SqlState.insufficientPrivilege, 'the schema main cannot be dropped');
    }
    const inside = [...document.tables, ...document.views].filter((entry) => entry.schema === found);
    if (inside.length > 0 && !cascade) {
      const names = inside.slice(0, 3).map(({ name }) => name);
      const more = inside.length > 3 ? ` and ${inside.length - 3} more` : '';
      throw new SkeinError(
        SqlState.dependentObjects,
        `the schema ${found} is not empty: it has ${names.join(', ')}${more}`,
        { hint: 'Use DROP SCHEMA ... CASCADE to drop what is in it as well.' },
      );
    }
    return {
      ...document,
      schemas: document.schemas.filter((each) => each !== found),
      tables: document.tables.filter((entry) => entry.schema !== found),
      views: document.views.filter((entry) => entry.schema !== found),
      comments: document.comments.filter((entry) => entry.schema !== found),
    };
  };
}

/** @throws SkeinError 3F000, 42P06; 42501 for `main` */
export function renameSchema(schema: string, to: string): DocumentChange {
  return (document) => {
    const found = requireSchema(document, schema);
    if (found === 'main') {
      throw new SkeinError(SqlState.insufficientPrivilege, 'the schema main cannot be renamed');
    }
    const others = { ...document, schemas: document.schemas.filter((each) => each !== found) };
    const { schemas } = addSchema(to)(others);
    const moved = <T extends { readonly schema: string }>(each: T): T =>
      each.schema === found ? { ...each, schema: to } : each;
    return {
      ...document,
      schemas,
      tables: sorted(document.tables.map(moved)),
      views: sorted(document.views.map(moved)).map((view) =>
        view.searchSchema === found ? { ...view, searchSchema: to } : view,
      ),
      comments: document.comments.map(moved),
    };
  };
}

/**
 * Adds a table, or puts it in the place of another.
 * @throws SkeinError 3F000, 42P07 where the name is taken and `replace` is false, 42809 where a view has it
 */
export function putTable(entry: TableEntry, replace: boolean): DocumentChange {
  return (document) => {
    const schema = requireSchema(document, entry.schema);
    const taken = findObject(document, entry);
    checkFree(taken, 'table', entry, replace);
    const others = document.tables.filter((each) => each !== taken?.entry);
    const next = { ...document, tables: sorted([...others, { ...entry, schema }]) };
    return taken === undefined ? next : withoutComments(next, taken.entry);
  };
}

/** As `putTable`. @throws also 42701 where two columns have one name */
export function putView(entry: ViewEntry, replace: boolean): DocumentChange {
  return (document) => {
    const schema = requireSchema(document, entry.schema);
    const twin = entry.columns.find(
      (column, index) => entry.columns.findIndex((other) => sameName(other, column)) < index,
    );
    if (twin !== undefined) {
      throw new SkeinError(SqlState.duplicateColumn, `the view ${entry.name} would have two columns ${twin}`);
    }
    const taken = findObject(document, entry);
    checkFree(taken, 'view', entry, replace);
    const others = document.views.filter((each) => each !== taken?.entry);
    const next = { ...document, views: sorted([...others, { ...entry, schema }]) };
    return taken === undefined ? next : withoutComments(next, taken.entry);
  };
}

function checkFree(
  taken: NamedObject | undefined,
  kind: NamedObject['kind'],
  { schema, name }: QualifiedName,
  replace: boolean,
): void {
  if (taken === undefined) return;
  if (replace && taken.kind === kind) return;
  if (replace) {
    throw new SkeinError(SqlState.wrongObjectType, `${schema}.${name} is a ${taken.kind}, not a ${kind}`);
  }
  throw new SkeinError(SqlState.duplicateTable, `there is a ${taken.kind} ${schema}.${name} already`);
}

/** @throws SkeinError 42P01; 42809 where the name is that of the other kind */
export function removeObject(name: QualifiedName, kind: NamedObject['kind']): DocumentChange {
  return (document) => {
    const { entry } = requireObject(document, name, kind);
    const next = {
      ...document,
      tables: document.tables.filter((each) => each !== entry),
      views: document.views.filter((each) => each !== entry),
    };
    return withoutComments(next, entry);
  };
}

/** A new name in the same schema. @throws SkeinError 42P01, 42809, 42P07 */
export function renameObject(name: QualifiedName, kind: NamedObject['kind'], to: string): DocumentChange {
  return (document) => {
    const { entry } = requireObject(document, name, kind);
    const taken = findObject(document, { schema: entry.schema, name: to });
    if (taken !== undefined && taken.entry !== entry) checkFree(taken, kind, taken.entry, false);
    const renamed = (each: QualifiedName): { readonly name: string } =>
      each === entry ? { name: to } : { name: each.name };
    return {
      ...document,
      tables: sorted(document.tables.map((each) => ({ ...each, ...renamed(each) }))),
      views: sorted(document.views.map((each) => ({ ...each, ...renamed(each) }))),
      comments: document.comments.map((each) => (isOn(each, entry) ? { ...each, name: to } : each)),
    };
  };
}

/** Sets a remark, or with undefined takes it away. Whoever asks has seen that the thing is there. */
export function setComment(
  on: { readonly schema: string; readonly name?: string },
  column: string | undefined,
  text: string | undefined,
): DocumentChange {
  return (document) => {
    const isSame = (each: CommentEntry): boolean =>
      sameName(each.schema, on.schema) &&
      sameName(each.name ?? '', on.name ?? '') &&
      sameName(each.column ?? '', column ?? '');
    const comments = document.comments.filter((each) => !isSame(each));
    if (text !== undefined) comments.push({ schema: on.schema, name: on.name, column, text });
    return { ...document, comments };
  };
}

function requireObject(
  document: CatalogDocument,
  name: QualifiedName,
  kind: NamedObject['kind'],
): NamedObject {
  const found = findObject(document, name);
  if (found?.kind === kind) return found;
  const shown = `${name.schema}.${name.name}`;
  if (found !== undefined) {
    throw new SkeinError(SqlState.wrongObjectType, `${shown} is a ${found.kind}, not a ${kind}`);
  }
  const entries = kind === 'table' ? document.tables : document.views;
  const nearest = nearestName(
    shown,
    entries.map((entry) => `${entry.schema}.${entry.name}`),
  );
  throw new SkeinError(SqlState.undefinedTable, `there is no ${kind} ${shown}`, {
    ...(nearest === undefined ? {} : { hint: `did you mean ${nearest}?` }),
  });
}

function isOn(comment: CommentEntry, { schema, name }: QualifiedName): boolean {
  return sameName(comment.schema, schema) && comment.name !== undefined && sameName(comment.name, name);
}

function withoutComments(document: CatalogDocument, entry: QualifiedName): CatalogDocument {
  return { ...document, comments: document.comments.filter((each) => !isOn(each, entry)) };
}

function sorted<T extends QualifiedName>(entries: readonly T[]): readonly T[] {
  const key = (entry: T): string => `${entry.schema}.${entry.name}`;
  return entries.toSorted((a, b) => (key(a) < key(b) ? -1 : 1));
}
