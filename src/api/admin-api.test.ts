import { chmodSync, existsSync, mkdirSync, mkdtempSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { request } from 'node:http';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { FastifyInstance } from 'fastify';
import { pino } from 'pino';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { UNUSED_AUDIT } from '../../tests/support/unused-audit.ts';
import { SluiceError } from '../errors/sluice-error.ts';
import type { TokenRequest } from '../identity/token-authority.ts';
import { createAdminApi, type ListedToken, listenAdmin, type TokenDesk } from './admin-api.ts';
import type { ListedLabel } from './label-routes.ts';

const LISTED: ListedToken = {
  id: 'abcdefghijkl',
  principal: 'alice',
  onBehalfOf: [],
  createdAt: 1,
  expiresAt: 9,
};

let directory: string;
let socketPath: string;
let app: FastifyInstance;
let calls: unknown[];

const tokens: TokenDesk = {
  issueToken: async (asked: TokenRequest) => {
    calls.push(asked);
    if (asked.principal === 'nobody')
      throw new SluiceError('not_found', 'no principal "nobody" is configured');
    return { id: 'abcdefghijkl', text: 'slc_…', principal: asked.principal, onBehalfOf: [], expiresAt: 9 };
  },
  revokeToken: async (id) => void calls.push(id),
  listTokens: async (filter) => {
    calls.push(filter);
    return [LISTED];
  },
};

const LABEL: ListedLabel = {
  ...{ relation: 'public.mails', column: 'mail', label: 'email', since: 1 },
  ...{ origin: 'copy:public.mails.mail', because: 'public.customers.email' },
};

beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'sluice-admin-'));
  socketPath = join(directory, 'admin.sock');
  calls = [];
  app = createAdminApi({
    tokens,
    budgets: { list: async () => [] },
    labels: {
      list: async (database) => [{ ...LABEL, relation: `${database}.mails` }],
      forget: async (...asked) => [JSON.stringify(asked)],
    },
    audit: UNUSED_AUDIT,
    sessions: {
      list: async () => ({ sessions: [], silentWorkers: [3] }),
      kill: async (id, asked) => void calls.push([id, asked]),
      clearTaint: async (...asked) => void calls.push(asked),
    },
    check: async ({ sql }) => ({ statements: [], rewritten: sql }),
    status: () => ({
      version: '1',
      pid: 2,
      listeners: { postgres: 'a:1' },
      policyVersion: 'p',
      startedAt: 3,
      workers: [],
    }),
    reloadPolicies: async () => void calls.push('reload'),
    now: () => 5,
    log: pino({ enabled: false }),
    maxStatementBytes: 1000,
  });
});
afterEach(async () => {
  await app.close();
  rmSync(directory, { recursive: true });
});

/** A request over the real socket. */
function ask(method: string, path: string, body?: object): Promise<[status: number, body: unknown]> {
  return new Promise((resolve, reject) => {
    const headers = body === undefined ? {} : { 'content-type': 'application/json' };
    const sent = request({ socketPath, method, path, headers }, async (answer) => {
      const text = (await answer.toArray()).join('');
      resolve([answer.statusCode!, text === '' ? undefined : JSON.parse(text)]);
    });
    sent.on('error', reject).end(body === undefined ? undefined : JSON.stringify(body));
  });
}

