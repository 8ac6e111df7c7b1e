/**
 * The kinds of load, each a client that behaves like many there are, or like none there should be. Every kind goes on until it is told to
 * stop, counts what it did, and says what it did not expect. While the database restarts, errors of broken connections are
 * expected of all.
 */
import { connect } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { pgbench } from '../../bench/pgbench.ts';
import {
  type BackendMessage,
  encodeCancelRequest,
  encodeFrontendMessage,
} from '../../src/wire/postgres/index.ts';
import { copyData, copyDone, query, run, sync, terminate } from '../../tests/support/frames.ts';
import { WireClient } from '../../tests/support/wire-client.ts';
import type { Principal, SoakStage } from './stage.ts';

/** What a load is given. */
export interface LoadContext {
  readonly stage: SoakStage;
  readonly stopped: () => boolean;
  /** One unit of work is done. */
  readonly done: () => void;
  /** Something that may not be, in words. */
  readonly report: (problem: string) => void;
  /** True while connections may break: the database restarts, or has just done so. */
  readonly mayBreak: () => boolean;
}

export interface Load {
  readonly name: string;
  readonly clients: number;
  run(context: LoadContext): Promise<void>;
}

/** A database that ends, is down or comes up; and what the gate says of it. */
const BROKEN =
  /\b(57P01|57P02|57P03|08001|08006|08007|ECONNRESET|EPIPE)\b|was closed|terminating connection|connection to the database was lost|cannot be reached|not yet accepting|is starting up|shutting down|recovery mode/;

/** An answer that is not the one expected. */
class Unexpected extends Error {}

async function openSession(
  { stage }: LoadContext,
  principal: Principal,
  database?: 'load' | 'held',
): Promise<WireClient> {
  return WireClient.open(stage.target(principal, database));
}

/** Sends and reads to the end; the command tags. @throws {Error} with the SQLSTATE of an error */
async function ask(client: WireClient, ...frames: Buffer[]): Promise<string[]> {
  client.send(...frames);
  const tags: string[] = [];
  for (;;) {
    const message = await client.next();
    if (message.type === 'CommandComplete') tags.push(message.tag);
    if (message.type === 'ErrorResponse')
      throw new Error(`${message.fields.get('C')} ${message.fields.get('M')}`);
    if (message.type === 'ReadyForQuery') return tags;
  }
}

/** @throws {Error} for any error, or warning of an end, but the one that is expected; {Unexpected} if that does not come */
function throwIfError(message: BackendMessage | undefined, expected: string | undefined): void {
  const fails = message?.type === 'ErrorResponse' || message?.type === 'NoticeResponse';
  const code = fails ? message.fields.get('C') : undefined;
  const isHold = message?.type === 'NoticeResponse' && code === 'SL002';
  if (code === expected || (expected === undefined && isHold)) return;
  if (code === undefined) throw new Unexpected(`${message?.type} came in place of ${expected}`);
  throw new Error(`${code} ${fails ? message.fields.get('M') : ''}`);
}

async function nextWithin(client: WireClient, timeoutMs: number): Promise<BackendMessage | undefined> {
  const silence = sleep(timeoutMs).then(() => undefined);
  return Promise.race([client.next(), silence]);
}

/** Repeats until told to stop. What breaks while it may is begun anew. */
const repeated =
  (work: (context: LoadContext) => Promise<void>, pauseMs = 0) =>
  async (context: LoadContext): Promise<void> => {
    while (!context.stopped()) {
      try {
        await work(context);
        context.done();
      } catch (error) {
        const { message } = error as Error;
        if (!BROKEN.test(message) || error instanceof Unexpected || !context.mayBreak())
          context.report(message);
        await sleep(200);
      }
      if (pauseMs > 0) await sleep(pauseMs);
    }
  };

async function withSession(
  context: LoadContext,
  principal: Principal,
  work: (client: WireClient) => Promise<void>,
  database?: 'load' | 'held',
): Promise<void> {
  const client = await openSession(context, principal, database);
  try {
    await work(client);
  } finally {
    client.close();
  }
}

const pgbenchLoad = (mode: 'simple' | 'extended' | 'prepared', more: readonly string[]): Load => ({
  name: `pgbench ${mode}${more.map((one) => ` ${one}`).join('')}`,
  clients: 1,
  run: repeated(async ({ stage }) => {
    await pgbench(stage.target('app'), [
      '--no-vacuum',
      '--client=2',
      '--time=5',
      `--protocol=${mode}`,
      ...more,
    ]);
  }),
});

const copy: Load = {
  name: 'COPY in and out',
  clients: 1,
  run: repeated((context) =>
    withSession(context, 'app', async (client) => {
      const rows = 20_000;
      client.send(query('BEGIN; TRUNCATE copied; COPY copied FROM STDIN'));
      await client.until('CopyInResponse');
      for (let at = 0; at < rows; at += 1_000) {
        client.send(
          copyData(Array.from({ length: 1_000 }, (_, i) => `${at + i}\tvalue ${at + i}\n`).join('')),
        );
        if (client.socket.writableLength > 1_048_576)
          await new Promise((resolve) => client.socket.once('drain', resolve));
      }
      const tags = await ask(client, copyDone);
      if (tags.at(-1) !== `COPY ${rows}`) throw new Unexpected(`COPY in said ${tags}`);
      const [out] = await ask(client, query('COPY copied TO STDOUT'));
      if (out !== `COPY ${rows}`) throw new Unexpected(`COPY out said ${out}`);
      await ask(client, query('COMMIT'));
    }),
  ),
};

