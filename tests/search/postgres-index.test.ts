/** The index in a database: whose it is, who may write, and that it comes back from whatever the database does. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it, vi } from 'vitest';
import { madeUpLog } from '../../bench/index-entries.ts';
import { startEmbeddedPostgres } from '../../src/cli/demo/embedded-postgres.ts';
import { SluiceError } from '../../src/errors/sluice-error.ts';
import { Ledger } from '../../src/ledger/ledger.ts';
import { Sequencer } from '../../src/ledger/sequencer.ts';
import { parseFilter } from '../../src/search/filter/parse-filter.ts';
import { Finder } from '../../src/search/find.ts';
import { IndexLoop, type IndexStatus } from '../../src/search/index-loop.ts';
import { IndexSearcher } from '../../src/search/index-searcher.ts';
import type { IndexPlace, IndexWriter } from '../../src/search/index-storage.ts';
import { Indexer } from '../../src/search/indexer.ts';
import type { PostgresIndexConfig } from '../../src/search/postgres-connection.ts';
import { postgresPlace } from '../../src/search/postgres-place.ts';
import { createAuthority } from '../support/certificates.ts';
import { type FaultRelay, startFaultRelay } from '../support/fault-relay.ts';
import { createDatabase, type TestDatabase } from '../support/postgres.ts';

const NO_TILES = { name: 'none', read: async () => undefined };

let database: TestDatabase;
let directory: string;
beforeAll(async () => {
  database = await createDatabase('index');
  directory = mkdtempSync(join(tmpdir(), 'sluice-index-'));
});
afterAll(async () => {
  await database.drop();
  rmSync(directory, { recursive: true });
});

const configOf = (schema: string, more: Partial<PostgresIndexConfig> = {}): PostgresIndexConfig => ({
  ...database.connection,
  schema,
  tls: { mode: 'disable' },
  ...more,
});

async function fill(storage: IndexWriter, entries = 3000): Promise<void> {
  const [piece] = [...madeUpLog(entries, 10_000)];
  await (await Indexer.open(storage, NO_TILES)).add(piece!);
}

async function filled(place: IndexPlace, log = 'log'): Promise<void> {
  const storage = await place.openToWrite(log);
  await fill(storage);
  await storage.close();
}

/** A lock goes when the server has seen that its connection went. */
const released = <T>(open: () => Promise<T>): Promise<T> => vi.waitFor(open, { timeout: 60_000 });

describe('a schema', () => {
  it('belongs to one log: another gateway is told, and changes nothing', async () => {
    const place = postgresPlace(configOf('one_log'));
    await filled(place);
    await released(() => expect(place.openToWrite('another log')).rejects.toThrow(/another ledger/));
    await released(() => expect(place.clear('another log')).rejects.toThrow(/another ledger/));
    await expect(place.openToRead('another log')).rejects.toThrow(/another ledger/);
    const storage = await released(() => place.openToWrite('log'));
    expect((await storage.head()).next).toBeGreaterThanOrEqual(3000);
    await storage.close();
  });

  it('stays of its log while it is made anew', async () => {
    const place = postgresPlace(configOf('kept'));
    await filled(place);
    await released(() => place.clear('log'));
    await released(() => expect(place.openToWrite('another log')).rejects.toThrow(/another ledger/));
    await (await released(() => place.openToWrite('log'))).close();
  });

  it('has one writer at a time', async () => {
    const place = postgresPlace(configOf('one_writer'));
    const first = await place.openToWrite('log');
    await expect(place.openToWrite('log')).rejects.toThrow(/another gateway keeps the index/);
    await expect(place.clear('log')).rejects.toThrow(/another gateway/);
    await first.close();
    await (await released(() => place.openToWrite('log'))).close();
  });

  it('takes nothing from a writer that somebody else has overtaken', async () => {
    const place = postgresPlace(configOf('overtaken'));
    const storage = await place.openToWrite('log');
    const indexer = await Indexer.open(storage, NO_TILES);
    await database.query('UPDATE overtaken.head SET next = 77');
    await expect(indexer.add([...madeUpLog(3000, 10_000)][0]!)).rejects.toThrow(/another gateway writes/);
    const { rows } = await database.query('SELECT count(*)::int AS items FROM overtaken.items');
    expect(rows).toEqual([{ items: 0 }]);
    await storage.close();
  });

  it('that holds something else is left alone', async () => {
    await database.query('CREATE SCHEMA theirs; CREATE TABLE theirs.items (id int)');
    await expect(postgresPlace(configOf('theirs')).openToWrite('log')).rejects.toThrow(
      /holds something else/,
    );
    const { rows } = await database.query(
      "SELECT relname FROM pg_class WHERE relnamespace = 'theirs'::regnamespace",
    );
    expect(rows).toEqual([{ relname: 'items' }]);
  });

  it('of a later version is left alone', async () => {
    const place = postgresPlace(configOf('later'));
    await filled(place);
    await database.query('UPDATE later.head SET version = version + 1');
    await released(() => expect(place.openToWrite('log')).rejects.toThrow(/a later version/));
    await expect(place.openToRead('log')).rejects.toThrow(/another version/);
  });

  it('may be made for a role that can make none', async () => {
    const role = `${database.name}_role`;
    await database.query(
      `CREATE ROLE ${role} LOGIN PASSWORD 'pass'; CREATE SCHEMA granted AUTHORIZATION ${role}; REVOKE CREATE ON DATABASE ${database.name} FROM PUBLIC`,
    );
    const login = { user: role, password: 'pass' };
    await filled(postgresPlace(configOf('granted', login)));
    await expect(postgresPlace(configOf('refused', login)).openToWrite('log')).rejects.toMatchObject({
      code: 'store_unavailable',
      detail: expect.stringContaining('permission denied'),
    });
  });

  it('that lost a table says so, and is whole when it was made anew', async () => {
    const place = postgresPlace(configOf('lossy'));
    await filled(place);
    await database.query('DROP TABLE lossy.items');
    const storage = await released(() => place.openToWrite('log'));
    const failure = await fill(storage).catch((cause: unknown) => cause);
    await storage.close();
    expect(place.isDamage(failure)).toBe(true);
    await released(() => place.clear('log'));
    await filled({ ...place, openToWrite: (log) => released(() => place.openToWrite(log)) });
  });

  it('that is made anew is opened anew by who reads', async () => {
    const place = postgresPlace(configOf('anew'));
    await filled(place);
    const reader = await place.openToRead('log');
    expect(await reader.begin()).toBe(true);
    await reader.end();
    await released(() => place.clear('log'));
    expect(await reader.begin()).toBe(false);
    await reader.close();
  });
});

