import { randomBytes } from 'node:crypto';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { FastifyInstance } from 'fastify';
import { pino } from 'pino';
import { Registry } from 'prom-client';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { runInProcess } from '../../tests/support/sluice-cli.ts';
import { UNUSED_AUDIT } from '../../tests/support/unused-audit.ts';
import { createAdminApi, listenAdmin } from '../api/admin-api.ts';
import { type ApiDeps, createApi } from '../api/api.ts';
import type { Review } from '../api/approval-review.ts';
import { SluiceError } from '../errors/sluice-error.ts';
import { AuthThrottle } from '../identity/auth-throttle.ts';
import { loadServerCertificate } from '../identity/tls-certificates.ts';
import type { ApprovalRequest } from '../model/approval.ts';

const NOW = Date.UTC(2026, 0, 2, 3, 4, 5);
const ALICE = { id: 'alice', kind: 'Human', groups: ['dba'], mayActFor: [] } as const;

const REQUEST: ApprovalRequest = {
  id: 'apr_k3v9x2m4q7',
  state: 'pending',
  binding: {
    principal: 'report-bot',
    onBehalfOf: ['bob'],
    database: 'shop',
    astDigests: ['a'],
    parameters: ['7', null],
    objectsDigests: ['b'],
  },
  bindingDigest: 'c',
  sessionId: 'S1',
  holdMode: 'wait',
  statement: 'UPDATE orders\nSET state = $1 -- \x1b[2K\u202esuoicilam',
  facts: [
    {
      command: 'UPDATE',
      actions: ['Update'],
      relations: [
        {
          relation: 'public.orders',
          known: true,
          system: false,
          temporary: false,
          action: 'Update',
          reads: [],
          filters: [],
          writes: ['state'],
        },
      ],
      objects: [],
      functions: [],
      settings: [],
      bounded: false,
      hazards: [{ kind: 'unbounded-write', what: 'changes every row: no condition limits it' }],
      writes: true,
      changesCatalog: false,
      transaction: 'none',
      opaque: [],
    },
  ],
  purpose: 'OPS-7',
  policies: [{ id: 'agents-write-with-approval', effect: 'forbid' }],
  policyVersion: 'v',
  rule: { groups: ['dba', 'leads'], quorum: 2, expiresMs: 900_000 },
  votes: [{ principal: 'carol', verdict: 'approve', reason: 'fine', at: NOW }],
  createdAt: NOW - 120_000,
  expiresAt: NOW + 780_000,
};

const REVIEW: Review = {
  statement: REQUEST.statement,
  marks: [{ start: 0, end: 6, hazard: 'unbounded-write' }],
  facts: [],
  similar: [
    {
      ...{ id: 'apr_earlier', state: 'denied', createdAt: NOW - 3_600_000 },
      votes: [{ principal: 'carol', verdict: 'deny', reason: 'add a WHERE' }],
    },
  ],
};

let directory: string;
let app: FastifyInstance;
let votes: unknown[];

function apiWith(overrides: Partial<ApiDeps> = {}): FastifyInstance {
  return createApi({
    verifyBearer: async (text) => (text === 'slc_alice' ? { principal: ALICE, onBehalfOf: [] } : undefined),
    throttle: new AuthThrottle({ firstDelayMs: 1, maxDelayMs: 1, now: () => 0 }),
    audit: UNUSED_AUDIT,
    sessions: { list: unused, kill: unused, mayAdminister: unused },
    access: { ask: unused },
    reviews: {
      revealed: (request) => request,
      revealedGrant: (grant) => grant,
      review: async () => REVIEW,
    },
    grants: { grant: unused, list: unused, get: unused, revoke: unused },
    budgets: { list: unused, seesAll: unused },
    labels: { list: unused, forget: unused, mayAdminister: unused },
    approvals: {
      list: async ({ state }) => [REQUEST].filter((one) => state === undefined || one.state === state),
      get: async (id) => (id === REQUEST.id ? REQUEST : undefined),
      vote: async (id, voter, verdict, reason) => {
        votes.push([id, voter.principal.id, verdict, reason]);
        if (verdict === 'deny')
          throw new SluiceError('conflict', 'request is denied and takes no answers any more');
        return REQUEST;
      },
      withdraw: async (id, actor) => {
        votes.push([id, actor.principal.id, 'cancel']);
        return { ...REQUEST, state: 'cancelled' };
      },
    },
    preview: async (request, { principal }) => {
      throw new SluiceError('preview_refused', `${request} by ${principal.id}`);
    },
    check: async ({ sql }) => ({ statements: [], rewritten: sql }),
    principals: new Map([[ALICE.id, ALICE]]),
    readiness: new Map(),
    metrics: new Registry(),
    log: pino({ enabled: false }),
    maxStatementBytes: 1000,
    ...overrides,
  });
}

