import { createHash } from 'node:crypto';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';

/** What a request may meet instead of its answer. */
export type S3Fault =
  /** An answer with this status and code; `applied`: after the request was carried out all the same. */
  | { readonly kind: 'status'; readonly status: number; readonly code: string; readonly applied?: boolean }
  /** No answer until the client gives up. */
  | { readonly kind: 'silence'; readonly applied: boolean }
  /** The connection breaks after so many bytes of the body. */
  | { readonly kind: 'truncate'; readonly bytes: number };

interface StoredObject {
  readonly bytes: Buffer;
  readonly etag: string;
  readonly modified: Date;
  readonly metadata: Readonly<Record<string, string>>;
}

interface Upload {
  readonly key: string;
  readonly metadata: Readonly<Record<string, string>>;
  readonly begun: Date;
  readonly parts: Map<number, { readonly bytes: Buffer; readonly etag: string }>;
}

interface Call {
  readonly method: string;
  readonly key: string;
  readonly query: URLSearchParams;
  readonly headers: IncomingMessage['headers'];
  readonly body: Buffer;
}

interface Answer {
  readonly status: number;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: Buffer | string;
}

interface PlannedFault {
  readonly matches: (call: Pick<Call, 'method' | 'key' | 'query'>) => boolean;
  readonly fault: S3Fault;
  left: number;
}

/** An S3 server of one bucket in this process, whose faults a test chooses. Accepts any credentials. */
export class FakeS3 {
  readonly objects = new Map<string, StoredObject>();
  readonly uploads = new Map<string, Upload>();
  /** `GET key` of every request, in order; bytes of all bodies sent. */
  readonly requests: string[] = [];
  sentBytes = 0;
  /** As many emulators do. */
  ignoresConditions = false;
  keepsMetadata = true;
  #nextUpload = 0;
  readonly #faults: PlannedFault[] = [];
  readonly #server: Server;

