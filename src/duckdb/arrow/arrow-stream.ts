import { SkeinError, SqlState } from '../../common/index.ts';
import { type ArrowField, readFields } from './arrow-field.ts';
import { FlatTable } from './flat-table.ts';
import { malformed } from './malformed.ts';

/** A column of a batch, or of a dictionary: views of the stream's bytes, as they come. */
export interface ArrowColumn {
  readonly field: ArrowField;
  readonly length: number;
  /** A bit a row; undefined: no row is NULL. */
  readonly validity: Uint8Array | undefined;
  /** Behind the validity, in the format's order; of dictionaries' indices one. */
  readonly buffers: readonly Uint8Array[];
  readonly children: readonly ArrowColumn[];
  /** The values that a column with indices has, in parts. */
  readonly dictionary: readonly ArrowColumn[] | undefined;
}

export interface ArrowBatch {
  readonly rows: number;
  readonly columns: readonly ArrowColumn[];
}

export interface ArrowStream {
  readonly fields: readonly ArrowField[];
  readonly batches: readonly ArrowBatch[];
}

/** How an Arrow file begins, which is no stream. */
const fileMagic = 'ARROW1';
/** Numbers of the union `MessageHeader`. */
const header = { schema: 1, dictionary: 2, records: 3 } as const;
const maxRows = 2 ** 31 - 1;

/**
 * Takes a whole stream apart. Values are not looked at.
 * @throws SkeinError 22023 where it is none or not whole, RangeError where it makes no sense; 0A000 for compressed buffers
 * @see Arrow Columnar Format, Serialization and Interprocess Communication
 */
export function readStream(stream: Uint8Array): ArrowStream {
  refuseFile(stream);
  let fields: readonly ArrowField[] | undefined;
  const dictionaries = new Map<bigint, readonly ArrowColumn[]>();
  const batches: ArrowBatch[] = [];
  for (const { message, body } of messages(stream)) {
    const kind = message.byte(1);
    const content = message.table(2);
    if (content === undefined) throw malformed('an empty message');
    if (kind === header.schema && fields === undefined) fields = readFields(content);
    else if (fields === undefined) throw malformed('no schema');
    else if (kind === header.records) batches.push(readBatch(content, body, fields, dictionaries));
    else if (kind === header.dictionary) addDictionary(content, body, fields, dictionaries);
    else throw malformed('a message of a kind that is not known');
  }
  if (fields === undefined) throw malformed('no schema');
  return { fields, batches };
}

function refuseFile(stream: Uint8Array): void {
  if (Buffer.from(stream.subarray(0, fileMagic.length)).toString('latin1') !== fileMagic) return;
  throw new SkeinError(SqlState.invalidParameterValue, 'the body is an Arrow file and no Arrow stream', {
    hint: 'Write it in the streaming format: pyarrow.ipc.new_stream, tableToIPC(table, "stream").',
  });
}

/** A stream that was cut between two messages looks like one that has ended: only the mark of its end tells. */
function* messages(
  stream: Uint8Array,
): Generator<{ readonly message: FlatTable; readonly body: Uint8Array }> {
  const view = new DataView(stream.buffer, stream.byteOffset, stream.byteLength);
  let at = 0;
  const word = (): number => {
    if (at + 4 > stream.byteLength) throw malformed('no end');
    at += 4;
    return view.getInt32(at - 4, true);
  };
  for (;;) {
    const first = word();
    // Streams of before 2019 begin a message with its length.
    const length = first === -1 ? word() : first;
    if (length === 0) break;
    if (length < 0 || at + length > stream.byteLength) throw malformed('no end');
    const message = FlatTable.root(stream.subarray(at, at + length));
    at += length;
    const bodyLength = message.long(3);
    if (bodyLength < 0n || bodyLength > stream.byteLength - at) throw malformed('no end');
    yield { message, body: stream.subarray(at, at + Number(bodyLength)) };
    at += Number(bodyLength);
  }
  if (at < stream.byteLength) throw malformed('something behind its end');
}

