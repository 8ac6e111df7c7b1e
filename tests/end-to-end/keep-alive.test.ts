/**
 * A connection that waits for an approval is silent for as long as people take: routers forget such connections unless they are probed.
 * The kernel says whether it probes: the timer of a socket in /proc/net/tcp.
 *
 * @see https://www.kernel.org/doc/html/latest/networking/proc_net_tcp.html
 */
import { readFileSync } from 'node:fs';
import type { Socket } from 'node:net';
import { expect, test } from 'vitest';
import { type Gate, startGate } from '../support/gate.ts';

const [NO_TIMER, KEEP_ALIVE_TIMER] = ['00', '02'];

/** The kinds of timers that run for sockets of this machine with these ports on either end. */
function timersOf(local: number, remote: number): string[] {
  const port = (number: number) => number.toString(16).toUpperCase().padStart(4, '0');
  const line = new RegExp(
    `^ *\\d+: \\w+:${port(local)} \\w+:${port(remote)} 01 \\w+:\\w+ (\\w\\w):\\w+`,
    'gm',
  );
  return [...readFileSync('/proc/net/tcp', 'utf8').matchAll(line)].map((match) => match[1]!);
}

test.skipIf(process.platform !== 'linux').each([
  [0, '30s', KEEP_ALIVE_TIMER],
  [1, '30s', KEEP_ALIVE_TIMER],
  [0, '0s', NO_TIMER],
] as const)(
  'with %i workers and keepAlive %s, a connection that is held is probed if it is to be, and the one to the database is',
  async (workers, keepAlive, timer) => {
    const gate: Gate = await startGate({ workers, listener: { keepAlive } });
    try {
      const bot = await gate.client('report-bot', { onBehalfOf: ['bob'] });
      const held = bot.query(`UPDATE orders SET status = 'x' WHERE id = 1`);
      held.catch(() => undefined);
      const pending = async () =>
        (await gate.api('alice', 'GET', '/v1/approvals?state=pending')).body.approvals;
      await expect.poll(pending, { timeout: 20_000 }).toHaveLength(1);
      const client = (bot as unknown as { connection: { stream: Socket } }).connection.stream.localPort!;
      // Until what was sent is acknowledged, another timer runs.
      await expect.poll(() => timersOf(gate.port, client), { timeout: 20_000 }).toEqual([timer]);
      const { rows } = await gate.database.query(
        `SELECT client_port FROM pg_stat_activity WHERE backend_type = 'client backend' AND datname = current_database() AND pid <> pg_backend_pid()`,
      );
      expect(rows.length).toBeGreaterThan(0);
      for (const { client_port } of rows) {
        const upstream = () => timersOf(client_port as number, gate.database.connection.port);
        await expect.poll(upstream, { timeout: 20_000 }).toEqual([KEEP_ALIVE_TIMER]);
      }
    } finally {
      await gate.stop();
    }
  },
);
