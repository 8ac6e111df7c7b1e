/** Sends the messages of one receiver: in order, again after failures, for a day. A slow receiver costs only itself. */
import type { Notice, NoticeStore } from '../../store/store.ts';
import type { Attempt, Receiver } from './receiver.ts';

/** How one attempt, or a message, ended. */
export type DeliveryResult = 'delivered' | 'failed' | 'given-up' | 'dropped';

export interface DeliveryOptions {
  readonly store: NoticeStore;
  /** Milliseconds since the epoch. */
  readonly now: () => number;
  /** 0 to below 1. */
  readonly random: () => number;
  /** Told of each attempt; `why` holds nothing of address or secret. */
  readonly report: (receiver: string, result: DeliveryResult, count: number, why?: string) => void;
  /** The delay after a first failure; doubled by each further one. */
  readonly firstDelayMs?: number;
  /** Messages that may wait for one receiver. The oldest make room. */
  readonly maxWaiting?: number;
}

const FIRST_DELAY_MS = 1000;
const MAX_DELAY_MS = 10 * 60_000;
const MAX_AGE_MS = 24 * 3600_000;
const MAX_WAITING = 10_000;
/** Sent to one receiver at once. */
const BATCH = 8;
/** Beyond the time-out of an attempt: after this, another process may take a message. */
const LEASE_MS = 10_000;
const STORE_RETRY_MS = 5000;

export class DeliveryLane {
  readonly #receiver: Receiver;
  readonly #options: DeliveryOptions;
  readonly #closing = new AbortController();
  #timer: NodeJS.Timeout | undefined;
  #running: Promise<void> | undefined;
  #isPoked = false;

  constructor(receiver: Receiver, options: DeliveryOptions) {
    this.#receiver = receiver;
    this.#options = options;
  }

  /** Something may be there to send. */
  poke(): void {
    if (this.#closing.signal.aborted) return;
    this.#isPoked = true;
    this.#running ??= this.#run().finally(() => {
      this.#running = undefined;
      if (this.#isPoked) this.poke();
    });
  }

  /** Ends what is under way; it is sent again after the next start. */
  async close(): Promise<void> {
    this.#closing.abort();
    clearTimeout(this.#timer);
    await this.#running;
    clearTimeout(this.#timer);
  }

  async #run(): Promise<void> {
    try {
      do {
        this.#isPoked = false;
        await this.#trim();
        while (await this.#sendBatch());
      } while (this.#isPoked && !this.#closing.signal.aborted);
      const due = await this.#options.store.nextDue(this.#receiver.name);
      if (due !== undefined) this.#wakeIn(Math.max(1, due - this.#options.now()));
    } catch {
      // The store says what is wrong with it wherever somebody waits for it.
      this.#wakeIn(STORE_RETRY_MS);
    }
  }

  #wakeIn(delayMs: number): void {
    clearTimeout(this.#timer);
    if (this.#closing.signal.aborted) return;
    this.#timer = setTimeout(() => this.poke(), Math.min(delayMs, MAX_DELAY_MS)).unref();
  }

  async #trim(): Promise<void> {
    const { store, report, maxWaiting = MAX_WAITING } = this.#options;
    const dropped = await store.trim(this.#receiver.name, maxWaiting);
    if (dropped > 0) report(this.#receiver.name, 'dropped', dropped, 'too many messages wait');
  }

  /** @returns whether there may be more */
  async #sendBatch(): Promise<boolean> {
    if (this.#closing.signal.aborted) return false;
    const now = this.#options.now();
    const leaseEnd = now + this.#receiver.timeoutMs + LEASE_MS;
    const notices = await this.#options.store.take(this.#receiver.name, now, leaseEnd, BATCH);
    await Promise.all(notices.map((notice) => this.#send(notice)));
    return notices.length > 0;
  }

  async #send(notice: Notice): Promise<void> {
    const { store, report, now } = this.#options;
    const { name } = this.#receiver;
    const place = await store.place(name, notice.request);
    const attempt = await this.#attempt(notice, place);
    if (attempt.sent) {
      // The place first: a message that is sent again is better changed than posted once more.
      if (attempt.place !== undefined && attempt.place !== place)
        await store.keepPlace(name, notice.request, attempt.place);
      await store.remove(name, notice.id);
      report(name, 'delivered', 1);
      return;
    }
    // What a shutdown cut off is due at once for whoever starts next.
    if (this.#closing.signal.aborted) return store.putOff(name, notice.id, now());
    if (attempt.isFinal === true || now() - notice.createdAt > MAX_AGE_MS) {
      await store.remove(name, notice.id);
      report(name, 'given-up', 1, attempt.why);
      return;
    }
    const delayMs = attempt.retryAfterMs ?? this.#delayMs(notice.attempts);
    await store.putOff(name, notice.id, now() + delayMs);
    report(name, 'failed', 1, attempt.why);
  }

  async #attempt(notice: Notice, place: string | undefined): Promise<Attempt> {
    const timeout = AbortSignal.timeout(this.#receiver.timeoutMs);
    const signal = AbortSignal.any([this.#closing.signal, timeout]);
    try {
      return await this.#receiver.send(notice, place, signal);
    } catch (error) {
      return { sent: false, why: (error as Error).message };
    }
  }

  #delayMs(attempts: number): number {
    const { random, firstDelayMs = FIRST_DELAY_MS } = this.#options;
    const fullMs = Math.min(MAX_DELAY_MS, firstDelayMs * 2 ** Math.min(attempts - 1, 20));
    return Math.ceil(fullMs * (0.5 + random() / 2));
  }
}
