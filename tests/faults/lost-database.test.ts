/**
 * A database that goes away at any moment: what a client was told to be committed is, what it was told to have failed is not, and what
 * nobody knows is said to be unknown.
 */
import pg from 'pg';
import { afterAll, beforeAll, describe, expect, inject, test } from 'vitest';
import { type EmbeddedPostgres, startEmbeddedPostgres } from '../../src/cli/demo/embedded-postgres.ts';
import { type Direction, type FaultRelay, startFaultRelay } from '../support/fault-relay.ts';
import { query, run, sync } from '../support/frames.ts';
import { type Gate, startGate } from '../support/gate.ts';
import { WireClient } from '../support/wire-client.ts';

const MARKS = 'CREATE TABLE marks (mark text PRIMARY KEY)';

/** Commits one mark; resolves when the database is said to have it. */
const COMMITS: Readonly<Record<string, (client: WireClient, mark: string) => Promise<void>>> = {
  'a statement by itself': (client, mark) => ask(client, 1, query(`INSERT INTO marks VALUES ('${mark}')`)),
  'a block in one text': (client, mark) =>
    ask(client, 1, query(`BEGIN; INSERT INTO marks VALUES ('${mark}'); COMMIT`)),
  'a block in three': async (client, mark) => {
    await ask(client, 1, query('BEGIN'));
    await ask(client, 1, query(`INSERT INTO marks VALUES ('${mark}')`));
    await ask(client, 1, query('COMMIT'));
  },
  'a pipeline': (client, mark) => ask(client, 1, run(`INSERT INTO marks VALUES ('${mark}')`), sync),
  'a block in a pipeline': (client, mark) =>
    ask(client, 1, run('BEGIN'), run(`INSERT INTO marks VALUES ('${mark}')`), run('COMMIT'), sync),
};

/** @throws {Error} with the SQLSTATE of the first error, or that of a broken connection if the gate said nothing */
async function ask(client: WireClient, readies: number, ...frames: Buffer[]): Promise<void> {
  client.send(...frames);
  for (let left = readies; left > 0; ) {
    const message = await client.next();
    if (message.type === 'ErrorResponse') throw new Error(message.fields.get('C'));
    if (message.type === 'ReadyForQuery') left -= 1;
  }
}

describe.each(Object.entries(COMMITS))('the network breaks during %s', (_, commit) => {
  let relay: FaultRelay;
  let gate: Gate;
  beforeAll(async () => {
    relay = await startFaultRelay(inject('postgres'));
    gate = await startGate({
      environment: 'dev',
      schema: MARKS,
      upstream: { host: '127.0.0.1', port: relay.port },
      labels: {},
    });
  });
  afterAll(async () => {
    relay.intercept(undefined);
    await gate.stop();
    await relay.close();
  });

  const open = async (): Promise<WireClient> => {
    const { user, password } = (await gate.connection('app')) as { user: string; password: string };
    const client = await WireClient.open({
      host: '127.0.0.1',
      port: gate.port,
      database: 'shop',
      user,
      password,
    });
    // What the gate has to ask about a session, it has asked by then.
    await ask(client, 1, query('SELECT count(*) FROM marks'));
    return client;
  };

  /** Lets so many bytes of the conversation pass in a direction, and then nothing. */
  function cutAfter(bytes: number, where: Direction): void {
    let left = bytes;
    relay.intercept((direction, chunk) => {
      if (direction !== where) return chunk;
      const passes = chunk.subarray(0, Math.max(0, left));
      left -= chunk.length;
      if (left < 0) setImmediate(() => relay.cut());
      return passes;
    });
  }

  test('and nobody is told a lie, wherever it breaks', async () => {
    // How long the whole conversation is.
    const whole = await open();
    const before = { up: relay.passed('up'), down: relay.passed('down') };
    await commit(whole, 'whole');
    const length = { up: relay.passed('up') - before.up, down: relay.passed('down') - before.down };
    whole.close();

    const told = new Map<string, string>();
    for (const where of ['up', 'down'] as const) {
      for (let i = 0; i < CUTS; i += 1) {
        const mark = `${where}-${i}`;
        const client = await open();
        cutAfter(Math.floor((length[where] * i) / CUTS), where);
        told.set(
          mark,
          await commit(client, mark).then(
            () => 'committed',
            (error: Error) => error.message,
          ),
        );
        relay.intercept(undefined);
        client.close();
      }
    }
    await noBackendsLeft(gate);
    const { rows } = await gate.database.query<{ mark: string }>('SELECT mark FROM marks');
    const there = new Set(rows.map(({ mark }) => mark));
    for (const [mark, outcome] of told) {
      expect(['committed', '08006', '08007'], mark).toContain(outcome);
      if (outcome === 'committed') expect(there, `${mark} was committed`).toContain(mark);
      if (outcome === '08006') expect(there, `${mark} was lost`).not.toContain(mark);
    }
    // Cut before the first byte of an answer, it is in the database and nobody knows; cut before the question, it is not.
    const unknown = [...told].filter(([, outcome]) => outcome === '08007').map(([mark]) => mark);
    expect(unknown.some((mark) => there.has(mark))).toBe(true);
    expect(unknown.some((mark) => !there.has(mark))).toBe(true);
    const codes = (await gate.entries()).flatMap(({ event }) =>
      event.kind === 'outcome' ? [event.sqlstate] : [],
    );
    expect(codes).toContain('08007');
  }, 60_000);
});

