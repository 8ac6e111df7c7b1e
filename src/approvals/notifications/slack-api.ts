/**
 * The few calls of Slack's Web API that are needed. An answer is JSON with `ok`; anything else is a failure. No call is repeated here.
 *
 * Spec: https://docs.slack.dev/apis/web-api/
 */
import type { Secret } from '../../config/secret.ts';
import { exchange } from './bounded-post.ts';

export interface SlackApiOptions {
  readonly token: Secret;
  /** Without a slash at its end. */
  readonly apiUrl: string;
}

/** What Slack answered. */
export type SlackAnswer =
  | { readonly ok: true; readonly [name: string]: unknown }
  | { readonly ok: false; readonly why: string; readonly retryAfterMs?: number };

export class SlackApi {
  readonly #options: SlackApiOptions;

  constructor(options: SlackApiOptions) {
    this.#options = options;
  }

  /** For methods that write. @throws {Error} of the network; its message holds nothing secret */
  call(method: string, body: object, signal: AbortSignal): Promise<SlackAnswer> {
    return this.#send(method, 'application/json; charset=utf-8', JSON.stringify(body), signal);
  }

  /** For methods that only read: these know no JSON. @throws {Error} as `call` */
  ask(method: string, query: Readonly<Record<string, string>>, signal: AbortSignal): Promise<SlackAnswer> {
    const body = new URLSearchParams(query).toString();
    return this.#send(method, 'application/x-www-form-urlencoded', body, signal);
  }

  async #send(method: string, type: string, body: string, signal: AbortSignal): Promise<SlackAnswer> {
    const { token, apiUrl } = this.#options;
    const headers = { authorization: `Bearer ${token.reveal()}`, 'content-type': type };
    const answer = await exchange({ url: `${apiUrl}/${method}`, headers, body }, signal);
    return readAnswer(answer.status, answer.body, answer.retryAfterMs);
  }
}

function readAnswer(status: number, body: string | undefined, retryAfterMs?: number): SlackAnswer {
  const delay = retryAfterMs === undefined ? {} : { retryAfterMs };
  if (status !== 200) return { ok: false, why: `status ${status}`, ...delay };
  const parsed = parseObject(body);
  if (parsed?.ok === true) return parsed as SlackAnswer;
  // An error is a word of Slack's; whatever else stands there does not get into a log.
  const error = typeof parsed?.error === 'string' && /^[a-z_]{1,60}$/.test(parsed.error) ? parsed.error : '';
  return { ok: false, why: error === '' ? 'an answer that is not understood' : error, ...delay };
}

function parseObject(body: string | undefined): Record<string, unknown> | undefined {
  try {
    const value: unknown = JSON.parse(body ?? '');
    return typeof value === 'object' && value !== null ? (value as Record<string, unknown>) : undefined;
  } catch {
    return undefined;
  }
}
