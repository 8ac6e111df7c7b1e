import { randomBytes } from 'node:crypto';
import https from 'node:https';
import { type AddressInfo, connect } from 'node:net';
import type { FastifyInstance } from 'fastify';
import { pino } from 'pino';
import { Registry } from 'prom-client';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { UNUSED_AUDIT } from '../../tests/support/unused-audit.ts';
import { checkWithdrawal } from '../approvals/vote-rules.ts';
import type { PrincipalConfig } from '../config/config.ts';
import { SluiceError } from '../errors/sluice-error.ts';
import { AuthThrottle } from '../identity/auth-throttle.ts';
import { makeSelfSignedCertificate } from '../identity/self-signed-certificate.ts';
import type { ApprovalRequest } from '../model/approval.ts';
import type { Actor } from '../model/principal.ts';
import type { SessionStatus } from '../model/session.ts';
import type { CheckQuery } from '../session/check-report.ts';
import { type ApiDeps, createApi } from './api.ts';
import type { ReviewDesk } from './approval-review.ts';
import type { ApprovalDesk } from './approval-routes.ts';
import type { ListedLabel } from './label-routes.ts';

const person = (id: string, groups: string[]): PrincipalConfig => ({
  id,
  kind: 'Human',
  groups,
  mayActFor: [],
});
const alice = person('alice', ['dba']);
const bob = person('bob', ['support']);
const bot: PrincipalConfig = {
  id: 'report-bot',
  kind: 'Agent',
  groups: ['dba'],
  mayActFor: ['bob', 'alice'],
};
const ACTORS: Record<string, Actor> = {
  alice: { principal: alice, onBehalfOf: [] },
  bob: { principal: bob, onBehalfOf: [], purpose: 'ticket 7' },
  'bot-for-bob': { principal: bot, onBehalfOf: [bob] },
  'bot-for-alice': { principal: bot, onBehalfOf: [alice] },
  bot: { principal: bot, onBehalfOf: [] },
};

const request = (id: string, overrides: Partial<ApprovalRequest> = {}): ApprovalRequest => ({
  id,
  state: 'pending',
  binding: {
    principal: 'report-bot',
    onBehalfOf: ['bob'],
    database: 'shop',
    astDigests: [],
    parameters: [],
    objectsDigests: [],
  },
  bindingDigest: '',
  sessionId: 's',
  statement: 'DELETE FROM t',
  facts: [],
  policies: [],
  policyVersion: 'v',
  rule: { groups: ['dba'], quorum: 1, expiresMs: 1000 },
  holdMode: 'wait',
  votes: [],
  createdAt: 1,
  expiresAt: 2,
  ...overrides,
});

/** Holds requests and counts whatever answer comes: whether one counts is tested with the approvals themselves. */
class Desk implements ApprovalDesk {
  readonly requests = new Map(
    [request('apr_1'), request('apr_2', { state: 'denied' })].map((one) => [one.id, one]),
  );

  async list({ state, limit }: { state?: string; limit: number }) {
    return [...this.requests.values()]
      .filter((one) => state === undefined || one.state === state)
      .slice(0, limit);
  }

  async get(id: string) {
    return this.requests.get(id);
  }

  async vote(id: string, voter: Actor, verdict: 'approve' | 'deny', reason?: string) {
    if (voter.principal.id === 'bob') throw new SluiceError('forbidden', 'nobody approves their own request');
    const vote = {
      principal: voter.principal.id,
      verdict,
      at: 5,
      ...(reason === undefined ? {} : { reason }),
    };
    const voted = request(id, { state: verdict === 'approve' ? 'approved' : 'denied', votes: [vote] });
    this.requests.set(id, voted);
    return voted;
  }

  async withdraw(id: string, actor: Actor) {
    const asked = this.requests.get(id)!;
    checkWithdrawal(asked, actor);
    const withdrawn = { ...asked, state: 'cancelled' as const };
    this.requests.set(id, withdrawn);
    return withdrawn;
  }
}

