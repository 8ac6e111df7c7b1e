/**
 * The same load through each peer, in rounds: within a round every peer runs once for each setting, and the order turns by
 * one from round to round, so that a noisy machine favours none. Figures are medians over the rounds.
 */
import { type BenchTarget, type QueryMode, runPgbench } from './pgbench.ts';
import { cpuUs } from './process-cost.ts';
import { median } from './statistics.ts';

/** Something that speaks the protocol: the database itself or what stands before it. */
export interface Peer {
  readonly name: string;
  readonly target: BenchTarget;
  /** The process in between; absent for the database itself. */
  readonly pid?: number;
}

export interface Setting {
  readonly mode: QueryMode;
  readonly clients: number;
  /** A script of pgbench; without it the built-in select-only one runs. */
  readonly script?: string;
}

/** What one peer did under one setting. */
export interface Measurement {
  readonly peer: string;
  readonly setting: Setting;
  readonly tps: number;
  readonly medianUs: number;
  readonly p99Us: number;
  /** Processor time of the process in between for each transaction, in microseconds; NaN for none. */
  readonly cpuUsPerTransaction: number;
  /** The lowest and highest throughput over the rounds. */
  readonly tpsRange: readonly [number, number];
}

export interface Plan {
  readonly peers: readonly Peer[];
  readonly settings: readonly Setting[];
  readonly rounds: number;
  readonly seconds: number;
}

type Sample = Pick<Measurement, 'tps' | 'medianUs' | 'p99Us' | 'cpuUsPerTransaction'>;

/**
 * Runs the plan; `onProgress` hears one line a run.
 * @throws Error if a peer fails a single transaction: a peer that answers wrongly must not look fast
 */
export async function measure(plan: Plan, onProgress: (line: string) => void): Promise<Measurement[]> {
  const samples = new Map<string, Sample[]>();
  const key = (peer: Peer, setting: Setting): string => `${peer.name} ${JSON.stringify(setting)}`;
  for (let round = 0; round < plan.rounds; round += 1) {
    for (const setting of plan.settings) {
      for (const peer of turned(plan.peers, round)) {
        const sample = await sampleOf(peer, setting, plan.seconds);
        onProgress(
          `round ${round + 1}/${plan.rounds}  ${setting.mode.padEnd(8)} ${String(setting.clients).padStart(2)} clients  ` +
            `${peer.name.padEnd(12)} ${Math.round(sample.tps).toString().padStart(6)} tps  ${Math.round(sample.medianUs)} µs`,
        );
        const known = samples.get(key(peer, setting)) ?? [];
        samples.set(key(peer, setting), [...known, sample]);
      }
    }
  }
  return plan.settings.flatMap((setting) =>
    plan.peers.map((peer) => summary(peer, setting, samples.get(key(peer, setting)) ?? [])),
  );
}

/** `items` beginning with the one at `by`. */
export function turned<Item>(items: readonly Item[], by: number): Item[] {
  const from = by % items.length;
  return [...items.slice(from), ...items.slice(0, from)];
}

async function sampleOf(peer: Peer, setting: Setting, seconds: number): Promise<Sample> {
  const before = peer.pid === undefined ? Number.NaN : cpuUs(peer.pid);
  const result = await runPgbench(peer.target, { ...setting, seconds });
  if (result.failed > 0) throw new Error(`${peer.name} failed ${result.failed} transactions`);
  const after = peer.pid === undefined ? Number.NaN : cpuUs(peer.pid);
  return { ...result, cpuUsPerTransaction: (after - before) / result.transactions };
}

function summary(peer: Peer, setting: Setting, samples: readonly Sample[]): Measurement {
  const of = (figure: keyof Sample): number => median(samples.map((sample) => sample[figure]));
  const throughput = samples.map(({ tps }) => tps);
  return {
    peer: peer.name,
    setting,
    tps: of('tps'),
    medianUs: of('medianUs'),
    p99Us: of('p99Us'),
    cpuUsPerTransaction: of('cpuUsPerTransaction'),
    tpsRange: [Math.min(...throughput), Math.max(...throughput)],
  };
}
