/**
 * Records who came in by a door where no session begins, and who did not. A request is no log-in, so the same token from the same address
 * counts once an hour; failures of an address are counted together, so that nobody fills the ledger from outside.
 */
import { LRUCache } from 'lru-cache';
import type { LedgerEvent } from '../model/ledger-entry.ts';
import type { Actor } from '../model/principal.ts';

export interface DoorRecordOptions {
  /** Appends to the ledger; may throw ledger_*. */
  readonly append: (event: LedgerEvent) => void;
  /** How long failures of an address are counted together. */
  readonly windowMs?: number;
}

const HOUR_MS = 3_600_000;
const WINDOW_MS = 60_000;
const MAX_KNOWN = 10_000;
/** Addresses whose failures are told apart within a window. */
const MAX_ADDRESSES = 1_000;
const OTHERS = '\u2039others\u203a';

export class DoorRecord {
  readonly #append: (event: LedgerEvent) => void;
  readonly #windowMs: number;
  readonly #known = new LRUCache<string, true>({ max: MAX_KNOWN, ttl: HOUR_MS });
  /** Failures since the last entry about an address. */
  readonly #failures = new Map<string, number>();
  #timer: NodeJS.Timeout | undefined;

  constructor({ append, windowMs = WINDOW_MS }: DoorRecordOptions) {
    this.#append = append;
    this.#windowMs = windowMs;
  }

  /** A request with a valid token. @throws {SluiceError} ledger_*: then it must not be served */
  cameIn(client: string, { principal, onBehalfOf, tokenId }: Actor): void {
    const chain = onBehalfOf.map(({ id }) => id);
    this.#once(JSON.stringify([client, tokenId ?? [principal.id, ...chain]]), {
      kind: 'authenticated',
      door: 'http',
      client,
      principal: principal.id,
      onBehalfOf: chain,
      ...(tokenId === undefined ? {} : { token: tokenId }),
    });
  }

  /** A request on the admin socket. @param by who says to ask @throws {SluiceError} ledger_* */
  administered(by: string | undefined): void {
    this.#once(`admin-socket ${by}`, {
      kind: 'authenticated',
      door: 'admin-socket',
      client: 'local',
      ...(by === undefined ? {} : { by }),
    });
  }

  /** A request without a valid token. Never throws: it is refused anyway. */
  failed(client: string): void {
    const address = this.#failures.has(client) || this.#failures.size < MAX_ADDRESSES ? client : OTHERS;
    const before = this.#failures.get(address);
    this.#failures.set(address, before === undefined ? 0 : before + 1);
    if (before === undefined) this.#recordFailures(address, 1);
    this.#timer ??= setTimeout(() => this.#endWindow(), this.#windowMs).unref();
  }

  /** Records what was counted. */
  close(): void {
    clearTimeout(this.#timer);
    this.#endWindow();
  }

  #once(key: string, event: LedgerEvent): void {
    if (this.#known.has(key)) return;
    this.#append(event);
    this.#known.set(key, true);
  }

  #endWindow(): void {
    this.#timer = undefined;
    for (const [address, count] of this.#failures) if (count > 0) this.#recordFailures(address, count);
    this.#failures.clear();
  }

  #recordFailures(client: string, attempts: number): void {
    try {
      this.#append({
        ...{
          kind: 'authentication-failed',
          user: '',
          database: '',
          client,
          code: 'unauthorized',
          door: 'http',
        },
        ...(attempts === 1 ? {} : { attempts }),
      });
    } catch {
      // The ledger says itself what is wrong with it, and whoever failed is refused in any case.
    }
  }
}