const session = (id: string, principal: string, onBehalfOf: string[], database: string): SessionStatus => ({
  ...{ id, principal, onBehalfOf, database, clientAddress: '', applicationName: '', tls: true },
  ...{ startedAt: 1, state: 'idle', statements: 0, rows: 0, bytes: 0 },
});

const SESSIONS = [
  session('own', 'bob', [], 'shop'),
  session('agent', 'report-bot', ['bob'], 'shop'),
  session('other', 'alice', [], 'shop'),
  session('elsewhere', 'alice', [], 'hr'),
];

const PLAIN: ReviewDesk = {
  revealed: (request) => request,
  revealedGrant: (grant) => grant,
  review: async ({ statement }) => ({ statement, marks: [], facts: [], similar: [] }),
};
/** Longer than any answer takes, however busy the machine is. */
const DELAY_MS = 600;
const unused = () => Promise.reject(new Error('unused'));
const LABEL: ListedLabel = {
  ...{ relation: 'public.mails', column: 'mail', label: 'email', since: 1 },
  ...{ origin: 'copy:public.mails.mail', because: 'public.customers.email' },
};

let app: FastifyInstance;
let killed: unknown[];
let asked: CheckQuery[];
let refused: string[];
let logged: string[];
let time: number;

function makeApi(overrides: Partial<ApiDeps> = {}): FastifyInstance {
  return createApi({
    verifyBearer: async (text) => ACTORS[text],
    throttle: new AuthThrottle({ firstDelayMs: DELAY_MS, maxDelayMs: DELAY_MS, now: () => time }),
    onUnauthorized: (client) => refused.push(client),
    approvals: new Desk(),
    access: { ask: unused },
    reviews: PLAIN,
    grants: { grant: unused, list: unused, get: unused, revoke: unused },
    budgets: {
      list: async (principal) => [
        {
          budget: 'rows',
          count: 'rows',
          limit: 9,
          windowMs: 1000,
          principal: principal ?? 'any',
          used: 1,
          left: 8,
        },
      ],
      seesAll: ({ principal }) => principal.id === 'alice',
    },
    labels: {
      list: async () => [LABEL],
      forget: async (...asked) => [JSON.stringify(asked)],
      mayAdminister: ({ principal }, database) => principal.id === 'alice' && database === 'shop',
    },
    audit: UNUSED_AUDIT,
    sessions: {
      list: async () => ({ sessions: SESSIONS, silentWorkers: [] }),
      kill: async (id, asked) => void killed.push([id, asked]),
      mayAdminister: ({ principal: { id } }, database) => id === 'alice' && database === 'shop',
    },
    preview: async (request, { principal }) => {
      throw new SluiceError('preview_refused', `${request} by ${principal.id}`);
    },
    check: async (query) => {
      asked.push(query);
      if (query.sql === 'boom') throw new Error('secret internals');
      if (query.sql === 'SELEC')
        throw new SluiceError('syntax_error', 'syntax error at "SELEC"', { hint: 'Try SELECT.' });
      return { statements: [], rewritten: query.sql };
    },
    principals: new Map([alice, bob, bot].map((one) => [one.id, one])),
    readiness: new Map([
      ['ledger', () => undefined],
      ['databases', () => undefined],
    ]),
    metrics: new Registry(),
    log: pino({ level: 'error' }, { write: (line) => void logged.push(line) }),
    maxStatementBytes: 1024,
    ...overrides,
  });
}

beforeEach(() => {
  [asked, refused, logged, killed, time] = [[], [], [], [], 0];
  app = makeApi();
});
afterEach(() => app.close());

const get = (url: string, token?: string) =>
  app.inject({ url, ...(token === undefined ? {} : { headers: { authorization: `Bearer ${token}` } }) });
const post = (url: string, token: string, payload?: object) =>
  app.inject({
    method: 'POST',
    url,
    headers: { authorization: `Bearer ${token}` },
    ...(payload ? { payload } : {}),
  });

