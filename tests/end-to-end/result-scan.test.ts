/** Cells that nobody has labelled are looked at while results pass, and end them where the configuration says so. */
import { join } from 'node:path';
import type pg from 'pg';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { query } from '../support/frames.ts';
import { type Gate, SHOP, startGate } from '../support/gate.ts';
import { runInProcess } from '../support/sluice-cli.ts';
import { WireClient } from '../support/wire-client.ts';

const SCHEMA = `${SHOP}
  CREATE TABLE tickets (id int PRIMARY KEY, body text, kind varchar(20), ok text);
  INSERT INTO tickets SELECT i, CASE WHEN i = 400 THEN 'mary@secret.example' ELSE 'all is well ' || i END, 'plain', 'bob@secret.example' FROM generate_series(1, 500) i;
  CREATE TABLE cards (id int, note text);
  INSERT INTO cards VALUES (1, '4111 1111 1111 1111');
  CREATE TABLE wide (note text);
  INSERT INTO wide SELECT repeat('x', 300000) UNION ALL SELECT 'mary@secret.example';
`;
const LABELS = {
  'public.customers': { email: 'email', phone: 'phone' },
  'public.tickets': { ok: 'none' },
};

let gate: Gate;
let bob: pg.Client;
const start = async (scan: 'report' | 'stop') => {
  gate = await startGate({ schema: SCHEMA, labels: LABELS, scan });
  bob = await gate.client('bob');
};

async function told(text: string, values: readonly unknown[] = []): Promise<string> {
  return bob.query({ text, values: [...values], rowMode: 'array' }).then(
    ({ rows }) => `${rows.length} rows`,
    ({ code }: { code: string }) => code,
  );
}

describe('stop', () => {
  beforeAll(() => start('stop'));
  afterAll(() => gate.stop());

  it.each([
    ['SELECT body FROM tickets', [], 'SL010'],
    ['SELECT * FROM tickets WHERE id > $1', [300], 'SL010'],
    ['SELECT note FROM cards', [], 'SL010'],
    [`SELECT note || '' FROM cards`, [], 'SL010'],
    ['SELECT note FROM wide', [], 'SL010'],
    ['SELECT body FROM tickets WHERE id < 300', [], '299 rows'],
    ['SELECT ok FROM tickets', [], '500 rows'],
    ['SELECT email, plan FROM customers', [], '300 rows'],
    ['SELECT t.kind, c.email FROM tickets t JOIN customers c USING (id)', [], '300 rows'],
    ['SELECT t.body, c.email FROM tickets t LEFT JOIN customers c USING (id)', [], 'SL010'],
    ['SELECT id, repeat(kind, 2) FROM tickets', [], '500 rows'],
  ])('%s %j', async (text, values, expected) => {
    expect(await told(text, values)).toBe(expected);
    expect(await told('SELECT 1')).toBe('1 rows');
  });

  it('nothing of the row leaves, in text, binary and COPY', async () => {
    const {
      user = '',
      password = '',
      database = '',
    } = (await gate.connection('bob')) as pg.ClientConfig & {
      password: string;
    };
    for (const text of [
      'SELECT body FROM tickets',
      'COPY tickets (id, body) TO STDOUT',
      'COPY (SELECT body FROM tickets) TO STDOUT (FORMAT csv)',
      'COPY (SELECT note FROM cards) TO STDOUT (FORMAT binary)',
    ]) {
      const client = await WireClient.open({
        host: '127.0.0.1',
        port: gate.port,
        user,
        password,
        database,
      });
      client.send(query(text));
      const messages = await client.until('ReadyForQuery');
      const said = JSON.stringify(messages, (_, value) =>
        value?.type === 'Buffer' ? Buffer.from(value.data).toString() : value,
      );
      expect(said, text).not.toMatch(/mary|4111/);
      expect(said, text).toContain('SL010');
      client.close();
    }
  });

  it('says in its DETAIL which column and label, for programs', async () => {
    const error = (await bob.query('SELECT body FROM tickets').catch((thrown) => thrown)) as pg.DatabaseError;
    expect(JSON.parse(error.detail ?? '')).toEqual({
      ...{ policies: [], label: 'email', column: 'public.tickets.body' },
      next: 'send-another-statement',
    });
  });

  it('in a transaction and in a pipeline both sides agree', async () => {
    await bob.query('BEGIN');
    expect(await told('SELECT body FROM tickets')).toBe('SL010');
    expect(await told('SELECT 1')).toBe('25P02');
    await bob.query('ROLLBACK');
    const both = await Promise.all([told('SELECT body FROM tickets'), told('SELECT 2')]);
    expect(both).toEqual(['SL010', '1 rows']);
  });

  it('is recorded once a column', async () => {
    const found = (await gate.entries()).flatMap(({ event }) =>
      event.kind === 'label' && event.step === 'found' ? event.columns : [],
    );
    expect(found).toContain('public.tickets.body:email');
    expect(found).toContain('public.cards.note:card_number');
    expect(new Set(found).size).toBe(found.length);
  });
});

describe('report', () => {
  beforeAll(() => start('report'));
  afterAll(() => gate.stop());

  it('lets results pass, and says what it saw', async () => {
    expect(await told('SELECT * FROM cards')).toBe('1 rows');
    expect(await told('SELECT note FROM wide ORDER BY length(note)')).toBe('2 rows');
    // Beyond the sample.
    expect(await told('SELECT body FROM tickets ORDER BY id')).toBe('500 rows');
    const found = (await gate.entries()).flatMap(({ event }) =>
      event.kind === 'label' ? event.columns : [],
    );
    expect(found.sort()).toEqual(['public.cards.note:card_number', 'public.wide.note:email']);
  });

  it('lists what it saw', async () => {
    expect(await told('SELECT * FROM cards')).toBe('1 rows');
    const configuration = join(gate.dataDir, '..', 'sluice.yaml');
    const ask = (...more: string[]) =>
      runInProcess(['labels', 'found', 'shop', ...more, '--config', configuration]);
    // The index follows the ledger.
    await vi.waitFor(
      async () => expect((await ask()).stdout).toMatch(/public\.cards\.note +card_number +\S/),
      { timeout: 60_000, interval: 200 },
    );
    const { found } = JSON.parse((await ask('--json')).stdout);
    expect(found).toContainEqual({
      ...{ column: 'public.cards.note', label: 'card_number' },
      at: expect.any(Number),
    });
  });
});
