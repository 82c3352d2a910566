import { nearestName, type Random, SkeinError, SqlState } from '../common/index.ts';
import { type ObjectStore, parseLocation, shownLocation } from '../storage/index.ts';
import type { CatalogNames, FoundObject, NewTable, OpenedDeltaTable, OpenedTable } from './catalog.ts';
import type { CatalogDocument, TableEntry, ViewEntry } from './catalog-document.ts';
import type { CatalogLog } from './catalog-log.ts';
import {
  addSchema,
  type DocumentChange,
  findObject,
  type NamedObject,
  putTable,
  putView,
  type QualifiedName,
  removeObject,
  removeSchema,
  renameObject,
  renameSchema,
  requireSchema,
  sameName,
  setComment,
} from './edit-document.ts';
import { checkExternalLocation } from './external-location.node.ts';
import { locationOf, type TablePlace } from './name-tables.ts';

/** Of the warehouse: below it lie managed tables, a folder a schema. */
const managedFolder = '_tables/';

export interface WarehouseNamesOptions {
  /** Location of the warehouse. */
  readonly root: string;
  /** Of the warehouse. */
  readonly store: ObjectStore;
  /** Locations that tables may lie below. */
  readonly roots: readonly string[];
  readonly random: Random;
  readonly log: CatalogLog;
  /** Every table as of now. */
  readonly places: (signal: AbortSignal) => Promise<readonly TablePlace[]>;
  readonly openDelta: (location: string) => Pick<OpenedDeltaTable, 'log' | 'store' | 'statistics'>;
}

/** Changes the names of a warehouse. */
export class WarehouseNames implements CatalogNames {
  readonly #options: WarehouseNamesOptions;

  constructor(options: WarehouseNamesOptions) {
    this.#options = options;
  }

  async createSchema(schema: string, comment: string | undefined, signal: AbortSignal): Promise<void> {
    await this.#commit(addSchema(schema, comment), signal);
  }

