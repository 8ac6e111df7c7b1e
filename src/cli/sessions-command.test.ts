/** `sluice sessions` over a real admin socket. What it may show and end is tested with the API and with a real gateway. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { FastifyInstance } from 'fastify';
import { pino } from 'pino';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { type CliRun, runInProcess } from '../../tests/support/sluice-cli.ts';
import { UNUSED_AUDIT } from '../../tests/support/unused-audit.ts';
import { createAdminApi, listenAdmin } from '../api/admin-api.ts';
import { noSession, type SessionListing } from '../api/session-routes.ts';

const unused = () => {
  throw new Error('not to be called');
};

let directory: string;
let app: FastifyInstance;
let listing: SessionListing;
let killed: unknown[];
let cleared: unknown[];

beforeEach(async () => {
  directory = mkdtempSync(join(tmpdir(), 'sluice-sessions-'));
  writeFileSync(join(directory, 'sluice.yaml'), 'version: 1\ndataDir: ./data\n');
  [listing, killed, cleared] = [{ sessions: [], silentWorkers: [] }, [], []];
  app = createAdminApi({
    tokens: { issueToken: unused, revokeToken: unused, listTokens: unused },
    labels: { list: async () => [], forget: async () => [] },
    budgets: { list: async () => [] },
    audit: UNUSED_AUDIT,
    sessions: {
      list: async () => listing,
      kill: async (id, asked) => {
        if (id === 'none') throw noSession(id);
        killed.push([id, asked]);
      },
      clearTaint: async (id, reason) => {
        cleared.push([id, reason]);
      },
    },
    ...{ check: unused, status: unused, reloadPolicies: unused, now: Date.now },
    ...{ log: pino({ enabled: false }), maxStatementBytes: 1000 },
  });
  await listenAdmin(app, join(directory, 'data', 'admin.sock'));
});
afterEach(async () => {
  await app.close();
  rmSync(directory, { recursive: true });
});

const sessions = (...args: string[]): Promise<CliRun> =>
  runInProcess(['sessions', ...args, '--config', join(directory, 'sluice.yaml')], { now: 7_200_000 });

describe('sluice sessions', () => {
  it('lifts a taint, and wants to know why', async () => {
    expect((await sessions('clear-taint', 'S1')).exitCode).not.toBe(0);
    expect(cleared).toEqual([]);
    expect(await sessions('clear-taint', 'S1', '--reason', 'seen')).toMatchObject({ exitCode: 0 });
    expect(cleared).toEqual([['S1', 'seen']]);
  });

  it('lists who does what, the oldest first', async () => {
    const common = { applicationName: '', tls: true, statements: 3, rows: 2, bytes: 1536 };
    listing = {
      sessions: [
        {
          ...{ ...common, id: 'S2', principal: 'bot', onBehalfOf: ['bob'], database: 'shop' },
          ...{ clientAddress: '1.2.3.4:5', startedAt: 7_140_000, state: 'held', taints: ['public.t.x'] },
          statement: 'DELETE FROM t\nWHERE \x1b[31m id = ?',
        },
        {
          ...{ ...common, id: 'S1', principal: 'alice', onBehalfOf: [], database: 'hr' },
          ...{ clientAddress: 'unix', startedAt: 0, state: 'idle', applicationName: 'psql' },
        },
      ],
      silentWorkers: [2],
    };
    const { stdout, stderr, exitCode } = await sessions('list');
    expect(exitCode).toBe(0);
    const [, ...lines] = stdout.trimEnd().split('\n');
    expect(lines.map((line) => line.split(/ {2,}/))).toEqual([
      ['S1', 'alice', 'hr', 'unix', '2h ago', 'idle', '3', '1.5 KiB', '(psql)'],
      [
        ...['S2', 'bot for bob', 'shop', '1.2.3.4:5', '1m ago', 'held, tainted', '3', '1.5 KiB'],
        'DELETE FROM t WHERE \\x1b[31m id = ?',
      ],
    ]);
    expect(stderr).toContain('Worker 2 did not answer');
    expect(JSON.parse((await sessions('list', '--json')).stdout)).toEqual(listing);
  });

  it('says that there are none', async () => {
    expect(await sessions('list')).toMatchObject({ exitCode: 0, stdout: '' });
  });

  it('ends one, and says why it cannot', async () => {
    expect(await sessions('kill', 'S1', '--reason', 'too long')).toMatchObject({ exitCode: 0, stdout: '' });
    expect(killed).toEqual([['S1', { reason: 'too long' }]]);
    const failed = await sessions('kill', 'none');
    expect(failed.exitCode).toBe(1);
    expect(failed.stderr).toContain('there is no session "none"');
  });
});