function addDictionary(
  content: FlatTable,
  body: Uint8Array,
  fields: readonly ArrowField[],
  dictionaries: Map<bigint, readonly ArrowColumn[]>,
): void {
  const id = content.long(0);
  const data = content.table(1);
  const field = fieldWithDictionary(fields, id);
  if (data === undefined || field === undefined) throw malformed('a dictionary of no column');
  const values = { ...field, dictionary: undefined };
  const { columns } = readBatch(data, body, [values], dictionaries);
  const isDelta = content.byte(2) !== 0;
  dictionaries.set(id, [...(isDelta ? (dictionaries.get(id) ?? []) : []), ...columns]);
}

function fieldWithDictionary(fields: readonly ArrowField[], id: bigint): ArrowField | undefined {
  for (const field of fields) {
    if (field.dictionary?.id === id) return field;
    const found = fieldWithDictionary(field.children, id);
    if (found !== undefined) return found;
  }
  return undefined;
}

function readBatch(
  table: FlatTable,
  body: Uint8Array,
  fields: readonly ArrowField[],
  dictionaries: ReadonlyMap<bigint, readonly ArrowColumn[]>,
): ArrowBatch {
  if (table.table(3) !== undefined) {
    throw new SkeinError(SqlState.featureNotSupported, 'the buffers of the Arrow stream are compressed', {
      hint: 'Send them uncompressed.',
    });
  }
  const rows = rowsOf(table.long(0));
  const reader = new BatchReader(table, body, dictionaries);
  const columns = fields.map((field) => reader.column(field));
  if (columns.some(({ length }) => length !== rows)) throw malformed('columns of different lengths');
  return { rows, columns };
}

function rowsOf(length: bigint | undefined): number {
  if (length === undefined || length < 0n || length > maxRows)
    throw malformed('a count of rows that is none');
  return Number(length);
}

/** Deals the nodes and buffers of a batch out to its columns, in the order of the format: a parent before its children. */
class BatchReader {
  readonly #nodes: readonly bigint[];
  readonly #buffers: readonly bigint[];
  readonly #variadic: readonly bigint[];
  readonly #body: Uint8Array;
  readonly #dictionaries: ReadonlyMap<bigint, readonly ArrowColumn[]>;
  #node = 0;
  #buffer = 0;
  #view = 0;

  constructor(table: FlatTable, body: Uint8Array, dictionaries: ReadonlyMap<bigint, readonly ArrowColumn[]>) {
    this.#nodes = table.longs(1, 2);
    this.#buffers = table.longs(2, 2);
    this.#variadic = table.longs(4, 1);
    this.#body = body;
    this.#dictionaries = dictionaries;
  }

  column(field: ArrowField): ArrowColumn {
    const length = rowsOf(this.#nodes[this.#node]);
    const nulls = this.#nodes[this.#node + 1];
    this.#node += 2;
    const { type, dictionary } = field;
    const plain = { field, length, validity: undefined, buffers: [], children: [], dictionary: undefined };
    if (dictionary === undefined && type.kind === 'null') return plain;
    const bits = this.#nextBuffer();
    const validity = nulls === 0n ? undefined : bits;
    if (dictionary !== undefined) {
      const values = this.#dictionaries.get(dictionary.id) ?? [];
      return { ...plain, validity, buffers: [this.#nextBuffer()], dictionary: values };
    }
    const buffers = Array.from({ length: this.#bufferCount(type) }, () => this.#nextBuffer());
    return { ...plain, validity, buffers, children: field.children.map((child) => this.column(child)) };
  }

  /** Buffers behind the validity. */
  #bufferCount(type: ArrowField['type']): number {
    switch (type.kind) {
      case 'struct':
      case 'fixedList':
      case 'null':
        return 0;
      case 'text':
      case 'bytes': {
        if (type.layout !== 'views') return 2;
        const count = this.#variadic[this.#view];
        this.#view += 1;
        if (count === undefined || count < 0n || count > this.#buffers.length) {
          throw malformed('a column without its buffers');
        }
        return 1 + Number(count);
      }
      default:
        return 1;
    }
  }

  #nextBuffer(): Uint8Array {
    const offset = this.#buffers[this.#buffer];
    const length = this.#buffers[this.#buffer + 1];
    this.#buffer += 2;
    if (offset === undefined || length === undefined || offset < 0n || length < 0n) {
      throw malformed('a column without its buffers');
    }
    if (offset + length > this.#body.byteLength) throw malformed('a buffer beyond its message');
    return this.#body.subarray(Number(offset), Number(offset + length));
  }
}
