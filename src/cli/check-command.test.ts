import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { FastifyInstance } from 'fastify';
import { pino } from 'pino';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { runInProcess } from '../../tests/support/sluice-cli.ts';
import { UNUSED_AUDIT } from '../../tests/support/unused-audit.ts';
import { createAdminApi, listenAdmin } from '../api/admin-api.ts';
import { SluiceError } from '../errors/sluice-error.ts';
import type { Decision } from '../model/decision.ts';
import type { Facts } from '../model/facts.ts';
import type { CheckedStatement, CheckQuery, CheckReport } from '../session/check-report.ts';

const FACTS: Facts = {
  command: 'SELECT',
  actions: ['Read', 'Execute'],
  relations: [
    {
      relation: 'public.customers',
      known: true,
      system: false,
      temporary: false,
      action: 'Read',
      reads: ['email', 'id'],
      filters: ['id'],
      writes: [],
    },
    {
      relation: 'ghosts',
      known: false,
      system: false,
      temporary: false,
      action: 'Read',
      reads: [],
      filters: [],
      writes: [],
    },
  ],
  objects: [{ action: 'Create', type: 'index', name: 'public.i' }],
  functions: [
    { name: 'pg_catalog.lower', transparent: true },
    { name: 'public.f', transparent: false },
  ],
  settings: [{ name: 'search_path', value: null, local: true }],
  bounded: true,
  writes: false,
  changesCatalog: false,
  transaction: 'none',
  opaque: [{ kind: 'function', what: 'function public.f(integer)' }],
};
const DECISION: Decision = {
  outcome: 'allow',
  policies: [{ id: 'people-read', effect: 'permit' }],
  policyVersion: 'v',
  reason: 'people may read',
  masks: [{ relation: 'public.customers', column: 'email', label: 'email', mask: { kind: 'email' } }],
  unmasked: ['phone'],
};
const statement = (text: string, decision: Partial<Decision> = {}): CheckedStatement => ({
  text,
  start: 0,
  end: text.length,
  facts: FACTS,
  hazardPlaces: [],
  decision: { ...DECISION, ...decision },
});
const HOLD: Partial<Decision> = {
  outcome: 'hold',
  approval: { groups: ['dba', 'leads'], quorum: 2, expiresMs: 900_000 },
};
const DENY: Partial<Decision> = {
  outcome: 'deny',
  policies: [],
  reason: 'nothing permits it',
  hint: 'Ask a dba.',
};

let directory: string;
let config: string;
let app: FastifyInstance;
let asked: CheckQuery[];
let answer: (query: CheckQuery) => CheckReport;

beforeEach(async () => {
  directory = mkdtempSync(join(tmpdir(), 'sluice-check-'));
  config = join(directory, 'sluice.yaml');
  writeFileSync(config, 'version: 1\ndataDir: ./data\n');
  asked = [];
  const unused = (): never => {
    throw new Error('not asked for here');
  };
  app = createAdminApi({
    tokens: { issueToken: unused, revokeToken: unused, listTokens: unused },
    audit: UNUSED_AUDIT,
    sessions: { list: unused, kill: unused, clearTaint: unused },
    labels: { list: unused, forget: unused },
    budgets: { list: unused },
    check: async (query) => {
      asked.push(query);
      return answer(query);
    },
    status: unused,
    reloadPolicies: unused,
    now: Date.now,
    log: pino({ enabled: false }),
    maxStatementBytes: 1000,
  });
  await listenAdmin(app, join(directory, 'data', 'admin.sock'));
  answer = ({ sql }) => ({ statements: [statement(sql)], rewritten: sql });
});
afterEach(async () => {
  await app.close();
  rmSync(directory, { recursive: true });
});

const check = (args: string[], stdin?: string) =>
  runInProcess(['check', '--gateway', '--config', config, '--as', 'bob', '--database', 'shop', ...args], {
    ...(stdin !== undefined && { stdin }),
  });

