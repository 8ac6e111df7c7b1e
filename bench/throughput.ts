/**
 * The same load through each peer, in rounds: within a round every peer runs once for each setting, and the order turns by
 * one from round to round, so that a noisy machine favours none. Figures are medians over the rounds.
 */
import { type BenchTarget, type QueryMode, runPgbench } from './pgbench.ts';
import { cpuUs } from './process-cost.ts';
import { median } from './statistics.ts';

const WARM_UP_CLIENTS = 8;

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
  /** A new connection for each transaction. */
  readonly connect?: boolean;
}

/** One run of one peer. */
export interface Sample {
  readonly tps: number;
  readonly medianUs: number;
  readonly p99Us: number;
  /** Processor time of the process in between for each transaction, in microseconds; NaN for none. */
  readonly cpuUsPerTransaction: number;
}

/** What one peer did under one setting: a sample a round, in order. */
export interface Measurement {
  readonly peer: string;
  readonly setting: Setting;
  readonly samples: readonly Sample[];
}

export interface Plan {
  readonly peers: readonly Peer[];
  readonly settings: readonly Setting[];
  readonly rounds: number;
  readonly seconds: number;
}

/**
 * Runs the plan; `onProgress` hears one line a run.
 * @throws Error if a peer fails a single transaction: a peer that answers wrongly must not look fast
 */
export async function measure(plan: Plan, onProgress: (line: string) => void): Promise<Measurement[]> {
  await warmUp(plan, onProgress);
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
    plan.peers.map((peer) => ({ peer: peer.name, setting, samples: samples.get(key(peer, setting)) ?? [] })),
  );
}

/** Each kind of transaction for a while through each peer, without being counted: what has run seldom is not compiled yet. */
async function warmUp({ peers, settings, seconds }: Plan, onProgress: (line: string) => void): Promise<void> {
  const kinds = new Map(settings.map((setting) => [JSON.stringify({ ...setting, clients: 0 }), setting]));
  for (const kind of kinds.values()) {
    for (const peer of peers) {
      onProgress(`warming up  ${kind.mode.padEnd(8)} ${peer.name}`);
      await runPgbench(peer.target, { ...kind, clients: WARM_UP_CLIENTS, seconds: seconds * 2 });
    }
  }
}

/** The median of one figure over the rounds. */
export function medianOf({ samples }: Measurement, figure: keyof Sample): number {
  return median(samples.map((sample) => sample[figure]));
}

/**
 * How a figure of `one` relates to that of `other`: the median of the ratios of each round, in which both ran shortly after
 * each other, so that what slows the whole machine cancels out.
 */
export function medianRatio(one: Measurement, other: Measurement, figure: keyof Sample): number {
  return median(
    one.samples.map((sample, round) => sample[figure] / (other.samples[round]?.[figure] ?? Number.NaN)),
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