beforeEach(async () => {
  directory = mkdtempSync(join(tmpdir(), 'sluice-approvals-'));
  votes = [];
  app = apiWith();
  await app.listen({ host: '127.0.0.1', port: 0 });
});
afterEach(async () => {
  await app.close();
  rmSync(directory, { recursive: true });
});

const url = () => `http://127.0.0.1:${(app.server.address() as AddressInfo | null)?.port}`;
const approvals = (args: string[], env: Record<string, string> = {}, columns?: number) =>
  runInProcess(['approvals', ...args], {
    env: { SLUICE_TOKEN: 'slc_alice', SLUICE_URL: url(), ...env },
    now: NOW,
    ...(columns && { columns }),
  });

describe('approvals', () => {
  it('lists what waits, a line each', async () => {
    const run = await approvals(['list']);
    expect(run).toEqual({
      exitCode: 0,
      stderr: '',
      stdout:
        'ID              STATE    WHO                 DATABASE  WHEN            STATEMENT\n' +
        'apr_k3v9x2m4q7  pending  report-bot for bob  shop      expires in 13m  UPDATE orders SET state = $1 -- \\x1b[2K\\u{202e}suoicilam\n',
    });
    const narrow = await approvals(['list'], {}, 90);
    expect(narrow.stdout.split('\n')[1]).toHaveLength(90);
  });

  it('lists by state', async () => {
    expect((await approvals(['list', '--state', 'used'])).stderr).toBe(
      'There are no such requests that you may see.\n',
    );
    expect(JSON.parse((await approvals(['list', '--state', 'all', '--json'])).stdout)).toEqual([REQUEST]);
    expect(await approvals(['list', '--state', 'odd'])).toMatchObject({ exitCode: 1 });
  });

  it('shows all that an approval would be for, and nothing that paints over it', async () => {
    const run = await approvals(['show', REQUEST.id]);
    expect(run.stdout).toBe(`apr_k3v9x2m4q7  pending

  UPDATE orders
  SET state = $1 -- \\x1b[2K\\u{202e}suoicilam

  who       report-bot for bob
  purpose   OPS-7
  database  shop
  $1        7
  $2        NULL
  does      UPDATE, Update
  touches   Update public.orders: writes state
  hazard    changes every row: no condition limits it (unbounded-write)
  policies  agents-write-with-approval
  needs     2 of dba or leads
  approve   carol: fine
  similar   apr_earlier 1h ago, denied by carol: add a WHERE
  asked     2m ago
  expires   in 13m
`);
    expect(JSON.parse((await approvals(['show', REQUEST.id, '--json'])).stdout)).toEqual({
      ...REQUEST,
      review: REVIEW,
    });
  });

  it('are answered', async () => {
    expect((await approvals(['approve', REQUEST.id, '--reason', 'ok'])).stdout).toBe(
      'apr_k3v9x2m4q7 is pending; 1 more must approve.\n',
    );
    const denied = await approvals(['deny', REQUEST.id]);
    expect(denied).toMatchObject({
      exitCode: 1,
      stderr: 'error: request is denied and takes no answers any more\n',
    });
    expect(votes).toEqual([
      [REQUEST.id, 'alice', 'approve', 'ok'],
      [REQUEST.id, 'alice', 'deny', undefined],
    ]);
  });

  it('are taken back', async () => {
    expect((await approvals(['cancel', REQUEST.id])).stdout).toBe('apr_k3v9x2m4q7 is cancelled.\n');
    expect(votes).toEqual([[REQUEST.id, 'alice', 'cancel']]);
  });

  it('are not found as the gateway says', async () => {
    const run = await approvals(['show', '../admin']);
    expect(run.exitCode).toBe(1);
    expect(run.stderr).toContain('there is no approval request "../admin"');
  });
});

