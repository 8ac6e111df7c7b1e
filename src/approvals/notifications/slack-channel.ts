/** A channel of Slack that shows each request in one message, changed in place with each of its steps. */
import type { SlackConfig } from '../../config/notification-config.ts';
import type { ApprovalRecord, Notice } from '../../store/store.ts';
import type { Attempt, Receiver } from './receiver.ts';
import { wordsOf } from './request-words.ts';
import type { SlackAnswer, SlackApi } from './slack-api.ts';
import { slackMessage } from './slack-message.ts';

/** Of a message that somebody removed, or that Slack lets nobody change any more. */
const GONE = new Set(['message_not_found', 'cant_update_message', 'edit_window_closed']);

export class SlackChannel implements Receiver {
  readonly name = 'slack';
  readonly timeoutMs: number;
  readonly #api: SlackApi;
  readonly #config: SlackConfig;
  readonly #publicUrl: string | undefined;

  constructor(config: SlackConfig, api: SlackApi, publicUrl?: string) {
    this.timeoutMs = config.timeoutMs;
    this.#api = api;
    this.#config = config;
    this.#publicUrl = publicUrl;
  }

  bodyOf({ request }: ApprovalRecord): string {
    const { includeStatement, hasButtons } = this.#config;
    const publicUrl = this.#publicUrl === undefined ? {} : { publicUrl: this.#publicUrl };
    return JSON.stringify(slackMessage(wordsOf(request, { includeStatement, ...publicUrl }), hasButtons));
  }

  async send({ body }: Notice, place: string | undefined, signal: AbortSignal): Promise<Attempt> {
    const message = JSON.parse(body) as object;
    if (place !== undefined) {
      const [channel, ts] = place.split(' ') as [string, string];
      const answer = await this.#api.call('chat.update', { ...message, channel, ts }, signal);
      if (answer.ok || !GONE.has(answer.why)) return attemptOf(answer);
    }
    const answer = await this.#api.call('chat.postMessage', this.#posted(message), signal);
    return attemptOf(answer);
  }

  #posted(message: object): object {
    return { ...message, channel: this.#config.channel, unfurl_links: false, unfurl_media: false };
  }
}

function attemptOf(answer: SlackAnswer): Attempt {
  if (!answer.ok) {
    const { why, retryAfterMs } = answer;
    return { sent: false, why, ...(retryAfterMs === undefined ? {} : { retryAfterMs }) };
  }
  const { channel, ts } = answer;
  const isPlace =
    typeof channel === 'string' && typeof ts === 'string' && /^\S+ \S+$/.test(`${channel} ${ts}`);
  return isPlace ? { sent: true, place: `${channel} ${ts}` } : { sent: true };
}