it('keeps texts of any length, with whatever characters', async () => {
  const place = postgresPlace(configOf('strange'));
  const storage = await place.openToWrite('log');
  const head = await storage.head();
  const values = ['x'.repeat(9000), `${'x'.repeat(8999)}y`, 'nul\0byte', '"quoted", {and} \\x00', '', 'é%_*'];
  await storage.commit({
    ...{ next: 1, at: 1, tip: 'tip', forms: [], sessions: [], items: [], ends: [], amendments: [] },
    ...{ pending: [], settled: [] },
    terms: values.map((value, at) => ({ id: head.terms + at, field: 'word' as const, value })),
  });
  for (const [at, value] of values.entries()) {
    expect(await storage.termIds('word', [value, 'none'])).toEqual([at, undefined]);
    expect((await storage.termsWith('word', value, 10)).some(({ id }) => id === at)).toBe(true);
  }
  expect((await storage.termsWith('word', 'x'.repeat(400), 10)).map(({ id }) => id)).toEqual([0, 1]);
  expect(await storage.termsWith('word', `${'x'.repeat(400)}y`, 10)).toEqual([]);
  const known = await storage.known({
    terms: [...values, 'none'].map((value) => ({ field: 'word' as const, value })),
    forms: [],
    sessions: [],
  });
  expect(known.terms).toEqual([...values.keys(), undefined]);
  await storage.close();
});

describe('TLS', () => {
  it('proves who answers, as far as is asked for', { timeout: 120_000 }, async () => {
    const authority = createAuthority('Index CA');
    const certificate = authority.issue({ subject: { CN: 'elsewhere' }, hosts: ['elsewhere.example'] });
    const server = await startEmbeddedPostgres({
      settings: { ssl: 'on', ssl_cert_file: 'server.crt', ssl_key_file: 'server.key' },
      files: { 'server.crt': certificate.cert, 'server.key': certificate.key },
    });
    try {
      const open = async (tls: PostgresIndexConfig['tls']) => {
        const { host, port, user, password } = server;
        const config = { host, port, user, password, database: 'postgres', schema: 'by_tls', tls };
        await (await released(() => postgresPlace(config).openToWrite('log'))).close();
      };
      await open({ mode: 'require' });
      await open({ mode: 'verify-ca', ca: authority.cert });
      const refused = { code: 'store_unavailable' };
      const { host, port, user, password } = server;
      const config = { host, port, user, password, database: 'postgres', schema: 'by_tls' };
      for (const tls of [
        { mode: 'verify-full', ca: authority.cert },
        { mode: 'verify-ca' },
        { mode: 'verify-ca', ca: createAuthority('Index CA').cert },
      ] as const) {
        await expect(postgresPlace({ ...config, tls }).openToWrite('log')).rejects.toMatchObject(refused);
      }
    } finally {
      await server.stop();
    }
    await expect(
      postgresPlace(configOf('by_tls', { tls: { mode: 'require' } })).openToWrite('log'),
    ).rejects.toMatchObject({ code: 'store_unavailable', detail: expect.stringContaining('SSL') });
  });
});

