/**
 * Whether a request comes from the Bot Framework: it carries a token for this app, signed by one of Microsoft's keys that speaks for
 * Teams. The token vouches for the sender, not for the body: it is sent with every request for up to an hour, so whoever could read
 * one on its way could send others. Only TLS prevents that.
 *
 * Spec: https://learn.microsoft.com/azure/bot-service/rest-api/bot-framework-rest-connector-authentication#connector-to-bot
 */
import { decodeProtectedHeader, importJWK, type JWK, jwtVerify } from 'jose';

/** `endorsements`: the channels it speaks for. */
export type BotKey = JWK & { readonly endorsements?: readonly unknown[] };

export interface BotTokensDeps {
  readonly appId: string;
  /** The keys there are now. @throws {Error} of the network */
  readonly fetchKeys: () => Promise<readonly BotKey[]>;
  /** Milliseconds since the epoch. */
  readonly now: () => number;
}

/** Why a request is refused. `unknown`: Microsoft's keys could not be had. */
export type BotTokenProblem = 'forged' | 'unknown';

/** Whom a good token is of. */
export interface BotSender {
  readonly serviceUrl: string;
}

const ISSUER = 'https://api.botframework.com';
const CHANNEL = 'msteams';
const CLOCK_TOLERANCE_SECONDS = 300;
const MAX_HEADER_LENGTH = 8192;
/** As long as keys are believed, and as soon as they are asked for again for one that is missing. */
const KEEP_KEYS_MS = 24 * 3600_000;
const ASK_AGAIN_MS = 5 * 60_000;
/** Without any keys: whoever calls without a token must not make the gate call others without end. */
const RETRY_MS = 10_000;

export class BotTokens {
  readonly #deps: BotTokensDeps;
  #keys: readonly BotKey[] = [];
  #fetchedAt = Number.NEGATIVE_INFINITY;
  #askedAt = Number.NEGATIVE_INFINITY;
  #asking: Promise<void> | undefined;

  constructor(deps: BotTokensDeps) {
    this.#deps = deps;
  }

  /**
   * Checks the header `authorization`.
   * @returns from which address the token says that its messages come; theirs must be the same
   */
  async check(header: string | undefined): Promise<BotSender | BotTokenProblem> {
    const token =
      header === undefined || header.length > MAX_HEADER_LENGTH ? null : /^Bearer (\S+)$/.exec(header);
    const kid = token === null ? undefined : keyIdOf(token[1]!);
    if (token === null || kid === undefined) return 'forged';
    try {
      const key = await this.#keyOf(kid);
      if (key === undefined) return 'forged';
      const { payload } = await jwtVerify(token[1]!, await importJWK(key, 'RS256'), {
        ...{ algorithms: ['RS256'], issuer: ISSUER, audience: this.#deps.appId },
        ...{ clockTolerance: CLOCK_TOLERANCE_SECONDS, currentDate: new Date(this.#deps.now()) },
        requiredClaims: ['exp', 'nbf'],
      });
      const { serviceurl: serviceUrl } = payload;
      return typeof serviceUrl === 'string' && serviceUrl !== '' ? { serviceUrl } : 'forged';
    } catch (error) {
      return error instanceof KeysUnknown ? 'unknown' : 'forged';
    }
  }

  async #keyOf(kid: string): Promise<BotKey | undefined> {
    const now = this.#deps.now();
    const isOld = now - this.#fetchedAt > KEEP_KEYS_MS;
    const known = isOld ? undefined : this.#find(kid);
    if (known !== undefined) return known;
    if (now - this.#askedAt > (isOld ? RETRY_MS : ASK_AGAIN_MS)) await this.#refresh(now);
    if (now - this.#fetchedAt > KEEP_KEYS_MS) throw new KeysUnknown();
    return this.#find(kid);
  }

  /** A key speaks for the channels it is endorsed for, and for no other. */
  #find(kid: string): BotKey | undefined {
    return this.#keys.find(
      (key) => key.kid === kid && key.kty === 'RSA' && key.endorsements?.includes(CHANNEL),
    );
  }

  #refresh(now: number): Promise<void> {
    this.#asking ??= this.#deps
      .fetchKeys()
      .then((keys) => {
        this.#keys = keys;
        this.#fetchedAt = now;
      })
      .catch((cause: unknown) => {
        throw new KeysUnknown('the keys could not be had', { cause });
      })
      .finally(() => {
        this.#askedAt = now;
        this.#asking = undefined;
      });
    return this.#asking;
  }
}

class KeysUnknown extends Error {}

function keyIdOf(token: string): string | undefined {
  try {
    return decodeProtectedHeader(token).kid;
  } catch {
    return undefined;
  }
}
