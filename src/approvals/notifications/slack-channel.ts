/** A channel of Slack that shows each request in one message, changed in place with each of its steps. */
import type { SlackConfig } from '../../config/notification-config.ts';
import type { ApprovalRecord, Notice } from '../../store/store.ts';
import type { Attempt, Receiver } from './receiver.ts';
import { eventOf } from './request-summary.ts';
import { type RequestWords, wordsForAll } from './request-words.ts';
import type { SlackAnswer, SlackApi } from './slack-api.ts';
import { escapeMrkdwn, slackMessage } from './slack-message.ts';

/** Of a message that somebody removed, or that Slack lets nobody change any more. */
const GONE = new Set(['message_not_found', 'cant_update_message', 'edit_window_closed']);

interface SlackBody {
  readonly message: object;
  /** Told in the message's thread, and in the channel. */
  readonly announcement?: string;
}

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
    const words = wordsForAll(request, { includeStatement, ...publicUrl });
    const body: SlackBody = {
      message: slackMessage(words, hasButtons),
      ...(eventOf(request) === 'escalated' ? { announcement: escalationText(words) } : {}),
    };
    return JSON.stringify(body);
  }

  async send({ body }: Notice, place: string | undefined, signal: AbortSignal): Promise<Attempt> {
    const { message, announcement } = JSON.parse(body) as SlackBody;
    const attempt = await this.#show(message, place, signal);
    if (!attempt.sent || announcement === undefined) return attempt;
    const [channel, ts] = (attempt.place ?? place ?? '').split(' ');
    const reply = { channel, thread_ts: ts, reply_broadcast: true, text: announcement };
    const answer = await this.#api.call('chat.postMessage', reply, signal);
    return answer.ok ? attempt : attemptOf(answer);
  }

  async #show(message: object, place: string | undefined, signal: AbortSignal): Promise<Attempt> {
    if (place !== undefined) {
      const [channel, ts] = place.split(' ') as [string, string];
      const answer = await this.#api.call('chat.update', { ...message, channel, ts }, signal);
      if (answer.ok || !GONE.has(answer.why)) return attemptOf(answer);
    }
    return attemptOf(await this.#api.call('chat.postMessage', this.#posted(message), signal));
  }

  #posted(message: object): object {
    return { ...message, channel: this.#config.channel, unfurl_links: false, unfurl_media: false };
  }
}

/** Nobody is told of a message that was changed: others who may answer from now on are. */
function escalationText({ title }: RequestWords): string {
  return escapeMrkdwn(`${title}: nobody has settled it, so more people may answer.`);
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
