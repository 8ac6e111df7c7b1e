/** `sluice labels discover` on a real database: finds what there is, shows no value, and writes what is accepted. */
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { createDatabase, type TestDatabase } from '../support/postgres.ts';
import { runInProcess } from '../support/sluice-cli.ts';

const SCHEMA = `
  CREATE SCHEMA crm;
  CREATE TABLE people (id int PRIMARY KEY, who text, mail text, "Home Phone" text, born date, plan text, notes jsonb);
  INSERT INTO people SELECT i, (ARRAY['Anna Berg', 'Tom Hill', 'Maria Lopez', 'Jan Novak'])[1 + i % 4] , 'person' || i || '@secret.example',
    '+49 30 9018' || (10 + i % 80), '1990-01-01'::date + i, 'pro', jsonb_build_object('contact', jsonb_build_object('backup', 'b' || i || '@secret.example'))
    FROM generate_series(1, 12000) i;
  CREATE TABLE crm.payments (id int, card numeric, amount int, currency text);
  INSERT INTO crm.payments SELECT i, (ARRAY[4111111111111111, 5555555555554444, 378282246310005, 6011111111111117])[1 + i % 4], i, 'EUR' FROM generate_series(1, 50) i;
  CREATE TABLE broken (email text);
  CREATE VIEW people_view AS SELECT * FROM people;
  CREATE TABLE events (id int, kind text, at timestamptz);
  INSERT INTO events SELECT i, 'click', now() FROM generate_series(1, 100) i;
  ANALYZE;
`;

let database: TestDatabase;
let home: string;

beforeAll(async () => {
  database = await createDatabase('discover');
  await database.query(SCHEMA);
  home = mkdtempSync(join(tmpdir(), 'sluice-discover-'));
  const { host, port, user, database: name } = database.connection;
  writeFileSync(
    join(home, 'sluice.yaml'),
    `version: 1
principals:
  alice: { kind: human }
databases:
  shop: # the shop
    engine: postgres
    environment: prod
    host: ${host}
    port: ${port}
    user: ${user}
    database: ${name}
    password: { env: PASSWORD }
    tls: { mode: disable }
    labels:
      public.people: { mail: email } # decided in March
`,
  );
});

afterAll(async () => {
  rmSync(home, { recursive: true, force: true });
  await database?.drop();
});

const discover = (...args: string[]) =>
  runInProcess(['labels', 'discover', 'shop', '--config', join(home, 'sluice.yaml'), ...args], {
    env: { PASSWORD: database.connection.password },
  });

it('proposes labels for what columns hold, and shows no value', async () => {
  const run = await discover();
  expect(run.exitCode).toBe(0);
  const rows = run.stdout
    .split('\n')
    .slice(1, -1)
    .map((line) => line.split(/ {2,}/).slice(0, 3));
  expect(rows).toEqual(
    [
      ['crm.payments.card', 'card_number', '93 %'],
      ['public.broken.email', 'email', '72 %'],
      ['public.people.Home Phone', 'phone', '95 %'],
      ['public.people.born', 'birth_date', '77 %'],
      ['public.people.notes->contact->backup', 'email', '93 %'],
      ['public.people.who', 'name', '60 %'],
    ].map((row) => expect.arrayContaining([row[0], row[1]])),
  );
  expect(`${run.stdout}${run.stderr}`).not.toMatch(/secret|4111|Berg|Lopez|9018/);
  expect(run.stdout).toMatch(/card numbers {2,}[3-6]9{14,15} {2}/);
  expect(run.stderr).toContain('Nothing is changed.');
});

it('looks only where it is told to, and draws how far it is', async () => {
  expect(JSON.parse((await discover('--schema', 'crm', '--json')).stdout)).toMatchObject({
    columns: 4,
    proposals: [{ relation: 'crm.payments', column: 'card' }],
    accepted: [],
  });
  const drawn = await runInProcess(
    ['labels', 'discover', 'shop', '--schema', 'crm', '--config', join(home, 'sluice.yaml')],
    {
      env: { PASSWORD: database.connection.password },
      columns: 100,
    },
  );
  expect(drawn.stderr).toContain('━ 1/1  crm.payments');
});

it('writes what is accepted, and nothing else', async () => {
  const before = readFileSync(join(home, 'sluice.yaml'), 'utf8');
  expect((await discover('--accept', 'public.people.plan')).exitCode).toBe(1);
  expect(readFileSync(join(home, 'sluice.yaml'), 'utf8')).toBe(before);
  expect((await discover('--accept', 'certain')).stderr).toContain('3 labels written');
  const after = readFileSync(join(home, 'sluice.yaml'), 'utf8');
  expect(after).toContain('# the shop');
  expect(after).toContain(
    'public.people: { mail: email, Home Phone: phone, notes->contact->backup: email } # decided in March',
  );
  expect(after).toContain('crm.payments:');
  const again = JSON.parse((await discover('--json')).stdout).proposals.map(
    ({ column }: { column: string }) => column,
  );
  expect(again).toEqual(['email', 'born', 'who']);
});
