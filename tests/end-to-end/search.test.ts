/** Searching the record of a real gateway: what is found, by whom, what never shows, and that it is recorded. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import type pg from 'pg';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import type { Hit } from '../../src/search/hits.ts';
import { TABLES } from '../../src/search/postgres-schema.ts';
import { type Gate, startGate } from '../support/gate.ts';
import { createDatabase, type TestDatabase } from '../support/postgres.ts';

let gate: Gate;
let bob: pg.Client;
let database: TestDatabase;

beforeAll(async () => {
  database = await createDatabase('index');
});
afterAll(() => database.drop());

const inDatabase = (): string => {
  const { host, port, database: name, user } = database.connection;
  return `index: { postgres: { host: ${host}, port: ${port}, database: ${name}, user: ${user}, password: { env: DATABASE_PASSWORD } } }`;
};

/** All that the index holds, as it stands on disk. */
async function fileText(): Promise<string> {
  const read = (name: string) => readFileSync(join(gate.dataDir, 'index', name), 'latin1');
  return read('index.db') + read('index.db-wal');
}

async function tablesText(): Promise<string> {
  const pieces = TABLES.map(async (table) => {
    const { rows } = await database.query<Record<string, unknown>>(`SELECT * FROM sluice_index.${table}`);
    return rows.map((row) => Object.values(row).map(String).join('\n')).join('\n');
  });
  return (await Promise.all(pieces)).join('\n');
}

const STORES = [
  { store: 'embedded', yaml: () => '', heldText: fileText },
  { store: 'PostgreSQL', yaml: inDatabase, heldText: tablesText },
];

interface Answer {
  readonly hits: readonly Hit[];
  readonly cursor?: string;
  readonly count?: number;
}

async function search(principal: string, q: string, more: Record<string, string> = {}): Promise<Answer> {
  const { status, body } = await gate.api(
    principal,
    'GET',
    `/v1/search?${new URLSearchParams({ q, ...more })}`,
  );
  expect([status, body]).toMatchObject([200, {}]);
  return body as unknown as Answer;
}

const texts = ({ hits }: Answer): string[] =>
  hits.flatMap(({ event }) => (event.kind === 'statement' ? [event.text] : [event.kind]));

const eventually = <T>(check: () => Promise<T>): Promise<T> =>
  vi.waitFor(check, { timeout: 60_000, interval: 200 });