describe('health', () => {
  it('is alive and ready without a token', async () => {
    expect((await get('/healthz')).json()).toEqual({ alive: true });
    const ready = await get('/readyz');
    expect([ready.statusCode, ready.json()]).toEqual([200, { ready: true, problems: [] }]);
  });

  it('says what is not ready', async () => {
    app = makeApi({
      readiness: new Map<string, () => Promise<string | undefined> | string | undefined>([
        ['ledger', () => 'the disk is full'],
        ['database shop', () => Promise.reject(new Error('password=hunter2'))],
        ['listener', () => undefined],
      ]),
    });
    const answer = await get('/readyz');
    expect([answer.statusCode, answer.json()]).toEqual([
      503,
      {
        ready: false,
        problems: [
          { check: 'ledger', problem: 'the disk is full' },
          { check: 'database shop', problem: 'the check failed' },
        ],
      },
    ]);
  });

  it('does not wait for a check that hangs', async () => {
    app = makeApi({ readiness: new Map([['ledger', () => new Promise<undefined>(() => {})]]) });
    expect((await get('/readyz')).json().problems).toEqual([
      { check: 'ledger', problem: 'did not answer in time' },
    ]);
  });

  it('offers metrics in the form of Prometheus', async () => {
    const answer = await get('/metrics');
    expect([answer.statusCode, answer.headers['content-type']]).toEqual([200, new Registry().contentType]);
  });
});

describe('sessions', () => {
  it.each([
    ['bob', ['own', 'agent']],
    ['alice', ['own', 'agent', 'other', 'elsewhere']],
    ['bot-for-bob', ['agent']],
    ['bot-for-alice', []],
    ['bot', []],
  ])('%s sees %j', async (token, ids) => {
    const { sessions } = (await get('/v1/sessions', token)).json();
    expect(sessions.map((one: SessionStatus) => one.id)).toEqual(ids);
  });

  it('end for those who see them, in their name', async () => {
    const kill = (id: string, token: string, body?: object) => post(`/v1/sessions/${id}/kill`, token, body);
    expect((await kill('agent', 'bob', { reason: 'runs wild' })).statusCode).toBe(204);
    expect((await kill('own', 'alice')).statusCode).toBe(204);
    for (const [id, token] of [
      ['other', 'bob'],
      ['own', 'bot-for-bob'],
      ['nothing', 'alice'],
    ] as const) {
      expect((await kill(id, token)).json()).toMatchObject({ code: 'not_found' });
    }
    expect((await kill('own', 'bob', { by: 'alice' })).statusCode).toBe(400);
    expect(killed).toEqual([
      ['agent', { by: 'bob', reason: 'runs wild' }],
      ['own', { by: 'alice' }],
    ]);
  });
});

describe('budgets', () => {
  it.each([
    ['bob', '', 'bob'],
    ['bob', '?principal=bob', 'bob'],
    ['alice', '', 'any'],
    ['alice', '?principal=bob', 'bob'],
  ])('%s asks %j and sees those of %s', async (token, query, whose) => {
    const { budgets } = (await get(`/v1/budgets${query}`, token)).json();
    expect(budgets).toMatchObject([{ budget: 'rows', principal: whose, used: 1, left: 8 }]);
  });

  it('of others are not shown', async () => {
    expect((await get('/v1/budgets?principal=alice', 'bob')).json().code).toBe('forbidden');
    expect((await get('/v1/budgets?principal=bob', 'bot-for-bob')).json().code).toBe('forbidden');
  });
});

