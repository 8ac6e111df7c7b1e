/** Ends of a connection at any moment and from any side: nothing is left behind, and nobody else notices. */
import { createServer, type Server, type Socket } from 'node:net';
import pg from 'pg';
import { afterAll, beforeAll, describe, expect, inject, test } from 'vitest';
import type { BackendMessage } from '../../src/wire/postgres/index.ts';
import { type ChoppingRelay, startChoppingRelay } from '../support/chopping-relay.ts';
import { flush, query, run, sync, terminate } from '../support/frames.ts';
import { type Gate, startGate } from '../support/gate.ts';
import { WireClient, type WireTarget } from '../support/wire-client.ts';

const sleep = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms));

/** A server that accepts and says nothing. */
async function startSilentServer(): Promise<{ port: number; sockets: Socket[]; server: Server }> {
  const sockets: Socket[] = [];
  const server = createServer((socket) => {
    socket.on('error', () => undefined);
    sockets.push(socket);
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const address = server.address();
  return { port: typeof address === 'object' && address !== null ? address.port : 0, sockets, server };
}

describe('while its backend is being opened', () => {
  let gate: Gate;
  let silent: Awaited<ReturnType<typeof startSilentServer>>;
  beforeAll(async () => {
    silent = await startSilentServer();
    gate = await startGate({
      upstream: { host: '127.0.0.1', port: silent.port },
      yaml: 'limits: { upstreamConnectTimeout: 3s }\n',
    });
  });
  afterAll(async () => {
    await gate.stop();
    for (const socket of silent.sockets) socket.destroy();
    silent.server.close();
  });

  test.each(['reset', 'end', 'destroy'] as const)(
    'a client over TLS that goes away by %s hurts nobody',
    async (how) => {
      const client = new pg.Client({
        ...(await gate.connection('alice')),
        ssl: { rejectUnauthorized: false },
      });
      client.on('error', () => undefined);
      client.connect().catch(() => undefined);
      await sleep(400);
      const { stream } = (client as unknown as { connection: { stream: Socket & { _parent?: Socket } } })
        .connection;
      if (how === 'reset') stream._parent?.resetAndDestroy();
      else stream[how]();
      await sleep(300);
      expect((await fetch(`${gate.httpUrl}/healthz`)).status).toBe(200);
    },
  );
});

describe('in a session', () => {
  let gate: Gate;
  let relay: ChoppingRelay;
  let app: WireTarget;
  let bot: WireTarget;
  beforeAll(async () => {
    relay = await startChoppingRelay(inject('postgres'), () => 1_000 + Math.floor(Math.random() * 60_000));
    gate = await startGate({ upstream: { host: '127.0.0.1', port: relay.port } });
    const target = { host: '127.0.0.1', port: gate.port, database: 'shop' };
    app = { ...target, user: 'app', password: await gate.token('app') };
    bot = { ...target, user: 'report-bot', password: await gate.token('report-bot', ['bob']) };
  });
  afterAll(async () => {
    await gate.stop();
    await relay.close();
  });

  /** Everything until the gate closes the connection. */
  async function untilClosed(client: WireClient): Promise<BackendMessage[]> {
    const messages: BackendMessage[] = [];
    try {
      for (;;) messages.push(await client.next());
    } catch {
      expect(client.closed).toBe(true);
      return messages;
    }
  }
  const types = (messages: readonly BackendMessage[]): string[] => messages.map(({ type }) => type);
  const backends = async (like: string): Promise<number> => {
    const { rows } = await gate.database.query(
      'SELECT count(*)::int AS n FROM pg_stat_activity WHERE datname = current_database() AND query LIKE $1',
      [like],
    );
    return rows[0]!.n as number;
  };

  test('what was asked before Terminate is answered, and nothing else is said', async () => {
    const client = await WireClient.open(app);
    client.send(query("INSERT INTO orders VALUES (7001, 1, 'last', 1)"), query('SELECT 1'), terminate);
    const answers = ['CommandComplete', 'ReadyForQuery'];
    expect(types(await untilClosed(client))).toEqual([...answers, 'RowDescription', 'DataRow', ...answers]);
  });

  test('a client that sends nothing more is still answered', async () => {
    const client = await WireClient.open(app);
    client.send(query('SELECT pg_sleep(0.3)'), query("INSERT INTO orders VALUES (7002, 1, 'last', 1)"));
    client.socket.end();
    expect(types(await untilClosed(client)).filter((type) => type === 'ReadyForQuery')).toHaveLength(2);
  });

  test('a client that goes away while it is held takes its request with it, and nothing runs', async () => {
    const client = await WireClient.open(bot);
    client.send(query("UPDATE orders SET status = 'gone' WHERE id = 5"));
    const notice = (await client.until('NoticeResponse')).at(-1);
    const id = /apr_\w+/.exec(notice?.type === 'NoticeResponse' ? String(notice.fields.get('M')) : '')?.[0];
    client.socket.end();
    const state = async () => (await gate.api('alice', 'GET', `/v1/approvals/${id}`)).body.state;
    await expect.poll(state).toBe('cancelled');
    await untilClosed(client);
  });

  test('a client that goes away in the middle of a result does not keep the database busy', async () => {
    const client = await WireClient.open(app);
    client.send(query("SELECT repeat('endless', 2000), generate_series(1, 100000000)"));
    await client.until('DataRow');
    client.close();
    await expect.poll(() => backends('SELECT repeat(%endless%')).toBe(0);
  });

  const LARGE = "SELECT repeat('x', 3000), generate_series(1, 5000)";

  test('a notice of the gate comes between two messages of the database', async () => {
    const client = await WireClient.open(bot, new Map(), 0);
    client.send(run(LARGE), flush);
    const messages = await client.until('DataRow');
    client.send(run("UPDATE orders SET status = 'x' WHERE id = 6"), sync);
    messages.push(...(await client.until('NoticeResponse')));
    expect(messages.filter(({ type }) => type === 'DataRow').length).toBeGreaterThan(0);
    for (const message of messages)
      if (message.type === 'DataRow') expect(message.columns[0]).toHaveLength(3_000);
    client.close();
  });

  test('last words come between two messages of the database, or not at all', async () => {
    for (let i = 0; i < 5; i += 1) {
      const token = await gate.token('app');
      const client = await WireClient.open({ ...app, password: token });
      client.send(query(LARGE), query(LARGE), query(LARGE));
      await client.until('DataRow');
      await gate.admin('POST', `/admin/tokens/${token.split('_')[1]}/revoke`);
      for (const message of await untilClosed(client)) {
        if (message.type === 'DataRow') expect(message.columns[0]).toHaveLength(3_000);
        if (message.type === 'ErrorResponse') expect(message.fields.get('C')).toMatch(/57P01|57014/);
      }
    }
  });

  test('what a session that is ended was doing is cancelled', async () => {
    const token = await gate.token('app');
    const client = await WireClient.open({ ...app, password: token });
    client.send(query('SELECT pg_sleep(61)'));
    await expect.poll(() => backends('SELECT pg_sleep(61)')).toBe(1);
    await gate.admin('POST', `/admin/tokens/${token.split('_')[1]}/revoke`);
    await expect.poll(() => backends('SELECT pg_sleep(61)')).toBe(0);
    await untilClosed(client);
  });
});

describe('a gateway that closes', () => {
  test('ends every session, records what came of it, and leaves nothing open', async () => {
    const gate = await startGate();
    const target = { host: '127.0.0.1', port: gate.port, database: 'shop' };
    const app = { ...target, user: 'app', password: await gate.token('app') };
    const bot = { ...target, user: 'report-bot', password: await gate.token('report-bot', ['bob']) };
    const [idle, busy, deaf, held] = await Promise.all([
      WireClient.open(app),
      WireClient.open(app),
      WireClient.open(app),
      WireClient.open(bot),
    ]);
    busy.send(query('SELECT pg_sleep(62)'));
    deaf.socket.pause();
    deaf.send(query("SELECT repeat('x', 10000) FROM generate_series(1, 100000)"));
    held.send(query("UPDATE orders SET status = 'x' WHERE id = 6"));
    await held.until('NoticeResponse');
    await sleep(200);
    const before = Date.now();
    await gate.gateway.close();
    expect(Date.now() - before).toBeLessThan(6_000);
    for (const client of [idle, busy, held]) {
      const last = (await client.until('ErrorResponse')).at(-1);
      expect(last?.type === 'ErrorResponse' && last.fields.get('C')).toMatch(/57P01|57014/);
    }
    const { rows } = await gate.database.query(
      'SELECT count(*)::int AS n FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()',
    );
    expect(rows).toEqual([{ n: 0 }]);
    const events = (await gate.entries()).map(({ event }) => event);
    const sleeping = events.find(
      (event) => event.kind === 'statement' && event.text.includes('pg_sleep(62)'),
    );
    expect(sleeping?.kind === 'statement' && sleeping.decision).toBe('allow');
    const outcome = events.find(
      (event) =>
        event.kind === 'outcome' &&
        sleeping?.kind === 'statement' &&
        event.session === sleeping.session &&
        event.statement === sleeping.statement,
    );
    expect(outcome).toMatchObject({ sqlstate: expect.stringMatching(/57014|08006/) });
    for (const client of [idle, busy, deaf, held]) client.close();
    await gate.database.drop();
  });
});
