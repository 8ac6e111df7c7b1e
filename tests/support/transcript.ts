/** Messages of a database as lines to compare: everything they say, but for the differences that are allowed. */
import { createHash } from 'node:crypto';
import { type BackendMessage, ErrorFields } from '../../src/wire/postgres/index.ts';
import { ALLOWED_DIFFERENCES } from '../compat/difference/allowed-differences.ts';

/** The first OID of what is made after initdb: another one for each run, with or without a gate. */
const FIRST_USER_OID = 16_384;
const OID_FIELDS: ReadonlySet<string> = new Set(['tableOid', 'typeOid', 'parameterTypes']);
/** Longer values are compared by their length and digest. */
const MAX_SHOWN_BYTES = 200;

/**
 * Writes the messages of one conversation as lines. OIDs of what was made on the way are numbered as they turn up.
 * @param chance what each run makes up anew, wherever it stands
 */
export function createTranscriber(chance?: RegExp): (message: BackendMessage) => string {
  const oids = new Map<number, string>();
  const oidOf = (oid: unknown): unknown => {
    if (typeof oid !== 'number' || oid < FIRST_USER_OID) return oid;
    const known = oids.get(oid) ?? `made ${oids.size + 1}`;
    oids.set(oid, known);
    return known;
  };
  const plain = (value: unknown, key: string): unknown => {
    if (Buffer.isBuffer(value)) return bytesOf(value, chance);
    if (value instanceof ErrorFields)
      return value.entries.map((one) => `${one.code}=${bytesOf(one.value, chance)}`);
    if (Array.isArray(value)) return value.map((one) => plain(one, key));
    if (value instanceof Object)
      return Object.fromEntries(Object.entries(value).map(([name, one]) => [name, plain(one, name)]));
    return OID_FIELDS.has(key) ? oidOf(value) : value;
  };
  return (message) => {
    const fields = Object.entries(message).map(([name, value]) => [name, hidden(name, value, message)]);
    return JSON.stringify(plain(Object.fromEntries(fields), ''));
  };
}

/** One message on its own. */
export function transcribe(message: BackendMessage): string {
  return createTranscriber()(message);
}

function hidden(name: string, value: unknown, message: BackendMessage): unknown {
  return ALLOWED_DIFFERENCES.reduce((left, { hides }) => hides?.(name, left, message) ?? left, value);
}

function bytesOf(bytes: Buffer, chance: RegExp | undefined): string {
  const told = bytes.toString('latin1');
  const text = chance === undefined ? told : told.replaceAll(chance, '<chance>');
  if (text.length <= MAX_SHOWN_BYTES) return text;
  const digest = createHash('sha256').update(text, 'latin1').digest('hex');
  return `${text.slice(0, 40)}… ${text.length} bytes, ${digest}`;
}
