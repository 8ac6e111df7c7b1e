/**
 * Tells sessions when the token they came with ends. One timer for all of them asks the store about all watched tokens at
 * once, so a revocation by another process is seen within one interval.
 */
import type { TokenStore } from './token.ts';

export type TokenEnd = 'revoked' | 'expired';

export interface TokenWatchOptions {
  /** Default 1000. */
  readonly intervalMs?: number;
  /** Told when the store does not answer; the next round asks again. Default: nobody. */
  readonly onError?: (error: unknown) => void;
}

/** A store is asked about this many tokens at once. */
const BATCH_SIZE = 500;

/** Watches tokens. Its timer runs only while there is something to watch, and keeps no process alive. */
export class TokenWatch {
  readonly #store: TokenStore;
  readonly #now: () => number;
  readonly #options: TokenWatchOptions;
  readonly #watchers = new Map<string, Set<(why: TokenEnd) => void>>();
  #timer: NodeJS.Timeout | undefined;

  constructor(store: TokenStore, now: () => number, options: TokenWatchOptions = {}) {
    this.#store = store;
    this.#now = now;
    this.#options = options;
  }

  /** Calls `onEnd` at most once. The function returned takes it back. */
  add(tokenId: string, onEnd: (why: TokenEnd) => void): () => void {
    const watchers = this.#watchers.get(tokenId) ?? new Set();
    this.#watchers.set(tokenId, watchers);
    watchers.add(onEnd);
    this.#schedule();
    return () => {
      watchers.delete(onEnd);
      if (watchers.size === 0 && this.#watchers.get(tokenId) === watchers) this.#watchers.delete(tokenId);
    };
  }

  /** Tells all watchers of the token and forgets them. */
  end(tokenId: string, why: TokenEnd): void {
    const watchers = this.#watchers.get(tokenId);
    this.#watchers.delete(tokenId);
    for (const onEnd of watchers ?? []) onEnd(why);
  }

  close(): void {
    clearTimeout(this.#timer);
    this.#watchers.clear();
  }

  #schedule(): void {
    if (this.#timer !== undefined || this.#watchers.size === 0) return;
    this.#timer = setTimeout(() => void this.#round(), this.#options.intervalMs ?? 1000);
    this.#timer.unref();
  }

  async #round(): Promise<void> {
    try {
      const ids = [...this.#watchers.keys()];
      for (let at = 0; at < ids.length; at += BATCH_SIZE) await this.#check(ids.slice(at, at + BATCH_SIZE));
    } catch (error) {
      this.#options.onError?.(error);
    }
    this.#timer = undefined;
    this.#schedule();
  }

  async #check(ids: readonly string[]): Promise<void> {
    const now = this.#now();
    for (const id of await this.#store.inactiveTokens(ids, now)) {
      const token = await this.#store.tokenById(id);
      this.end(id, token !== undefined && token.revokedAt === undefined ? 'expired' : 'revoked');
    }
  }
}
