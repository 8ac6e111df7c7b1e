/**
 * The two calls of the Bot Framework's connector that are needed, and the token they take. No call is repeated here.
 *
 * Spec: https://learn.microsoft.com/azure/bot-service/rest-api/bot-framework-rest-connector-api-reference
 */
import type { TeamsConfig } from '../../config/notification-config.ts';
import { Secret } from '../../config/secret.ts';
import { exchange, type HttpMessage } from './bounded-post.ts';

export interface TeamsApiOptions
  extends Pick<TeamsConfig, 'tenant' | 'appId' | 'channel' | 'serviceUrl' | 'loginUrl'> {
  readonly password: Secret;
  /** Milliseconds since the epoch. */
  readonly now: () => number;
}

/** Where a posted card stands. */
export interface CardPlace {
  readonly conversation: string;
  readonly activity: string;
}

export type TeamsAnswer =
  | { readonly ok: true; readonly place?: CardPlace }
  | { readonly ok: false; readonly why: string; readonly isGone: boolean; readonly retryAfterMs?: number };

const SCOPE = 'https://api.botframework.com/.default';
/** A token that ends within this is not used any more. */
const TOKEN_MARGIN_MS = 60_000;
const MAX_TOKEN_AGE_MS = 24 * 3600_000;

export class TeamsApi {
  readonly #options: TeamsApiOptions;
  #token: { readonly text: Secret; readonly until: number } | undefined;

  constructor(options: TeamsApiOptions) {
    this.#options = options;
  }

  /** Posts a card to the channel, as a conversation of its own. @throws {Error} of the network; nothing secret in its message */
  async post(card: object, signal: AbortSignal): Promise<TeamsAnswer> {
    const { appId, tenant, channel } = this.#options;
    const conversation = {
      ...{ isGroup: true, bot: { id: `28:${appId}` }, tenantId: tenant },
      channelData: { channel: { id: channel }, tenant: { id: tenant } },
      activity: activityOf(card),
    };
    return this.#call('POST', '/v3/conversations', conversation, signal);
  }

  /** Changes a card that was posted. @throws as `post` */
  async update(
    { conversation, activity }: CardPlace,
    card: object,
    signal: AbortSignal,
  ): Promise<TeamsAnswer> {
    const path = `/v3/conversations/${encodeURIComponent(conversation)}/activities/${encodeURIComponent(activity)}`;
    return this.#call('PUT', path, activityOf(card), signal);
  }

  async #call(method: 'POST' | 'PUT', path: string, body: object, signal: AbortSignal): Promise<TeamsAnswer> {
    const token = await this.#accessToken(signal);
    if (typeof token === 'string') return { ok: false, why: token, isGone: false };
    const answer = await exchange(
      {
        ...{ method, url: `${this.#options.serviceUrl}${path}` },
        headers: { authorization: `Bearer ${token.reveal()}`, 'content-type': 'application/json' },
        body: JSON.stringify(body),
      },
      signal,
    );
    const { status, retryAfterMs } = answer;
    if (status >= 200 && status < 300) return { ok: true, ...placeOf(answer.body) };
    if (status === 401) this.#token = undefined;
    const isGone = method === 'PUT' && (status === 404 || status === 410);
    return {
      ok: false,
      why: `status ${status}`,
      isGone,
      ...(retryAfterMs === undefined ? {} : { retryAfterMs }),
    };
  }

  /** @returns the token, or why there is none */
  async #accessToken(signal: AbortSignal): Promise<Secret | string> {
    const { now } = this.#options;
    if (this.#token !== undefined && this.#token.until > now()) return this.#token.text;
    const { status, body } = await exchange(this.#tokenRequest(), signal);
    const { access_token: text, expires_in: seconds } = parseObject(body);
    if (
      status !== 200 ||
      typeof text !== 'string' ||
      !/^[\w.~+/=-]+$/.test(text) ||
      typeof seconds !== 'number'
    )
      return `no token: status ${status}`;
    const until = now() + Math.min(seconds * 1000, MAX_TOKEN_AGE_MS) - TOKEN_MARGIN_MS;
    this.#token = { text: new Secret(text), until };
    return this.#token.text;
  }

  #tokenRequest(): HttpMessage {
    const { tenant, appId, password, loginUrl } = this.#options;
    const form = {
      ...{ grant_type: 'client_credentials', client_id: appId, client_secret: password.reveal() },
      scope: SCOPE,
    };
    return {
      url: `${loginUrl}/${tenant}/oauth2/v2.0/token`,
      headers: { 'content-type': 'application/x-www-form-urlencoded' },
      body: new URLSearchParams(form).toString(),
    };
  }
}

const activityOf = (card: object) => ({
  type: 'message',
  attachments: [{ contentType: 'application/vnd.microsoft.card.adaptive', content: card }],
});

/** Only ids that can stand in a path and be kept with a space between them. */
function placeOf(body: string | undefined): { place?: CardPlace } {
  const { id, activityId } = parseObject(body);
  const isId = (value: unknown): value is string => typeof value === 'string' && /^\S{1,500}$/.test(value);
  return isId(id) && isId(activityId) ? { place: { conversation: id, activity: activityId } } : {};
}

function parseObject(body: string | undefined): Readonly<Record<string, unknown>> {
  try {
    const value: unknown = JSON.parse(body ?? '');
    return typeof value === 'object' && value !== null ? (value as Record<string, unknown>) : {};
  } catch {
    return {};
  }
}