  private constructor() {
    this.#server = createServer((request, response) => {
      this.#handle(request, response).catch((error: unknown) => {
        response.destroy(error as Error);
      });
    });
  }

  static async start(): Promise<FakeS3> {
    const fake = new FakeS3();
    await new Promise<void>((resolve) => fake.#server.listen(0, '127.0.0.1', resolve));
    return fake;
  }

  get endpoint(): string {
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}`;
  }

  /** The next `times` requests that match meet the fault. */
  inject(fault: S3Fault, matches: PlannedFault['matches'], times = 1): void {
    this.#faults.push({ matches, fault, left: times });
  }

  stopFaults(): void {
    this.#faults.length = 0;
  }

  async close(): Promise<void> {
    this.#server.closeAllConnections();
    await new Promise((resolve) => this.#server.close(resolve));
  }

  async #handle(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const url = new URL(request.url ?? '/', 'http://fake');
    const key = decodeURIComponent(url.pathname).replace(/^\/[^/]+\/?/, '');
    const method = request.method ?? 'GET';
    const pieces: Buffer[] = [];
    for await (const piece of request) pieces.push(piece as Buffer);
    const body = decodeBody(Buffer.concat(pieces), request.headers);
    const call = { method, key, query: url.searchParams, headers: request.headers, body };
    this.requests.push(`${method} ${key}`);
    const planned = this.#faults.find((fault) => fault.left > 0 && fault.matches(call));
    if (planned !== undefined) planned.left -= 1;
    const fault = planned?.fault;
    const applied = fault === undefined || fault.kind === 'truncate' || fault.applied === true;
    const answer = applied ? this.#answer(call) : { status: 200 };
    if (fault?.kind === 'silence') return;
    this.#send(response, fault?.kind === 'status' ? failed(fault.status, fault.code) : answer, method, fault);
  }

  #send(response: ServerResponse, answer: Answer, method: string, fault: S3Fault | undefined): void {
    const body = Buffer.from(answer.body ?? '');
    // A HEAD announces the size of a body that it does not have.
    response.writeHead(answer.status, {
      ...(answer.status === 204 ? {} : { 'content-length': String(body.length) }),
      ...answer.headers,
    });
    if (method === 'HEAD') {
      response.end();
      return;
    }
    if (fault?.kind === 'truncate' && fault.bytes < body.length) {
      this.sentBytes += fault.bytes;
      response.write(body.subarray(0, fault.bytes), () => response.destroy());
      return;
    }
    this.sentBytes += body.length;
    response.end(body);
  }

  #answer(call: Call): Answer {
    const { method, key, query } = call;
    if (method === 'GET' && query.has('uploads')) return this.#listUploads();
    if (method === 'GET' && key === '') return this.#list(query);
    if (method === 'POST' && query.has('delete')) return this.#deleteMany(call);
    if (method === 'POST' && query.has('uploads')) return this.#createUpload(call);
    if (method === 'POST') return this.#completeUpload(call);
    if (method === 'PUT' && query.has('partNumber')) return this.#putPart(call);
    if (method === 'PUT') return this.#put(call);
    if (method === 'DELETE') {
      if (query.has('uploadId')) this.uploads.delete(query.get('uploadId') ?? '');
      else this.objects.delete(key);
      return { status: 204 };
    }
    return this.#get(call);
  }

  #get({ method, key, headers }: Call): Answer {
    const found = this.objects.get(key);
    if (found === undefined) return failed(404, 'NoSuchKey');
    const wanted = headers['if-match'];
    if (wanted !== undefined && wanted !== found.etag) return failed(412, 'PreconditionFailed');
    const size = found.bytes.length;
    const shared = {
      etag: found.etag,
      'last-modified': found.modified.toUTCString(),
      ...Object.fromEntries(
        Object.entries(found.metadata).map(([name, value]) => [`x-amz-meta-${name}`, value]),
      ),
    };
    const [, from, to] = /^bytes=(\d*)-(\d*)$/.exec(headers.range ?? '') ?? [];
    if (from === undefined || to === undefined || method === 'HEAD') {
      return { status: 200, headers: shared, body: found.bytes };
    }
    const start = from === '' ? Math.max(0, size - Number(to)) : Number(from);
    const end = from === '' || to === '' ? size : Math.min(size, Number(to) + 1);
    if (start >= size || (from === '' && Number(to) === 0)) return failed(416, 'InvalidRange');
    const headersOfRange = { ...shared, 'content-range': `bytes ${start}-${end - 1}/${size}` };
    return { status: 206, headers: headersOfRange, body: found.bytes.subarray(start, end) };
  }

  #put({ key, headers, body }: Call): Answer {
    if (headers['if-none-match'] === '*' && this.objects.has(key) && !this.ignoresConditions) {
      return failed(412, 'PreconditionFailed');
    }
    return { status: 200, headers: { etag: this.#store(key, body, md5(body), this.#metadataOf(headers)) } };
  }

  #store(key: string, bytes: Buffer, etag: string, metadata: Readonly<Record<string, string>>): string {
    this.objects.set(key, { bytes, etag: `"${etag}"`, modified: new Date(), metadata });
    return `"${etag}"`;
  }

  #metadataOf(headers: IncomingMessage['headers']): Readonly<Record<string, string>> {
    if (!this.keepsMetadata) return {};
    const prefix = 'x-amz-meta-';
    return Object.fromEntries(
      Object.entries(headers)
        .filter(([name]) => name.startsWith(prefix))
        .map(([name, value]) => [name.slice(prefix.length), String(value)]),
    );
  }

  #createUpload({ key, headers }: Call): Answer {
    this.#nextUpload += 1;
    const id = `upload-${this.#nextUpload}`;
    this.uploads.set(id, { key, metadata: this.#metadataOf(headers), begun: new Date(), parts: new Map() });
    return xml('InitiateMultipartUploadResult', `<Key>${toXml(key)}</Key><UploadId>${id}</UploadId>`);
  }

  #putPart({ query, body }: Call): Answer {
    const upload = this.uploads.get(query.get('uploadId') ?? '');
    if (upload === undefined) return failed(404, 'NoSuchUpload');
    const etag = `"${md5(body)}"`;
    upload.parts.set(Number(query.get('partNumber')), { bytes: body, etag });
    return { status: 200, headers: { etag } };
  }

  #completeUpload({ key, query, body }: Call): Answer {
    const id = query.get('uploadId') ?? '';
    const upload = this.uploads.get(id);
    if (upload === undefined) return failed(404, 'NoSuchUpload');
    const numbers = [...body.toString().matchAll(/<PartNumber>(\d+)<\/PartNumber>/g)].map((match) =>
      Number(match[1]),
    );
    const parts = numbers.map((number) => upload.parts.get(number));
    if (parts.length === 0 || parts.includes(undefined)) return failed(400, 'InvalidPart');
    const bytes = Buffer.concat(parts.flatMap((part) => (part === undefined ? [] : [part.bytes])));
    this.uploads.delete(id);
    const etag = this.#store(key, bytes, `${md5(bytes)}-${parts.length}`, upload.metadata);
    return xml('CompleteMultipartUploadResult', `<ETag>${toXml(etag)}</ETag>`);
  }

  #listUploads(): Answer {
    const uploads = [...this.uploads].map(
      ([id, { key, begun }]) =>
        `<Upload><Key>${toXml(key)}</Key><UploadId>${id}</UploadId><Initiated>${begun.toISOString()}</Initiated></Upload>`,
    );
    return xml('ListMultipartUploadsResult', `<IsTruncated>false</IsTruncated>${uploads.join('')}`);
  }

  #list(query: URLSearchParams): Answer {
    const prefix = query.get('prefix') ?? '';
    const delimiter = query.get('delimiter') ?? '';
    const after = query.get('continuation-token') ?? query.get('start-after') ?? '';
    const items: string[] = [];
    let last = '';
    let truncated = false;
    for (const key of [...this.objects.keys()].sort((a, b) =>
      Buffer.compare(Buffer.from(a), Buffer.from(b)),
    )) {
      if (!key.startsWith(prefix) || Buffer.compare(Buffer.from(key), Buffer.from(after)) <= 0) continue;
      const cut = delimiter === '' ? -1 : key.indexOf(delimiter, prefix.length);
      const folder = cut < 0 ? undefined : key.slice(0, cut + 1);
      if (folder !== undefined && (folder === last || after.startsWith(folder))) continue;
      if (items.length === 1000) {
        truncated = true;
        break;
      }
      last = folder ?? key;
      items.push(
        folder === undefined
          ? this.#listed(key)
          : `<CommonPrefixes><Prefix>${toXml(folder)}</Prefix></CommonPrefixes>`,
      );
    }
    const next = truncated ? `<NextContinuationToken>${toXml(last)}</NextContinuationToken>` : '';
    return xml('ListBucketResult', `<IsTruncated>${truncated}</IsTruncated>${next}${items.join('')}`);
  }

  #listed(key: string): string {
    const found = this.objects.get(key);
    if (found === undefined) return '';
    const time = found.modified.toISOString();
    return (
      `<Contents><Key>${toXml(key)}</Key><LastModified>${time}</LastModified>` +
      `<ETag>${toXml(found.etag)}</ETag><Size>${found.bytes.length}</Size></Contents>`
    );
  }

  #deleteMany({ body }: Call): Answer {
    for (const [, key] of body.toString().matchAll(/<Key>([^<]*)<\/Key>/g))
      this.objects.delete(fromXml(key ?? ''));
    return xml('DeleteResult', this.#deleteErrors.join(''));
  }

  #deleteErrors: string[] = [];

  /** The next deletions of many say so of this key. */
  failDeletes(key: string, code: string): void {
    this.#deleteErrors = code === '' ? [] : [`<Error><Key>${toXml(key)}</Key><Code>${code}</Code></Error>`];
  }
}

