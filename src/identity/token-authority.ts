/**
 * Issues, recognises and revokes tokens. A token's text leaves through `issueToken` once; nothing here keeps or logs it.
 * Every issue and revocation is recorded before it counts.
 */
import type { PrincipalConfig, TokenConfig } from '../config/config.ts';
import { formatDuration } from '../config/quantity.ts';
import { SluiceError } from '../errors/sluice-error.ts';
import type { LedgerEvent } from '../model/ledger-entry.ts';
import type { Actor } from '../model/principal.ts';
import { actorOf, chainProblem, type Principals, requirePrincipal } from './actor-chain.ts';
import type { TokenFilter, TokenRecord, TokenStore, TokenVerifier } from './token.ts';
import { mintToken, type RandomBytes, tokenIdOf } from './token-text.ts';
import { makeTokenVerifier, matchesVerifier, saltOf } from './token-verifier.ts';
import { TokenWatch, type TokenWatchOptions } from './token-watch.ts';

const MAX_PURPOSE_LENGTH = 500;
const KEY_BYTES = 32;
const DAY_MS = 86_400_000;
/** Of one principal, whatever the configuration says: what one SCRAM proof is tried against. */
const MAX_CANDIDATES = 32;
/** How long ended tokens can still be listed. */
const KEEP_ENDED_MS = 90 * DAY_MS;

type TokenEvent = Extract<LedgerEvent, { kind: 'token-issued' | 'token-revoked' }>;

export interface TokenAuthorityDeps {
  readonly store: TokenStore;
  readonly principals: Principals;
  readonly tokens: TokenConfig;
  /** 32 bytes; see installation-secret.ts. */
  readonly installationSecret: Buffer;
  /** Writes the ledger; resolves when the entry is durable. */
  readonly record: (event: TokenEvent) => Promise<void>;
  /** Milliseconds since the epoch. */
  readonly now: () => number;
  readonly randomBytes: RandomBytes;
  /** Told when a token was revoked, once that is recorded and in force. */
  readonly onRevoked?: (tokenId: string) => void;
  /** How often watched tokens are checked; default every second. */
  readonly watch?: TokenWatchOptions;
}

export interface TokenRequest {
  readonly principal: string;
  /** Nearest first; default nobody. */
  readonly onBehalfOf?: readonly string[];
  readonly purpose?: string;
  /** Default `tokens.defaultTtl`; at most `tokens.maxTtl`. */
  readonly ttlMs?: number;
}

/** The answer to whoever issued a token: the only place its text appears. */
export interface IssuedToken {
  readonly id: string;
  readonly text: string;
  readonly principal: string;
  readonly onBehalfOf: readonly string[];
  readonly purpose?: string;
  readonly expiresAt: number;
}

/** One token that a SCRAM proof may match. Keys are 32 bytes. */
export interface ScramCandidate {
  /** Empty for a decoy, which matches nothing. */
  readonly tokenId: string;
  readonly storedKey: Buffer;
  readonly serverKey: Buffer;
}

/** What a SCRAM server asks of whoever claims a user name. */
export interface ScramChallenge {
  readonly salt: Buffer;
  readonly iterations: number;
}

/** The tokens of one installation. */
export class TokenAuthority {
  readonly #deps: TokenAuthorityDeps;
  readonly #watch: TokenWatch;
  readonly #decoys: readonly ScramCandidate[];
  #lastIssue: Promise<unknown> = Promise.resolve();

  constructor(deps: TokenAuthorityDeps) {
    this.#deps = deps;
    this.#decoys = Array.from({ length: MAX_CANDIDATES }, () => makeDecoy(deps.randomBytes));
    this.#watch = new TokenWatch(deps.store, deps.now, deps.watch);
  }

  /**
   * Makes a token. Resolves when it is recorded and usable.
   * @throws {SluiceError} not_found (principal), forbidden (may not act for), bad_request (ttl, purpose, chain),
   * conflict (too many active tokens), ledger_*
   */
  issueToken(request: TokenRequest): Promise<IssuedToken> {
    // One after the other, so that the bound on active tokens holds.
    const issued = this.#lastIssue.then(() => this.#issue(request));
    this.#lastIssue = issued.catch(() => undefined);
    return issued;
  }

