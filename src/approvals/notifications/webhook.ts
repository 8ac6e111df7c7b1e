/** A webhook: a system that gets each step of a request as signed JSON. */
import type { WebhookConfig } from '../../config/config.ts';
import type { Secret } from '../../config/secret.ts';
import type { ApprovalRecord, Notice } from '../../store/store.ts';
import type { Attempt, Receiver } from './receiver.ts';
import { eventOf, summaryOf } from './request-summary.ts';
import { postSigned } from './signed-post.ts';

/** A webhook that can be called. */
export type ReadyWebhook = WebhookConfig & { readonly secret: Secret };

export interface WebhookContext {
  readonly publicUrl?: string;
  /** Milliseconds since the epoch. */
  readonly now: () => number;
}

const GONE = 410;

export class Webhook implements Receiver {
  readonly name: string;
  readonly timeoutMs: number;
  readonly #config: ReadyWebhook;
  readonly #context: WebhookContext;

  constructor(config: ReadyWebhook, context: WebhookContext) {
    this.name = config.name;
    this.timeoutMs = config.timeoutMs;
    this.#config = config;
    this.#context = context;
  }

  bodyOf({ request, revision }: ApprovalRecord): string | undefined {
    const event = eventOf(request);
    const { events, includeStatement } = this.#config;
    if (!events.includes(event)) return undefined;
    const { publicUrl, now } = this.#context;
    const data = summaryOf(request, { includeStatement, ...(publicUrl === undefined ? {} : { publicUrl }) });
    const timestamp = new Date(now()).toISOString();
    return JSON.stringify({ type: `approval.${event}`, timestamp, data: { ...data, revision } });
  }

  async send({ id, body }: Notice, _place: undefined, signal: AbortSignal): Promise<Attempt> {
    const message = { id, body, now: this.#context.now() };
    const { status, retryAfterMs } = await postSigned(this.#config, message, signal);
    if (status >= 200 && status < 300) return { sent: true };
    return {
      ...{ sent: false, why: `status ${status}`, isFinal: status === GONE },
      ...(retryAfterMs === undefined ? {} : { retryAfterMs }),
    };
  }
}
