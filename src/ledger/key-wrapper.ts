/**
 * What wraps data keys: the one key that must not lie beside them. Held in memory from a file or the environment, or kept by a service that
 * never gives it away (a KMS): whoever implements `KeyWrapper` is one.
 */
import {
  createCipheriv,
  createDecipheriv,
  createSecretKey,
  hash,
  type KeyObject,
  randomFillSync,
} from 'node:crypto';
import { SluiceError } from '../errors/sluice-error.ts';

export interface KeyWrapper {
  /** Says which key it is without giving it away: stands in the file of each data key. */
  readonly name: string;
  /** Encrypts a data key of 32 bytes. `context` must be given again to unwrap it. */
  wrap(dataKey: Buffer, context: string): Promise<Buffer>;
  /** @throws if it was not wrapped by this key with this context */
  unwrap(wrapped: Buffer, context: string): Promise<Buffer>;
}

const KEY_BYTES = 32;
const NONCE_BYTES = 12;
const TAG_BYTES = 16;

/** Wraps with a key in memory, by AES-256-GCM. */
export class LocalKeyWrapper implements KeyWrapper {
  readonly name: string;
  readonly #key: KeyObject;

  /** @param secret 32 bytes, as base64 or hex. @throws {SluiceError} config_invalid */
  constructor(secret: string) {
    const text = secret.trim();
    const key = Buffer.from(text, /^[0-9a-f]{64}$/i.test(text) ? 'hex' : 'base64');
    if (key.length !== KEY_BYTES) {
      throw new SluiceError(
        'config_invalid',
        'the key that wraps the ledger\u2019s data keys is not 32 bytes of base64 or hex',
      );
    }
    this.#key = createSecretKey(key);
    this.name = `local:${hash('sha256', Buffer.concat([Buffer.from('sluice key wrapper'), key]), 'hex').slice(0, 16)}`;
  }

  async wrap(dataKey: Buffer, context: string): Promise<Buffer> {
    return encrypt(this.#key, dataKey, context);
  }

  async unwrap(wrapped: Buffer, context: string): Promise<Buffer> {
    return decrypt(this.#key, wrapped, context);
  }
}

/** Random bytes that were not used yet: to ask for many at once takes a tenth of the time. */
const nonces = Buffer.alloc(NONCE_BYTES * 512);
let usedNonces = nonces.length;

function nextNonce(): Buffer {
  if (usedNonces === nonces.length) {
    randomFillSync(nonces);
    usedNonces = 0;
  }
  usedNonces += NONCE_BYTES;
  return nonces.subarray(usedNonces - NONCE_BYTES, usedNonces);
}

/**
 * AES-256-GCM: nonce, ciphertext, tag. `context` is authenticated with it.
 * @param key as an object: of bytes, Node.js finds out at each call that they are none, by throwing
 */
export function encrypt(key: KeyObject, plain: Buffer, context: string): Buffer {
  const nonce = nextNonce();
  const cipher = createCipheriv('aes-256-gcm', key, nonce).setAAD(Buffer.from(context));
  const encrypted = cipher.update(plain);
  return Buffer.concat([nonce, encrypted, cipher.final(), cipher.getAuthTag()]);
}

/** @throws if key or context are not those it was encrypted with, or a byte was changed */
export function decrypt(key: KeyObject, sealed: Buffer, context: string): Buffer {
  if (sealed.length < NONCE_BYTES + TAG_BYTES) throw new RangeError('too short to be encrypted');
  const decipher = createDecipheriv('aes-256-gcm', key, sealed.subarray(0, NONCE_BYTES), {
    authTagLength: TAG_BYTES,
  })
    .setAAD(Buffer.from(context))
    .setAuthTag(sealed.subarray(sealed.length - TAG_BYTES));
  const plain = decipher.update(sealed.subarray(NONCE_BYTES, sealed.length - TAG_BYTES));
  return Buffer.concat([plain, decipher.final()]);
}
