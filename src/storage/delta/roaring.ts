import { eachRun, type RowRuns, RowRunsBuilder } from './row-runs.ts';

/** A RoaringBitmapArray of Delta: this number, then a 64-bit Roaring bitmap in the portable format. */
const magicNumber = 1681511377;
const withoutRuns = 12346;
const withRuns = 12347;
/** Bitmaps with runs leave out the offsets of so few containers. */
const offsetsFrom = 4;
const arrayLimit = 4096;
const bitmapBytes = 8192;

/** The bytes are no bitmap in this format. */
export class NoBitmap extends Error {}

/**
 * @throws NoBitmap that says what is wrong
 * @see Delta PROTOCOL.md, Deletion Vector Format; RoaringFormatSpec
 */
export function decodeRoaring(bytes: Uint8Array): RowRuns {
  const input = new Input(bytes);
  const magic = input.uint32();
  if (magic !== magicNumber) throw new NoBitmap(`it begins with the number ${magic}`);
  const buckets = input.uint32();
  if (input.uint32() !== 0) throw new NoBitmap('it has too many buckets');
  const builder = new RowRunsBuilder();
  let lastKey = -1;
  for (let bucket = 0; bucket < buckets; bucket++) {
    const key = input.uint32();
    if (key <= lastKey || key >= 2 ** 21) throw new NoBitmap('its buckets are out of order');
    lastKey = key;
    decodeBucket(input, key * 2 ** 32, builder);
  }
  if (!input.ended) throw new NoBitmap('it has bytes after its end');
  return builder.build();
}

class Input {
  readonly #view: DataView;
  #at = 0;

