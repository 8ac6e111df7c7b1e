/**
 * A worker's place: always taken, as far as that is possible. A worker that ends is replaced, at once if it had served for a while, and
 * with growing delays if its successors end as well.
 */
import type { Socket } from 'node:net';
import { asSluiceError, type SluiceError } from '../errors/sluice-error.ts';
import type { WorkerOrder } from './calls.ts';
import type { SharedServices } from './shared-services.ts';
import type { Broadcast } from './worker-link.ts';
import { WorkerLink } from './worker-link.ts';

export interface SeatOptions {
  readonly shared: SharedServices;
  readonly lane: number;
  readonly broadcast: Broadcast;
  /** What a worker that starts now has to know. */
  readonly order: (lane: number) => WorkerOrder;
  /** Gets back a connection that a worker did not live to take. */
  readonly onReturned: (socket: Socket) => void;
  /** Told when a worker is ready to serve. */
  readonly onReady: () => void;
  /** Told when a worker is gone; it may have held connections. */
  readonly onGone: (link: WorkerLink) => void;
}

/** One that served this long was well: its end says nothing of the next one. */
const WELL_AFTER_MS = 30_000;
const FIRST_DELAY_MS = 250;
const MAX_DELAY_MS = 30_000;
/** So many ends one after the other are no accident. */
const HOPELESS_AFTER = 3;

export class WorkerSeat {
  readonly lane: number;
  readonly #o: SeatOptions;
  #link: WorkerLink | undefined;
  #ready = false;
  #readySince = 0;
  #endsInARow = 0;
  #startFailure: SluiceError | undefined;
  #timer: NodeJS.Timeout | undefined;
  #closed = false;

  constructor(options: SeatOptions) {
    this.#o = options;
    this.lane = options.lane;
  }

  /** The worker, starting or serving. */
  get link(): WorkerLink | undefined {
    return this.#link;
  }

  /** The worker, if it can serve. */
  get ready(): WorkerLink | undefined {
    return this.#ready && this.#link?.calls.closed === false ? this.#link : undefined;
  }

  /** What is wrong with this place, as a phrase. */
  get problem(): string | undefined {
    if (this.ready !== undefined) return this.#link?.slow ? 'does not answer' : undefined;
    const why = this.#startFailure === undefined ? '' : `: ${this.#startFailure.message}`;
    if (this.#endsInARow >= HOPELESS_AFTER) return `ended ${this.#endsInARow} times in a row${why}`;
    return this.#link === undefined ? `waits to be replaced${why}` : 'is starting';
  }

  /** Starts a worker; resolves with why it could not, or undefined when it serves. Others follow on their own. */
  async start(): Promise<SluiceError | undefined> {
    const { shared } = this.#o;
    const link = new WorkerLink({
      shared,
      order: this.#o.order(this.lane),
      broadcast: this.#o.broadcast,
      onReturned: this.#o.onReturned,
      onExit: (how) => this.#onExit(link, how),
    });
    this.#link = link;
    try {
      await link.start();
      // The policies may have changed while it started.
      while (link.order.policies !== shared.policies.sources && this.#link === link) {
        const { sources } = shared.policies;
        await link.calls.call('installPolicies', sources);
        if (sources === shared.policies.sources) break;
      }
      if (this.#link !== link) return this.#startFailure;
      this.#startFailure = undefined;
      this.#ready = true;
      this.#readySince = performance.now();
      this.#o.onReady();
      return undefined;
    } catch (thrown) {
      this.#startFailure = asSluiceError(thrown);
      link.disconnect();
      return this.#startFailure;
    }
  }

  /** Replaces nobody any more. */
  close(): void {
    this.#closed = true;
    clearTimeout(this.#timer);
  }

  #onExit(link: WorkerLink, how: string): void {
    const wasWell = this.#ready && performance.now() - this.#readySince >= WELL_AFTER_MS;
    this.#link = undefined;
    this.#ready = false;
    this.#o.onGone(link);
    if (this.#closed) return;
    this.#endsInARow = wasWell ? 1 : this.#endsInARow + 1;
    const delayMs =
      this.#endsInARow === 1 ? 0 : Math.min(MAX_DELAY_MS, FIRST_DELAY_MS * 2 ** (this.#endsInARow - 2));
    const { log } = this.#o.shared;
    const cause = this.#startFailure?.message;
    log.error(
      { worker: this.lane, how, cause, endsInARow: this.#endsInARow, delayMs },
      this.#endsInARow >= HOPELESS_AFTER
        ? 'a worker ends again and again; the others serve on, and it will be tried again'
        : 'a worker has ended, and its sessions with it; it is replaced',
    );
    this.#timer = setTimeout(() => void this.start(), delayMs);
  }
}
