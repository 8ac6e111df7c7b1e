/**
 * `npm run bench:idle -- --sessions 5000`: holds so many idle sessions, with TLS and without, each on a backend of a real PostgreSQL, and
 * reports what one of them costs the gateway in resident memory. Each has run a statement. One process serves, so that it is the only
 * one to look at; the kernel's buffers of its two sockets are not in its resident memory.
 *
 * Needs some 2 MiB for each backend, and 3 file descriptors for each session (ulimit -n).
 */
import { execFileSync } from 'node:child_process';
import { connect } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { connect as connectTls, type TLSSocket } from 'node:tls';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { startEmbeddedPostgres } from '../src/cli/demo/embedded-postgres.ts';
import { query } from '../tests/support/frames.ts';
import { startGatewayProcess } from '../tests/support/gateway-process.ts';
import { WireClient, type WireTarget } from '../tests/support/wire-client.ts';
import { memory } from './process-cost.ts';
import { table } from './report.ts';

/** What caches and the first sessions take is no cost of the later ones. */
const FIRST = 100;
/** Opened at once. */
const AT_ONCE = 8;

const { values } = parseArgs({ options: { sessions: { type: 'string', default: '5000' } } });
const sessions = Number(values.sessions);
if (!(sessions > FIRST)) throw new RangeError(`--sessions must be more than ${FIRST}`);

/** TLS from the first byte on, as libpq's sslnegotiation=direct. */
function dialTls({ host, port }: WireTarget): Promise<TLSSocket> {
  return new Promise((resolve, reject) => {
    const socket = connectTls({
      ...{ socket: connect(port, host), host, rejectUnauthorized: false },
      ALPNProtocols: ['postgresql'],
    });
    socket.once('secureConnect', () => resolve(socket)).once('error', reject);
  });
}

async function openMany(
  target: WireTarget,
  count: number,
  withTls: boolean,
  into: WireClient[],
): Promise<void> {
  const open = async (): Promise<void> => {
    const client = withTls
      ? await WireClient.over(await dialTls(target), target)
      : await WireClient.open(target);
    client.send(query('SELECT count(*) FROM pg_class WHERE oid = 1259'));
    await client.untilReady();
    into.push(client);
  };
  for (let left = count; left > 0; left -= AT_ONCE)
    await Promise.all(Array.from({ length: Math.min(AT_ONCE, left) }, open));
}

/** @returns a row of the table */
async function measure(withTls: boolean): Promise<string[]> {
  const room = sessions + 100;
  const server = await startEmbeddedPostgres({
    settings: { max_connections: String(room), shared_buffers: '64MB' },
  });
  const { host, port, user, password } = server;
  const gateway = await startGatewayProcess(
    {
      workers: 0,
      principals: { bench: { kind: 'human' } },
      // A busy machine must not be what is measured.
      limits: { maxConnections: room, maxConnectionsPerPrincipal: room, startupTimeout: '2m' },
      databases: {
        postgres: {
          engine: 'postgres',
          environment: 'prod',
          host,
          port,
          user,
          password,
          tls: { mode: 'disable' },
        },
      },
    },
    { entry: 'dist' },
  );
  try {
    const target = {
      host,
      port: gateway.port,
      user: 'bench',
      password: await gateway.token('bench'),
      database: 'postgres',
    };
    const open: WireClient[] = [];
    await openMany(target, FIRST, withTls, open);
    await sleep(5_000);
    const before = memory(gateway.pid).residentMiB;
    await openMany(target, sessions - FIRST, withTls, open);
    await sleep(5_000);
    const after = memory(gateway.pid).residentMiB;
    const lost = open.filter(({ closed }) => closed).length;
    if (lost > 0) throw new Error(`${lost} sessions were lost`);
    const startedAt = performance.now();
    open[0]!.send(query('SELECT 1'));
    await open[0]!.untilReady();
    const statementMs = performance.now() - startedAt;
    for (const client of open) client.close();
    return [
      withTls ? 'TLS' : 'no TLS',
      String(sessions),
      `${before} MiB`,
      `${after} MiB`,
      `${(((after - before) * 1024) / (sessions - FIRST)).toFixed(1)} KiB`,
      `${statementMs.toFixed(1)} ms`,
    ];
  } finally {
    await gateway.remove();
    await server.stop();
  }
}

execFileSync(process.execPath, [fileURLToPath(new URL('../scripts/build.mjs', import.meta.url))], {
  stdio: 'inherit',
});
const HEADS = ['', 'sessions', `resident with ${FIRST}`, 'with all', 'each', 'a statement then'];
for (const withTls of [false, true]) console.log(table(HEADS, [await measure(withTls)]));
process.exit(0);
