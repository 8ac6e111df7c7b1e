/**
 * From connecting to the first row, as one client sees it that comes now and then: an ordinary client (node-postgres) connects, logs in by
 * SCRAM, asks for one row and leaves. Peers in turns, so that what slows the machine slows them all, and with a pause in between: what a
 * gate does for the next session is done by then, as where sessions do not follow each other without end.
 */
import { setTimeout as pause } from 'node:timers/promises';
import pg from 'pg';
import type { BenchTarget } from './pgbench.ts';
import type { Peer } from './throughput.ts';

export interface FirstRows {
  readonly peer: string;
  /** Milliseconds, one a connection, in order: the n-th of each peer followed each other. */
  readonly times: readonly number[];
}

const PAUSE_MS = 20;
/** What runs seldom is compiled late. */
const UNCOUNTED = 100;
const SQL = 'SELECT abalance FROM pgbench_accounts WHERE aid = 4711';

export async function measureFirstRows(
  peers: readonly Peer[],
  connections: number,
  onProgress: (line: string) => void,
): Promise<FirstRows[]> {
  onProgress(`first rows: ${connections} connections to each of ${peers.length} peers`);
  const times = new Map<string, number[]>(peers.map(({ name }) => [name, []]));
  for (let i = -UNCOUNTED; i < connections; i += 1) {
    for (const { name, target } of peers) {
      const ms = await timeOf(target);
      if (i >= 0) times.get(name)?.push(ms);
      await pause(PAUSE_MS);
    }
  }
  return peers.map(({ name }) => ({ peer: name, times: times.get(name) ?? [] }));
}

async function timeOf(target: BenchTarget): Promise<number> {
  const client = new pg.Client({ ...target, host: '127.0.0.1' });
  const startedAt = performance.now();
  await client.connect();
  const { rows } = await client.query(SQL);
  const ms = performance.now() - startedAt;
  await client.end();
  if (rows.length !== 1) throw new Error(`${rows.length} rows for ${SQL}`);
  return ms;
}