/** Takes the SDK's framing off a streamed body: `SIZE;signature CRLF bytes CRLF ... 0 CRLF trailers`. */
function decodeBody(body: Buffer, headers: IncomingMessage['headers']): Buffer {
  if (!String(headers['x-amz-content-sha256'] ?? '').startsWith('STREAMING-')) return body;
  const pieces: Buffer[] = [];
  for (let at = 0; ; ) {
    const line = body.indexOf('\r\n', at);
    const size = Number.parseInt(body.toString('latin1', at, line), 16);
    if (!(size > 0)) return Buffer.concat(pieces);
    pieces.push(body.subarray(line + 2, line + 2 + size));
    at = line + 2 + size + 2;
  }
}

function failed(status: number, code: string): Answer {
  const secret = 'AKIASECRETSECRET';
  return {
    status,
    headers: { 'content-type': 'application/xml' },
    body: `<?xml version="1.0"?><Error><Code>${code}</Code><Message>${code} of ${secret}</Message></Error>`,
  };
}

function xml(root: string, content: string): Answer {
  return {
    status: 200,
    headers: { 'content-type': 'application/xml' },
    body: `<?xml version="1.0" encoding="UTF-8"?><${root}>${content}</${root}>`,
  };
}

const md5 = (bytes: Buffer): string => createHash('md5').update(bytes).digest('hex');

function toXml(text: string): string {
  return text.replace(/&/g, '&amp;').replace(/</g, '&lt;').replace(/>/g, '&gt;').replace(/"/g, '&quot;');
}

function fromXml(text: string): string {
  return text
    .replace(/&lt;/g, '<')
    .replace(/&gt;/g, '>')
    .replace(/&quot;/g, '"')
    .replace(/&apos;/g, "'")
    .replace(/&#x([0-9a-f]+);/gi, (_, hex: string) => String.fromCodePoint(Number.parseInt(hex, 16)))
    .replace(/&amp;/g, '&');
}