describe('a database that goes away', () => {
  let relay: FaultRelay;
  let sequencer: Sequencer;
  let ledger: Ledger;
  let loop: IndexLoop;
  let running: Promise<void>;
  let searcher: IndexSearcher;
  let status: IndexStatus | undefined;
  let home: string;
  let sessions = 0;

  beforeEach(async () => {
    relay = await startFaultRelay(database.connection);
    home = mkdtempSync(join(directory, 'ledger-'));
    sequencer = await Sequencer.open({ directory: home });
    ledger = await Ledger.open({ directory: home });
    const place = postgresPlace(configOf(`gone_${sessions}`, { port: relay.port, host: '127.0.0.1' }));
    status = undefined;
    loop = new IndexLoop({
      ...{ directory: home, place, pollMs: 10 },
      onStatus: (told) => {
        status = told;
      },
    });
    running = loop.run();
    searcher = new IndexSearcher({ directory: home, place });
  });
  afterEach(async () => {
    relay.thaw();
    loop.stop();
    await running;
    await searcher.close();
    await ledger.close();
    sequencer.close();
    await relay.close();
  });

  async function record(count: number): Promise<void> {
    for (let at = 0; at < count; at++)
      ledger.append({ kind: 'token-revoked', token: `tok_${++sessions}`, by: 'alice' } as never);
    await ledger.durable(ledger.appendedSeq);
    while ((await sequencer.round()).more);
  }
  const upToDate = () =>
    vi.waitFor(
      () => {
        expect(status).not.toHaveProperty('failure');
        expect(status?.indexed).toBe(status?.entries);
        expect(status?.items).toBeGreaterThan(0);
      },
      { timeout: 60_000 },
    );
  const found = async () => (await searcher.count(parseFilter('kind:token-revoked', 0))).count;

  it.each(['reset', 'end'] as const)('is waited for after a %s, and gone on with', async (how) => {
    await record(20);
    await vi.waitFor(async () => expect(await found()).toBe(20), { timeout: 60_000 });
    relay.cut(how);
    await record(15);
    await vi.waitFor(async () => expect(await found()).toBe(35), { timeout: 60_000 });
    await upToDate();
    expect(status).not.toHaveProperty('rebuilt');
  });

  it('is told of when it is not there at all, and nothing is lost', { timeout: 120_000 }, async () => {
    await record(20);
    await vi.waitFor(async () => expect(await found()).toBe(20), { timeout: 60_000 });
    await upToDate();
    const indexed = status?.indexed as number;
    const { port } = relay;
    await relay.close();
    await record(15);
    await vi.waitFor(
      () =>
        expect(status).toMatchObject({
          indexed,
          entries: indexed + 15,
          failure: expect.stringMatching(/ECONNREFUSED/),
        }),
      { timeout: 60_000 },
    );
    const failure = await searcher.count(parseFilter('', 0)).catch((cause: unknown) => cause);
    expect(failure).toBeInstanceOf(SluiceError);
    expect(failure).toMatchObject({
      code: 'store_unavailable',
      message: 'the database of the index cannot be used',
      detail: expect.stringContaining(`${port}`),
    });
    expect(JSON.stringify(failure)).not.toContain(database.connection.password);
  });
});

it('a page and a count of a search are as of one moment', async () => {
  const place = postgresPlace(configOf('moment'));
  const storage = await place.openToWrite('log');
  const indexer = await Indexer.open(storage, NO_TILES);
  const [first, second] = [...madeUpLog(4000, 2000)];
  await indexer.add(first!);
  const reader = await place.openToRead('log');
  const finder = new Finder(reader);
  await reader.begin();
  const all = parseFilter('', 0);
  const before = await finder.count(all);
  await indexer.add(second!);
  expect(await finder.count(all)).toBe(before);
  await reader.end();
  await reader.begin();
  expect(await finder.count(all)).toBe(indexer.head.items);
  await reader.end();
  await reader.close();
  await storage.close();
});
