import { Ajv } from 'ajv';

/** Tells whether answers are as an OpenAPI document says. */
export class OpenApiCheck {
  readonly #ajv = new Ajv({ strict: false });

  constructor(document: object) {
    this.#ajv.addSchema(document, 'openapi.json');
  }

  /** What is wrong with an answer; undefined where it is as documented. */
  problems(operation: string, status: number, value: unknown, type = 'application/json'): string | undefined {
    const [method = '', path = ''] = operation.split(' ');
    const pointer = [
      'paths',
      path,
      method.toLowerCase(),
      'responses',
      String(status),
      'content',
      type,
      'schema',
    ]
      .map((part) => part.replaceAll('~', '~0').replaceAll('/', '~1'))
      .join('/');
    return this.#problems(`#/${encodeURI(pointer)}`, value);
  }

  /** The same for one of the document's named schemas. */
  schemaProblems(name: string, value: unknown): string | undefined {
    return this.#problems(`#/components/schemas/${name}`, value);
  }

  #problems(reference: string, value: unknown): string | undefined {
    const validate = this.#ajv.compile({ $ref: `openapi.json${reference}` });
    return validate(value) ? undefined : this.#ajv.errorsText(validate.errors);
  }
}
