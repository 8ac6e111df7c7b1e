/**
 * Microsoft's side of a bot in Teams, as far as its documentation says how it behaves: tokens for the connector, the connector, the keys,
 * and the clicks of people, which carry a token that those keys signed. It refuses what Microsoft would refuse.
 *
 * Spec: https://learn.microsoft.com/azure/bot-service/rest-api/bot-framework-rest-connector-authentication
 */
import { createServer, type IncomingMessage } from 'node:http';
import { createRequire } from 'node:module';
import type { AddressInfo } from 'node:net';
import { exportJWK, generateKeyPair, type JWK, SignJWT } from 'jose';

// Its modules name each other in a way that Node.js does not understand; its bundle does without.
const AdaptiveCards = createRequire(import.meta.url)(
  'adaptivecards/dist/adaptivecards.js',
) as typeof import('adaptivecards');

export const TEAMS_APP = {
  tenant: '11111111-2222-4333-8444-555555555555',
  appId: 'aaaaaaaa-bbbb-4ccc-8ddd-eeeeeeeeeeee',
  password: 'client-secret-of-the-test',
  channel: '19:1a2b3c4d5e@thread.tacv2',
};

type Fields = Record<string, unknown>;

interface Claims {
  readonly issuer?: string;
  readonly audience?: string;
  readonly serviceurl?: string;
  /** Seconds from now. */
  readonly expiresIn?: number;
}

