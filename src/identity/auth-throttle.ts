/**
 * Slows down whoever keeps failing to authenticate: an address, and a user name. Counts names alike whether or not they
 * exist. Never refuses: a delay costs an attacker time, a lock-out would cost the victim its access.
 *
 * Each failure counts one and is forgotten after a while; the first few are free, each further one doubles the delay.
 */
import { isIPv6 } from 'node:net';
import { LRUCache } from 'lru-cache';

export interface AuthThrottleOptions {
  /** The delay after the first failure that is not free. */
  readonly firstDelayMs: number;
  readonly maxDelayMs: number;
  /** Failures without a delay; default 3. */
  readonly freeFailures?: number;
  /** One failure is forgotten in this time; default 30,000. */
  readonly forgetMs?: number;
  /** How many addresses and names are remembered, the latest ones; default 20,000. */
  readonly maxKeys?: number;
  /** Milliseconds, monotonic. */
  readonly now: () => number;
}

/** What a door needs of it. Other processes may count with it; they learn of what happened here in a moment. */
export interface Throttle {
  delayMs(address: string, user?: string): number;
  failed(address: string, user?: string): void;
  succeeded(user: string): void;
}

/** Told of what is counted, to count it elsewhere as well. */
export type ThrottleListener = Pick<Throttle, 'failed' | 'succeeded'>;

/** What is remembered of one key, as another process can go on with it. */
export interface PackedTally {
  readonly key: string;
  readonly failures: number;
  /** Of the last failure. */
  readonly ageMs: number;
}

interface Tally {
  readonly failures: number;
  readonly at: number;
}

/** Remembers failures. Bounded: the least recently seen keys are forgotten first. */
export class AuthThrottle implements Throttle {
  readonly #options: Required<AuthThrottleOptions>;
  readonly #tallies: LRUCache<string, Tally>;
  readonly listeners = new Set<ThrottleListener>();

  constructor(options: AuthThrottleOptions) {
    this.#options = { freeFailures: 3, forgetMs: 30_000, maxKeys: 20_000, ...options };
    this.#tallies = new LRUCache({ max: this.#options.maxKeys });
  }

  /**
   * How long to wait before looking at an attempt, in milliseconds. The same for a right and a wrong one, so that the
   * delay tells nothing.
   * @param address the client's IP address, without port; or any name of a local transport
   * @param user the name it claims, if the protocol has it claim one
   */
  delayMs(address: string, user?: string): number {
    return Math.max(...keysOf(address, user).map((key) => this.#delayOf(key)));
  }

  /** Counts a failure. */
  failed(address: string, user?: string): void {
    for (const key of keysOf(address, user)) {
      const failures = Math.min(this.#failuresOf(key) + 1, 64);
      this.#tallies.set(key, { failures, at: this.#options.now() });
    }
    for (const listener of this.listeners) listener.failed(address, user);
  }

  /** Clears the name. The address stays: a token of one's own must not pay for guesses at others'. */
  succeeded(user: string): void {
    this.#tallies.delete(userKey(user));
    for (const listener of this.listeners) listener.succeeded(user);
  }

  /** True if a success of the name would change anything. */
  remembers(user: string): boolean {
    return this.#tallies.has(userKey(user));
  }

  pack(): PackedTally[] {
    const now = this.#options.now();
    return [...this.#tallies.entries()].map(([key, { failures, at }]) => ({
      key,
      failures,
      ageMs: now - at,
    }));
  }

  /** Goes on from what another process remembered. */
  unpack(tallies: readonly PackedTally[]): void {
    const now = this.#options.now();
    // The most recent comes first, and is to be forgotten last.
    for (const { key, failures, ageMs } of tallies.toReversed())
      this.#tallies.set(key, { failures, at: now - ageMs });
  }

  #delayOf(key: string): number {
    const { firstDelayMs, maxDelayMs, freeFailures } = this.#options;
    const counted = this.#failuresOf(key) - freeFailures;
    return counted <= 0 ? 0 : Math.round(Math.min(maxDelayMs, firstDelayMs * 2 ** (counted - 1)));
  }

  #failuresOf(key: string): number {
    const tally = this.#tallies.get(key);
    if (tally === undefined) return 0;
    const forgotten = Math.floor((this.#options.now() - tally.at) / this.#options.forgetMs);
    return Math.max(0, tally.failures - forgotten);
  }
}

function keysOf(address: string, user: string | undefined): string[] {
  return user === undefined ? [addressKey(address)] : [addressKey(address), userKey(user)];
}

/** One key per IPv4 address and per IPv6 /64, which is what one customer of a provider has. */
function addressKey(address: string): string {
  const plain = address.startsWith('::ffff:') ? address.slice(7) : address;
  if (!isIPv6(plain)) return `a:${plain}`;
  const [head = '', tail = ''] = plain.split('%')[0]!.toLowerCase().split('::');
  const left = head === '' ? [] : head.split(':');
  const right = tail === '' ? [] : tail.split(':');
  const missing = plain.includes('::') ? Array(Math.max(0, 8 - left.length - right.length)).fill('0') : [];
  const groups = [...left, ...missing, ...right]
    .slice(0, 4)
    .map((group) => Number.parseInt(group, 16).toString(16));
  return `a:${groups.join(':')}/64`;
}

/** Names are cut: a client may send megabytes. */
function userKey(user: string): string {
  return `u:${user.slice(0, 64)}`;
}
