/**
 * Where hostile peers meet the gate: a gateway process between a real database and relays that stand for a hostile one, and honest
 * sessions that go on all the while, each with canaries that nobody else may ever see. Knows nothing of vitest.
 */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { connect, createServer, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import pg from 'pg';
import { type GatewayProcess, startGatewayProcess } from '../support/gateway-process.ts';
import type { WireTarget } from '../support/wire-client.ts';
import { SCHEMA } from './conversations.ts';

/** Where the database is. */
export interface Database {
  readonly host: string;
  readonly port: number;
  readonly user: string;
  readonly password: string;
  readonly database: string;
}

/** What a relay does with one chunk of the database's, in order: the pieces to pass on, or null to break the connection. */
export type Hostility = (chunk: Buffer) => Iterable<Buffer | null>;

export interface HostileDatabase {
  readonly target: WireTarget;
  /** What happens to the answers in the next session. */
  next: Hostility;
  /** Breaks all its sessions at the database's side. */
  cut(): void;
}

export interface Stage {
  readonly gateway: GatewayProcess;
  readonly database: Database;
  /** A session of an honest database. */
  readonly target: WireTarget;
  readonly hostile: readonly HostileDatabase[];
  /** @throws Error if an honest session was hurt or the gateway has ended */
  requireHealth(): void;
  /** @throws Error if bytes that a peer got are none of its business */
  requireClean(received: Buffer): void;
  /** Backends of the gate's sessions, the catalog's own left out. */
  sessions(): Promise<number>;
  close(): Promise<void>;
}

const CANARY = 'canary-of-another-session';
const PERMIT_ALL = '@id("all") permit (principal, action, resource);\n';
const HONEST_SESSIONS = 2;

export async function openStage(database: Database, hostileDatabases: number): Promise<Stage> {
  const directory = mkdtempSync(join(tmpdir(), 'sluice-fuzz-'));
  const policy = join(directory, 'permit-all.cedar');
  writeFileSync(policy, PERMIT_ALL);
  const observer = new pg.Client({ ...database });
  await observer.connect();
  await observer.query(SCHEMA);
  const relays = await Promise.all(Array.from({ length: hostileDatabases }, () => openRelay(database)));
  const behind = {
    engine: 'postgres' as const,
    environment: 'dev',
    host: database.host,
    user: database.user,
    password: database.password,
    database: database.database,
    tls: { mode: 'disable' },
  };
  const gateway = await startGatewayProcess({
    principals: { fuzz: { kind: 'service' }, honest: { kind: 'service' } },
    databases: Object.fromEntries([
      ['shop', { ...behind, port: database.port }],
      ...relays.map(({ port }, i) => [`hostile${i}`, { ...behind, port }]),
    ]),
    policies: { defaults: false, files: [policy] },
    limits: {
      startupTimeout: '2s',
      authFailureDelay: '1ms',
      authFailureMaxDelay: '2ms',
      maxMessageBytes: '2MiB',
    },
  });
  const password = await gateway.token('fuzz');
  const target = { host: '127.0.0.1', port: gateway.port, user: 'fuzz', password, database: 'shop' };
  const honest = await openHonestSessions({
    ...target,
    user: 'honest',
    password: await gateway.token('honest'),
  });
  return {
    gateway,
    database,
    target,
    hostile: relays.map((relay, i) => relayHandle(relay, { ...target, database: `hostile${i}` })),
    requireHealth: () => {
      try {
        process.kill(gateway.pid, 0);
      } catch {
        throw new Error(`the gateway has ended: ${gateway.log()}`);
      }
      honest.requireHealth();
    },
    requireClean: (received) => {
      if (received.includes(CANARY)) throw new Error('bytes of another session arrived');
      if (received.includes(database.password)) throw new Error('the database’s password arrived');
      if (received.includes('sluice: internal')) throw new Error(`an error without a cause: ${received}`);
    },
    sessions: async () => {
      const { rows } = await observer.query(
        `SELECT count(*)::int AS n FROM pg_stat_activity WHERE datname = $1 AND pid <> pg_backend_pid()
           AND application_name NOT IN ('sluice', 'honest')`,
        [database.database],
      );
      return rows[0]!.n as number;
    },
    close: async () => {
      await honest.close();
      await observer.end();
      await gateway.remove();
      for (const relay of relays) await relay.close();
      rmSync(directory, { recursive: true, force: true });
    },
  };
}

/** Sessions that ask for their own canaries all the time. */
async function openHonestSessions(target: WireTarget) {
  let ended = false;
  let failure: unknown;
  let lastAnswerAt = Date.now();
  const loops = Array.from({ length: HONEST_SESSIONS }, async (_, i) => {
    const client = new pg.Client({ ...target, application_name: 'honest' });
    client.on('error', (error) => {
      failure ??= error;
    });
    await client.connect();
    for (let turn = 0; !ended; turn += 1) {
      const canary = `${CANARY} ${i} ${turn}`;
      const { rows } = await client.query('SELECT $1::text AS canary', [canary]);
      if (rows.length !== 1 || rows[0].canary !== canary)
        failure ??= new Error('an honest session got something else');
      lastAnswerAt = Date.now();
      await new Promise((resolve) => setTimeout(resolve, 15));
    }
    await client.end();
  });
  const all = Promise.all(loops).catch((error) => {
    failure ??= error;
  });
  return {
    requireHealth: () => {
      if (failure !== undefined) throw new Error('an honest session failed', { cause: failure });
      if (Date.now() - lastAnswerAt > 20_000) throw new Error('honest sessions are not answered any more');
    },
    close: async () => {
      ended = true;
      await all;
    },
  };
}

interface Relay {
  readonly port: number;
  next: Hostility;
  /** Those of sessions; the gate's own connection for the catalog is left alone. */
  readonly sessions: Set<Socket>;
  close(): Promise<void>;
}

const honestly: Hostility = (chunk) => [chunk];

/** Passes on what clients say; what the database answers to sessions goes through the hostility of the day. */
async function openRelay(database: Database): Promise<Relay> {
  const sockets = new Set<Socket>();
  const server = createServer({ noDelay: true }, (near) => {
    const far = connect({ host: database.host, port: database.port, noDelay: true });
    let hostility: Hostility | undefined;
    for (const socket of [near, far]) {
      sockets.add(socket);
      socket.on('error', () => undefined).on('close', () => sockets.delete(socket));
    }
    near.on('data', (chunk: Buffer) => {
      // The gate's own connection for the catalog says who it is; everything else is a session.
      if (hostility === undefined) {
        const isCatalog = chunk.includes('application_name\0sluice\0');
        hostility = isCatalog ? honestly : relay.next;
        if (!isCatalog) relay.sessions.add(near);
      }
      far.write(chunk);
    });
    near.on('close', () => {
      relay.sessions.delete(near);
      far.destroy();
    });
    far.on('close', () => near.destroy());
    let last = Promise.resolve();
    far.on('data', (chunk: Buffer) => {
      last = last.then(async () => {
        for (const piece of (hostility ?? honestly)(chunk)) {
          if (piece === null) {
            near.destroy();
            return;
          }
          near.write(piece);
          await new Promise((resolve) => setTimeout(resolve, 1));
        }
      });
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const address = server.address();
  const relay: Relay = {
    port: typeof address === 'object' && address !== null ? address.port : 0,
    next: honestly,
    sessions: new Set(),
    close: async () => {
      for (const socket of sockets) socket.destroy();
      await new Promise((resolve) => server.close(resolve));
    },
  };
  return relay;
}

function relayHandle(relay: Relay, target: WireTarget): HostileDatabase {
  return {
    target,
    get next() {
      return relay.next;
    },
    set next(hostility) {
      relay.next = hostility;
    },
    cut: () => {
      for (const socket of relay.sessions) socket.destroy();
    },
  };
}
