/**
 * The client's side of SCRAM-SHA-256 and SCRAM-SHA-256-PLUS, as a state machine without I/O. The server is hostile until its
 * signature is verified: work it asks for is bounded, and the key derivation runs off the event loop's thread.
 *
 * https://www.rfc-editor.org/rfc/rfc5802#section-5; the checks follow libpq's fe-auth-scram.c.
 */
import { randomBytes as cryptoRandomBytes, pbkdf2, timingSafeEqual } from 'node:crypto';
import { promisify } from 'node:util';
import { SluiceError } from '../../errors/sluice-error.ts';
import {
  type ChannelBinding,
  channelBindingAttribute,
  gs2Header,
  hmac,
  KEY_BYTES,
  malformedScram,
  NONCE_BYTES,
  preparePassword,
  type RandomBytes,
  SCRAM_SHA_256,
  SCRAM_SHA_256_PLUS,
  ScramAttributes,
  sha256,
  xor,
} from './scram.ts';

/** Some 0.3 s of CPU: more is refused. PostgreSQL's own default is 4096. */
export const MAX_SCRAM_ITERATIONS = 1_000_000;

const pbkdf2Async = promisify(pbkdf2);

export interface SaltedPasswords {
  get(key: string): Buffer | undefined;
  set(key: string, salted: Buffer): unknown;
}

export interface ScramClientOptions {
  /** A secret; it is in no error. */
  readonly password: string;
  /** The mechanisms of AuthenticationSASL. */
  readonly offered?: readonly string[];
  /** Given if the connection is TLS: used if offered, and told to the server if not, which refuses if it did offer it. */
  readonly channelBinding?: ChannelBinding | undefined;
  /** PostgreSQL ignores it: it takes the name of the start-up message. */
  readonly username?: string;
  /** Refuses servers that ask for less work, which would make a stolen exchange cheaper to guess from. */
  readonly minIterations?: number;
  readonly randomBytes?: RandomBytes;
  /**
   * Where salted passwords are kept between exchanges, so that a server that asks for the same again costs no derivation (RFC 5802,
   * section 5.1). As secret as the password; must be of this password alone, and bounded by its owner.
   */
  readonly salted?: SaltedPasswords;
}

/** One exchange: `first`, then `next`, then `finish`. After a throw it is over. */
export class ScramClient {
  /** For SASLInitialResponse. */
  readonly mechanism: string;
  readonly #options: ScramClientOptions;
  readonly #binding: 'n' | 'y' | ChannelBinding;
  readonly #nonce: string;
  #state: 'start' | 'waiting' | 'proving' | 'verified' | 'over' = 'start';
  #serverSignature: Buffer = Buffer.alloc(0);

  /** @throws {SluiceError} upstream_unavailable if no offered mechanism can be used */
  constructor(options: ScramClientOptions) {
    const { offered = [SCRAM_SHA_256], channelBinding, randomBytes = cryptoRandomBytes } = options;
    this.#options = options;
    this.#nonce = randomBytes(NONCE_BYTES).toString('base64');
    if (channelBinding !== undefined && offered.includes(SCRAM_SHA_256_PLUS)) {
      this.mechanism = SCRAM_SHA_256_PLUS;
      this.#binding = channelBinding;
    } else if (offered.includes(SCRAM_SHA_256)) {
      this.mechanism = SCRAM_SHA_256;
      this.#binding = channelBinding === undefined ? 'n' : 'y';
    } else {
      throw new SluiceError('upstream_unavailable', 'the server offers no SASL mechanism that can be used');
    }
  }

  /** True once the server has proven that it knows the password. AuthenticationOk before that must not be believed. */
  get verified(): boolean {
    return this.#state === 'verified';
  }

  /** The data of SASLInitialResponse. */
  first(): string {
    this.#enter('start', 'waiting');
    return gs2Header(this.#binding) + this.#firstBare();
  }

  /**
   * Reads the data of AuthenticationSASLContinue (as UTF-8) and returns that of SASLResponse.
   * @throws {SluiceError} protocol_violation if malformed, of another nonce, or with too many or too few iterations
   */
  async next(serverFirst: string): Promise<string> {
    this.#enter('waiting', 'over');
    const { nonce, salt, iterations } = this.#readChallenge(serverFirst);
    const saltedPassword = await this.#saltedPassword(salt, iterations);
    const withoutProof = `c=${channelBindingAttribute(this.#binding)},r=${nonce}`;
    const authMessage = `${this.#firstBare()},${serverFirst},${withoutProof}`;
    const clientKey = hmac(saltedPassword, 'Client Key');
    const proof = xor(clientKey, hmac(sha256(clientKey), authMessage));
    this.#serverSignature = hmac(hmac(saltedPassword, 'Server Key'), authMessage);
    this.#state = 'proving';
    return `${withoutProof},p=${proof.toString('base64')}`;
  }

  async #saltedPassword(salt: Buffer, iterations: number): Promise<Buffer> {
    const { password, salted } = this.#options;
    const key = `${iterations} ${salt.toString('base64')}`;
    const kept = salted?.get(key);
    if (kept !== undefined) return kept;
    const derived = await pbkdf2Async(preparePassword(password), salt, iterations, KEY_BYTES, 'sha256');
    salted?.set(key, derived);
    return derived;
  }

  /**
   * Reads the data of AuthenticationSASLFinal (as UTF-8) and verifies that the server knows the password.
   * @throws {SluiceError} upstream_unavailable if it does not, or refuses; protocol_violation if malformed
   */
  finish(serverFinal: string): void {
    this.#enter('proving', 'over');
    const attributes = new ScramAttributes(serverFinal);
    if (attributes.name === 'e') {
      throw new SluiceError('upstream_unavailable', 'the server refused the SCRAM proof');
    }
    const signature = attributes.base64('v');
    attributes.skipTo();
    if (signature.length !== KEY_BYTES || !timingSafeEqual(signature, this.#serverSignature)) {
      throw new SluiceError('upstream_unavailable', 'the server does not know the password it asked for');
    }
    this.#state = 'verified';
  }

  #enter(expected: 'start' | 'waiting' | 'proving', next: 'waiting' | 'over'): void {
    const state = this.#state;
    this.#state = state === expected ? next : 'over';
    if (state !== expected) throw malformedScram('It is out of order.');
  }

  #firstBare(): string {
    const name = (this.#options.username ?? '').replaceAll('=', '=3D').replaceAll(',', '=2C');
    return `n=${name},r=${this.#nonce}`;
  }

  #readChallenge(serverFirst: string): { nonce: string; salt: Buffer; iterations: number } {
    const attributes = new ScramAttributes(serverFirst);
    const nonce = attributes.nonce();
    if (!nonce.startsWith(this.#nonce) || nonce.length === this.#nonce.length) {
      throw malformedScram('The nonce is not an extension of ours.');
    }
    const salt = attributes.base64('s');
    if (salt.length === 0) throw malformedScram('The salt is empty.');
    const iterations = attributes.take('i');
    const { minIterations = 1 } = this.#options;
    // Number('') is 0 and would be below any minimum; only plain digits are a count.
    if (!/^[1-9]\d{0,9}$/.test(iterations) || Number(iterations) < minIterations) {
      throw malformedScram('The iteration count is too low or no number.');
    }
    if (Number(iterations) > MAX_SCRAM_ITERATIONS) {
      throw malformedScram(`The iteration count is above ${MAX_SCRAM_ITERATIONS}.`);
    }
    attributes.skipTo();
    return { nonce, salt, iterations: Number(iterations) };
  }
}
