/** Batches, posted and signed. Spec: https://github.com/standard-webhooks/standard-webhooks/blob/main/spec/standard-webhooks.md */
import { postSigned } from '../../approvals/notifications/signed-post.ts';
import type { ExportSink } from '../../config/config.ts';
import type { Secret } from '../../config/secret.ts';
import { checkAnswer } from './http-answer.ts';
import type { ExportItem, Sink, SinkLimits } from './sink.ts';

type WebhookConfig = Extract<ExportSink, { kind: 'webhook' }>;

export class WebhookSink implements Sink {
  readonly limits: SinkLimits = { maxItems: 500, maxBytes: 512 * 1024, lingerMs: 0, settleMs: 0 };
  readonly #name: string;
  readonly #config: WebhookConfig;

  constructor(name: string, config: WebhookConfig) {
    this.#name = name;
    this.#config = config;
  }

  /** The id is that of the entries: the same ones again have the same. */
  async send(items: readonly ExportItem[]): Promise<void> {
    const [first, last] = [items[0]?.entry.seq, items.at(-1)?.entry.seq];
    const now = Date.now();
    const { url, secret, timeoutMs } = this.#config;
    const answer = await postSigned(
      { url, secret: secret as Secret, timeoutMs },
      {
        id: `ledger_${this.#name}_${first}_${last}`.replaceAll('.', '-'),
        body: `{"type":"ledger.entries","timestamp":"${new Date(now).toISOString()}","data":[${items.map(({ json }) => json).join()}]}`,
        now,
      },
    );
    checkAnswer(answer.status);
  }

  async close(): Promise<boolean> {
    return true;
  }
}
