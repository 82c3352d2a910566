import { mapConcurrently, SkeinError, SqlState } from '../common/index.ts';
import type { ObjectStore, TableSnapshot } from '../storage/index.ts';
import type { CatalogFiles, FoundFiles } from './catalog.ts';
import { checkExternalLocation } from './external-location.node.ts';
import { type InspectFiles, openListed } from './file-tables.ts';
import { type ListedFile, listedFile, listFiles, partitionKeys } from './list-tables.ts';

export interface WarehouseFilesOptions {
  /** Location of the warehouse. */
  readonly root: string;
  /** Locations that files may lie below. */
  readonly roots: readonly string[];
  readonly openStore: (location: string) => ObjectStore;
  readonly inspect: InspectFiles;
}

const globPart = /[*?[]/;
/** Folders of the warehouse that Skein keeps. */
const kept = ['_skein', '_tables'];
const checksAtOnce = 16;

/** Files that statements name, within what statements may reach. */
export class WarehouseFiles implements CatalogFiles {
  readonly #options: WarehouseFilesOptions;

  constructor(options: WarehouseFilesOptions) {
    this.#options = options;
  }

  async find(location: string, signal: AbortSignal): Promise<FoundFiles> {
    const whole = this.#spell(location);
    const parts = whole.split('/');
    const firstGlob = parts.findIndex((part) => globPart.test(part));
    const base = firstGlob < 0 ? whole : parts.slice(0, firstGlob).join('/') || '/';
    await this.#check(base);
    const found =
      firstGlob < 0
        ? await this.#plain(whole, signal)
        : await this.#glob(base, parts.slice(firstGlob), signal);
    if (found.files.length === 0) {
      throw new SkeinError(SqlState.undefinedFile, `there are no files at ${location}`);
    }
    // A file may be a link to one elsewhere.
    await mapConcurrently(found.files, checksAtOnce, ({ path }) => this.#check(path));
    return found;
  }

  async checkTarget(location: string): Promise<string> {
    const whole = this.#spell(location);
    await this.#check(whole);
    if (this.#options.roots.includes(whole)) {
      throw new SkeinError(
        SqlState.insufficientPrivilege,
        `${location} is where tables lie: name a file in it`,
      );
    }
    return whole;
  }

  async open(
    name: string,
    kind: 'parquet' | 'csv' | 'json',
    found: FoundFiles,
    options: Readonly<Record<string, string>>,
    signal: AbortSignal,
  ): Promise<TableSnapshot> {
    const what = found.files.length === 1 ? 'the file' : 'the files';
    return await openListed(this.#options.inspect, name, what, { kind, ...found }, options, signal);
  }

  /** A relative location lies below the warehouse. */
  #spell(location: string): string {
    const given = location.replace(/^file:\/\//, '').replace(/\/+$/, '');
    const isAbsolute = given.startsWith('/') || /^[a-z0-9]+:\/\//.test(given);
    const whole = isAbsolute ? given : `${this.#options.root}/${given}`;
    const parts = whole.replace(/^[a-z0-9]+:\/\//, '').split('/');
    if (given === '' || parts.includes('..') || parts.includes('.') || parts.slice(1).includes('')) {
      throw new SkeinError(SqlState.invalidParameterValue, `${location} is no location of files`, {
        hint: 'A location is a path below the data folder, an absolute path, or s3://bucket/key.',
      });
    }
    return whole;
  }

  /** @throws SkeinError 42501 */
  async #check(location: string): Promise<void> {
    const { root, roots } = this.#options;
    await checkExternalLocation(location, roots);
    if (kept.some((name) => `${location}/`.startsWith(`${root}/${name}/`))) {
      throw new SkeinError(
        SqlState.insufficientPrivilege,
        `${location} may not be reached: Skein keeps its tables there`,
      );
    }
  }

  async #plain(location: string, signal: AbortSignal): Promise<FoundFiles> {
    const { openStore } = this.#options;
    const slash = location.lastIndexOf('/');
    const parent = openStore(location.slice(0, slash) || '/');
    const info = await parent.stat(location.slice(slash + 1), signal);
    if (info !== undefined) return { files: [listedFile(parent, info)], partitionKeys: [] };
    const files = await listFiles(openStore(location), '', signal);
    return { files, partitionKeys: partitionKeys(location, files) };
  }

  async #glob(base: string, parts: readonly string[], signal: AbortSignal): Promise<FoundFiles> {
    const store = this.#options.openStore(base);
    const pattern = globPattern(parts);
    const isWarehouse = base === this.#options.root;
    const files: ListedFile[] = [];
    for await (const info of store.list('', { shallow: parts.length === 1 && parts[0] !== '**', signal })) {
      if (isWarehouse && kept.includes(info.key.split('/')[0] ?? '')) continue;
      if (pattern.test(info.key)) files.push(listedFile(store, info));
    }
    return { files: files.toSorted((a, b) => (a.path < b.path ? -1 : 1)), partitionKeys: [] };
  }
}

/** `*`, `?` and `[a-z]` within a part, `**` for any number of parts. @throws SkeinError 22023 */
function globPattern(parts: readonly string[]): RegExp {
  // Any number of parts twice over is any number of parts.
  const distinct = parts.filter((part, index) => part !== '**' || parts[index - 1] !== '**');
  const last = distinct.length - 1;
  const source = distinct.map((part, index) => {
    if (part === '**') return index === last ? '.*' : '(?:[^/]+/)*';
    const text = part.replaceAll(
      /\[(!?)([^\]]+)\]|[*?]|[.+^${}()|[\]\\]/g,
      (found, not: string, set: string) => {
        if (found === '*') return '[^/]*';
        if (found === '?') return '[^/]';
        if (set !== undefined) return `[${not === '!' ? '^' : ''}${set.replaceAll('\\', '\\\\')}]`;
        return `\\${found}`;
      },
    );
    return index === last ? text : `${text}/`;
  });
  try {
    return new RegExp(`^${source.join('')}$`, 'u');
  } catch (error) {
    const message = `${parts.join('/')} is no pattern of files`;
    throw new SkeinError(SqlState.invalidParameterValue, message, {
      hint: 'Patterns have *, ?, [a-z] and **.',
      cause: error,
    });
  }
}