  async dropSchema(schema: string, cascade: boolean, signal: AbortSignal): Promise<readonly OpenedTable[]> {
    let gone: readonly TableEntry[] = [];
    await this.#commit((document) => {
      const found = requireSchema(document, schema);
      gone = document.tables.filter((entry) => entry.schema === found);
      return removeSchema(schema, cascade)(document);
    }, signal);
    return gone.map((entry) => this.#opened(entry));
  }

  async renameSchema(schema: string, to: string, signal: AbortSignal): Promise<void> {
    await this.#commit(renameSchema(schema, to), signal);
  }

  async createTable(
    table: NewTable,
    replace: boolean,
    signal: AbortSignal,
  ): Promise<OpenedTable | undefined> {
    await this.#refuseFile(table, 'taken', signal);
    const { schema, name, kind, format, options = {}, comment } = table;
    const location = kind === 'managed' ? this.#relative(table.location) : table.location;
    let replaced: NamedObject | undefined;
    await this.#commit((document) => {
      replaced = findObject(document, table);
      const next = putTable({ schema, name, location, kind, format, options }, replace)(document);
      const on = { schema: requireSchema(document, schema), name };
      return comment === undefined ? next : setComment(on, undefined, comment)(next);
    }, signal);
    return replaced?.kind === 'table' ? this.#opened(replaced.entry) : undefined;
  }

  async dropTable(name: QualifiedName, signal: AbortSignal): Promise<OpenedTable> {
    await this.#refuseFile(name, 'dropped', signal);
    let gone: OpenedTable | undefined;
    await this.#commit((document) => {
      const next = removeObject(name, 'table')(document);
      const found = findObject(document, name);
      gone = found?.kind === 'table' ? this.#opened(found.entry) : undefined;
      return next;
    }, signal);
    return gone ?? Promise.reject(undefinedTable(`${name.schema}.${name.name}`, []));
  }

  async renameTable(name: QualifiedName, to: string, signal: AbortSignal): Promise<void> {
    await this.#refuseFile(name, 'renamed', signal);
    await this.#refuseFile({ schema: name.schema, name: to }, 'taken', signal);
    await this.#commit(renameObject(name, 'table', to), signal);
  }

  async createView(view: ViewEntry, replace: boolean, signal: AbortSignal): Promise<void> {
    await this.#refuseFile(view, 'taken', signal);
    await this.#commit(putView(view, replace), signal);
  }

  async dropView(name: QualifiedName, signal: AbortSignal): Promise<void> {
    await this.#commit(removeObject(name, 'view'), signal);
  }

  async renameView(name: QualifiedName, to: string, signal: AbortSignal): Promise<void> {
    await this.#refuseFile({ schema: name.schema, name: to }, 'taken', signal);
    await this.#commit(renameObject(name, 'view', to), signal);
  }

  async setComment(
    on: { readonly schema: string; readonly name?: string },
    column: string | undefined,
    text: string | undefined,
    signal: AbortSignal,
  ): Promise<void> {
    const { name } = on;
    const found = name === undefined ? undefined : await this.find({ schema: on.schema, name }, signal);
    if (name !== undefined && found === undefined) throw undefinedTable(`${on.schema}.${name}`, []);
    await this.#commit((document) => {
      const schema = requireSchema(document, on.schema);
      const spelt = found?.kind === 'table' ? found.table.name : found?.entry.name;
      return setComment(spelt === undefined ? { schema } : { schema, name: spelt }, column, text)(document);
    }, signal);
  }

  async find(name: QualifiedName, signal: AbortSignal): Promise<FoundObject | undefined> {
    const places = await this.#options.places(signal);
    const table = places.find((place) => isNamed(place, name));
    if (table !== undefined) return { kind: 'table', table };
    const found = findObject(this.#options.log.current, name);
    return found?.kind === 'view' ? found : undefined;
  }

  async requireSchema(schema: string, signal: AbortSignal): Promise<string> {
    return requireSchema(await this.#options.log.latest(signal), schema);
  }

  async openTable(name: QualifiedName, signal: AbortSignal): Promise<OpenedDeltaTable> {
    const found = await this.find(name, signal);
    const shown = `${name.schema}.${name.name}`;
    if (found === undefined) throw undefinedTable(shown, await this.#options.places(signal));
    if (found.kind === 'view') throw new SkeinError(SqlState.wrongObjectType, `${shown} is a view`);
    const { key, schema, location, kind, format } = found.table;
    if (format !== 'delta') {
      const message = `${shown} is made of ${format} files: only Delta tables can be changed`;
      throw new SkeinError(SqlState.wrongObjectType, message, {
        hint: 'CREATE TABLE ... AS SELECT makes a Delta table of it.',
      });
    }
    return {
      key,
      schema,
      name: found.table.name,
      location,
      kind,
      format,
      ...this.#options.openDelta(location),
    };
  }

  async namelessFolders(signal: AbortSignal): Promise<readonly string[]> {
    const { store, root, log } = this.#options;
    const folders: string[] = [];
    for (const schema of await store.listFolders(managedFolder, signal)) {
      const names = await store.listFolders(`${managedFolder}${schema}/`, signal);
      folders.push(...names.map((name) => `${root}/${managedFolder}${schema}/${name}`));
    }
    // Read after the folders: who made one of these has named it by now, or is still at work.
    const { tables } = await log.latest(signal);
    const named = tables.map((entry) => `${locationOf(root, entry)}/`);
    return folders.filter(
      (folder) => !named.some((each) => each.startsWith(`${folder}/`) || `${folder}/`.startsWith(each)),
    );
  }

  newTableLocation({ schema, name }: QualifiedName): string {
    const part = (text: string): string => text.replaceAll(/[^A-Za-z0-9_-]/g, '_').slice(0, 60);
    return `${this.#options.root}/${managedFolder}${part(schema)}/${part(name)}-${this.#options.random.token(10)}`;
  }

  async checkLocation(location: string): Promise<string> {
    const whole = location.replace(/\/+$/, '');
    const shown = shownLocation(location);
    const isAbsolute = /^(\/|s3:\/\/[^/]+|memory:\/\/[^/]+)/.test(whole);
    const parts = whole.replace(/^[a-z0-9]+:\/\//, '').split('/');
    if (!isAbsolute || parts.includes('..') || parts.includes('.')) {
      throw new SkeinError(SqlState.invalidParameterValue, `${shown} is no absolute location`);
    }
    parseLocation(whole);
    await checkExternalLocation(whole, this.#options.roots);
    if (`${whole}/`.startsWith(`${this.#options.root}/_skein/`) || whole === this.#options.root) {
      throw new SkeinError(SqlState.insufficientPrivilege, `the location ${whole} may not be a table`);
    }
    return whole;
  }

  async #commit(change: DocumentChange, signal: AbortSignal): Promise<CatalogDocument> {
    return await this.#options.log.commit(change, signal);
  }

  #opened(entry: TableEntry): OpenedTable {
    const { schema, name, kind, format } = entry;
    return {
      key: `${schema}.${name}`,
      schema,
      name,
      kind,
      format,
      location: locationOf(this.#options.root, entry),
    };
  }

  #relative(location: string): string {
    const { root } = this.#options;
    return location.startsWith(`${root}/`) ? location.slice(root.length + 1) : location;
  }

  /** Files of the warehouse are the user's: their names are free when they are gone. */
  async #refuseFile(
    name: QualifiedName,
    problem: 'taken' | 'dropped' | 'renamed',
    signal: AbortSignal,
  ): Promise<void> {
    if (!sameName(name.schema, 'main')) return;
    const places = await this.#options.places(signal);
    const place = places.find((each) => each.kind === 'file' && isNamed(each, name));
    if (place === undefined) return;
    const { key, location } = place;
    if (problem === 'taken') {
      throw new SkeinError(SqlState.duplicateTable, `there is a table ${key} already: ${location}`);
    }
    throw new SkeinError(
      SqlState.wrongObjectType,
      `${key} is there because ${location} is: it cannot be ${problem} by a statement`,
      { hint: 'Move the file or folder away.' },
    );
  }
}

function isNamed(place: QualifiedName, { schema, name }: QualifiedName): boolean {
  return sameName(place.schema, schema) && sameName(place.name, name);
}

/** 42P01 with the nearest table there is. */
export function undefinedTable(key: string, places: readonly TablePlace[]): SkeinError {
  const short = key.replace(/^main\./, '');
  const nearest = nearestName(
    short,
    places.map((place) => place.key.replace(/^main\./, '')),
  );
  return new SkeinError(SqlState.undefinedTable, `there is no table ${short}`, {
    ...(nearest === undefined ? {} : { hint: `did you mean ${nearest}?` }),
  });
}
