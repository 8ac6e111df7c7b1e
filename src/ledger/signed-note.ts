/**
 * Signed notes: a text, a blank line, signatures. A key is known by its name and a four-byte id; here keys are Ed25519, for
 * logs (type 1) and for witnesses (type 4, see `witness.ts`). Pure but for `sign`, which uses a private key.
 *
 * @see https://c2sp.org/signed-note
 */
import { createPublicKey, hash, type KeyObject, sign, verify } from 'node:crypto';

const ED25519 = 1;
const COSIGNATURE = 4;
const KEY_ID_BYTES = 4;
const MAX_NOTE_BYTES = 64 * 1024;
/** What stands in front of the 32 bytes of a key in its DER form (SubjectPublicKeyInfo, RFC 8410). */
const SPKI_PREFIX = Buffer.from('302a300506032b6570032100', 'hex');
const SIGNATURE_LINE = /^\u2014 ([^\s\p{C}+]+) ([A-Za-z0-9+/]+={0,2})$/u;
const VKEY = /^([^\s\p{C}+]+)\+([0-9a-f]{8})\+([A-Za-z0-9+/]+={0,2})$/u;

/** Who may sign: a verifier key. */
export interface NoteKey {
  readonly name: string;
  /** Four bytes in hex. */
  readonly id: string;
  readonly type: 'log' | 'witness';
  readonly publicKey: KeyObject;
}

export interface NoteSignature {
  readonly name: string;
  readonly id: string;
  readonly signature: Buffer;
}

export interface Note {
  /** With its final newline. */
  readonly text: string;
  readonly signatures: readonly NoteSignature[];
}

/** True if a key may have this name: nothing in it is invisible, or moves the cursor of whoever looks at it. */
export function isKeyName(name: string): boolean {
  return /^[^\s\p{C}+]+$/u.test(name) && name.length <= 255;
}

export function noteKey(name: string, type: NoteKey['type'], publicKey: KeyObject): NoteKey {
  return { name, id: keyId(name, type, rawKey(publicKey)).toString('hex'), type, publicKey };
}

/** `<name>+<id>+<type and key in base64>`: what a verifier is given. */
export function formatVkey(key: NoteKey): string {
  const material = Buffer.concat([typeByte(key.type), rawKey(key.publicKey)]).toString('base64');
  return `${key.name}+${key.id}+${material}`;
}

/** Reads a verifier key; undefined if it is none, or not an Ed25519 one. */
export function parseVkey(text: string): NoteKey | undefined {
  const match = VKEY.exec(text.trim());
  if (match === null) return undefined;
  const [name, id, encoded] = [match[1] as string, match[2] as string, match[3] as string];
  const material = Buffer.from(encoded, 'base64');
  const type = material[0] === ED25519 ? 'log' : material[0] === COSIGNATURE ? 'witness' : undefined;
  if (type === undefined || material.length !== 33) return undefined;
  const raw = material.subarray(1);
  if (keyId(name, type, raw).toString('hex') !== id) return undefined;
  const publicKey = createPublicKey({ key: Buffer.concat([SPKI_PREFIX, raw]), format: 'der', type: 'spki' });
  return { name, id, type, publicKey };
}

/** The note of a text that ends with a newline, signed by the log's key. */
export function signNote(text: string, key: NoteKey, privateKey: KeyObject): string {
  const signature = sign(null, Buffer.from(text), privateKey);
  return `${text}\n${signatureLine({ name: key.name, id: key.id, signature })}`;
}

/** One line with its newline. */
export function signatureLine({ name, id, signature }: NoteSignature): string {
  return `\u2014 ${name} ${Buffer.concat([Buffer.from(id, 'hex'), signature]).toString('base64')}\n`;
}

/** Splits a note; undefined if it is none. Nothing is verified. */
export function parseNote(note: string): Note | undefined {
  if (note.length > MAX_NOTE_BYTES || !note.isWellFormed()) return undefined;
  if (/[\u0000-\u0009\u000b-\u001f]/.test(note)) return undefined;
  const end = note.lastIndexOf('\n\n');
  if (end < 0 || !note.endsWith('\n')) return undefined;
  const signatures = parseSignatureLines(note.slice(end + 2));
  return signatures === undefined ? undefined : { text: note.slice(0, end + 1), signatures };
}

/** Reads signature lines; undefined if one is malformed or there is none. */
export function parseSignatureLines(lines: string): NoteSignature[] | undefined {
  if (!lines.endsWith('\n')) return undefined;
  const signatures: NoteSignature[] = [];
  for (const line of lines.slice(0, -1).split('\n')) {
    const match = SIGNATURE_LINE.exec(line);
    const bytes = Buffer.from(match?.[2] ?? '', 'base64');
    if (match === null || bytes.length <= KEY_ID_BYTES || bytes.toString('base64') !== match[2])
      return undefined;
    signatures.push({
      name: match[1] as string,
      id: bytes.toString('hex', 0, KEY_ID_BYTES),
      signature: bytes.subarray(KEY_ID_BYTES),
    });
  }
  return signatures;
}

/**
 * True if the note carries a good signature of the key. False as well if it carries a bad one: a note with a forged signature is
 * worth nothing, whatever else stands there.
 */
export function isSignedBy(note: Note, key: NoteKey): boolean {
  const own = note.signatures.filter(({ name, id }) => name === key.name && id === key.id);
  return own.length > 0 && own.every(({ signature }) => isGood(note.text, signature, key));
}

/** When a witness signed, in seconds since 1970; undefined if the signature is none of its. */
export function cosignedAt(signature: Buffer): number | undefined {
  if (signature.length !== 72) return undefined;
  const seconds = signature.readBigUInt64BE(0);
  return seconds <= BigInt(Number.MAX_SAFE_INTEGER) ? Number(seconds) : undefined;
}

function isGood(text: string, signature: Buffer, key: NoteKey): boolean {
  if (key.type === 'log') return verify(null, Buffer.from(text), key.publicKey, signature);
  const seconds = cosignedAt(signature);
  if (seconds === undefined) return false;
  const signed = `cosignature/v1\ntime ${seconds}\n${text}`;
  return verify(null, Buffer.from(signed), key.publicKey, signature.subarray(8));
}

function keyId(name: string, type: NoteKey['type'], raw: Buffer): Buffer {
  const input = Buffer.concat([Buffer.from(`${name}\n`), typeByte(type), raw]);
  return hash('sha256', input, 'buffer').subarray(0, KEY_ID_BYTES);
}

function typeByte(type: NoteKey['type']): Buffer {
  return Buffer.from([type === 'log' ? ED25519 : COSIGNATURE]);
}

function rawKey(publicKey: KeyObject): Buffer {
  return publicKey.export({ type: 'spki', format: 'der' }).subarray(SPKI_PREFIX.length);
}
