/**
 * `npm run soak -- --minutes N`: mixed load on a gateway, its database restarted now and then, policies reloaded, clients of every kind
 * and manner. Afterwards everything must be as before: no session, backend or file descriptor is left, no commit is lost, and the ledger
 * verifies. Prints a summary; exits with 1 if it is not good.
 *
 * --minutes <n>      default 10
 * --stream-gib <n>   the size of the one large result at the beginning; default 10, or 1 for less than five minutes
 */
import { execFileSync } from 'node:child_process';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { query } from '../../tests/support/frames.ts';
import { WireClient } from '../../tests/support/wire-client.ts';
import { committed, LOADS } from './loads.ts';
import { failuresOf, type Sample, type SoakFindings, summaryOf } from './report.ts';
import { type Holdings, MAX_WARM_BACKENDS, type SoakStage, setStage } from './stage.ts';

const { values } = parseArgs({
  options: { minutes: { type: 'string', default: '10' }, 'stream-gib': { type: 'string' } },
});
const minutes = Number(values.minutes);
const streamGib = Number(values['stream-gib'] ?? (minutes < 5 ? 1 : 10));
if (!(minutes > 0) || !(streamGib >= 0)) {
  console.error('--minutes and --stream-gib are numbers');
  process.exit(2);
}

const MINUTE_MS = 60_000;
/** How long connections may still break after a restart. */
const SETTLING_MS = 10_000;
const ROW_BYTES = 100_000;

const progress = (line: string): void => console.error(`${new Date().toISOString().slice(11, 19)}  ${line}`);

/** One result of so many GiB, read as fast as it comes: how much more memory the gateway holds than while the first quarter of it passed. */
async function stream(stage: SoakStage): Promise<SoakFindings['stream']> {
  const client = await WireClient.open(stage.target('app'));
  client.socket.removeAllListeners('data');
  const startedAt = performance.now();
  const rows = Math.ceil((streamGib * 2 ** 30) / ROW_BYTES);
  const total = rows * ROW_BYTES;
  let [bytes, early, late, busy] = [0, 0, 0, true];
  const watching = (async () => {
    while (busy) {
      const { residentMiB } = await stage.holdings();
      if (bytes < total / 4) early = Math.max(early, residentMiB);
      else late = Math.max(late, residentMiB);
      await sleep(100);
    }
  })();
  client.send(query(`SELECT repeat('x', ${ROW_BYTES}) FROM generate_series(1, ${rows})`));
  await new Promise<void>((resolve, reject) => {
    client.socket.on('data', (chunk: Buffer) => {
      bytes += chunk.length;
      // ReadyForQuery, outside of a transaction.
      if (bytes > total && chunk.subarray(-6).equals(Buffer.from([0x5a, 0, 0, 0, 5, 0x49]))) resolve();
    });
    client.socket.on('close', () => reject(new Error('the stream broke')));
  });
  busy = false;
  await watching;
  client.close();
  return {
    gib: streamGib,
    seconds: (performance.now() - startedAt) / 1000,
    grownMiB: Math.max(0, late - early),
  };
}

/** A small statement, ten times a second. */
async function probe(stage: SoakStage, stopped: () => boolean, latencies: number[]): Promise<void> {
  while (!stopped()) {
    try {
      const client = await WireClient.open(stage.target('alice'));
      while (!stopped()) {
        const startedAt = performance.now();
        client.send(query('SELECT 1'));
        await client.untilReady();
        latencies.push(performance.now() - startedAt);
        await sleep(100);
      }
      client.close();
    } catch {
      // The database restarts; what waits for it is no latency of the gate's.
      await sleep(500);
    }
  }
}

/** Holdings, once nothing more is expected to end. */
async function settle(stage: SoakStage, { sessions, backends }: Holdings): Promise<Holdings> {
  const deadline = Date.now() + 90_000;
  for (;;) {
    const now = await stage.holdings();
    const isBack = now.sessions <= sessions && now.backends <= backends + MAX_WARM_BACKENDS;
    if (isBack || Date.now() > deadline) return now;
    await sleep(1_000);
  }
}

