/**
 * Prints messages as lines in the format of libpq's PQtrace (tab-separated: direction, length, message, fields), so that a
 * transcript can be read, compared and kept as a golden test.
 *
 * It differs from libpq in three ways: unprintable characters in strings become `\xNN`, so that a message is always one line;
 * CopyData has its name; and secrets (passwords, SASL and GSS data, cancel keys) are never printed, but replaced as libpq
 * replaces what varies.
 *
 * https://www.postgresql.org/docs/18/libpq-control.html#LIBPQ-PQTRACE
 */

import { asSluiceError } from '../../errors/sluice-error.ts';
import type { Authentication } from './authentication.ts';
import { decodeBackendMessage } from './backend.ts';
import type { BackendMessage, ColumnDescription } from './backend-messages.ts';
import { type ByteString, byteString } from './byte-string.ts';
import type { ErrorFields } from './error-fields.ts';
import { decodeFrontendMessage } from './frontend.ts';
import type { AuthenticationResponse, FrontendMessage } from './frontend-messages.ts';
import { decodeStartup } from './startup.ts';

/** `F` from the frontend, `B` from the backend. */
export type Direction = 'F' | 'B';

export interface TraceOptions {
  /** Replaces what differs from run to run (OIDs, process ids, source positions), as PQTRACE_REGRESS_MODE. */
  readonly regress?: boolean;
  /** What a `p` frame is. */
  readonly expected?: AuthenticationResponse['type'];
}

/** One typed frame as one line, without a line end. Never throws: what cannot be decoded is printed as such. */
export function traceFrame(direction: Direction, frame: Buffer, options: TraceOptions = {}): string {
  const printer = new Printer(options.regress ?? false);
  let text: string;
  try {
    text =
      direction === 'F'
        ? printer.frontend(decodeFrontendMessage(frame, options.expected))
        : printer.backend(decodeBackendMessage(frame));
  } catch (thrown) {
    const error = asSluiceError(thrown);
    text = `malformed\t ${string(byteString(`${error.message}: ${error.detail ?? ''}`))}`;
  }
  const hidesLength = options.regress && direction === 'B' && (frame[0] === 0x45 || frame[0] === 0x4e);
  return `${direction}\t${hidesLength ? 'NN' : frame.length - 1}\t${text}`;
}

/** One start-up packet as one line. Never throws. */
export function traceStartup(packet: Buffer): string {
  try {
    return `F\t${packet.length}\t${startup(packet)}`;
  } catch (thrown) {
    return `F\t${packet.length}\tmalformed\t ${string(byteString(asSluiceError(thrown).message))}`;
  }
}

/** The one byte that answers an encryption request. */
export function traceEncryptionReply(request: 'SSLRequest' | 'GSSENCRequest', reply: number): string {
  return `B\t1\t${request === 'SSLRequest' ? 'SSLResponse' : 'GSSENCResponse'}\t ${String.fromCharCode(reply)}`;
}

function startup(packet: Buffer): string {
  const message = decodeStartup(packet);
  const code = ` ${packet.readUInt16BE(4)} ${packet.readUInt16BE(6)}`;
  switch (message.type) {
    case 'CancelRequest':
      return `CancelRequest\t${code} NNNN NNNN`;
    case 'StartupMessage': {
      const pairs = [...message.parameters, ...message.protocolOptions].flat();
      return `StartupMessage\t${code}${pairs.map((text) => ` ${string(byteString(text))}`).join('')} ""`;
    }
    default:
      return `${message.type}\t${code}`;
  }
}

const HIDDEN_TEXT = ' "SSSS"';
const HIDDEN_BYTES = " 'BBBB'";
const HIDDEN_NUMBER = ' NNNN';
/** Source file, line and routine: they change between versions of the database. */
const SOURCE_FIELDS = new Set(['F', 'L', 'R']);

/** One character a byte. */
function printable(bytes: ByteString): string {
  return bytes.replace(/[^\x20-\x7e]/g, (byte) => `\\x${byte.charCodeAt(0).toString(16).padStart(2, '0')}`);
}

function string(text: ByteString | Buffer): string {
  return `"${printable(typeof text === 'string' ? text : text.toString('latin1'))}"`;
}

function counted(items: readonly string[]): string {
  return ` ${items.length}${items.join('')}`;
}

/** libpq prints 16-bit numbers without their sign. */
function int16(number: number): string {
  return ` ${number & 0xffff}`;
}

function int16s(items: readonly number[]): string {
  return counted(items.map(int16));
}

function value(bytes: Buffer | null): string {
  return bytes === null ? ' -1' : ` ${bytes.length} '${printable(bytes.toString('latin1'))}'`;
}

function values(items: readonly (Buffer | null)[]): string {
  return counted(items.map(value));
}

class Printer {
  readonly #regress: boolean;

