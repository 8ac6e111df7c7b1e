/**
 * Counts blind lookups: how many values a principal has looked up in hidden columns within the last hour. Counts and nothing else: it
 * never learns a value. Where several processes serve sessions, one of them counts for all.
 *
 * Counts do not outlive the process.
 */

import { SluiceError } from '../errors/sluice-error.ts';
import type { ColumnMask, Label } from '../model/labels.ts';
import type { Actor } from '../model/principal.ts';
import { refusalDetail } from '../policy/refusal-detail.ts';

/** What one execution of a text takes. */
export interface LookupDemand {
  readonly label: Label;
  readonly count: number;
  /** Of each principal it counts for, in the order of the actor's chain. */
  readonly perHour: readonly number[];
}

export interface LookupMeter {
  /**
   * Takes all that is demanded, or nothing. A promise must not reject.
   * @param principals ids of whom it counts for: the one who asks and those it acts for
   * @returns the label whose lookups are used up, or undefined if it was taken
   */
  take(
    principals: readonly string[],
    database: string,
    demands: readonly LookupDemand[],
  ): Label | undefined | Promise<Label | undefined>;
}

/** What the lookups of a text take together; of several limits of a label the strictest. */
export function demandsOf(lookups: readonly ColumnMask[]): readonly LookupDemand[] {
  const demands = new Map<Label, LookupDemand>();
  for (const { label, lookupsPerHour = [] } of lookups) {
    const { count, perHour } = demands.get(label) ?? { count: 0, perHour: lookupsPerHour };
    const strictest = perHour.map((limit, i) => Math.min(limit, lookupsPerHour[i] ?? 0));
    demands.set(label, { label, count: count + 1, perHour: strictest });
  }
  return [...demands.values()];
}

/** Takes what a text demands. @throws {SluiceError} lookups_exhausted */
export function takeLookups(
  meter: LookupMeter,
  { principal, onBehalfOf }: Actor,
  database: string,
  demands: readonly LookupDemand[],
): void | Promise<void> {
  const principals = [principal, ...onBehalfOf].map(({ id }) => id);
  const answer = meter.take(principals, database, demands);
  if (answer instanceof Promise) return answer.then((label) => requireTaken(label, demands));
  requireTaken(answer, demands);
}

function requireTaken(label: Label | undefined, demands: readonly LookupDemand[]): void {
  if (label === undefined) return;
  const perHour = demands.find((demand) => demand.label === label)?.perHour ?? [0];
  const limit = Math.min(...perHour);
  throw new SluiceError(
    'lookups_exhausted',
    `no more than ${limit} values of the label ${label} may be looked up an hour`,
    { detail: refusalDetail('lookups_exhausted', { policies: [] }, { label, limit, window: '1h' }) },
  );
}

const HOUR_MS = 3_600_000;
/** Lookups count together that are so close. */
const SLOT_MS = 60_000;
/** Beyond it, whoever has no count yet is refused: to forget one would be to forgive what it counted. */
const MAX_METERS = 100_000;

/** How many were taken when, oldest first. */
interface Meter {
  readonly slots: { startedAt: number; count: number }[];
  total: number;
}

/** Counts in this process. */
export class LocalLookupMeter implements LookupMeter {
  readonly #nowMs: () => number;
  readonly #meters = new Map<string, Meter>();

  /** @param nowMs a clock that never goes back */
  constructor(nowMs: () => number) {
    this.#nowMs = nowMs;
  }

  take(principals: readonly string[], database: string, demands: readonly LookupDemand[]): Label | undefined {
    const now = this.#nowMs();
    const taken: [Meter, number][] = [];
    for (const { label, count, perHour } of demands) {
      for (const [i, principal] of principals.entries()) {
        const meter = this.#meter(JSON.stringify([principal, database, label]), now);
        if (meter === undefined || meter.total + count > (perHour[i] ?? 0)) return label;
        taken.push([meter, count]);
      }
    }
    for (const [meter, count] of taken) note(meter, count, now);
    return undefined;
  }

  #meter(key: string, now: number): Meter | undefined {
    const known = this.#meters.get(key);
    if (known !== undefined) {
      forget(known, now);
      return known;
    }
    if (this.#meters.size >= MAX_METERS) this.#sweep(now);
    if (this.#meters.size >= MAX_METERS) return undefined;
    const meter: Meter = { slots: [], total: 0 };
    this.#meters.set(key, meter);
    return meter;
  }

  #sweep(now: number): void {
    for (const [key, meter] of this.#meters) {
      forget(meter, now);
      if (meter.total === 0) this.#meters.delete(key);
    }
  }
}

function note(meter: Meter, count: number, now: number): void {
  const last = meter.slots.at(-1);
  if (last !== undefined && now - last.startedAt < SLOT_MS) last.count += count;
  else meter.slots.push({ startedAt: now, count });
  meter.total += count;
}

/** A slot counts for an hour after its end: nothing counts for less than it should. */
function forget(meter: Meter, now: number): void {
  while (meter.slots.length > 0 && now - meter.slots[0]!.startedAt >= HOUR_MS + SLOT_MS)
    meter.total -= meter.slots.shift()!.count;
}