describe.each(STORES)('with the index in: $store', ({ store, yaml, heldText }) => {
  beforeAll(async () => {
    gate = await startGate({
      groups: ['auditor'],
      principals: { anna: { groups: ['auditor'] } },
      yaml: yaml(),
    });
    bob = await gate.client('bob');
    await bob.query("SELECT name FROM customers WHERE email = 'person7@secret.example'");
    await bob.query('SELECT status FROM orders WHERE cents = 98765');
    await bob.query("UPDATE orders SET status = 'late' WHERE id = 5");
    await expect(bob.query('INSERT INTO orders VALUES (1, 1, $1, 1)', ['x'])).rejects.toThrow();
    const bot = await gate.client('report-bot', { onBehalfOf: ['bob'] });
    await bot.query('SELECT count(*) FROM customers');
    await expect(bot.query('DROP TABLE orders')).rejects.toThrow();
    await bot.end();
    const alice = await gate.client('alice');
    await alice.query('SELECT salary FROM employees');
    await alice.end();
  }, 120_000);
  afterAll(() => gate?.stop());
  it('finds by everything that is asked for', { timeout: 120_000 }, async () => {
    await eventually(async () => expect(texts(await search('anna', 'alice salary'))).toHaveLength(0));
    await eventually(async () =>
      expect(texts(await search('anna', 'principal:alice salary kind:statement'))).toEqual([
        'SELECT salary FROM employees',
      ]),
    );
    const update = "UPDATE orders SET status = 'late' WHERE id = 5";
    for (const q of [
      'column:orders.status write command:update',
      'writes:public.orders.status since:1h -command:insert',
      'principal:bob command:update',
      'relation:orders "set status"',
      'action:Update database:shop -agent:*',
      'policy:people-change command:update who:bob',
      'is:write outcome:ok rows:1 client:127.0.0.0/8 duration:<60s',
      'on:today is:human write -outcome:error',
    ]) {
      expect([q, texts(await search('anna', q))]).toEqual([q, [update]]);
    }
    expect(texts(await search('anna', 'sqlstate:23*'))).toEqual(['INSERT INTO orders VALUES (1, 1, $1, 1)']);
    expect(texts(await search('anna', 'decision:deny is:delegated'))).toEqual(['DROP TABLE orders']);
    expect(
      texts(await search('anna', 'chain:"report-bot for bob" kind:statement', { order: 'oldest' })),
    ).toEqual(['SELECT count(*) FROM customers', 'DROP TABLE orders']);
    const [{ event, session, outcome } = {} as Hit] = (await search('anna', 'unmasked:salary')).hits;
    expect([event, session, outcome]).toMatchObject([
      { kind: 'statement', unmasked: ['salary'] },
      { principal: 'alice', database: 'shop', environment: 'prod' },
      { rows: 50, tag: 'SELECT 50', labels: { salary: { unmasked: 50 } } },
    ]);
  });

  it('gives pages, and counts', { timeout: 60_000 }, async () => {
    const all = await search('anna', 'kind:statement who:bob');
    expect(all.hits.length).toBeGreaterThan(4);
    const found: Hit[] = [];
    let cursor: string | undefined;
    do {
      const page = await search('anna', 'kind:statement who:bob', {
        limit: '2',
        count: 'true',
        ...(cursor === undefined ? {} : { cursor }),
      });
      expect([page.hits.length <= 2, page.count]).toEqual([true, all.hits.length]);
      found.push(...page.hits);
      cursor = page.cursor;
    } while (cursor !== undefined);
    expect(found).toEqual(all.hits);
  });

  it('shows everybody what they did themselves, and auditors everything', { timeout: 60_000 }, async () => {
    const mine = await search('bob', 'kind:statement');
    const who = new Set(mine.hits.map(({ session }) => session?.principal));
    expect(who).toEqual(new Set(['bob', 'report-bot']));
    expect(texts(await search('bob', 'principal:alice or kind:policy-loaded'))).toEqual([]);
    // Nothing that is written in a filter leads out.
    expect(texts(await search('bob', 'not principal:bob kind:statement'))).toEqual([
      'DROP TABLE orders',
      'SELECT count(*) FROM customers',
    ]);
    expect((await search('anna', 'kind:policy-loaded')).hits).toHaveLength(1);
    const forBob = await gate.token('report-bot', ['bob']);
    const answer = await fetch(`${gate.httpUrl}/v1/search?q=kind:statement`, {
      headers: { authorization: `Bearer ${forBob}` },
    });
    const { hits } = (await answer.json()) as Answer;
    expect(new Set(hits.map(({ session }) => session?.principal))).toEqual(new Set(['report-bot']));
  });

  it('never shows what the ledger seals, in answers or in the file', { timeout: 60_000 }, async () => {
    const { hits } = await search('anna', 'relation:customers principal:bob');
    expect(hits[0]?.event).toMatchObject({ text: 'SELECT name FROM customers WHERE email = ‹sealed›' });
    expect(texts(await search('anna', 'person7'))).toEqual([]);
    expect(texts(await search('anna', '98765'))).toEqual([]);
    const held = await heldText();
    for (const secret of ['person7', '98765']) expect(held.includes(secret)).toBe(false);
    expect(held.includes('report-bot')).toBe(true);
  });

  it('says where the index is', async () => {
    const { body } = await gate.admin('GET', '/admin/index');
    expect((body as { store: string }).store).toMatch(
      store === 'embedded' ? /^embedded$/ : /, schema sluice_index$/,
    );
  });

  it('records who searched for what, before it answers', { timeout: 60_000 }, async () => {
    await search('anna', 'label:email');
    await gate.admin('GET', '/admin/search?q=kind:audit-read');
    const reads = (await gate.entries()).flatMap(({ event }) => (event.kind === 'audit-read' ? [event] : []));
    expect(reads).toContainEqual({ kind: 'audit-read', by: 'anna', query: 'search label:email' });
    expect(reads.at(-1)).toMatchObject({ query: 'search kind:audit-read' });
  });

  it('says where a filter is wrong', async () => {
    expect(await gate.api('anna', 'GET', '/v1/search?q=principle:bob')).toMatchObject({
      status: 400,
      body: {
        code: 'bad_request',
        message: 'there is no field "principle"',
        hint: 'Did you mean principal:?',
      },
    });
    expect(await gate.api('anna', 'GET', '/v1/search?cursor=nonsense')).toMatchObject({ status: 400 });
    expect(await gate.api('anna', 'GET', '/v1/search?limit=5000')).toMatchObject({ status: 400 });
  });

  it('is made anew when it is asked for, and finds the same', { timeout: 60_000 }, async () => {
    await eventually(async () =>
      expect((await gate.admin('GET', '/admin/index')).body).not.toHaveProperty('failure'),
    );
    const before = texts(await search('anna', 'kind:statement who:bob'));
    expect(await gate.admin('POST', '/admin/index/rebuild')).toMatchObject({ status: 202 });
    await eventually(async () => {
      expect((await gate.admin('GET', '/admin/index')).body).toMatchObject({ rebuilt: 'it was asked for' });
      expect(texts(await search('anna', 'kind:statement who:bob'))).toEqual(before);
    });
  });
});

it('tells administrators what is wrong with the database, and others that something is', {
  timeout: 120_000,
}, async () => {
  const gone = await createDatabase('gone');
  const { host, port, user } = gone.connection;
  const broken = await startGate({
    yaml: `index: { postgres: { host: ${host}, port: ${port}, database: ${gone.name}, user: ${user}, password: { env: DATABASE_PASSWORD } } }`,
  });
  try {
    const client = await broken.client('bob');
    await eventually(async () => expect((await broken.api('bob', 'GET', '/v1/search')).status).toBe(200));
    await gone.drop();
    await eventually(async () => {
      const { status, body } = await broken.api('bob', 'GET', '/v1/search');
      expect([status, body.message]).toEqual([503, 'the database of the index cannot be used']);
      expect(JSON.stringify(body)).not.toContain(gone.name);
    });
    const told = await broken.admin('GET', '/admin/search?q=');
    expect(told).toMatchObject({ status: 503, body: { detail: expect.stringContaining(gone.name) } });
    await eventually(async () =>
      expect((await broken.admin('GET', '/admin/index')).body).toMatchObject({
        failure: expect.stringContaining(gone.name),
      }),
    );
    // Statements go on, and are recorded.
    expect((await client.query('SELECT count(*) FROM orders')).rowCount).toBe(1);
  } finally {
    await broken.stop();
    await gone.drop();
  }
});