describe('labels', () => {
  it('are shown to whoever may administer the database, and forgotten in their name', async () => {
    expect((await get('/v1/labels/shop', 'alice')).json()).toEqual({ labels: [LABEL] });
    const forgotten = await post('/v1/labels/shop/forget', 'alice', { column: 'public.mails.mail' });
    expect(forgotten.json()).toEqual({
      forgotten: ['["shop",{"column":"public.mails.mail"},"alice"]'],
    });
  });

  it('do not exist for anybody else', async () => {
    expect((await get('/v1/labels/shop', 'bob')).json().code).toBe('not_found');
    expect((await get('/v1/labels/hr', 'alice')).json().code).toBe('not_found');
    expect((await post('/v1/labels/shop/forget', 'bob', { column: 'a.b.c' })).json().code).toBe('not_found');
  });
});

describe('taking a request back', () => {
  it.each([
    ['bot-for-bob', 200, undefined],
    ['bob', 200, undefined],
    ['alice', 403, 'forbidden'],
    ['bot-for-alice', 404, 'not_found'],
    ['bot', 404, 'not_found'],
  ])('as %s', async (token, status, code) => {
    const answer = await post('/v1/approvals/apr_1/cancel', token);
    expect([answer.statusCode, answer.json().code]).toEqual([status, code]);
    expect((await get('/v1/approvals/apr_1', 'alice')).json().state).toBe(
      status === 200 ? 'cancelled' : 'pending',
    );
  });

  it('is refused once the request is settled, and with a body of any other meaning', async () => {
    expect((await post('/v1/approvals/apr_2/cancel', 'bob')).json().code).toBe('conflict');
    expect((await post('/v1/approvals/apr_1/cancel', 'bob', { by: 'alice' })).json().code).toBe(
      'bad_request',
    );
  });
});

describe('a token is demanded', () => {
  it.each(['/v1/approvals', '/v1/sessions', '/v1/approvals/apr_1'])('by %s', async (url) => {
    const answer = await get(url);
    expect(answer.statusCode).toBe(401);
    expect(answer.headers['www-authenticate']).toBe('Bearer');
    expect(answer.json()).toMatchObject({ code: 'unauthorized', sqlstate: '28000' });
    expect(refused).toHaveLength(1);
  });

  it.each([
    'Basic abc',
    'Bearer',
    'Bearer ',
    'Bearer wrong',
    `Bearer ${'x'.repeat(500)}`,
    'alice',
    'Bearer alice bob',
  ])('and %s is none', async (authorization) => {
    const answer = await app.inject({ url: '/v1/approvals', headers: { authorization } });
    expect(answer.statusCode).toBe(401);
  });

  it('before a body is read', async () => {
    const answer = await app.inject({
      method: 'POST',
      url: '/v1/check',
      payload: { sql: 'x'.repeat(100_000) },
    });
    expect(answer.statusCode).toBe(401);
  });

  it('and repeated guesses are slowed down, right or wrong', async () => {
    for (let i = 0; i < 4; i++) await get('/v1/approvals', 'wrong');
    const before = performance.now();
    expect((await get('/v1/approvals', 'alice')).statusCode).toBe(200);
    expect(performance.now() - before).toBeGreaterThan(DELAY_MS - 5);
  });

  it('and only so many of them wait at once', async () => {
    for (let i = 0; i < 4; i++) await get('/v1/approvals', 'wrong');
    const answers = await Promise.all(Array.from({ length: 40 }, () => get('/v1/approvals', 'alice')));
    const codes = answers.map(({ statusCode }) => statusCode).sort();
    expect(codes).toEqual([...Array(16).fill(200), ...Array(24).fill(429)]);
    expect((await get('/v1/approvals', 'alice')).statusCode).toBe(200);
  });

  it('while requests without any are no guess', async () => {
    for (let i = 0; i < 20; i++) await get('/v1/approvals');
    const before = performance.now();
    await get('/v1/approvals', 'alice');
    expect(performance.now() - before).toBeLessThan(DELAY_MS);
  });
});

