/**
 * What both sides of SCRAM-SHA-256 share: key derivation, verifiers, the attribute syntax; and the md5 method it replaced.
 * The state machines are scram-server.ts and scram-client.ts. No I/O.
 *
 * https://www.rfc-editor.org/rfc/rfc5802 (SCRAM), https://www.rfc-editor.org/rfc/rfc7677 (with SHA-256),
 * https://www.postgresql.org/docs/18/sasl-authentication.html
 */
import { createHash, createHmac, createSecretKey, hash, pbkdf2Sync } from 'node:crypto';
// @ts-expect-error The package has no types.
import saslprep from 'saslprep';
import { SluiceError } from '../../errors/sluice-error.ts';

export const SCRAM_SHA_256 = 'SCRAM-SHA-256';
export const SCRAM_SHA_256_PLUS = 'SCRAM-SHA-256-PLUS';

/** SHA-256 keys, signatures and proofs. */
export const KEY_BYTES = 32;
/** Random bytes in a nonce, as in PostgreSQL. */
export const NONCE_BYTES = 18;
/** PostgreSQL's PG_MAX_SASL_MESSAGE_LENGTH: longer messages are refused unread. */
export const MAX_SASL_MESSAGE_BYTES = 1_024;

/** RFC 4013. Throws for text that the profile prohibits. */
const saslPrepare: (text: string) => string = saslprep;

const SALT_BYTES = 16;
const ATTRIBUTE = /^[A-Za-z]=/;
const NONCE = /^[\x21-\x2b\x2d-\x7e]+$/;

/** What a server keeps of a password: enough to check a proof, not enough to make one. Both are 32 bytes. */
export interface ScramVerifier {
  readonly storedKey: Buffer;
  readonly serverKey: Buffer;
}

/** What ties an authentication to its TLS connection. `data` is the certificate's hash; see `tlsServerEndPoint`. */
export interface ChannelBinding {
  readonly type: 'tls-server-end-point';
  readonly data: Buffer;
}

/** `(size) => size bytes` that nobody can foresee. */
export type RandomBytes = (sizeBytes: number) => Buffer;

/**
 * Makes a verifier. Blocks for as long as the iterations take (4096: some 2 ms): for issuing, not for logging in.
 */
export function makeVerifier(password: string, salt: Buffer, iterations: number): ScramVerifier {
  const saltedPassword = pbkdf2Sync(preparePassword(password), salt, iterations, KEY_BYTES, 'sha256');
  return {
    storedKey: sha256(hmac(saltedPassword, 'Client Key')),
    serverKey: hmac(saltedPassword, 'Server Key'),
  };
}

/**
 * A salt (16 bytes) that is always the same for the same name, for names that have no verifier. If existing names get
 * theirs from here too, nothing in the exchange tells the two apart.
 */
export function deriveMockSalt(secret: Buffer, user: string): Buffer {
  return hmac(secret, `scram salt\0${user}`).subarray(0, SALT_BYTES);
}

/** SASLprep, or the bytes as they are where that is not possible: exactly PostgreSQL's leniency. */
export function preparePassword(password: string): Buffer {
  let prepared = password;
  try {
    prepared = saslPrepare(password);
  } catch {
    // Prohibited or unassigned characters: server and client both fall back to the raw password.
  }
  return Buffer.from(prepared, 'utf8');
}

export function hmac(key: Buffer, data: string | Buffer): Buffer {
  // With the bytes themselves, Node.js 24 takes three times as long.
  return createHmac('sha256', createSecretKey(key)).update(data).digest();
}

export function sha256(data: Buffer): Buffer {
  return hash('sha256', data, 'buffer');
}

/** Equal lengths. */
export function xor(a: Buffer, b: Buffer): Buffer {
  const result = Buffer.alloc(a.length);
  for (let i = 0; i < a.length; i++) result[i] = a[i]! ^ b[i]!;
  return result;
}

/** What the gs2 header and `c` attribute say about channel binding. */
export function gs2Header(flag: 'n' | 'y' | ChannelBinding): string {
  return typeof flag === 'string' ? `${flag},,` : `p=${flag.type},,`;
}

/** The value of the `c` attribute. */
export function channelBindingAttribute(flag: 'n' | 'y' | ChannelBinding): string {
  const header = Buffer.from(gs2Header(flag));
  return (typeof flag === 'string' ? header : Buffer.concat([header, flag.data])).toString('base64');
}

export function malformedScram(problem: string): SluiceError {
  return new SluiceError('protocol_violation', 'malformed SCRAM message', { detail: problem });
}

/** A cursor over `a=…,b=…`. Every method throws SluiceError protocol_violation. */
export class ScramAttributes {
  readonly #items: readonly string[];
  #at = 0;

  constructor(message: string) {
    if (message.length > MAX_SASL_MESSAGE_BYTES) throw malformedScram('It is too long.');
    this.#items = message.split(',');
    if (!this.#items.every((item) => ATTRIBUTE.test(item))) throw malformedScram('An attribute is missing.');
  }

  /** The name of the next attribute, or undefined at the end. */
  get name(): string | undefined {
    return this.#items[this.#at]?.[0];
  }

  take(name: string): string {
    if (this.name !== name) throw malformedScram(`The attribute "${name}" is missing.`);
    return this.#items[this.#at++]!.slice(2);
  }

  /** Passes over optional extensions up to the attribute `name` or the end. */
  skipTo(name?: string): void {
    while (this.name !== undefined && this.name !== name) this.#at++;
  }

  nonce(): string {
    const nonce = this.take('r');
    if (!NONCE.test(nonce)) throw malformedScram('The nonce holds characters that are not printable.');
    return nonce;
  }

  base64(name: string): Buffer {
    const text = this.take(name);
    const bytes = Buffer.from(text, 'base64');
    if (bytes.toString('base64') !== text) throw malformedScram(`The attribute "${name}" is not base64.`);
    return bytes;
  }

  end(): void {
    if (this.name !== undefined) throw malformedScram('Something follows the last attribute.');
  }
}

/** The answer to AuthenticationMD5Password. `salt` is 4 bytes. Offered by old databases only; protects little. */
export function md5Password(user: string, password: string, salt: Buffer): string {
  const inner = createHash('md5').update(password).update(user).digest('hex');
  return `md5${createHash('md5').update(inner).update(salt).digest('hex')}`;
}
