import { malformed } from './malformed.ts';

/**
 * A table of a FlatBuffer. Every position is held against the end of the bytes: reading outside of them is a RangeError.
 * Fields are named by their position in the schema.
 * @see FlatBuffers, Internals
 */
export class FlatTable {
  readonly #view: DataView;
  readonly #at: number;

  private constructor(view: DataView, at: number) {
    this.#view = view;
    this.#at = at;
  }

  static root(bytes: Uint8Array): FlatTable {
    const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    return new FlatTable(view, view.getUint32(0, true));
  }

  byte(field: number, absent = 0): number {
    const at = this.#find(field);
    return at === undefined ? absent : this.#view.getUint8(at);
  }

  short(field: number, absent = 0): number {
    const at = this.#find(field);
    return at === undefined ? absent : this.#view.getInt16(at, true);
  }

  int(field: number, absent = 0): number {
    const at = this.#find(field);
    return at === undefined ? absent : this.#view.getInt32(at, true);
  }

  long(field: number): bigint {
    const at = this.#find(field);
    return at === undefined ? 0n : this.#view.getBigInt64(at, true);
  }

  text(field: number): string | undefined {
    const vector = this.#vector(field, 1);
    if (vector === undefined) return undefined;
    const { buffer, byteOffset } = this.#view;
    return new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(
      new Uint8Array(buffer, byteOffset + vector.at, vector.length),
    );
  }

  table(field: number): FlatTable | undefined {
    const at = this.#find(field);
    return at === undefined ? undefined : this.#follow(at);
  }

  tables(field: number): readonly FlatTable[] {
    const vector = this.#vector(field, 4);
    if (vector === undefined) return [];
    return Array.from({ length: vector.length }, (_, index) => this.#follow(vector.at + 4 * index));
  }

  /** 64-bit numbers that stand one after the other: those of structs too. */
  longs(field: number, perItem: number): readonly bigint[] {
    const vector = this.#vector(field, 8 * perItem);
    if (vector === undefined) return [];
    return Array.from({ length: vector.length * perItem }, (_, index) =>
      this.#view.getBigInt64(vector.at + 8 * index, true),
    );
  }

  /** Where a field lies; undefined where the table does not have it. */
  #find(field: number): number | undefined {
    const vtable = this.#at - this.#view.getInt32(this.#at, true);
    const slot = 4 + 2 * field;
    if (slot + 2 > this.#view.getUint16(vtable, true)) return undefined;
    const offset = this.#view.getUint16(vtable + slot, true);
    return offset === 0 ? undefined : this.#at + offset;
  }

  #follow(at: number): FlatTable {
    return new FlatTable(this.#view, at + this.#view.getUint32(at, true));
  }

  #vector(field: number, itemBytes: number): { readonly at: number; readonly length: number } | undefined {
    const at = this.#find(field);
    if (at === undefined) return undefined;
    const start = at + this.#view.getUint32(at, true);
    const length = this.#view.getUint32(start, true);
    if (start + 4 + length * itemBytes > this.#view.byteLength)
      throw malformed('a vector beyond its message');
    return { at: start + 4, length };
  }
}
