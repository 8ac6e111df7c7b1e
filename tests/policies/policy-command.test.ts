/** `sluice policy` as its users meet it: with mistakes in their files, and with a ledger of a gate that was really used. */
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { stringify } from 'yaml';
import { type Gate, startGate } from '../support/gate.ts';
import { runInProcess } from '../support/sluice-cli.ts';

let gate: Gate;
let home: string;

beforeAll(async () => {
  gate = await startGate({ environment: 'prod' });
  home = mkdtempSync(join(tmpdir(), 'sluice-policy-'));
  const { host, port, user, database } = gate.database.connection;
  writeFileSync(
    join(home, 'sluice.yaml'),
    stringify({
      version: 1,
      dataDir: gate.dataDir,
      groups: ['dba', 'support', 'agents'],
      principals: {
        alice: { kind: 'human', groups: ['dba'] },
        bob: { kind: 'human', groups: ['support'] },
        'report-bot': { kind: 'agent', groups: ['agents'], mayActFor: ['bob'] },
      },
      databases: {
        shop: {
          engine: 'postgres',
          environment: 'prod',
          host,
          port,
          user,
          database,
          password: { env: 'PASSWORD' },
          tls: { mode: 'disable' },
        },
      },
      policies: { files: ['own.cedar'] },
    }),
  );
  writeFileSync(
    join(home, 'own.cedar'),
    '@id("own") forbid (principal in Group::"suport", action == Action::"Drop", resource);\n',
  );
});

afterAll(async () => {
  rmSync(home, { recursive: true, force: true });
  await gate?.stop();
});

const policy = (...args: string[]) =>
  runInProcess(['policy', ...args, '--config', join(home, 'sluice.yaml')], {
    env: { PASSWORD: gate.database.connection.password },
  });

describe('policy validate', () => {
  it('tells what is suspicious, and fails for it only if asked to', async () => {
    const lax = await policy('validate');
    expect(lax).toMatchObject({
      exitCode: 0,
      stderr: 'suspicious: own.cedar:1: own: group "suport" does not exist; did you mean "support"?\n',
    });
    expect((await policy('validate', '--strict')).exitCode).toBe(1);
    expect(JSON.parse((await policy('validate', '--json')).stdout)).toMatchObject({
      findings: [{ policy: 'own', file: 'own.cedar', line: 1 }],
    });
  });
});

describe('policy test', () => {
  const run = async (text: string) => {
    const file = join(home, 'cases.yaml');
    writeFileSync(file, text);
    return policy('test', file);
  };

  it('says what differs, and where the case stands', async () => {
    const { stdout, exitCode } = await run(`cases:
  - { name: drops, as: bob, database: shop, sql: DROP TABLE orders, expect: { decision: deny, policies: [own], approvers: [x], reason: y } }
  - { name: parses, as: bob, database: shop, sql: SELEC 1, expect: allow }
  - { name: fine, as: bob, database: shop, sql: SELECT 1, expect: allow }
`);
    expect(exitCode).toBe(1);
    expect(stdout.replaceAll(home, '')).toBe(`failed  /cases.yaml:2  drops
        expected deny, but it is hold: Creating, altering and dropping objects needs approval in production. [people-define]
        expected own to decide, but it was people-define
        expected approvers x, but they are dba
        expected the reason to say "y", but it is "Creating, altering and dropping objects needs approval in production."
failed  /cases.yaml:3  parses
        expected allow, but it cannot be decided: syntax error at or near "SELEC"
failed: 1 of 3 cases.
`);
  });

  it.each([
    ['cases: []', ':1: cases must NOT have fewer than 1 items'],
    [
      'cases:\n  - { name: a, as: bob, database: shop, expect: allow }',
      ':2: the case needs either sql or connect',
    ],
    [
      'cases:\n  - { name: a, as: bob, database: shop, sql: x, expect: alow }',
      ':2: expect must be one of allow, hold, deny, error',
    ],
    [
      'cases:\n  - { name: a, as: bob, database: shop, sql: x, expect: { policy: [a] } }',
      ':2: unknown key "policy" in expect',
    ],
    [
      'cases:\n  - { name: a, as: bob, database: shop, sql: x, at: noon, expect: allow }',
      ':2: at "noon" is no time',
    ],
    ['cases: [', ':1: '],
  ])('refuses %j', async (text, problem) => {
    const { exitCode, stderr } = await run(text);
    expect(exitCode).toBe(1);
    expect(stderr).toContain(`cases.yaml${problem}`);
  });
});

describe('policy explain', () => {
  it('says what each policy says of each part', async () => {
    const { stdout, exitCode } = await policy(
      'explain',
      '--as',
      'report-bot',
      '--on-behalf-of',
      'bob',
      '--database',
      'shop',
      "UPDATE orders SET status = 'x' WHERE id IN (SELECT id FROM customers)",
    );
    expect(exitCode).toBe(3);
    expect(stdout).toContain(
      'Update on Table::"shop/public.orders" as report-bot: hold, by agent-write-approval',
    );
    expect(stdout).toContain('Read on Table::"shop/public.customers" as report-bot: allow, by read');
  });
});

describe('policy replay', () => {
  it('shows what a draft would decide otherwise', async () => {
    const bob = await gate.client('bob');
    for (let i = 0; i < 3; i += 1) await bob.query(`SELECT * FROM orders WHERE id = ${i}`);
    await bob.query('SELECT count(*) FROM orders');
    await expect(bob.query('GRANT SELECT ON orders TO PUBLIC')).rejects.toThrow();
    await bob.end();
    const draft = join(home, 'draft');
    mkdirSync(draft);
    writeFileSync(
      join(draft, 'a.cedar'),
      '@id("no-ids") forbid (principal, action == Action::"Read", resource is Table) when { context.columnsFiltered.contains("id") };',
    );
    const { stdout } = await policy('replay', '--since', '1h', draft);
    expect(stdout.split('\n').slice(0, 4)).toEqual([
      '5 statements, 2 decided as before, 3 otherwise.',
      '',
      'TIMES  WHO  FROM   TO    BY      FOR EXAMPLE',
      '3      bob  allow  deny  no-ids  SELECT * FROM orders WHERE id = 0',
    ]);
    expect(await policy('replay', '--since', '1h', join(home, 'nowhere'))).toMatchObject({ exitCode: 1 });
  });
});
