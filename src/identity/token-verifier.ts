/**
 * Derives and checks what is stored of a token: the SCRAM-SHA-256 keys of its text. A token has 256 random bits, so the
 * iteration count protects nothing; the configuration has the least that all clients accept, or less. Tokens are ASCII, which SASLprep leaves as it is.
 *
 * Spec: https://www.rfc-editor.org/rfc/rfc5802#section-3, https://www.rfc-editor.org/rfc/rfc7677
 */
import { createHash, createHmac, createSecretKey, pbkdf2, timingSafeEqual } from 'node:crypto';
import { promisify } from 'node:util';
import type { TokenVerifier } from './token.ts';

const KEY_BYTES = 32;
const SALT_BYTES = 16;

const derive = promisify(pbkdf2);
// With the bytes themselves instead of a key object, Node.js 24 takes three times as long.
const hmac = (key: Buffer, text: string) => createHmac('sha256', createSecretKey(key)).update(text).digest();

/**
 * The salt of a user name, of 16 bytes. SCRAM sends it before it can know which of the user's tokens will be used, and
 * must send one for names that do not exist. A keyed hash gives all names one that is stable and tells nothing: neither
 * whether the principal exists nor whether it has tokens.
 */
export function saltOf(user: string, installationSecret: Buffer): Buffer {
  return hmac(installationSecret, `scram-salt\0${user}`).subarray(0, SALT_BYTES);
}

/** The keys to store for `text`. Takes up to some 2 ms on another thread. */
export async function makeTokenVerifier(
  text: string,
  salt: Buffer,
  iterations: number,
): Promise<TokenVerifier> {
  const salted = await derive(text, salt, iterations, KEY_BYTES, 'sha256');
  const storedKey = createHash('sha256').update(hmac(salted, 'Client Key')).digest();
  return { salt, iterations, storedKey, serverKey: hmac(salted, 'Server Key') };
}

/** Whether `text` is the token behind `verifier`. Constant time in everything but the iteration count. */
export async function matchesVerifier(text: string, verifier: TokenVerifier): Promise<boolean> {
  const salted = await derive(text, verifier.salt, verifier.iterations, KEY_BYTES, 'sha256');
  const storedKey = createHash('sha256').update(hmac(salted, 'Client Key')).digest();
  return storedKey.length === verifier.storedKey.length && timingSafeEqual(storedKey, verifier.storedKey);
}