describe('approvals', () => {
  const seen = async (token: string, query = '') =>
    (await get(`/v1/approvals${query}`, token)).json().approvals.map(({ id }: ApprovalRequest) => id);

  it.each([
    ['alice', ['apr_1', 'apr_2']], // may answer
    ['bob', ['apr_1', 'apr_2']], // it was for him
    ['bot-for-bob', ['apr_1', 'apr_2']], // asked
    ['bot-for-alice', []], // asked nothing for her; an agent's group gives no sight
    ['bot', []],
  ])('%s sees %j', async (token, ids) => {
    expect(await seen(token)).toEqual(ids);
    const one = await get('/v1/approvals/apr_1', token);
    expect(one.statusCode).toBe(ids.length > 0 ? 200 : 404);
  });

  it('are not lost behind newer ones of others', async () => {
    const desk = new Desk();
    for (let i = 0; i < 600; i++)
      desk.requests.set(
        `apr_x${i}`,
        request(`apr_x${i}`, { rule: { groups: ['x'], quorum: 1, expiresMs: 1 } }),
      );
    desk.requests.set('apr_last', request('apr_last'));
    app = makeApi({ approvals: desk });
    expect(await seen('alice', '?limit=3')).toEqual(['apr_1', 'apr_2', 'apr_last']);
  });

  it('can be listed by state', async () => {
    expect(await seen('alice', '?state=pending')).toEqual(['apr_1']);
    expect(await seen('alice', '?limit=1')).toEqual(['apr_1']);
    for (const query of ['?state=odd', '?limit=0', '?limit=x', '?what=1']) {
      expect((await get(`/v1/approvals${query}`, 'alice')).json().code).toBe('bad_request');
    }
  });

  it('answers alike for what does not exist and what must not be seen', async () => {
    const [hidden, missing] = [
      await get('/v1/approvals/apr_1', 'bot'),
      await get('/v1/approvals/apr_9', 'bot'),
    ];
    expect(hidden.body.replace('apr_1', 'apr_9')).toBe(missing.body);
    expect((await post('/v1/approvals/apr_1/approve', 'bot')).statusCode).toBe(404);
  });

  it('are answered with and without a reason', async () => {
    const approved = await post('/v1/approvals/apr_1/approve', 'alice');
    expect([approved.statusCode, approved.json().state]).toEqual([200, 'approved']);
    const denied = await post('/v1/approvals/apr_1/deny', 'alice', { reason: 'not today' });
    expect(denied.json().votes).toEqual([
      { principal: 'alice', verdict: 'deny', reason: 'not today', at: 5 },
    ]);
  });

  it('refuse what the approvals refuse', async () => {
    const answer = await post('/v1/approvals/apr_1/approve', 'bob');
    expect([answer.statusCode, answer.json()]).toEqual([
      403,
      { code: 'forbidden', sqlstate: '42501', message: 'nobody approves their own request' },
    ]);
  });

  it.each([{ reason: '' }, { reason: 'x'.repeat(501) }, { reason: 7 }, { other: 1 }])(
    'refuse %j',
    async (body) => {
      expect((await post('/v1/approvals/apr_1/deny', 'alice', body)).json().code).toBe('bad_request');
    },
  );
});