async function soak(stage: SoakStage): Promise<SoakFindings> {
  // Once of everything in every worker: caches, and the connection that the catalog is read with.
  for (const database of ['load', 'held'] as const)
    (await WireClient.open(stage.target('alice', database))).close();
  await sleep(2_000);
  const baseline = await stage.holdings();
  progress(`a stream of ${streamGib} GiB`);
  const streamed = await stream(stage);

  const startedAt = Date.now();
  const until = startedAt + minutes * MINUTE_MS;
  const stopped = (): boolean => Date.now() >= until;
  let unsettledUntil = 0;
  let restarts = 0;
  const work = new Map(LOADS.map(({ name }) => [name, 0]));
  const problems = new Map<string, number>();
  const latencies: number[] = [];
  const samples: Sample[] = [];

  const loads = LOADS.flatMap((load) =>
    Array.from({ length: load.clients }, () =>
      load.run({
        stage,
        stopped,
        done: () => work.set(load.name, work.get(load.name)! + 1),
        report: (problem) => {
          // Alike but for names and numbers.
          const text = `${load.name}: ${problem.slice(0, 300)}`.replace(
            /apr_\w+|\d{4}-[\d:T.-]+Z|\b\d{4,}\b/g,
            '…',
          );
          problems.set(text, (problems.get(text) ?? 0) + 1);
        },
        mayBreak: () => Date.now() < unsettledUntil,
      }),
    ),
  );
  const watching = (async () => {
    while (!stopped()) {
      await sleep(Math.min(5_000, (minutes * MINUTE_MS) / 24));
      try {
        samples.push({ minute: (Date.now() - startedAt) / MINUTE_MS, ...(await stage.holdings()) });
        const { residentMiB, sessions } = samples.at(-1)!;
        progress(
          `${samples.at(-1)!.minute.toFixed(1)} min  ${residentMiB} MiB  ${sessions} sessions  ${problems.size} problems`,
        );
      } catch {
        // The database restarts.
      }
    }
  })();
  const restarting = (async () => {
    // At a third and at two thirds, or every two minutes if that is more often.
    const every = Math.min(2 * MINUTE_MS, (minutes * MINUTE_MS) / 3);
    for (let next = startedAt + every; next < until - SETTLING_MS; next += every) {
      await sleep(Math.max(0, next - Date.now()));
      const signal = (['SIGINT', 'SIGQUIT', 'SIGKILL'] as const)[restarts % 3]!;
      progress(`restarting the database by ${signal}`);
      unsettledUntil = Number.POSITIVE_INFINITY;
      await stage.server.restart(signal);
      restarts += 1;
      unsettledUntil = Date.now() + SETTLING_MS;
    }
  })();
  await Promise.all([...loads, watching, restarting, probe(stage, stopped, latencies)]);

  progress('the load is over; waiting for everything to end');
  const end = await settle(stage, baseline);
  const there = new Set(
    (await stage.direct<{ mark: string }>('SELECT mark FROM marks')).map(({ mark }) => mark),
  );
  const lost = committed.filter((mark) => !there.has(mark)).length;
  await stage.gateway.end();
  const verified = await stage.gateway.cli(['ledger', 'verify']);
  return {
    ...{ minutes, restarts, work, latencies, samples, baseline, end, stream: streamed, problems },
    leftBehind: await stage.leftBehind(),
    ...{ committed: committed.length, lost, maxWarm: MAX_WARM_BACKENDS },
    ledger: verified.stdout.trim() || verified.stderr.trim(),
    ledgerVerifies: verified.code === 0,
  };
}

execFileSync(process.execPath, [fileURLToPath(new URL('../build.mjs', import.meta.url))], {
  stdio: 'inherit',
});
progress('starting PostgreSQL and the gateway');
const stage = await setStage();
try {
  const findings = await soak(stage);
  console.log(summaryOf(findings));
  process.exitCode = failuresOf(findings).length === 0 ? 0 : 1;
} finally {
  await stage.end();
}