const CUTS = 12;

/** Until every session of the database has ended, but that of the catalog. */
async function noBackendsLeft(gate: Gate): Promise<void> {
  const count = async (): Promise<number> => {
    const { rows } = await gate.database.query(
      `SELECT count(*)::int AS n FROM pg_stat_activity WHERE datname = current_database()
       AND pid <> pg_backend_pid() AND application_name <> 'sluice' AND backend_type = 'client backend'`,
    );
    return rows[0]!.n as number;
  };
  await expect.poll(count, { timeout: 20_000 }).toBe(0);
}

describe('the server', () => {
  let server: EmbeddedPostgres;
  let gate: Gate;
  beforeAll(async () => {
    // What it says to be committed has to outlive its own end, if not that of the machine.
    server = await startEmbeddedPostgres({ settings: { synchronous_commit: 'on' } });
    gate = await startGate({ environment: 'dev', schema: MARKS, labels: {}, server });
  });
  afterAll(async () => {
    await gate?.stop();
    await server.stop();
  });

  const connect = async (): Promise<pg.Client> => {
    const client = new pg.Client(await gate.connection('app'));
    client.on('error', () => undefined);
    await client.connect();
    return client;
  };

  /** Commits marks until the connection breaks; returns those that were said to be there, and how it ended. */
  async function load(
    client: pg.Client,
    name: string,
    onCommit: () => void,
  ): Promise<{ committed: string[]; code: string; last: string }> {
    const committed: string[] = [];
    let last = '';
    let lost: string | undefined;
    try {
      // Between two statements it is not an answer to any.
      client.on('error', (error) => {
        // The socket's own end follows, without a code.
        lost ??= (error as pg.DatabaseError).code;
      });
      for (let i = 0; ; i += 1) {
        last = `${name}-${i}`;
        await client.query('BEGIN');
        await client.query('INSERT INTO marks VALUES ($1)', [last]);
        await client.query('COMMIT');
        committed.push(last);
        onCommit();
      }
    } catch (error) {
      return { committed, last, code: (error as { code?: string }).code ?? lost ?? (error as Error).message };
    }
  }

  test.each(['SIGINT', 'SIGQUIT', 'SIGKILL'] as const)(
    'is ended by %s under load, and comes back',
    async (signal) => {
      const open = await connect();
      await open.query('BEGIN');
      await open.query('INSERT INTO marks VALUES ($1)', [`open-${signal}`]);
      let left = 20;
      const { promise: inMidLoad, resolve } = Promise.withResolvers<void>();
      const onCommit = (): void => {
        left -= 1;
        if (left === 0) resolve();
      };
      const clients = await Promise.all(Array.from({ length: 4 }, connect));
      const loads = clients.map((client, i) => load(client, `${signal}-${i}`, onCommit));
      await inMidLoad;
      let whileDown: string | undefined;
      await server.restart(signal, async () => {
        whileDown = await connect().then(
          () => 'connected',
          (error) => error.code,
        );
      });
      expect(whileDown).toMatch(/^(08001|57P03)$/);
      const ended = await open.query('COMMIT').catch((error) => error.code ?? error.message);
      expect(ended).not.toHaveProperty('command');
      const outcomes = await Promise.all(loads);
      // Sessions go on as soon as the server does.
      await expect
        .poll(() =>
          connect()
            .then((client) => client.end())
            .then(
              () => 'in',
              (error) => error.code,
            ),
        )
        .toBe('in');
      const client = await connect();
      const { rows } = await client.query<{ mark: string }>('SELECT mark FROM marks');
      await client.end();
      const there = new Set(rows.map(({ mark }) => mark));
      expect(there).not.toContain(`open-${signal}`);
      for (const { committed, code, last } of outcomes) {
        expect(committed.filter((mark) => !there.has(mark))).toEqual([]);
        expect(code).toMatch(/^(57P01|57P02|08006|08007)$/);
        if (code !== '08007' && !committed.includes(last)) expect(there, code).not.toContain(last);
      }
    },
    60_000,
  );
});
