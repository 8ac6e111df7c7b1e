/**
 * The server's side of SCRAM-SHA-256 and SCRAM-SHA-256-PLUS, as a state machine without I/O.
 *
 * Whether a principal exists shows nowhere: a list of verifiers that is empty takes the same steps and as long as one of up
 * to eight to fail, and every failed proof has the same text. The caller must pass the same iterations for all, and a salt that
 * looks the same (`deriveMockSalt`). The verifiers are needed last, so they can be looked up while the client computes.
 *
 * https://www.rfc-editor.org/rfc/rfc5802#section-5; the checks follow PostgreSQL's auth-scram.c.
 */
import { randomBytes as cryptoRandomBytes, timingSafeEqual } from 'node:crypto';
import { SluiceError } from '../../errors/sluice-error.ts';
import {
  type ChannelBinding,
  channelBindingAttribute,
  gs2Header,
  hmac,
  KEY_BYTES,
  malformedScram,
  NONCE_BYTES,
  type RandomBytes,
  SCRAM_SHA_256,
  SCRAM_SHA_256_PLUS,
  ScramAttributes,
  type ScramVerifier,
  sha256,
  xor,
} from './scram.ts';

/** A proof fails after a multiple of this many verifiers, so that the time does not tell how many tokens a principal has. */
const VERIFIER_LANES = 8;
const PROOF_ATTRIBUTE = ',p=';

export interface ScramServerOptions {
  readonly salt: Buffer;
  readonly iterations: number;
  readonly randomBytes?: RandomBytes;
  /** Given if the connection is TLS: SCRAM-SHA-256-PLUS is offered, and clients that were led to think otherwise refused. */
  readonly channelBinding?: ChannelBinding | undefined;
}

export interface ScramSuccess {
  /** For AuthenticationSASLFinal. */
  readonly message: string;
  /** Which of the verifiers it was. */
  readonly verifierIndex: number;
}

/** One exchange: `first`, then `final`. After a throw it is over. */
export class ScramServer {
  readonly #options: ScramServerOptions;
  readonly #randomBytes: RandomBytes;
  #binding: 'n' | 'y' | ChannelBinding = 'n';
  #clientFirstBare = '';
  #serverFirst = '';
  #nonce = '';
  #state: 'start' | 'challenged' | 'over' = 'start';

  constructor(options: ScramServerOptions) {
    this.#options = options;
    this.#randomBytes = options.randomBytes ?? cryptoRandomBytes;
  }

  /** What to offer in AuthenticationSASL, the better first. */
  get mechanisms(): readonly string[] {
    return this.#options.channelBinding === undefined ? [SCRAM_SHA_256] : [SCRAM_SHA_256_PLUS, SCRAM_SHA_256];
  }