const cancels: Load = {
  name: 'cancels',
  clients: 2,
  run: repeated((context) =>
    withSession(context, 'app', async (client) => {
      client.send(query('SELECT pg_sleep(60)'));
      const { port } = context.stage.gateway;
      // Whoever cancels too early cancels nothing.
      const cancelling = setInterval(() => {
        const socket = connect(port, '127.0.0.1').on('error', () => undefined);
        socket.end(encodeCancelRequest(client.key!.processId, client.key!.secret));
      }, 500);
      try {
        // The description of its row comes first, unless it is cancelled before it runs.
        const first = await client.next();
        throwIfError(first.type === 'RowDescription' ? await client.next() : first, '57014');
      } finally {
        clearInterval(cancelling);
      }
    }),
  ),
};

const disconnects: Load = {
  name: 'disconnects at random moments',
  clients: 3,
  run: repeated(async (context) => {
    const { port } = context.stage.gateway;
    if (Math.random() < 0.2) {
      const socket = connect(port, '127.0.0.1').on('error', () => undefined);
      await sleep(Math.random() * 50);
      socket.resetAndDestroy();
      return;
    }
    const client = await openSession(context, 'app');
    const texts = [
      query('BEGIN; UPDATE orders SET status = status WHERE id = 1'),
      query(`SELECT repeat('x', 1000), generate_series(1, 100000)`),
      Buffer.concat([run('SELECT 1'), run(`INSERT INTO marks VALUES (gen_random_uuid()::text)`)]),
      query('COPY copied TO STDOUT'),
      encodeFrontendMessage({ type: 'Flush' }),
      terminate,
    ];
    client.send(texts[Math.floor(Math.random() * texts.length)]!);
    await sleep(Math.random() * 100);
    if (Math.random() < 0.5) client.socket.resetAndDestroy();
    else client.close();
  }),
};

const slowReaders: Load = {
  name: 'slow readers',
  clients: 2,
  run: repeated((context) =>
    withSession(context, 'app', async (client) => {
      const rows = 20_000;
      let received = 0;
      client.send(query(`SELECT repeat('x', 1000) FROM generate_series(1, ${rows})`));
      for (;;) {
        const message = await client.next();
        if (message.type === 'DataRow') received += 1;
        if (message.type === 'ErrorResponse') throw new Error(`${message.fields.get('C')}`);
        if (message.type === 'ReadyForQuery') break;
        if (received % 2_000 !== 0 || message.type !== 'DataRow') continue;
        client.socket.pause();
        await sleep(100);
        client.socket.resume();
      }
      if (received !== rows) throw new Unexpected(`${received} of ${rows} rows arrived`);
    }),
  ),
};

/** Every other one is approved; the rest go away while they wait, or are denied. */
const approvals: Load = {
  name: 'approvals waiting',
  clients: 2,
  run: repeated(
    (context) =>
      withSession(
        context,
        'report-bot',
        async (client) => {
          const id = 1 + Math.floor(Math.random() * 10_000);
          client.send(query(`UPDATE orders SET status = 'seen' WHERE id = ${id}`));
          const notice = (await client.until('NoticeResponse')).at(-1);
          throwIfError(notice, undefined);
          const request =
            notice?.type === 'NoticeResponse' ? /apr_\w+/.exec(notice.fields.get('M') ?? '')?.[0] : undefined;
          if (request === undefined) throw new Unexpected('an agent’s write was not held');
          await sleep(Math.random() * 500);
          const kind = Math.random();
          if (kind < 0.3) return;
          const verdict = kind < 0.65 ? 'approve' : 'deny';
          const answer = await context.stage.api('alice', 'POST', `/v1/approvals/${request}/${verdict}`, {
            reason: 'soak',
          });
          // A session that has ended has taken its request along, and says so itself.
          if (answer.status === 409) throwIfError(await nextWithin(client, 10_000), 'SL003');
          if (answer.status !== 200) throw new Unexpected(`${verdict} was answered by ${answer.status}`);
          throwIfError(await client.next(), verdict === 'approve' ? undefined : 'SL003');
        },
        'held',
      ),
    100,
  ),
};

/** What was said to be committed is looked for at the end (`run.ts`). */
export const committed: string[] = [];

const commits: Load = {
  name: 'commits that are kept in mind',
  clients: 2,
  run: repeated((context) =>
    withSession(context, 'app', async (client) => {
      for (let i = 0; i < 50; i += 1) {
        const mark = `kept-${Math.random().toString(36).slice(2)}-${Date.now()}`;
        const tags = await ask(client, run(`INSERT INTO marks VALUES ('${mark}')`), sync);
        if (tags[0] !== 'INSERT 0 1') throw new Unexpected(`an INSERT said ${tags}`);
        committed.push(mark);
      }
    }),
  ),
};

const idle: Load = {
  name: 'idle sessions',
  clients: 40,
  run: repeated((context) =>
    withSession(context, 'bob', async (client) => {
      await ask(client, query('SELECT count(*) FROM orders'));
      while (!context.stopped() && !client.closed) await sleep(250);
    }),
  ),
};

const reloads: Load = {
  name: 'policy reloads',
  clients: 1,
  run: repeated(async ({ stage }) => {
    stage.gateway.signal('SIGHUP');
  }, 5_000),
};

export const LOADS: readonly Load[] = [
  pgbenchLoad('simple', []),
  pgbenchLoad('prepared', ['--select-only']),
  pgbenchLoad('extended', ['--select-only', '--connect']),
  copy,
  cancels,
  disconnects,
  slowReaders,
  approvals,
  commits,
  idle,
  reloads,
];
