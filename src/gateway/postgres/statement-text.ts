/**
 * Bytes of a client ↔ text the gate can reason about. A text is only analysed if the gate is certain to read the same
 * characters as the database does.
 */
import { isAscii, isUtf8 } from 'node:buffer';
import { createHash } from 'node:crypto';
import { SluiceError } from '../../errors/sluice-error.ts';
import type { ParameterValue } from '../../model/session.ts';
import { type Bind, formatOf } from '../../wire/postgres/index.ts';

/** Encodings whose bytes above 0x7F are one character each, so that no character can hide an ASCII one. */
const SINGLE_BYTE = /^(LATIN\d+|ISO_8859_\d+|WIN\d+|KOI8[RU]?|SQL_ASCII)$/;

/** Longer parameter values are recorded by their digest. */
const MAX_RECORDED_PARAMETER_BYTES = 1_024;
/** So are all that come when those before them have filled this. */
const MAX_RECORDED_BYTES = 64 * 1_024;

/**
 * Decodes a statement.
 * @param encoding the session's `client_encoding` as the server reports it
 * @throws {SluiceError} bad_encoding if the bytes are invalid, or the encoding is one the gate does not read.
 */
export function decodeStatement(bytes: Buffer, encoding: string): string {
  if (isAscii(bytes)) return bytes.toString('latin1');
  if (encoding === 'UTF8') {
    if (isUtf8(bytes)) return bytes.toString('utf8');
    throw new SluiceError('bad_encoding', 'invalid byte sequence for encoding "UTF8"');
  }
  if (SINGLE_BYTE.test(encoding)) {
    throw new SluiceError('bad_encoding', `statements in ${encoding} must be ASCII to pass the gate`, {
      hint: "SET client_encoding TO 'UTF8'.",
    });
  }
  throw new SluiceError('bad_encoding', `the gate does not read client_encoding ${encoding}`, {
    hint: "SET client_encoding TO 'UTF8'.",
  });
}

/** What is recorded and bound of the parameters of a Bind. */
export function recordParameters({
  parameters,
  parameterFormats,
}: Pick<Bind, 'parameters' | 'parameterFormats'>): ParameterValue[] {
  let recordedBytes = 0;
  return parameters.map((value, i) => {
    const length = value?.length ?? 0;
    const whole = length <= MAX_RECORDED_PARAMETER_BYTES && recordedBytes + length <= MAX_RECORDED_BYTES;
    if (whole) recordedBytes += length;
    return recordParameter(value, formatOf(parameterFormats, i) === 1, whole);
  });
}

/**
 * Text stays text; a leading backslash is doubled, so that the forms below cannot be imitated: `\x64:…` holds base64 of binary
 * values, `\sha256:…` the digest of those that are not recorded whole.
 */
function recordParameter(value: Buffer | null, binary: boolean, whole: boolean): ParameterValue {
  if (value === null) return null;
  if (!whole) {
    const digest = createHash('sha256').update(value).digest('hex');
    return `\\sha256:${binary ? 'b' : 't'}:${value.length}:${digest}`;
  }
  if (binary || !isUtf8(value)) return `\\x64:${value.toString('base64')}`;
  const text = value.toString('utf8');
  return text.charCodeAt(0) === 0x5c ? `\\${text}` : text;
}
