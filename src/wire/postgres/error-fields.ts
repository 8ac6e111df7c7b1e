/**
 * The fields of ErrorResponse and NoticeResponse: one-letter codes and strings. Repeated and unknown fields are kept, in
 * order, as the bytes they came in, so that an error can be relayed without some of its fields and is otherwise untouched.
 *
 * https://www.postgresql.org/docs/18/protocol-error-fields.html
 */
import { BodyReader, malformed } from './body-reader.ts';
import { FrameBuilder } from './frame-builder.ts';
import { BACKEND_TYPE } from './message-types.ts';

/** Field codes by their names. */
export const ERROR_FIELD = {
  severity: 'S',
  severityNonLocalized: 'V',
  sqlstate: 'C',
  message: 'M',
  detail: 'D',
  hint: 'H',
  position: 'P',
  internalPosition: 'p',
  internalQuery: 'q',
  where: 'W',
  schema: 's',
  table: 't',
  column: 'c',
  dataType: 'd',
  constraint: 'n',
  file: 'F',
  line: 'L',
  routine: 'R',
} as const;

export interface ErrorField {
  /** One character (U+0001 to U+00FF). */
  readonly code: string;
  /** In client_encoding, without the NUL. */
  readonly value: Buffer;
}

/** An immutable list of fields. */
export class ErrorFields {
  readonly entries: readonly ErrorField[];

  constructor(entries: readonly ErrorField[]) {
    this.entries = entries;
  }

  /** @throws {SluiceError} protocol_violation */
  static decode(kind: 'ErrorResponse' | 'NoticeResponse', body: Buffer): ErrorFields {
    const reader = new BodyReader(kind, body);
    const entries: ErrorField[] = [];
    for (let code = reader.uint8(); code !== 0; code = reader.uint8()) {
      entries.push({ code: String.fromCharCode(code), value: reader.cstring() });
    }
    reader.end();
    return new ErrorFields(entries);
  }

  /** The first field of that code, read as UTF-8 (other bytes become U+FFFD). */
  get(code: string): string | undefined {
    return this.entries.find((entry) => entry.code === code)?.value.toString('utf8');
  }

  has(code: string): boolean {
    return this.entries.some((entry) => entry.code === code);
  }

  /** The same without any field of these codes. */
  without(codes: ReadonlySet<string>): ErrorFields {
    return new ErrorFields(this.entries.filter((entry) => !codes.has(entry.code)));
  }

  /** The same with `text` (as UTF-8) in that field: where the first of that code stood, or at the end. */
  with(code: string, text: string): ErrorFields {
    const field = { code, value: Buffer.from(text.replaceAll('\0', ' '), 'utf8') };
    const index = this.entries.findIndex((entry) => entry.code === code);
    const others = this.entries.filter((entry) => entry.code !== code);
    return new ErrorFields(others.toSpliced(index < 0 ? others.length : index, 0, field));
  }

  /**
   * The whole frame.
   * @throws {SluiceError} protocol_violation for a code that is no single byte, or a value that holds a NUL
   */
  encode(kind: 'ErrorResponse' | 'NoticeResponse'): Buffer {
    const builder = new FrameBuilder(BACKEND_TYPE[kind], 256);
    for (const { code, value } of this.entries) {
      // A code of zero would end the list and let the rest be read as other messages.
      if (!/^[\x01-\xff]$/.test(code)) throw malformed(kind, 'A field code is no single byte.');
      builder.uint8(code.charCodeAt(0)).cstring(value);
    }
    return builder.uint8(0).finish();
  }
}

/** What an error or notice says. All texts become UTF-8. */
export interface ErrorReport {
  /** `ERROR`, `FATAL` or `PANIC` for errors; `WARNING`, `NOTICE`, `INFO`, `LOG` or `DEBUG` for notices. */
  readonly severity: string;
  /** Five characters. */
  readonly sqlstate: string;
  readonly message: string;
  readonly detail?: string | undefined;
  readonly hint?: string | undefined;
  /** 1-based, in characters of the statement. */
  readonly position?: number | undefined;
  readonly internalPosition?: number | undefined;
  readonly internalQuery?: string | undefined;
  readonly where?: string | undefined;
  readonly schema?: string | undefined;
  readonly table?: string | undefined;
  readonly column?: string | undefined;
  readonly dataType?: string | undefined;
  readonly constraint?: string | undefined;
  readonly file?: string | undefined;
  readonly line?: number | undefined;
  readonly routine?: string | undefined;
}

/** The fields of a report in PostgreSQL's order. Never throws: a NUL inside a text becomes a space. */
export function errorFields(report: ErrorReport): ErrorFields {
  const entries: ErrorField[] = [];
  for (const [name, code] of Object.entries(ERROR_FIELD)) {
    const value = name === 'severityNonLocalized' ? report.severity : report[name as keyof ErrorReport];
    if (value === undefined) continue;
    entries.push({ code, value: Buffer.from(String(value).replaceAll('\0', ' '), 'utf8') });
  }
  return new ErrorFields(entries);
}

/** An ErrorResponse frame. */
export function encodeError(report: ErrorReport): Buffer {
  return errorFields(report).encode('ErrorResponse');
}

/** A NoticeResponse frame. */
export function encodeNotice(report: ErrorReport): Buffer {
  return errorFields(report).encode('NoticeResponse');
}
