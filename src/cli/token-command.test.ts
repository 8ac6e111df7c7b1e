import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pino } from 'pino';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { runInProcess } from '../../tests/support/sluice-cli.ts';
import { UNUSED_AUDIT } from '../../tests/support/unused-audit.ts';
import { createAdminApi, listenAdmin, type TokenDesk } from '../api/admin-api.ts';
import { SluiceError } from '../errors/sluice-error.ts';
import { TOKEN_PATTERN } from '../identity/token-text.ts';
import { Ledger } from '../ledger/ledger.ts';

let directory: string;
let config: string;

beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'sluice-token-'));
  config = join(directory, 'sluice.yaml');
  writeFileSync(
    config,
    `version: 1
dataDir: ./data
principals:
  alice: { kind: human }
  report-bot: { kind: agent, mayActFor: [alice] }
databases:
  shop: { engine: postgres, environment: prod, host: localhost, user: u, password: { env: NOT_SET_HERE } }
`,
  );
});
afterEach(() => rmSync(directory, { recursive: true }));

const token = (...args: string[]) => runInProcess(['token', ...args, '--config', config]);

describe('without a gateway', () => {
  it('issues, lists and revokes in the data directory, needing no password of a database', async () => {
    const issued = await token(
      'issue',
      'report-bot',
      '--on-behalf-of',
      'alice',
      '--purpose',
      'OPS-7',
      '--ttl',
      '15m',
    );
    expect(issued.exitCode).toBe(0);
    expect(issued.stdout).toMatch(new RegExp(`^${TOKEN_PATTERN.source}\n$`));
    const id = issued.stdout.slice(4, 16);
    expect(issued.stderr).toBe(`Token ${id} for report-bot on behalf of alice, expires in 15m:\n`);

    const listed = await token('list');
    expect(listed.stdout.split('\n')[1]).toMatch(
      new RegExp(`^${id}  report-bot  alice +expires in 1[45]m +OPS-7$`),
    );
    expect(listed.stdout).not.toContain(issued.stdout.slice(17, 40));

    expect(await token('revoke', id)).toMatchObject({ exitCode: 0, stderr: `Revoked ${id}.\n` });
    expect((await token('list')).stderr).toBe('There are no such tokens.\n');
    expect((await token('list', 'report-bot', '--all')).stdout).toContain('revoked');
    expect(JSON.parse((await token('list', 'alice', '--all', '--json')).stdout)).toEqual([]);
  });

  it('records what it does', async () => {
    const issued = JSON.parse((await token('issue', 'alice', '--json')).stdout);
    const shown = await runInProcess(['ledger', 'show', '--json', '--config', config]);
    const events = shown.stdout
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line).event);
    expect(events.at(-1)).toMatchObject({ kind: 'token-issued', token: issued.id, principal: 'alice' });
    expect(shown.stdout).not.toContain(issued.text);
  });

  it.each([
    [['issue', 'alicee'], 1, 'Did you mean "alice"?'],
    [['issue', 'alice', '--on-behalf-of', 'report-bot'], 1, 'Only agents and services act for others.'],
    [['issue', 'alice', '--ttl', '30d'], 1, 'the lifetime must be between 1s and 1d'],
    [['issue', 'alice', '--ttl', 'soon'], 2, 'Write a whole number and a unit'],
    [['issue'], 2, "missing required argument 'principal'"],
    [['revoke', 'nothing'], 1, 'there is no token "nothing"'],
  ])('refuses %j', async (args, exitCode, text) => {
    const run = await token(...args);
    expect(run).toMatchObject({ exitCode, stdout: '' });
    expect(run.stderr).toContain(text);
  });

  it('keeps away from a data directory that another process holds', async () => {
    await token('list');
    const ledger = await Ledger.open({ directory: join(directory, 'data', 'ledger') });
    const run = await token('issue', 'alice');
    await ledger.close();
    expect(run).toMatchObject({ exitCode: 1, stdout: '' });
    expect(run.stderr).toContain('another process holds');
  });
});

describe('with a gateway', () => {
  it('asks it over its socket and touches nothing itself', async () => {
    const calls: unknown[] = [];
    const tokens: TokenDesk = {
      issueToken: async (asked) => {
        calls.push(asked);
        return {
          id: 'abc',
          text: 'slc_text',
          principal: asked.principal,
          onBehalfOf: [],
          expiresAt: Date.now() + 60_000,
        };
      },
      revokeToken: async (id) => {
        calls.push(id);
        throw new SluiceError('conflict', 'token abc has already ended');
      },
      listTokens: async (filter) => {
        calls.push({ ...filter, activeAt: filter.activeAt !== undefined });
        return [
          {
            id: 'abc',
            principal: 'alice',
            onBehalfOf: [],
            createdAt: 0,
            expiresAt: 1,
            purpose: '\x1b[31mred',
          },
        ];
      },
    };
    const app = createAdminApi({
      tokens,
      audit: UNUSED_AUDIT,
      sessions: {
        list: async () => ({ sessions: [], silentWorkers: [] }),
        kill: async () => {},
        clearTaint: async () => {},
      },
      labels: { list: async () => [], forget: async () => [] },
      budgets: { list: async () => [] },
      check: async ({ sql }) => ({ statements: [], rewritten: sql }),
      status: () => ({
        version: '1',
        pid: 1,
        listeners: {},
        policyVersion: 'abcd',
        startedAt: 0,
        workers: [],
      }),
      reloadPolicies: async () => void calls.push('reload'),
      now: Date.now,
      log: pino({ enabled: false }),
      maxStatementBytes: 1000,
    });
    await listenAdmin(app, join(directory, 'data', 'admin.sock'));
    try {
      expect(await token('issue', 'alice', '--ttl', '1m')).toMatchObject({
        exitCode: 0,
        stdout: 'slc_text\n',
      });
      const listed = await token('list', 'alice', '--all');
      expect(listed.stdout).toContain('\\x1b[31mred');
      expect(await token('revoke', 'a/b')).toMatchObject({
        exitCode: 1,
        stderr: 'error: token abc has already ended\n',
      });
      expect(await runInProcess(['reload', '--config', config])).toMatchObject({
        exitCode: 0,
        stderr: 'Policies reloaded: version abcd.\n',
      });
    } finally {
      await app.close();
    }
    expect(calls).toEqual([
      { principal: 'alice', ttlMs: 60_000 },
      { principal: 'alice', activeAt: false, limit: 1000 },
      'a/b',
      'reload',
    ]);
  });

  it('says so if none runs where one is needed', async () => {
    const run = await runInProcess(['reload', '--config', config]);
    expect(run.exitCode).toBe(1);
    expect(run.stderr).toContain(`no gateway answers at ${directory}/data/admin.sock`);
  });
});