  constructor(bytes: Uint8Array) {
    this.#view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  }

  get ended(): boolean {
    return this.#at === this.#view.byteLength;
  }

  uint8(): number {
    return this.#view.getUint8(this.#skip(1));
  }

  uint16(): number {
    return this.#view.getUint16(this.#skip(2), true);
  }

  uint32(): number {
    return this.#view.getUint32(this.#skip(4), true);
  }

  skip(bytes: number): void {
    this.#skip(bytes);
  }

  #skip(bytes: number): number {
    const at = this.#at;
    if (at + bytes > this.#view.byteLength) throw new NoBitmap('it is cut short');
    this.#at += bytes;
    return at;
  }
}

function decodeBucket(input: Input, base: number, builder: RowRunsBuilder): void {
  const cookie = input.uint32();
  const hasRuns = (cookie & 0xffff) === withRuns;
  if (!hasRuns && cookie !== withoutRuns) throw new NoBitmap(`a bucket begins with the number ${cookie}`);
  const count = hasRuns ? (cookie >>> 16) + 1 : input.uint32();
  if (count > 2 ** 16) throw new NoBitmap('a bucket has too many containers');
  const runFlags = Array.from({ length: hasRuns ? Math.ceil(count / 8) : 0 }, () => input.uint8());
  const headers = Array.from({ length: count }, () => ({
    key: input.uint16(),
    cardinality: input.uint16() + 1,
  }));
  if (!hasRuns || count >= offsetsFrom) input.skip(count * 4);
  headers.forEach(({ key, cardinality }, index) => {
    const first = base + key * 2 ** 16;
    const isRun = (((runFlags[index >> 3] ?? 0) >> (index & 7)) & 1) === 1;
    if (isRun) decodeRuns(input, first, builder);
    else if (cardinality <= arrayLimit) decodeArray(input, first, cardinality, builder);
    else decodeBits(input, first, builder);
  });
}

function decodeRuns(input: Input, base: number, builder: RowRunsBuilder): void {
  const runs = input.uint16();
  for (let run = 0; run < runs; run++) {
    const start = input.uint16();
    const length = input.uint16() + 1;
    if (start + length > 2 ** 16) throw new NoBitmap('a run is too long');
    add(builder, base + start, base + start + length);
  }
}

function decodeArray(input: Input, base: number, cardinality: number, builder: RowRunsBuilder): void {
  for (let item = 0; item < cardinality; item++) {
    const row = base + input.uint16();
    add(builder, row, row + 1);
  }
}

function decodeBits(input: Input, base: number, builder: RowRunsBuilder): void {
  for (let byte = 0; byte < bitmapBytes; byte++) {
    const bits = input.uint8();
    if (bits === 0xff) {
      add(builder, base + byte * 8, base + byte * 8 + 8);
      continue;
    }
    for (let bit = 0; bit < 8; bit++) {
      const row = base + byte * 8 + bit;
      if ((bits >> bit) & 1) add(builder, row, row + 1);
    }
  }
}

function add(builder: RowRunsBuilder, start: number, end: number): void {
  if (!builder.add(start, end)) throw new NoBitmap('its rows are out of order');
}

interface Container {
  /** The upper bits of its rows: rows / 2^16. */
  readonly block: number;
  /** First and last row of each run, within the block. */
  readonly runs: number[];
  cardinality: number;
}

/** Each container in the form that takes the fewest bytes. */
export function encodeRoaring(rows: RowRuns): Uint8Array {
  const buckets = new Map<number, Container[]>();
  for (const container of containersOf(rows)) {
    const key = Math.floor(container.block / 2 ** 16);
    const bucket = buckets.get(key);
    if (bucket === undefined) buckets.set(key, [container]);
    else bucket.push(container);
  }
  const parts = [...buckets].map(([key, containers]) => ({ key, data: encodeBucket(containers) }));
  const size = parts.reduce((sum, { data }) => sum + 4 + data.length, 12);
  const bytes = new Uint8Array(size);
  const view = new DataView(bytes.buffer);
  view.setUint32(0, magicNumber, true);
  view.setUint32(4, parts.length, true);
  let at = 12;
  for (const { key, data } of parts) {
    view.setUint32(at, key, true);
    bytes.set(data, at + 4);
    at += 4 + data.length;
  }
  return bytes;
}

function containersOf(rows: RowRuns): readonly Container[] {
  const containers: Container[] = [];
  for (const [from, to] of eachRun(rows)) {
    for (let start = from; start < to; ) {
      const block = Math.floor(start / 2 ** 16);
      const end = Math.min(to, (block + 1) * 2 ** 16);
      let container = containers.at(-1);
      if (container?.block !== block) {
        container = { block, runs: [], cardinality: 0 };
        containers.push(container);
      }
      container.runs.push(start - block * 2 ** 16, end - 1 - block * 2 ** 16);
      container.cardinality += end - start;
      start = end;
    }
  }
  return containers;
}

function runBytes({ runs }: Container): number {
  return 2 + runs.length * 2;
}

function plainBytes({ cardinality }: Container): number {
  return cardinality <= arrayLimit ? cardinality * 2 : bitmapBytes;
}

function encodeBucket(containers: readonly Container[]): Uint8Array {
  const asRuns = containers.map((container) => runBytes(container) < plainBytes(container));
  const hasRuns = asRuns.includes(true);
  const flagBytes = hasRuns ? Math.ceil(containers.length / 8) : 0;
  const hasOffsets = !hasRuns || containers.length >= offsetsFrom;
  const headerAt = hasRuns ? 4 + flagBytes : 8;
  const offsetsAt = headerAt + containers.length * 4;
  let at = offsetsAt + (hasOffsets ? containers.length * 4 : 0);
  const size = containers.reduce(
    (sum, each, index) => sum + (asRuns[index] ? runBytes(each) : plainBytes(each)),
    at,
  );
  const bytes = new Uint8Array(size);
  const view = new DataView(bytes.buffer);
  view.setUint32(0, hasRuns ? withRuns + (containers.length - 1) * 2 ** 16 : withoutRuns, true);
  if (!hasRuns) view.setUint32(4, containers.length, true);
  containers.forEach((container, index) => {
    const flagAt = 4 + (index >> 3);
    if (asRuns[index]) view.setUint8(flagAt, view.getUint8(flagAt) | (1 << (index & 7)));
    view.setUint16(headerAt + index * 4, container.block % 2 ** 16, true);
    view.setUint16(headerAt + index * 4 + 2, container.cardinality - 1, true);
    if (hasOffsets) view.setUint32(offsetsAt + index * 4, at, true);
    at = writeContainer(view, at, container, asRuns[index] ?? false);
  });
  return bytes;
}

/** @returns the place after the container */
function writeContainer(view: DataView, at: number, container: Container, asRuns: boolean): number {
  const { runs, cardinality } = container;
  let next = at;
  if (asRuns) {
    view.setUint16(next, runs.length / 2, true);
    next += 2;
  }
  for (let run = 0; run < runs.length; run += 2) {
    const first = runs[run] ?? 0;
    const last = runs[run + 1] ?? 0;
    if (asRuns) {
      view.setUint16(next, first, true);
      view.setUint16(next + 2, last - first, true);
      next += 4;
    } else if (cardinality <= arrayLimit) {
      for (let row = first; row <= last; row++, next += 2) view.setUint16(next, row, true);
    } else {
      for (let row = first; row <= last; row++) {
        const byte = at + (row >> 3);
        view.setUint8(byte, view.getUint8(byte) | (1 << (row & 7)));
      }
    }
  }
  return asRuns || cardinality <= arrayLimit ? next : at + bitmapBytes;
}
