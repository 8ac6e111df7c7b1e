/**
 * The metrics of several processes as those of one gateway. What a worker had counted when it was last asked is kept when it ends, so that
 * counters never go back.
 */
import { AggregatorRegistry, type Registry } from 'prom-client';
import type { MetricsSource } from '../api/health-routes.ts';
import type { MetricsSnapshot } from './calls.ts';
import { withinMs } from './within.ts';
import type { WorkerLink } from './worker-link.ts';

/** A worker that does not answer within this is represented by what it last said. */
const ANSWER_MS = 1_000;

export class PoolMetrics implements MetricsSource {
  readonly contentType: string;
  readonly #own: Registry;
  readonly #workers: () => readonly WorkerLink[];
  #departed: MetricsSnapshot[] = [];

  constructor(own: Registry, workers: () => readonly WorkerLink[]) {
    this.#own = own;
    this.#workers = workers;
    this.contentType = own.contentType;
  }

  async metrics(): Promise<string> {
    const asked = this.#workers().map((worker) => newest(worker));
    const snapshots = [await this.#own.getMetricsAsJSON(), ...(await Promise.all(asked)), ...this.#departed];
    return AggregatorRegistry.aggregate(snapshots).metrics();
  }

  /** Keeps what a worker that is gone had counted. What it measured of the moment is gone with it. */
  keep(snapshot: MetricsSnapshot): void {
    const counted = snapshot.filter(({ type }) => ['counter', 'histogram'].includes(String(type)));
    if (counted.length === 0) return;
    const merged = AggregatorRegistry.aggregate([...this.#departed, counted]);
    this.#departed = [];
    void merged.getMetricsAsJSON().then((all) => this.#departed.push(all));
  }
}

async function newest(worker: WorkerLink): Promise<MetricsSnapshot> {
  const answer = await withinMs(worker.calls.call('metrics'), ANSWER_MS);
  if (answer !== undefined) worker.lastMetrics = answer;
  return worker.lastMetrics;
}
