/**
 * What is kept of a token, and what keeping it must offer. The token's text exists once, in the answer to whoever issued
 * it; here stands only what SCRAM needs to recognise it, from which the text cannot be had back.
 *
 * Spec: https://www.rfc-editor.org/rfc/rfc5802#section-3 (StoredKey, ServerKey)
 */

/** What SCRAM-SHA-256 keeps of a password. Keys are 32 bytes. */
export interface TokenVerifier {
  readonly salt: Buffer;
  readonly iterations: number;
  readonly storedKey: Buffer;
  readonly serverKey: Buffer;
}

/** A token as stored. Times are milliseconds since the epoch. */
export interface TokenRecord {
  /** 12 letters and digits; part of the token's text and of the ledger, and no secret. */
  readonly id: string;
  readonly principal: string;
  /** Principals it acts for, nearest first; empty for whoever acts for themself. */
  readonly onBehalfOf: readonly string[];
  readonly purpose?: string;
  readonly createdAt: number;
  readonly expiresAt: number;
  readonly revokedAt?: number;
  readonly verifier: TokenVerifier;
}

/** Which tokens to list. */
export interface TokenFilter {
  /** Only this principal's. */
  readonly principal?: string;
  /** Only those active at this time; all if absent. */
  readonly activeAt?: number;
  /** At most this many, the newest first. */
  readonly limit: number;
}

/**
 * Where tokens are kept. A token is active at `t` if it is not revoked and `t < expiresAt`. Every promise of a change
 * resolves when the change is durable.
 */
export interface TokenStore {
  /** @throws if the id exists */
  insertToken(record: TokenRecord): Promise<void>;
  tokenById(id: string): Promise<TokenRecord | undefined>;
  listTokens(filter: TokenFilter): Promise<readonly TokenRecord[]>;
  /** Marks the token revoked. False if it does not exist or already is. */
  revokeToken(id: string, at: number): Promise<boolean>;
  /** Those of `ids` that are not active at `now`, or do not exist. At most some thousand ids. */
  inactiveTokens(ids: readonly string[], now: number): Promise<readonly string[]>;
  /** Forgets tokens that ended before `before`; returns how many. */
  pruneTokens(before: number): Promise<number>;
}