export class TeamsPeer {
  /** Cards by `conversation activity`. */
  readonly cards = new Map<string, Fields>();
  readonly calls: string[] = [];
  /** What is wrong with the cards that were posted, by Microsoft's own reading of them. */
  readonly complaints: string[] = [];
  /** Answered to calls of the connector instead of an answer, while it is set. */
  refuseWith: number | undefined;
  gateUrl = '';
  endorsements: readonly string[] = ['msteams'];
  #posted = 0;
  #issued = 0;
  #keys: Awaited<ReturnType<typeof generateKeyPair>> | undefined;
  readonly #server = createServer(async (request, response) => {
    let body = '';
    for await (const chunk of request.setEncoding('utf8')) body += chunk;
    const [status, answer] = await this.#answer(request, body);
    response.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(answer));
  });

  async start(): Promise<void> {
    this.#keys = await generateKeyPair('RS256');
    await new Promise<void>((resolve) => this.#server.listen(0, '127.0.0.1', resolve));
  }

  stop(): void {
    this.#server.closeAllConnections();
    this.#server.close();
  }

  get url(): string {
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}`;
  }

  get serviceUrl(): string {
    return `${this.url}/connector`;
  }

  /** The text of the only card. */
  shown(): string {
    return JSON.stringify([...this.cards.values()].at(-1));
  }

  /** Clicks the button with this verb on the only card. */
  async click(user: string, verb: string, fields: Fields = {}, tenant = TEAMS_APP.tenant): Promise<Response> {
    const button = findAction([...this.cards.values()].at(-1), verb);
    if (button === undefined) throw new Error(`the card has no button ${verb}`);
    const action = { ...button, data: { ...(button.data as Fields), ...fields } };
    return this.send(this.activity(user, action, tenant), await this.token());
  }

  activity(user: string, action: unknown, tenant = TEAMS_APP.tenant): Fields {
    return {
      ...{ type: 'invoke', name: 'adaptiveCard/action', channelId: 'msteams', id: 'f:1' },
      ...{ serviceUrl: this.serviceUrl, from: { id: `29:${user}`, aadObjectId: user } },
      conversation: { id: 'conversation', tenantId: tenant, conversationType: 'channel' },
      value: { action, trigger: 'manual' },
    };
  }

  async token(
    { issuer, audience, serviceurl, expiresIn = 3600 }: Claims = {},
    keys = this.#keys!,
  ): Promise<string> {
    const now = Math.floor(Date.now() / 1000);
    return new SignJWT({ serviceurl: serviceurl ?? this.serviceUrl })
      .setProtectedHeader({ alg: 'RS256', kid: 'key-1', typ: 'JWT' })
      .setIssuer(issuer ?? 'https://api.botframework.com')
      .setAudience(audience ?? TEAMS_APP.appId)
      .setNotBefore(now - 4000)
      .setExpirationTime(now + expiresIn)
      .sign(keys.privateKey);
  }

  send(activity: unknown, token: string | undefined): Promise<Response> {
    return fetch(`${this.gateUrl}/v1/teams/activities`, {
      method: 'POST',
      headers: {
        'content-type': 'application/json',
        ...(token === undefined ? {} : { authorization: `Bearer ${token}` }),
      },
      body: JSON.stringify(activity),
    });
  }

  async #answer(request: IncomingMessage, body: string): Promise<[number, unknown]> {
    const { method = '', url = '' } = request;
    this.calls.push(`${method} ${url}`);
    if (url === '/metadata')
      return [200, { issuer: 'https://api.botframework.com', jwks_uri: `${this.url}/keys` }];
    if (url === '/keys') {
      const key: JWK = await exportJWK(this.#keys!.publicKey);
      return [200, { keys: [{ ...key, kid: 'key-1', use: 'sig', endorsements: this.endorsements }] }];
    }
    if (url === `/login/${TEAMS_APP.tenant}/oauth2/v2.0/token`) return this.#issueToken(body);
    if (request.headers.authorization !== `Bearer token-${this.#issued}`) return [401, {}];
    if (this.refuseWith !== undefined) return [this.refuseWith, {}];
    return this.#connect(`${method} ${url}`, JSON.parse(body) as Fields);
  }

  #issueToken(body: string): [number, unknown] {
    const form = new URLSearchParams(body);
    const isRight =
      form.get('grant_type') === 'client_credentials' &&
      form.get('client_id') === TEAMS_APP.appId &&
      form.get('client_secret') === TEAMS_APP.password &&
      form.get('scope') === 'https://api.botframework.com/.default';
    if (!isRight) return [401, { error: 'invalid_client' }];
    this.#issued += 1;
    return [200, { token_type: 'Bearer', expires_in: 3599, access_token: `token-${this.#issued}` }];
  }

  #connect(call: string, body: Fields): [number, unknown] {
    if (call === 'POST /connector/v3/conversations') {
      const { channelData, tenantId, activity } = body as { channelData: { channel: Fields } } & Fields;
      if (channelData.channel.id !== TEAMS_APP.channel || tenantId !== TEAMS_APP.tenant) return [403, {}];
      this.#posted += 1;
      const id = `${TEAMS_APP.channel};messageid=${this.#posted}`;
      this.#keep(`${id} ${this.#posted}`, activity as Fields);
      return [201, { id, activityId: String(this.#posted) }];
    }
    const [, conversation, activity] =
      /^PUT \/connector\/v3\/conversations\/([^/]+)\/activities\/([^/]+)$/.exec(call) ?? [];
    const place = `${decodeURIComponent(conversation ?? '')} ${decodeURIComponent(activity ?? '')}`;
    if (!this.cards.has(place)) return [404, {}];
    this.#keep(place, body);
    return [200, { id: activity }];
  }

  #keep(place: string, { type, attachments }: Fields): void {
    const [{ contentType, content }] = attachments as [{ contentType: string; content: Fields }];
    if (type !== 'message' || contentType !== 'application/vnd.microsoft.card.adaptive')
      this.complaints.push('no card');
    const context = new AdaptiveCards.SerializationContext();
    const card = new AdaptiveCards.AdaptiveCard();
    card.parse(content, context);
    for (let n = 0; n < context.eventCount; n += 1) this.complaints.push(context.getEventAt(n).message);
    const { validationEvents } = card.validateProperties();
    this.complaints.push(...validationEvents.map(({ message }: { message: string }) => message));
    this.cards.set(place, content);
  }
}

function findAction(value: unknown, verb: string): Fields | undefined {
  if (typeof value !== 'object' || value === null) return undefined;
  if ((value as Fields).verb === verb) return value as Fields;
  return Object.values(value)
    .map((member) => findAction(member, verb))
    .find((found) => found !== undefined);
}