  /**
   * Reads the data of SASLInitialResponse (as UTF-8) and returns that of AuthenticationSASLContinue.
   * @param mechanism the one the client chose
   * @throws {SluiceError} protocol_violation if malformed or downgraded; unsupported for an authorization identity
   */
  first(clientFirst: string, mechanism: string): string {
    this.#enter('start');
    this.#binding = this.#readBinding(clientFirst, mechanism);
    this.#clientFirstBare = clientFirst.slice(gs2Header(this.#binding).length);
    const attributes = new ScramAttributes(this.#clientFirstBare);
    if (attributes.name === 'm') {
      throw new SluiceError('unsupported', 'the client requires an unsupported SCRAM extension');
    }
    // The name is ignored: the start-up message has it, and clients of PostgreSQL send none here.
    attributes.take('n');
    this.#nonce = attributes.nonce() + this.#randomBytes(NONCE_BYTES).toString('base64');
    const { salt, iterations } = this.#options;
    this.#serverFirst = `r=${this.#nonce},s=${salt.toString('base64')},i=${iterations}`;
    this.#state = 'challenged';
    return this.#serverFirst;
  }

  /**
   * Reads the data of SASLResponse (as UTF-8) and decides.
   * @param verifiers the active secrets of one principal; they share salt and iterations. Empty for principals that do not exist.
   * @throws {SluiceError} authentication_failed, always with the same text; protocol_violation if malformed
   */
  final(clientFinal: string, verifiers: readonly ScramVerifier[]): ScramSuccess {
    this.#enter('challenged');
    const attributes = new ScramAttributes(clientFinal);
    if (attributes.take('c') !== channelBindingAttribute(this.#binding)) {
      throw malformedScram('The channel binding is not that of the first message or of this connection.');
    }
    const nonce = attributes.nonce();
    attributes.skipTo('p');
    const proof = attributes.base64('p');
    attributes.end();
    if (proof.length !== KEY_BYTES) throw malformedScram('The proof has the wrong length.');
    if (!sameText(nonce, this.#nonce)) throw malformedScram('The nonce is not the one of the first message.');
    const withoutProof = clientFinal.slice(0, clientFinal.lastIndexOf(PROOF_ATTRIBUTE));
    return this.#decide(`${this.#clientFirstBare},${this.#serverFirst},${withoutProof}`, proof, verifiers);
  }

  #enter(expected: 'start' | 'challenged'): void {
    const state = this.#state;
    this.#state = 'over';
    if (state !== expected) throw malformedScram('It is out of order.');
  }

  #readBinding(clientFirst: string, mechanism: string): 'n' | 'y' | ChannelBinding {
    if (!this.mechanisms.includes(mechanism)) {
      throw new SluiceError('protocol_violation', 'client selected an invalid SASL authentication mechanism');
    }
    const { channelBinding } = this.#options;
    const flag = clientFirst[0];
    if (flag === 'y' && channelBinding !== undefined) {
      throw new SluiceError('protocol_violation', 'SCRAM channel binding negotiation error', {
        detail:
          'The client supports SCRAM channel binding but thinks the server does not. However, this server does support channel binding.',
      });
    }
    const binding = mechanism === SCRAM_SHA_256_PLUS ? channelBinding : flag;
    if (binding !== 'n' && binding !== 'y' && typeof binding !== 'object') {
      throw malformedScram('The channel-binding flag is unknown or does not fit the mechanism.');
    }
    if (/^[^,]*,a=/.test(clientFirst)) {
      throw new SluiceError(
        'unsupported',
        'the client uses an authorization identity, but it is not supported',
      );
    }
    if (!clientFirst.startsWith(gs2Header(binding)))
      throw malformedScram('The channel binding is unknown or does not fit the mechanism.');
    return binding;
  }

  #decide(authMessage: string, proof: Buffer, verifiers: readonly ScramVerifier[]): ScramSuccess {
    const mock = { storedKey: this.#randomBytes(KEY_BYTES), serverKey: this.#randomBytes(KEY_BYTES) };
    const lanes = Math.max(1, Math.ceil(verifiers.length / VERIFIER_LANES)) * VERIFIER_LANES;
    for (let lane = 0; lane < lanes; lane++) {
      const { storedKey, serverKey } = verifiers[lane] ?? mock;
      const clientKey = xor(hmac(storedKey, authMessage), proof);
      if (!timingSafeEqual(sha256(clientKey), storedKey) || lane >= verifiers.length) continue;
      // Success ends the search: its time tells the holder of a secret which of their own it is, and nobody else anything.
      return { message: `v=${hmac(serverKey, authMessage).toString('base64')}`, verifierIndex: lane };
    }
    throw authenticationFailed();
  }
}

function sameText(a: string, b: string): boolean {
  const [left, right] = [Buffer.from(a), Buffer.from(b)];
  return left.length === right.length && timingSafeEqual(left, right);
}

function authenticationFailed(): SluiceError {
  return new SluiceError('authentication_failed', 'authentication failed', {
    detail: 'The token is wrong, expired or revoked, or the principal is unknown.',
  });
}
