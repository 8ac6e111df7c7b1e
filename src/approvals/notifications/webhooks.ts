/**
 * Tells other systems about approval requests. A message is stored in one step with what it tells and removed when its receiver
 * has answered with 2xx, so a restart loses none; it may arrive twice, under the same id. Messages of one request arrive in order.
 * No statement and no answer ever waits for a receiver.
 */
import type { WebhookConfig } from '../../config/config.ts';
import type { Secret } from '../../config/secret.ts';
import type { ApprovalRecord, NewNotice, Notice, NoticeStore } from '../../store/store.ts';
import { eventOf, summaryOf } from './request-summary.ts';
import { postSigned } from './signed-post.ts';

/** A webhook that can be called. */
export type ReadyWebhook = WebhookConfig & { readonly secret: Secret };

/** How one attempt, or a message, ended. */
export type DeliveryResult = 'delivered' | 'failed' | 'given-up' | 'dropped';

export interface WebhooksOptions {
  readonly store: NoticeStore;
  readonly webhooks: readonly ReadyWebhook[];
  readonly publicUrl?: string;
  /** Milliseconds since the epoch. */
  readonly now: () => number;
  /** 0 to below 1. */
  readonly random: () => number;
  /** Told of each attempt; `why` holds nothing of URL or secret. */
  readonly report: (webhook: string, result: DeliveryResult, count: number, why?: string) => void;
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
const GONE = 410;

export class Webhooks {
  readonly #options: WebhooksOptions;
  readonly #lanes: readonly Lane[];

  constructor(options: WebhooksOptions) {
    this.#options = options;
    this.#lanes = options.webhooks.map((webhook) => new Lane(webhook, options));
  }

  /** What is to be sent about a request as it has become. */
  noticesOf(record: ApprovalRecord): NewNotice[] {
    const { request, revision } = record;
    const event = eventOf(request);
    return this.#options.webhooks
      .filter(({ events }) => events.includes(event))
      .map(({ name, includeStatement }) => {
        const { publicUrl, now } = this.#options;
        const data = summaryOf(request, {
          includeStatement,
          ...(publicUrl === undefined ? {} : { publicUrl }),
        });
        const timestamp = new Date(now()).toISOString();
        const body = JSON.stringify({ type: `approval.${event}`, timestamp, data: { ...data, revision } });
        return { target: name, id: `${request.id}_${revision}`, request: request.id, body };
      });
  }

  /** Begins to send, with what an earlier run left. @throws {SluiceError} store_unavailable */
  async start(): Promise<void> {
    await this.#options.store.keepOnly(this.#options.webhooks.map(({ name }) => name));
    this.poke();
  }

  /** Something may be there to send. */
  poke(): void {
    for (const lane of this.#lanes) lane.poke();
  }

  /** Messages that wait, by webhook. */
  async waiting(): Promise<ReadonlyMap<string, number>> {
    const counts = this.#options.webhooks.map(
      async ({ name }) => [name, await this.#options.store.count(name)] as const,
    );
    return new Map(await Promise.all(counts));
  }

  /** Ends what is under way; it is sent again after the next start. */
  async close(): Promise<void> {
    await Promise.all(this.#lanes.map((lane) => lane.close()));
  }
}

/** Sends to one receiver; a slow one costs only itself. */
class Lane {
  readonly #webhook: ReadyWebhook;
  readonly #options: WebhooksOptions;
  readonly #closing = new AbortController();
  #timer: NodeJS.Timeout | undefined;
  #running: Promise<void> | undefined;
  #isPoked = false;

  constructor(webhook: ReadyWebhook, options: WebhooksOptions) {
    this.#webhook = webhook;
    this.#options = options;
  }

  poke(): void {
    if (this.#closing.signal.aborted) return;
    this.#isPoked = true;
    this.#running ??= this.#run().finally(() => {
      this.#running = undefined;
      if (this.#isPoked) this.poke();
    });
  }

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
      const due = await this.#options.store.nextDue(this.#webhook.name);
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
    const dropped = await store.trim(this.#webhook.name, maxWaiting);
    if (dropped > 0) report(this.#webhook.name, 'dropped', dropped, 'too many messages wait');
  }

  /** @returns whether there may be more */
  async #sendBatch(): Promise<boolean> {
    if (this.#closing.signal.aborted) return false;
    const now = this.#options.now();
    const leaseEnd = now + this.#webhook.timeoutMs + LEASE_MS;
    const notices = await this.#options.store.take(this.#webhook.name, now, leaseEnd, BATCH);
    await Promise.all(notices.map((notice) => this.#send(notice)));
    return notices.length > 0;
  }

  async #send(notice: Notice): Promise<void> {
    const { store, report, now } = this.#options;
    const why = await this.#attempt(notice);
    const { name } = this.#webhook;
    if (why === undefined) {
      await store.remove(name, notice.id);
      report(name, 'delivered', 1);
      return;
    }
    // What a shutdown cut off is due at once for whoever starts next.
    if (this.#closing.signal.aborted) return store.putOff(name, notice.id, now());
    if (why === `status ${GONE}` || now() - notice.createdAt > MAX_AGE_MS) {
      await store.remove(name, notice.id);
      report(name, 'given-up', 1, why);
      return;
    }
    await store.putOff(name, notice.id, now() + this.#delayMs(notice.attempts));
    report(name, 'failed', 1, why);
  }

  /** @returns why it failed, or undefined */
  async #attempt({ id, body }: Notice): Promise<string | undefined> {
    try {
      const message = { id, body, now: this.#options.now() };
      const { status } = await postSigned(this.#webhook, message, this.#closing.signal);
      return status >= 200 && status < 300 ? undefined : `status ${status}`;
    } catch (error) {
      return (error as Error).message;
    }
  }

  #delayMs(attempts: number): number {
    const { random, firstDelayMs = FIRST_DELAY_MS } = this.#options;
    const fullMs = Math.min(MAX_DELAY_MS, firstDelayMs * 2 ** Math.min(attempts - 1, 20));
    return Math.ceil(fullMs * (0.5 + random() / 2));
  }
}