describe('the token', () => {
  it('comes from a file', async () => {
    writeFileSync(join(directory, 'token'), 'slc_alice\n');
    const run = await approvals(['list', '--token-file', join(directory, 'token')], { SLUICE_TOKEN: '' });
    expect(run.exitCode).toBe(0);
  });

  it.each([
    ['is missing', [], { SLUICE_TOKEN: '' }, 1, 'you have no token'],
    ['is wrong', [], { SLUICE_TOKEN: 'slc_other' }, 1, 'the request has no valid token'],
    [
      'is no token',
      [],
      { SLUICE_TOKEN: 'a\r\nX-Evil: b' },
      1,
      'the token holds characters that no token has',
    ],
    ['is in a file that is not there', ['--token-file', '/nowhere'], {}, 1, 'cannot read /nowhere: ENOENT'],
    ['is on the command line', ['--token', 'slc_alice'], {}, 2, "unknown option '--token'"],
  ])('is refused if it %s', async (_how, args, env, exitCode, text) => {
    const run = await approvals(['list', ...args], env);
    expect(run).toMatchObject({ exitCode, stdout: '' });
    expect(run.stderr).toContain(text);
  });

  it.each([
    ['http://gate.example.com:6480', 'your token would travel to gate.example.com:6480 unencrypted'],
    ['http://127.example.com', 'your token would travel to 127.example.com unencrypted'],
    ['ftp://127.0.0.1', 'the URL of the gateway is not usable'],
    ['http://me:pw@127.0.0.1', 'the URL of the gateway is not usable'],
    ['not a url', 'the URL of the gateway is not usable'],
  ])('is not sent to %s', async (address, text) => {
    const run = await approvals(['list', '--url', address]);
    expect(run.exitCode).toBe(1);
    expect(run.stderr).toContain(text);
  });

  it('is not sent after a redirect', async () => {
    await app.close();
    app = apiWith();
    app.addHook('onRequest', async (_request, reply) => reply.redirect('https://elsewhere.example.com/'));
    await app.listen({ host: '127.0.0.1', port: 0 });
    const run = await approvals(['list']);
    expect(run.exitCode).toBe(1);
    expect(run.stderr).toContain('is no Sluice gateway');
  });
});

describe('the gateway', () => {
  it('is found by the configuration, its port by the admin socket, its own certificate in the data directory', async () => {
    const config = join(directory, 'sluice.yaml');
    const dataDir = join(directory, 'data');
    writeFileSync(
      config,
      'version: 1\ndataDir: ./data\nlisten: { http: { port: 0, tls: { mode: require } } }\n',
    );
    const status = { version: '1', pid: 1, policyVersion: '', startedAt: 0, workers: [] };
    const admin = createAdminApi({
      tokens: { issueToken: unused, revokeToken: unused, listTokens: unused },
      audit: UNUSED_AUDIT,
      sessions: { list: unused, kill: unused, clearTaint: unused },
      labels: { list: unused, forget: unused },
      budgets: { list: unused },
      check: unused,
      status: () => ({
        ...status,
        listeners: { http: `127.0.0.1:${(app.server.address() as AddressInfo).port}` },
      }),
      reloadPolicies: unused,
      now: () => NOW,
      log: pino({ enabled: false }),
      maxStatementBytes: 1000,
    });
    await listenAdmin(admin, join(dataDir, 'admin.sock'));
    const listener = { host: '127.0.0.1', port: 0, tls: { mode: 'require' } } as const;
    const listen = { postgres: { ...listener, keepAliveMs: 0 }, http: listener, adminSocket: '' };
    const tls = loadServerCertificate({ dataDir, listen }, listener, { now: Date.now, randomBytes });
    await app.close();
    app = apiWith({ tls });
    await app.listen({ host: '127.0.0.1', port: 0 });
    const run = await runInProcess(['approvals', 'list', '--config', config], {
      env: { SLUICE_TOKEN: 'slc_alice' },
    });
    await admin.close();
    expect(run).toMatchObject({ exitCode: 0, stderr: '' });
    expect(run.stdout).toContain(REQUEST.id);
  });

  it('is missed', async () => {
    await app.close();
    const run = await approvals(['list', '--url', 'http://127.0.0.1:1']);
    expect(run).toMatchObject({ exitCode: 1 });
    expect(run.stderr).toContain('no gateway answers at http://127.0.0.1:1');
  });
});

function unused(): never {
  throw new Error('not asked for here');
}