describe('over its socket', () => {
  beforeEach(() => listenAdmin(app, socketPath));

  it('issues, lists and revokes tokens', async () => {
    const asked = { principal: 'bot', onBehalfOf: ['bob'], purpose: 'p', ttlMs: 1000 };
    expect(await ask('POST', '/admin/tokens', asked)).toEqual([
      201,
      expect.objectContaining({ principal: 'bot' }),
    ]);
    expect(await ask('GET', '/admin/tokens?principal=alice')).toEqual([200, { tokens: [LISTED] }]);
    expect(await ask('GET', '/admin/tokens?all=true')).toEqual([200, { tokens: [LISTED] }]);
    expect(await ask('POST', '/admin/tokens/abcdefghijkl/revoke')).toEqual([204, undefined]);
    expect(calls).toEqual([
      asked,
      { principal: 'alice', activeAt: 5, limit: 1000 },
      { limit: 1000 },
      'abcdefghijkl',
    ]);
  });

  it('reloads policies and tells the state', async () => {
    expect(await ask('POST', '/admin/policies/reload')).toEqual([
      200,
      expect.objectContaining({ policyVersion: 'p' }),
    ]);
    expect(calls).toEqual(['reload']);
    expect(await ask('GET', '/admin/status')).toEqual([
      200,
      expect.objectContaining({ listeners: { postgres: 'a:1' } }),
    ]);
  });

  it('lists and forgets labels', async () => {
    expect(await ask('GET', '/admin/labels/shop')).toEqual([
      200,
      { labels: [{ ...LABEL, relation: 'shop.mails' }] },
    ]);
    expect(await ask('POST', '/admin/labels/shop/forget', { column: 'public.mails.mail' })).toEqual([
      200,
      { forgotten: ['["shop",{"column":"public.mails.mail"}]'] },
    ]);
    expect((await ask('POST', '/admin/labels/shop/forget', {}))[0]).toBe(400);
  });

  it('lists and ends sessions, for no principal', async () => {
    expect(await ask('GET', '/admin/sessions')).toEqual([200, { sessions: [], silentWorkers: [3] }]);
    expect(await ask('POST', '/admin/sessions/S1/kill', { reason: 'too long' })).toEqual([204, undefined]);
    expect(await ask('POST', '/admin/sessions/S1/kill')).toEqual([204, undefined]);
    expect(calls).toEqual([
      ['S1', { reason: 'too long' }],
      ['S1', {}],
    ]);
    expect((await ask('POST', '/admin/sessions/S1/kill', { by: 'alice' }))[0]).toBe(400);
  });

  it('checks as anybody', async () => {
    const asked = { principal: 'bob', database: 'shop', sql: 'SELECT 1' };
    expect(await ask('POST', '/admin/check', asked)).toEqual([
      200,
      { statements: [], rewritten: 'SELECT 1' },
    ]);
  });

  it('answers errors as the API does', async () => {
    expect(await ask('POST', '/admin/tokens', { principal: 'nobody' })).toEqual([
      404,
      { code: 'not_found', sqlstate: '42704', message: 'no principal "nobody" is configured' },
    ]);
    for (const body of [
      {},
      { principal: 1 },
      { principal: 'a', ttlMs: '1h' },
      { principal: 'a', onBehalfOf: 'bob' },
    ]) {
      expect((await ask('POST', '/admin/tokens', body))[0]).toBe(400);
    }
  });

  it('lets only its owner in', () => {
    expect(statSync(socketPath).mode & 0o777).toBe(0o600);
  });

  it('leaves no socket behind', async () => {
    await app.close();
    expect(existsSync(socketPath)).toBe(false);
  });
});

describe('the socket', () => {
  it('takes the place of one that a dead process left', async () => {
    const dead = createServer();
    await new Promise<void>((resolve) => dead.listen(socketPath, resolve));
    // Closing would unlink the path; a killed process does not get to.
    dead.unref();
    await listenAdmin(app, socketPath);
    expect((await ask('GET', '/admin/status'))[0]).toBe(200);
    dead.close();
  });

  it('is refused where something else stands', async () => {
    writeFileSync(socketPath, 'precious');
    await expect(listenAdmin(app, socketPath)).rejects.toMatchObject({ code: 'config_invalid' });
  });

  it.each([0o755, 0o711, 0o770, 0o777])('is refused in a directory of mode %o', async (mode) => {
    const open = join(directory, 'open');
    mkdirSync(open);
    chmodSync(open, mode);
    const refusal = listenAdmin(app, join(open, 'admin.sock'));
    await expect(refusal).rejects.toMatchObject({ code: 'config_invalid' });
    await expect(refusal).rejects.toThrow('other users may enter');
  });

  it('makes its directory, closed to others', async () => {
    await listenAdmin(app, join(directory, 'run', 'admin.sock'));
    expect(statSync(join(directory, 'run')).mode & 0o777).toBe(0o700);
  });
});
