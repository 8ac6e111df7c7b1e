/**
 * Slack, as far as its documentation says how it behaves: a server that speaks the methods the gate calls, holds what was posted, and
 * signs the clicks of people. It refuses what Slack would refuse.
 *
 * Spec: https://docs.slack.dev/apis/web-api/, https://docs.slack.dev/authentication/verifying-requests-from-slack/
 */
import { createHmac } from 'node:crypto';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { ModalView } from '@slack/types';

export const SLACK_TOKEN = 'xoxb-of-the-test';
export const SLACK_SECRET = '8f742231b10e8888abcd99yyyzzz85a5';
export const SLACK_TEAM = 'T024BE7LD';
export const SLACK_CHANNEL = 'C024BE91L';

export interface SlackMessage {
  readonly channel: string;
  readonly ts: string;
  readonly text: string;
  readonly blocks: readonly Block[];
}

interface Block {
  readonly type: string;
  readonly elements?: readonly { readonly action_id?: string; readonly value?: string }[];
}

interface Person {
  readonly user: string;
  readonly team?: string;
}

interface SignedOptions {
  readonly secret?: string;
  /** Seconds. */
  readonly timestamp?: number;
}

type Fields = Record<string, unknown>;

export class SlackPeer {
  /** By `ts`. */
  readonly messages = new Map<string, SlackMessage>();
  readonly ephemeral: { user: string; text: string }[] = [];
  readonly replies: { thread: string; text: string; isBroadcast: boolean }[] = [];
  readonly forms: { trigger: string; view: ModalView }[] = [];
  readonly profiles = new Map<string, Fields>();
  readonly calls: string[] = [];
  /** Answers instead of Slack while it is set. */
  fault: ((response: ServerResponse, method: string) => void) | undefined;
  /** Where clicks go. */
  gateUrl = '';
  #clock = 1_700_000_000;
  #triggers = 0;
  readonly #server = createServer((request, response) => void this.#answer(request, response));

  async start(): Promise<void> {
    await new Promise<void>((resolve) => this.#server.listen(0, '127.0.0.1', resolve));
  }

  get apiUrl(): string {
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}/api`;
  }

  stop(): void {
    this.#server.closeAllConnections();
    this.#server.close();
  }

  /** Clicks a button of the only message. */
  click(person: Person, action: string, options?: SignedOptions): Promise<Response> {
    const message = [...this.messages.values()].at(-1)!;
    const element = message.blocks
      .flatMap((block) => block.elements ?? [])
      .find(({ action_id }) => action_id === action);
    if (element === undefined) throw new Error(`the message has no button ${action}`);
    this.#triggers += 1;
    const payload = {
      type: 'block_actions',
      ...this.#who(person),
      trigger_id: `trigger.${this.#triggers}`,
      container: { type: 'message', message_ts: message.ts, channel_id: message.channel },
      message,
      actions: [{ type: 'button', ...element, action_ts: String(this.#clock) }],
    };
    return this.send(payload, options);
  }

  /** Sends the form that was opened last. */
  submit(person: Person, reason: string | null): Promise<Response> {
    const { view } = this.forms.at(-1)!;
    const values = { reason: { reason: { type: 'plain_text_input', value: reason } } };
    return this.send({ type: 'view_submission', ...this.#who(person), view: { ...view, state: { values } } });
  }

  send(payload: object, options?: SignedOptions): Promise<Response> {
    return this.sendBody(new URLSearchParams({ payload: JSON.stringify(payload) }).toString(), options);
  }

  sendBody(body: string, { secret = SLACK_SECRET, timestamp }: SignedOptions = {}): Promise<Response> {
    const seconds = String(timestamp ?? Math.floor(Date.now() / 1000));
    const signature = createHmac('sha256', secret).update(`v0:${seconds}:${body}`).digest('hex');
    return fetch(`${this.gateUrl}/v1/slack/interactions`, {
      method: 'POST',
      headers: {
        'content-type': 'application/x-www-form-urlencoded',
        'x-slack-request-timestamp': seconds,
        'x-slack-signature': `v0=${signature}`,
      },
      body,
    });
  }

  #who({ user, team = SLACK_TEAM }: Person) {
    return { team: { id: SLACK_TEAM }, user: { id: user, team_id: team, username: user.toLowerCase() } };
  }

  async #answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    let body = '';
    for await (const chunk of request.setEncoding('utf8')) body += chunk;
    const method = /^\/api\/([a-zA-Z.]+)$/.exec(request.url ?? '')?.[1] ?? '';
    this.calls.push(method);
    if (this.fault !== undefined) return this.fault(response, method);
    response.setHeader('content-type', 'application/json; charset=utf-8');
    response.end(JSON.stringify(this.#call(method, request, body)));
  }

  #call(method: string, { headers }: IncomingMessage, body: string): Fields {
    if (headers.authorization !== `Bearer ${SLACK_TOKEN}`) return { ok: false, error: 'invalid_auth' };
    const isJson = headers['content-type']?.startsWith('application/json') ?? false;
    const readsOnly = method === 'users.info';
    if (isJson === readsOnly) return { ok: false, error: 'invalid_arguments' };
    const fields = (isJson ? JSON.parse(body) : Object.fromEntries(new URLSearchParams(body))) as Fields;
    const methods: Record<string, (fields: Fields) => Fields> = {
      'chat.postMessage': (posted) => this.#post(posted),
      'chat.update': (posted) => this.#update(posted),
      'chat.postEphemeral': ({ user, text }) => {
        this.ephemeral.push({ user: String(user), text: String(text) });
        return { ok: true };
      },
      'views.open': ({ trigger_id, view }) => {
        this.forms.push({ trigger: String(trigger_id), view: view as ModalView });
        return { ok: true };
      },
      'users.info': ({ user }) => {
        const profile = this.profiles.get(String(user));
        return profile === undefined ? { ok: false, error: 'user_not_found' } : { ok: true, user: profile };
      },
    };
    return methods[method]?.(fields) ?? { ok: false, error: 'unknown_method' };
  }

  #post({ channel, text, blocks, thread_ts, reply_broadcast }: Fields): Fields {
    if (channel !== SLACK_CHANNEL) return { ok: false, error: 'channel_not_found' };
    if (thread_ts !== undefined) {
      if (!this.messages.has(String(thread_ts))) return { ok: false, error: 'thread_not_found' };
      this.replies.push({
        thread: String(thread_ts),
        text: String(text),
        isBroadcast: reply_broadcast === true,
      });
      return { ok: true, channel, ts: `${this.#clock}.000200` };
    }
    this.#clock += 1;
    const ts = `${this.#clock}.000100`;
    this.messages.set(ts, { channel, ts, text: String(text), blocks: blocks as Block[] });
    return { ok: true, channel, ts };
  }

  #update({ channel, ts, text, blocks }: Fields): Fields {
    const found = this.messages.get(String(ts));
    if (found === undefined || found.channel !== channel) return { ok: false, error: 'message_not_found' };
    this.messages.set(found.ts, { ...found, text: String(text), blocks: blocks as Block[] });
    return { ok: true, channel, ts };
  }
}
