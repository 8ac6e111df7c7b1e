import { createHmac } from 'node:crypto';
import { mkdtempSync, rmSync } from 'node:fs';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { WEBHOOK_EVENTS } from '../../config/config-defaults.ts';
import { Secret } from '../../config/secret.ts';
import type { ApprovalRequest } from '../../model/approval.ts';
import { openStore, type Store } from '../../store/store.ts';
import { MAX_ANSWER_BYTES } from './bounded-post.ts';
import { Notifications, type NotificationsOptions } from './notifications.ts';
import { postSigned, signatureHeaders } from './signed-post.ts';
import { type ReadyWebhook, Webhook } from './webhook.ts';

const KEY = 'whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw';

interface Received {
  readonly headers: IncomingMessage['headers'];
  readonly body: string;
}

let directory: string;
let store: Store;
let server: Server;
let received: Received[];
let answer: (response: ServerResponse, count: number, request: IncomingMessage) => void;
let reports: string[];
const running: Notifications[] = [];

beforeEach(async () => {
  directory = mkdtempSync(join(tmpdir(), 'sluice-webhooks-'));
  store = await openStore(join(directory, 'store.db'));
  received = [];
  reports = [];
  answer = (response) => response.end('ok');
  server = createServer(async (request, response) => {
    const chunks: Buffer[] = [];
    for await (const chunk of request) chunks.push(chunk as Buffer);
    received.push({ headers: request.headers, body: Buffer.concat(chunks).toString() });
    answer(response, received.length, request);
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
});

afterEach(async () => {
  await Promise.all(running.splice(0).map((one) => one.close()));
  server.closeAllConnections();
  await new Promise((resolve) => server.close(resolve));
  await store.close();
  rmSync(directory, { recursive: true });
});

const url = () => `http://127.0.0.1:${(server.address() as AddressInfo).port}/hook`;

function hook(changes: Partial<ReadyWebhook> = {}): ReadyWebhook {
  return {
    ...{ name: 'ops', url: url(), secret: new Secret(KEY), events: WEBHOOK_EVENTS },
    ...{ includeStatement: false, timeoutMs: 30_000, ...changes },
  };
}

interface Changes extends Partial<Omit<NotificationsOptions, 'receivers'>> {
  readonly webhooks?: readonly ReadyWebhook[];
  readonly publicUrl?: string;
}

function make({ webhooks = [hook()], publicUrl, ...options }: Changes = {}): Notifications {
  const context = { now: Date.now, ...(publicUrl === undefined ? {} : { publicUrl }) };
  const made = new Notifications({
    ...{ store: store.notices, now: Date.now, random: () => 0.123, firstDelayMs: 5 },
    receivers: webhooks.map((one) => new Webhook(one, context)),
    report: (name, result, count, why) => reports.push([name, result, count, why].join(' ').trim()),
    ...options,
  });
  running.push(made);
  return made;
}

const REQUEST: ApprovalRequest = {
  id: 'apr_k3v9x2m4q7',
  state: 'pending',
  binding: {
    principal: 'report-bot',
    onBehalfOf: ['bob'],
    database: 'shop',
    astDigests: [],
    parameters: ['4111-secret'],
    objectsDigests: [],
  },
  bindingDigest: '',
  sessionId: 's1',
  holdMode: 'fail',
  statement: "UPDATE c SET ssn = '999-secret'",
  facts: [
    {
      ...{ command: 'UPDATE', actions: ['Update'], relations: [], objects: [], functions: [], opaque: [] },
      settings: [{ name: 'app.key', value: 'setting-secret', local: false }],
      ...{ bounded: false, writes: true, changesCatalog: false, transaction: 'none' },
      hazards: [{ kind: 'unbounded-write', what: 'changes every row of public.c', instead: 'Add a WHERE.' }],
    } as ApprovalRequest['facts'][number],
  ],
  purpose: 'OPS-7',
  policies: [{ id: 'agents-write-with-approval', effect: 'forbid' }],
  policyVersion: 'v',
  rule: { groups: ['dba'], quorum: 1, expiresMs: 900_000 },
  votes: [],
  createdAt: 0,
  expiresAt: 900_000,
};

let revision = 0;
beforeEach(() => {
  revision = 0;
});

/** Stores the request as it is now, with its messages, as the approvals do. */
async function step(webhooks: Notifications, changes: Partial<ApprovalRequest> = {}): Promise<void> {
  const record = { request: { ...REQUEST, ...changes }, revision, subjectDigest: 'a'.repeat(64) };
  revision += 1;
  const notices = webhooks.noticesOf(record);
  if (record.revision === 0) await store.approvals.insert(record, notices);
  else expect(await store.approvals.replace(record, notices)).toBe(true);
  webhooks.poke();
}

const until = (check: () => void | Promise<void>) => vi.waitFor(check, { timeout: 20_000, interval: 10 });
const types = () => received.map(({ body }) => JSON.parse(body).type as string);
const isEmpty = async () => expect(await store.notices.count('ops')).toBe(0);

describe('a message', () => {
  it('says what a reviewer needs, and no value', async () => {
    const webhooks = make({ publicUrl: 'https://sluice.example.com' });
    await step(webhooks);
    await until(isEmpty);
    const { type, data } = JSON.parse(received[0]!.body);
    expect(type).toBe('approval.requested');
    expect(data).toEqual({
      request: 'apr_k3v9x2m4q7',
      state: 'pending',
      revision: 0,
      principal: 'report-bot',
      onBehalfOf: ['bob'],
      purpose: 'OPS-7',
      database: 'shop',
      facts: [
        'does: UPDATE, Update',
        'hazard: changes every row of public.c (unbounded-write)',
        'instead: Add a WHERE.',
        'sets: app.key',
      ],
      blastRadius: [],
      hazards: [{ kind: 'unbounded-write', what: 'changes every row of public.c', instead: 'Add a WHERE.' }],
      policies: ['agents-write-with-approval'],
      approvers: { groups: ['dba'], quorum: 1 },
      votes: [],
      link: 'https://sluice.example.com/v1/approvals/apr_k3v9x2m4q7',
      createdAt: '1970-01-01T00:00:00.000Z',
      expiresAt: '1970-01-01T00:15:00.000Z',
    });
    expect(received[0]!.body).not.toContain('secret');
  });

  it('holds the statement if the configuration says so, in bounded size', async () => {
    const webhooks = make({ webhooks: [hook({ includeStatement: true })] });
    await step(webhooks, { statement: '😀'.repeat(100_000), purpose: 'p'.repeat(5000) });
    await until(isEmpty);
    const { data } = JSON.parse(received[0]!.body);
    expect(data.statement).toMatch(/^(😀)+\ufffd?…$/u);
    expect([data.statement.length, data.purpose.length]).toEqual([16_384, 1000]);
  });

  it('is signed so that a receiver who has the key can check it', async () => {
    const webhooks = make();
    await step(webhooks);
    await until(isEmpty);
    const { headers, body } = received[0]!;
    const id = headers['webhook-id'];
    expect(id).toBe('apr_k3v9x2m4q7_0');
    const key = Buffer.from(KEY.slice('whsec_'.length), 'base64');
    const signed = createHmac('sha256', key).update(`${id}.${headers['webhook-timestamp']}.${body}`);
    expect(headers['webhook-signature']).toBe(`v1,${signed.digest('base64')}`);
    expect(Math.abs(Number(headers['webhook-timestamp']) - Date.now() / 1000)).toBeLessThan(60);
  });

  it('has the signature that the specification gives as its example', () => {
    const message = {
      id: 'msg_p5jXN8AQM9LWM0D4loKWxJek',
      body: '{"test": 2432232314}',
      now: 1_614_265_330_000,
    };
    expect(signatureHeaders(new Secret(KEY), message)['webhook-signature']).toBe(
      'v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=',
    );
  });

  it('comes for each step, in order, and only for those asked for', async () => {
    const webhooks = make({ webhooks: [hook({ events: ['requested', 'voted', 'used'] })] });
    const vote = { principal: 'alice', verdict: 'approve', at: 1 } as const;
    await step(webhooks);
    await step(webhooks, { votes: [vote] });
    await step(webhooks, { votes: [vote], state: 'approved' });
    await step(webhooks, { votes: [vote], state: 'used' });
    await until(isEmpty);
    expect(types()).toEqual(['approval.requested', 'approval.voted', 'approval.used']);
  });

  it('tells that others may answer as well, and who', async () => {
    const webhooks = make();
    const escalated = { groups: ['managers'], at: 2 };
    await step(webhooks);
    await step(webhooks, { escalated });
    await step(webhooks, { escalated, votes: [{ principal: 'alice', verdict: 'approve', at: 3 }] });
    await until(isEmpty);
    expect(types()).toEqual(['approval.requested', 'approval.escalated', 'approval.voted']);
    expect(JSON.parse(received[1]!.body).data.approvers.groups).toEqual(['dba', 'managers']);
  });
});

describe('a receiver', () => {
  it('that fails is asked again under the same id, and later steps wait for earlier ones', async () => {
    answer = (response, count) => {
      response.statusCode = count <= 3 ? 500 : 204;
      response.end();
    };
    const webhooks = make();
    await step(webhooks);
    await step(webhooks, { state: 'denied' });
    await until(isEmpty);
    expect(received.map(({ headers }) => headers['webhook-id'])).toEqual([
      ...Array(4).fill('apr_k3v9x2m4q7_0'),
      'apr_k3v9x2m4q7_1',
    ]);
    expect(reports.filter((one) => one === 'ops failed 1 status 500')).toHaveLength(3);
    expect(reports.filter((one) => one === 'ops delivered 1')).toHaveLength(2);
  });

  it('that redirects is not followed', async () => {
    answer = (response, count) => {
      if (count === 1) response.writeHead(307, { location: `${url()}/elsewhere` }).end();
      else response.end();
    };
    const webhooks = make();
    await step(webhooks);
    await until(isEmpty);
    expect(reports[0]).toBe('ops failed 1 status 307');
    expect(received).toHaveLength(2);
  });

  it('that is gone for good is not asked again', async () => {
    answer = (response) => response.writeHead(410).end();
    const webhooks = make();
    await step(webhooks);
    await until(isEmpty);
    expect(received).toHaveLength(1);
    expect(reports).toEqual(['ops given-up 1 status 410']);
  });

  it('that never answers costs nobody else anything', async () => {
    answer = () => {};
    const other = createServer((request, response) => request.resume().on('end', () => response.end()));
    await new Promise<void>((resolve) => other.listen(0, '127.0.0.1', resolve));
    const otherUrl = `http://127.0.0.1:${(other.address() as AddressInfo).port}`;
    const webhooks = make({ webhooks: [hook(), hook({ name: 'other', url: otherUrl })] });
    await step(webhooks);
    await until(() => expect(reports).toContain('other delivered 1'));
    expect(await store.notices.count('ops')).toBe(1);
    other.close();
  });

  it('is given no more time than configured', async () => {
    answer = () => {};
    const target = hook({ timeoutMs: 100 });
    await expect(postSigned(target, { id: 'a', body: '{}', now: 0 })).rejects.toThrow('no answer in time');
  });

  it('that drips its answer is given no more time either', async () => {
    answer = (response) => {
      const timer = setInterval(() => response.write('x'), 20);
      response.on('close', () => clearInterval(timer));
    };
    const target = hook({ timeoutMs: 300 });
    await expect(postSigned(target, { id: 'a', body: '{}', now: 0 })).rejects.toThrow('no answer in time');
  });

  it('is not read beyond the bound', async () => {
    answer = (response) => response.end('x'.repeat(MAX_ANSWER_BYTES + 1));
    expect(await postSigned(hook(), { id: 'a', body: '{}', now: 0 })).toMatchObject({
      status: 200,
      body: undefined,
    });
    answer = (response) => response.end('x'.repeat(MAX_ANSWER_BYTES));
    expect((await postSigned(hook(), { id: 'a', body: '{}', now: 0 })).body).toHaveLength(MAX_ANSWER_BYTES);
  });
});

describe('what waits', () => {
  it('survives a restart, even of a receiver that was down all the time', async () => {
    answer = () => {};
    const before = make();
    await step(before);
    await until(() => expect(received).toHaveLength(1));
    await before.close();
    await store.close();
    store = await openStore(join(directory, 'store.db'));
    answer = (response) => response.end();
    const after = make();
    await after.start();
    await until(isEmpty);
    expect(received.map(({ body }) => body)).toEqual([received[0]!.body, received[0]!.body]);
  });

  it('is counted and bounded: the oldest make room', async () => {
    answer = () => {};
    const webhooks = make({ maxWaiting: 2 });
    await step(webhooks);
    for (let n = 0; n < 5; n += 1) await step(webhooks, { state: 'denied' });
    await webhooks.close();
    expect(await webhooks.waiting()).toEqual(new Map([['ops', 6]]));
    const next = make({ maxWaiting: 2 });
    await next.start();
    await until(() => expect(reports).toContain('ops dropped 4 too many messages wait'));
    expect(await next.waiting()).toEqual(new Map([['ops', 2]]));
  });

  it('for a receiver that is configured no more is forgotten', async () => {
    answer = () => {};
    const webhooks = make();
    await step(webhooks);
    await webhooks.close();
    await make({ webhooks: [hook({ name: 'new' })] }).start();
    await isEmpty();
  });

  it('is not kept for a change that lost to another', async () => {
    const webhooks = make({ webhooks: [hook({ url: 'http://127.0.0.1:9/' })] });
    await step(webhooks);
    const record = { request: REQUEST, revision: 7, subjectDigest: 'a'.repeat(64) };
    expect(await store.approvals.replace(record, webhooks.noticesOf(record))).toBe(false);
    expect(await store.notices.count('ops')).toBe(1);
  });

  it('is taken by one process at a time', async () => {
    const webhooks = make({ webhooks: [hook({ url: 'http://127.0.0.1:9/' })] });
    const record = { request: REQUEST, revision: 0, subjectDigest: 'a'.repeat(64) };
    await store.approvals.insert(record, webhooks.noticesOf(record));
    const now = Date.now() + 1000;
    expect(await store.notices.take('ops', now, now + 500, 8)).toHaveLength(1);
    expect(await store.notices.take('ops', now, now + 500, 8)).toHaveLength(0);
    expect(await store.notices.take('ops', now + 500, now + 900, 8)).toMatchObject([{ attempts: 2 }]);
  });
});