  constructor(regress: boolean) {
    this.#regress = regress;
  }

  frontend(m: FrontendMessage): string {
    switch (m.type) {
      case 'Query':
        return `Query\t ${string(m.text)}`;
      case 'Parse':
        return `Parse\t ${string(m.statement)} ${string(m.text)}${this.#oids(m.parameterTypes)}`;
      case 'Bind':
        return `Bind\t ${string(m.portal)} ${string(m.statement)}${int16s(m.parameterFormats)}${values(m.parameters)}${int16s(m.resultFormats)}`;
      case 'Describe':
      case 'Close':
        return `${m.type}\t ${m.target} ${string(m.name)}`;
      case 'Execute':
        return `Execute\t ${string(m.portal)} ${m.maxRows}`;
      case 'CopyFail':
        return `CopyFail\t ${string(m.reason)}`;
      case 'FunctionCall':
        return `FunctionCall\t${this.#number(m.functionOid)}${int16s(m.argumentFormats)}${values(m.arguments)}${int16(m.resultFormat)}`;
      case 'PasswordMessage':
        return `PasswordMessage\t${HIDDEN_TEXT}`;
      case 'SASLInitialResponse':
        return `SASLInitialResponse\t ${string(m.mechanism)} ${m.data === null ? -1 : m.data.length}${m.data === null ? '' : HIDDEN_BYTES}`;
      case 'SASLResponse':
      case 'GSSResponse':
        return `${m.type}\t${HIDDEN_BYTES}`;
      default:
        return m.type;
    }
  }

  backend(m: BackendMessage): string {
    switch (m.type) {
      case 'BackendKeyData':
        return `BackendKeyData\t${this.#number(m.processId)}${HIDDEN_NUMBER}`;
      case 'CommandComplete':
        return `CommandComplete\t ${string(m.tag)}`;
      case 'DataRow':
        return `DataRow\t${values(m.columns)}`;
      case 'CopyInResponse':
      case 'CopyOutResponse':
      case 'CopyBothResponse':
        return `${m.type}\t \\x0${m.format}${int16s(m.columnFormats)}`;
      case 'ErrorResponse':
      case 'NoticeResponse':
        return `${m.type}\t${this.#fields(m.fields)} \\x00`;
      case 'FunctionCallResponse':
        return `FunctionCallResponse\t${value(m.result)}`;
      case 'NegotiateProtocolVersion':
        return `NegotiateProtocolVersion\t ${(m.major << 16) | m.minor}${counted(m.unrecognizedOptions.map((o) => ` ${string(o)}`))}`;
      case 'NotificationResponse':
        return `NotificationResponse\t${this.#number(m.processId)} ${string(m.channel)} ${string(m.payload)}`;
      case 'ParameterDescription':
        return `ParameterDescription\t${this.#oids(m.parameterTypes)}`;
      case 'ParameterStatus':
        return `ParameterStatus\t ${string(m.name)} ${string(m.value)}`;
      case 'ReadyForQuery':
        return `ReadyForQuery\t ${m.status}`;
      case 'RowDescription':
        return `RowDescription\t${counted(m.columns.map((column) => this.#column(column)))}`;
      case 'ParseComplete':
      case 'BindComplete':
      case 'CloseComplete':
      case 'CopyData':
      case 'CopyDone':
      case 'EmptyQueryResponse':
      case 'NoData':
      case 'PortalSuspended':
        return m.type;
      default:
        return authentication(m);
    }
  }

  #number(number: number): string {
    return this.#regress ? HIDDEN_NUMBER : ` ${number}`;
  }

  #oids(oids: readonly number[]): string {
    return counted(oids.map((oid) => this.#number(oid)));
  }

  #column(c: ColumnDescription): string {
    const table = `${this.#number(c.tableOid)}${int16(c.columnNumber)}`;
    const type = `${this.#number(c.typeOid)}${int16(c.typeSize)} ${c.typeModifier}`;
    return ` ${string(c.name)}${table}${type}${int16(c.format)}`;
  }

  #fields(fields: ErrorFields): string {
    return fields.entries
      .map(({ code, value }) => {
        const hidden = this.#regress && SOURCE_FIELDS.has(code);
        return ` ${printable(code)}${hidden ? HIDDEN_TEXT : ` ${string(value)}`}`;
      })
      .join('');
  }
}

function authentication(m: Authentication): string {
  switch (m.type) {
    case 'AuthenticationSASL':
      return `AuthenticationSASL\t${m.mechanisms.map((mechanism) => ` ${string(mechanism)}`).join('')} ""`;
    case 'AuthenticationSASLContinue':
    case 'AuthenticationSASLFinal':
    case 'AuthenticationGSSContinue':
      return `${m.type}\t${HIDDEN_BYTES}`;
    default:
      return m.type;
  }
}