it('says what a statement does, what is decided and what is sent', async () => {
  answer = ({ sql }) => ({ statements: [statement(sql, HOLD)], rewritten: 'SELECT masked' });
  const run = await check(['SELECT email\nFROM customers']);
  expect(run.stderr).toBe('');
  expect(run.stdout).toBe(`hold
  SELECT email
  FROM customers

  does            SELECT, Read, Execute
  touches         Read public.customers: reads email, id; filters by id
                  Read ghosts (unknown to the catalog)
                  Create index public.i
  calls           public.f
  sets            search_path = ? (for this transaction)
  not understood  function public.f(integer)
  because         people may read
  policies        people-read (permit)
  masks           public.customers.email (email) as email
  shows           labels phone
  approval        2 of dba or leads, within 15m

sent to the database instead
  SELECT masked
`);
});

it.each<[string, Partial<Decision>[], number]>([
  ['allow', [{}], 0],
  ['hold', [HOLD], 3],
  ['deny', [DENY], 4],
  ['allow, hold', [{}, HOLD], 3],
  ['hold, deny, allow', [HOLD, DENY, {}], 4],
  ['nothing', [], 0],
])('exits by the strictest of %s', async (_outcomes, decisions, exitCode) => {
  answer = ({ sql }) => ({ statements: decisions.map((one) => statement(sql, one)), rewritten: sql });
  expect((await check(['SELECT 1'])).exitCode).toBe(exitCode);
});

it('says how a refusal can be helped', async () => {
  answer = ({ sql }) => ({ statements: [statement(sql, DENY)], rewritten: sql });
  const { stdout } = await check(['DROP TABLE t']);
  expect(stdout).toContain('policies        none permits it\n');
  expect(stdout).toContain('hint            Ask a dba.\n');
  expect(stdout).not.toContain('instead');
});

it('answers programs in JSON', async () => {
  const run = await check(['SELECT 1', '--json']);
  expect(JSON.parse(run.stdout)).toEqual({ statements: [statement('SELECT 1')], rewritten: 'SELECT 1' });
});

it('fails if it cannot be decided', async () => {
  answer = () => {
    throw new SluiceError('syntax_error', 'syntax error at or near "SELEC"', { position: 1 });
  };
  const run = await check(['SELEC']);
  expect(run).toMatchObject({ exitCode: 1, stdout: '', stderr: 'error: syntax error at or near "SELEC"\n' });
});

describe('the statement', () => {
  it('comes from the argument, a file or stdin', async () => {
    writeFileSync(join(directory, 'q.sql'), 'SELECT 2\n');
    await check(['SELECT 1'], 'SELECT 3');
    await check(['--file', join(directory, 'q.sql')], 'SELECT 3');
    await check([], 'SELECT 3');
    expect(asked.map(({ sql }) => sql)).toEqual(['SELECT 1', 'SELECT 2\n', 'SELECT 3']);
  });

  it.each([
    [[], undefined, 'give a statement as argument, by --file or on stdin'],
    [['SELECT 1', '--file', 'x'], undefined, 'give the statement once'],
    [['a', 'b'], undefined, 'too many arguments'],
  ])('is missed in %j', async (args, stdin, text) => {
    const run = await check(args, stdin);
    expect(run.exitCode).toBe(2);
    expect(run.stderr).toContain(text);
  });

  it('is asked for as whoever would send it', async () => {
    await check(['SELECT 1', '--on-behalf-of', 'planner', '--on-behalf-of', 'carol', '--purpose', 'OPS-7']);
    expect(asked).toEqual([
      {
        principal: 'bob',
        database: 'shop',
        sql: 'SELECT 1',
        onBehalfOf: ['planner', 'carol'],
        purpose: 'OPS-7',
      },
    ]);
  });

  it('needs a principal and a database', async () => {
    for (const args of [
      ['--as', 'bob', 'x'],
      ['--database', 'shop', 'x'],
    ]) {
      expect((await runInProcess(['check', ...args])).exitCode).toBe(2);
    }
  });
});