describe('checking', () => {
  it.each([
    ['alice', undefined, { principal: 'alice', onBehalfOf: [] }],
    ['bob', 'bob', { principal: 'bob', onBehalfOf: [], purpose: 'ticket 7' }],
    ['bot-for-bob', undefined, { principal: 'report-bot', onBehalfOf: ['bob'] }],
    ['bob', 'report-bot', { principal: 'report-bot', onBehalfOf: ['bob'], purpose: 'ticket 7' }],
  ])('%s asks as %s', async (token, principal, identity) => {
    const answer = await post('/v1/check', token, {
      database: 'shop',
      sql: 'SELECT 1',
      ...(principal && { principal }),
    });
    expect(answer.json()).toEqual({ statements: [], rewritten: 'SELECT 1' });
    expect(asked).toEqual([{ ...identity, database: 'shop', sql: 'SELECT 1' }]);
  });

  it.each([
    ['alice', 'bob'],
    ['bot-for-bob', 'alice'],
    ['alice', 'nobody'],
    ['alice', '__proto__'],
  ])('%s may not ask as %s', async (token, principal) => {
    const answer = await post('/v1/check', token, { database: 'shop', sql: 'SELECT 1', principal });
    expect([answer.statusCode, asked.length]).toEqual([403, 0]);
  });

  it('passes on what the gate says of a statement', async () => {
    const answer = await post('/v1/check', 'alice', { database: 'shop', sql: 'SELEC' });
    expect([answer.statusCode, answer.json()]).toEqual([
      400,
      { code: 'syntax_error', sqlstate: '42601', message: 'syntax error at "SELEC"', hint: 'Try SELECT.' },
    ]);
  });

  it('shows nothing of a defect, and logs it', async () => {
    const answer = await post('/v1/check', 'alice', { database: 'shop', sql: 'boom' });
    expect([answer.statusCode, answer.json()]).toEqual([
      500,
      { code: 'internal', sqlstate: 'XX000', message: 'internal error in the gateway' },
    ]);
    expect(logged.join()).toContain('secret internals');
  });

  it.each([
    ['{"database":', 'application/json', 400],
    ['{"database":"shop"}', 'application/json', 400],
    ['{"database":"shop","sql":5}', 'application/json', 400],
    ['{"database":"shop","sql":"x","extra":1}', 'application/json', 400],
    ['{"__proto__":{"principal":"alice"},"database":"shop","sql":"x"}', 'application/json', 400],
    ['sql=x', 'application/x-www-form-urlencoded', 400],
    [`{"database":"shop","sql":"${'x'.repeat(80_000)}"}`, 'application/json', 413],
  ])('refuses the body %#', async (payload, type, status) => {
    const answer = await app.inject({
      method: 'POST',
      url: '/v1/check',
      headers: { authorization: 'Bearer alice', 'content-type': type },
      payload,
    });
    expect(answer.statusCode).toBe(status);
    expect(Object.keys(answer.json())).toEqual(expect.arrayContaining(['code', 'sqlstate', 'message']));
    expect(asked).toEqual([]);
  });
});

it('answers in the same form for what does not exist', async () => {
  const answer = await get('/v2/nothing?token=slc_secret');
  expect([answer.statusCode, answer.json()]).toEqual([
    404,
    { code: 'not_found', sqlstate: '42704', message: 'there is no GET /v2/nothing' },
  ]);
});

it('tells browsers and caches to keep out', async () => {
  const { headers } = await get('/v1/approvals', 'alice');
  expect(headers).toMatchObject({ 'cache-control': 'no-store', 'x-content-type-options': 'nosniff' });
});

it('has no administration', async () => {
  for (const url of ['/admin/status', '/admin/tokens'])
    expect((await get(url, 'alice')).statusCode).toBe(404);
});

it('serves HTTPS with a certificate', async () => {
  const { cert, key } = makeSelfSignedCertificate(['127.0.0.1'], Date.now(), randomBytes);
  app = makeApi({ tls: { cert, key } });
  const url = await app.listen({ host: '127.0.0.1', port: 0 });
  const status = await new Promise((resolve, reject) => {
    https
      .get(`${url}/healthz`, { ca: cert, agent: false }, (answer) => resolve(answer.resume().statusCode))
      .on('error', reject);
  });
  expect(status).toBe(200);
});

it('ends a connection that is no HTTP with an answer', async () => {
  await app.listen({ host: '127.0.0.1', port: 0 });
  const { port } = app.addresses()[0] as AddressInfo;
  const text = await new Promise<string>((resolve) => {
    const socket = connect(port, '127.0.0.1', () => socket.write('\x00\x00\x00\x08\x04\xd2\x16\x2f'));
    let received = '';
    socket.on('data', (data) => {
      received += data;
    });
    socket.on('close', () => resolve(received));
  });
  expect(text).toContain('400 Bad Request');
});
