/**
 * Bytes of a client ↔ text the gate can reason about. A text is only analysed if the gate is certain to read the same characters as
 * the database does: in the encodings that it reads itself there is nothing to get wrong, and for all others the database is asked,
 * which converts by the same tables when it reads the statement.
 *
 * @see https://www.postgresql.org/docs/18/multibyte.html
 */
import { isAscii, isUtf8 } from 'node:buffer';
import { SluiceError } from '../../errors/sluice-error.ts';
import { FIRST_USER_OID } from '../../sql/postgres/catalog-queries.ts';
import { quoteLiteral } from '../../sql/postgres/session-relations.ts';

/** The client's and the database's encoding, as PostgreSQL spells them. */
export interface Encodings {
  readonly client: string;
  readonly server: string;
}

/** Longer texts are not sent to the database to be asked about. */
const MAX_ASKED_BYTES = 4 * 1_048_576;
/** An invalid sequence is shown as far as that (wchar.c, `report_invalid_encoding`). */
const MAX_SHOWN_BYTES = 8;

/**
 * In what encoding the database takes a client's bytes to be (mbutils.c, `pg_any_to_server`). A database without an encoding
 * (SQL_ASCII) converts nothing; its names reach the gate as the same bytes, read as UTF-8.
 */
export function encodingOf({ client, server }: Encodings): string {
  if (server === 'SQL_ASCII') return 'UTF8';
  return client === 'SQL_ASCII' ? server : client;
}

/**
 * Decodes what needs no asking; undefined for the rest.
 * @throws {SluiceError} bad_encoding if the bytes are invalid
 */
export function decodeAtOnce(bytes: Buffer, encodings: Encodings): string | undefined {
  if (isAscii(bytes)) return bytes.toString('latin1');
  switch (encodingOf(encodings)) {
    case 'UTF8':
      if (isUtf8(bytes)) return bytes.toString('utf8');
      throw new SluiceError(
        'bad_encoding',
        `invalid byte sequence for encoding "UTF8": ${invalidBytes(bytes)}`,
      );
    case 'LATIN1':
      return bytes.toString('latin1');
    default:
      return undefined;
  }
}

/** Encodes what needs no asking; undefined for the rest. */
export function encodeAtOnce(text: string, encodings: Encodings): Buffer | undefined {
  const encoding = encodingOf(encodings);
  if (encoding === 'UTF8') return Buffer.from(text);
  if (/^[\x00-\x7f]*$/.test(text)) return Buffer.from(text, 'latin1');
  return encoding === 'LATIN1' && /^[\x00-\xff]*$/.test(text) ? Buffer.from(text, 'latin1') : undefined;
}

/** Conversions that came with the server cannot be altered; with others, nobody knows what a text is converted by. */
const FOREIGN_CONVERSIONS = `(SELECT pg_catalog.count(*) FROM pg_catalog.pg_conversion c
  WHERE c.condefault AND c.oid::pg_catalog.int8 OPERATOR(pg_catalog.>=) ${FIRST_USER_OID})`;

/** Asks for the characters of these bytes. @throws {SluiceError} statement_too_large */
export function decodingQuery(bytes: Buffer, encodings: Encodings): string {
  return conversionQuery(bytes, encodingOf(encodings), 'UTF8');
}

/** Asks for these characters' bytes. @throws {SluiceError} statement_too_large */
export function encodingQuery(text: string, encodings: Encodings): string {
  return conversionQuery(Buffer.from(text), 'UTF8', encodingOf(encodings));
}

function conversionQuery(bytes: Buffer, from: string, to: string): string {
  if (bytes.length > MAX_ASKED_BYTES) {
    throw new SluiceError(
      'statement_too_large',
      `the statement is too long for the client_encoding ${from}`,
      {
        hint: "SET client_encoding TO 'UTF8'.",
      },
    );
  }
  const decoded = `pg_catalog.convert_from(pg_catalog.decode('${bytes.toString('hex')}', 'hex'), ${quoteLiteral(from)})`;
  return `SELECT ${asHex(decoded, to)}, ${FOREIGN_CONVERSIONS}`;
}

/** @throws {SluiceError} not_understood if the conversions are not the server's own */
export function convertedBytes(rows: readonly (readonly (Buffer | null)[])[]): Buffer {
  const [hex, foreign] = rows[0] ?? [];
  if (!hex || foreign?.toString('latin1') !== '0') {
    throw new SluiceError('not_understood', 'the database has conversions between encodings of its own', {
      hint: "SET client_encoding TO 'UTF8'.",
    });
  }
  return Buffer.from(hex.toString('latin1'), 'hex');
}

/** SQL for a text in that encoding as hexadecimal digits, which every client_encoding leaves alone. */
export function asHex(sql: string, encoding = 'UTF8'): string {
  return `pg_catalog.encode(pg_catalog.convert_to(${sql}, ${quoteLiteral(encoding)}), 'hex')`;
}

/** Reads what `asHex` gives. */
export function textOfHex(hex: Buffer | null | undefined): string | undefined {
  return hex ? Buffer.from(hex.toString('latin1'), 'hex').toString('utf8') : undefined;
}

/** SQL without a character beyond ASCII. They may stand in `E'…'` only. */
export function asciiSql(sql: string): string {
  return sql.replaceAll(/[^\x00-\x7f]/gu, (character) => {
    const code = character.codePointAt(0)!.toString(16);
    return code.length > 4 ? `\\U${code.padStart(8, '0')}` : `\\u${code.padStart(4, '0')}`;
  });
}

/** The first invalid sequence, as the server shows it. */
function invalidBytes(bytes: Buffer): string {
  let at = 0;
  while (at < bytes.length && isUtf8(bytes.subarray(at, at + lengthOf(bytes[at]!))))
    at += lengthOf(bytes[at]!);
  const shown = bytes.subarray(at, at + Math.min(lengthOf(bytes[at] ?? 0), MAX_SHOWN_BYTES));
  return [...shown].map((byte) => `0x${byte.toString(16).padStart(2, '0')}`).join(' ');
}

/** How long the sequence is that this byte begins (wchar.c, `pg_utf_mblen`). */
function lengthOf(first: number): number {
  if ((first & 0x80) === 0) return 1;
  if ((first & 0xe0) === 0xc0) return 2;
  if ((first & 0xf0) === 0xe0) return 3;
  return (first & 0xf8) === 0xf0 ? 4 : 1;
}