  async #issue(request: TokenRequest): Promise<IssuedToken> {
    const { store, now, principals, tokens, record } = this.#deps;
    const principal = requirePrincipal(request.principal, principals);
    const terms = this.#checkTerms(request, principal);
    const createdAt = now();
    await store.pruneTokens(createdAt - KEEP_ENDED_MS);
    const active = await this.#activeTokens(principal.id);
    if (active.length >= tokens.maxActivePerPrincipal) throw tooManyTokens(principal.id, active.length);
    const { id, text } = mintToken(this.#deps.randomBytes);
    const verifier = await makeTokenVerifier(text, this.#saltOf(principal.id), tokens.scramIterations);
    const { ttlMs, ...kept } = terms;
    const token = { id, principal: principal.id, ...kept, expiresAt: createdAt + ttlMs };
    const { id: tokenId, ...recorded } = token;
    await record({ kind: 'token-issued', token: tokenId, ...recorded });
    await store.insertToken({ ...token, createdAt, verifier });
    return { ...token, text };
  }

  /**
   * Ends a token, and whatever watches it at once.
   * @throws {SluiceError} not_found, conflict (it already ended), ledger_*
   */
  async revokeToken(id: string): Promise<void> {
    const { store, now, record } = this.#deps;
    const token = await store.tokenById(id);
    if (token === undefined) {
      throw new SluiceError('not_found', `there is no token ${JSON.stringify(id)}`, {
        hint: 'sluice token list shows the tokens there are; the id is the part between the underscores.',
      });
    }
    if (!isActiveAt(token, now())) throw new SluiceError('conflict', `token ${id} has already ended`);
    await record({ kind: 'token-revoked', token: id });
    await store.revokeToken(id, now());
    this.#watch.end(id, 'revoked');
    this.#deps.onRevoked?.(id);
  }

  /** Tokens without their keys, the newest first. */
  async listTokens(filter: TokenFilter): Promise<readonly Omit<TokenRecord, 'verifier'>[]> {
    const found = await this.#deps.store.listTokens(filter);
    return found.map(({ verifier: _, ...token }) => token);
  }

  /** What to ask of `user`: of every name alike, without a look-up, and always the same of one name. */
  challenge(user: string): ScramChallenge {
    return { salt: this.#saltOf(user), iterations: this.#deps.tokens.scramIterations };
  }

  /**
   * What a proof of `user` may match: always 32, whatever the name, because decoys fill up. Reading 32 tokens takes some 0.1 ms longer
   * than finding none, so whoever says that a proof failed must not say it sooner for one name than for another.
   */
  async candidates(user: string): Promise<readonly ScramCandidate[]> {
    const asked = this.challenge(user);
    const active = await this.#activeTokens(user);
    const known = this.#deps.principals.has(user) ? active : [];
    const usable = known.filter(({ verifier }) => isCurrent(verifier, asked));
    const verifiers = usable.map(({ id, verifier: { storedKey, serverKey } }) => ({
      tokenId: id,
      storedKey,
      serverKey,
    }));
    return [...verifiers, ...this.#decoys.slice(verifiers.length)];
  }

  /**
   * The actor behind a token that SCRAM recognised, or undefined if it ended meanwhile, or the configuration no longer
   * allows what it says.
   */
  async actorOfToken(tokenId: string): Promise<Actor | undefined> {
    const { store, now, principals } = this.#deps;
    const token = await store.tokenById(tokenId);
    return token === undefined || !isActiveAt(token, now()) ? undefined : actorOf(token, principals);
  }

  /**
   * The actor that a bearer token stands for, or undefined. Never says why. Checking the secret takes some 2 ms on another
   * thread, and is done only for ids that exist and are active: an id tells nothing of a principal and cannot be guessed,
   * so made-up tokens cost no more than a look-up.
   */
  async verifyBearer(text: string): Promise<Actor | undefined> {
    const { store, now } = this.#deps;
    const id = tokenIdOf(text);
    const token = id === undefined ? undefined : await store.tokenById(id);
    if (token === undefined || !isActiveAt(token, now())) return undefined;
    return (await matchesVerifier(text, token.verifier)) ? this.actorOfToken(token.id) : undefined;
  }

  /** Active tokens, of the `limit` newest, that do not log in because the work that clients are asked for has changed since. */
  async outdatedTokens(limit: number): Promise<number> {
    const { store, now, tokens } = this.#deps;
    const active = await store.listTokens({ activeAt: now(), limit });
    return active.filter(({ verifier }) => verifier.iterations !== tokens.scramIterations).length;
  }

  /** Whether the token may still be used. */
  async isActive(tokenId: string): Promise<boolean> {
    return (await this.actorOfToken(tokenId)) !== undefined;
  }

  /**
   * Calls `onEnd` once when the token is revoked (by any process) or expires, within about a second. The function
   * returned stops watching.
   */
  watchToken(tokenId: string, onEnd: (why: 'revoked' | 'expired') => void): () => void {
    return this.#watch.add(tokenId, onEnd);
  }

  /** Another process has revoked the token: whoever watches it is told at once. */
  revokedElsewhere(tokenId: string): void {
    this.#watch.end(tokenId, 'revoked');
  }

  /** Stops watching. Tokens stay as they are. */
  close(): void {
    this.#watch.close();
  }

  #checkTerms(request: TokenRequest, principal: PrincipalConfig) {
    const { onBehalfOf = [], purpose, ttlMs = this.#deps.tokens.defaultTtlMs } = request;
    const { maxTtlMs } = this.#deps.tokens;
    if (!Number.isSafeInteger(ttlMs) || ttlMs < 1000 || ttlMs > maxTtlMs) {
      throw new SluiceError(
        'bad_request',
        `the lifetime must be between 1s and ${formatDuration(maxTtlMs)}`,
        {
          hint: 'tokens.maxTtl in the configuration sets the upper bound.',
        },
      );
    }
    if (purpose !== undefined) checkPurpose(purpose);
    const problem = chainProblem(principal, onBehalfOf, this.#deps.principals);
    if (problem !== undefined) throw problem;
    return { onBehalfOf, ttlMs, ...(purpose === undefined ? {} : { purpose }) };
  }

  #activeTokens(principal: string): Promise<readonly TokenRecord[]> {
    const { store, now } = this.#deps;
    return store.listTokens({ principal, activeAt: now(), limit: MAX_CANDIDATES });
  }

  #saltOf(user: string): Buffer {
    return saltOf(user, this.#deps.installationSecret);
  }
}

/** Keys of no token: nobody can have a proof for random bytes. */
function makeDecoy(randomBytes: RandomBytes): ScramCandidate {
  return { tokenId: '', storedKey: randomBytes(KEY_BYTES), serverKey: randomBytes(KEY_BYTES) };
}

/** A token is active until it is revoked or its time is up, whichever comes first. */
export function isActiveAt(token: Pick<TokenRecord, 'revokedAt' | 'expiresAt'>, at: number): boolean {
  return token.revokedAt === undefined && at < token.expiresAt;
}

/** False for a verifier made under another installation secret, such as one restored without its key file, or for another work factor. */
function isCurrent(verifier: TokenVerifier, { salt, iterations }: ScramChallenge): boolean {
  return verifier.iterations === iterations && verifier.salt.equals(salt);
}

function checkPurpose(purpose: string): void {
  if (purpose.length > 0 && purpose.length <= MAX_PURPOSE_LENGTH && !/\p{Cc}/u.test(purpose)) return;
  throw new SluiceError(
    'bad_request',
    `the purpose must be one line of 1 to ${MAX_PURPOSE_LENGTH} characters`,
  );
}

function tooManyTokens(principal: string, count: number): SluiceError {
  return new SluiceError('conflict', `${principal} already has ${count} active tokens`, {
    hint: `Revoke one (sluice token list ${principal}, sluice token revoke <id>), or wait until one expires.`,
  });
}
