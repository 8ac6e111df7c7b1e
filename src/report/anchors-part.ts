/** Times for which no checkpoint was kept in a second place soon after: what came then is only as safe as the log itself. */
import type { KeptCheckpoint } from '../ledger/kept-checkpoints.ts';
import type { LedgerEntry } from '../model/ledger-entry.ts';
import { BoundedList } from './bounded-list.ts';
import type { GapRow, Listed } from './evidence.ts';
import type { Asked, ReportPart } from './walk.ts';

export interface Anchoring {
  /** By size. */
  readonly kept: readonly KeptCheckpoint[];
  /** How long after an entry one is to be kept at the latest. */
  readonly withinMs: number;
}

interface Range {
  readonly seq: number;
  readonly at: number;
  lastAt: number;
  count: number;
}

const MAX_ROWS = 100;

export class AnchorsPart implements ReportPart {
  /** By size, each with the time by which one that covers as much was kept: by it or, in another place, by one of more. */
  readonly #good: readonly { readonly size: number; readonly keptAt: number }[];
  readonly #withinMs: number;
  readonly #madeAt: number;
  readonly #gaps = new BoundedList<GapRow>(MAX_ROWS);
  #next = 0;
  #range: Range | undefined;

  /** @param madeAt milliseconds since the epoch: what is younger may still be covered in time */
  constructor({ kept, withinMs }: Anchoring, madeAt: number) {
    this.#good = withEarliest(kept.filter(({ problem }) => problem === undefined));
    this.#withinMs = withinMs;
    this.#madeAt = madeAt;
    for (const { size, keptAt, problem } of kept) {
      if (problem === undefined) continue;
      this.#gaps.add({
        seq: size,
        at: keptAt,
        what: `the checkpoint of ${size} entries kept in a second place: ${problem}`,
      });
    }
  }

  entry({ seq, at }: LedgerEntry): void {
    this.#see(seq, at);
  }

  statement({ seq, at }: Asked): void {
    this.#see(seq, at);
  }

  result(): Listed<GapRow> {
    this.#close();
    return this.#gaps.list();
  }

  #see(seq: number, at: number): void {
    while (this.#next < this.#good.length && this.#good[this.#next]!.size <= seq) this.#next += 1;
    const coveredAt = this.#good[this.#next]?.keptAt ?? this.#madeAt;
    if (coveredAt - at <= this.#withinMs) {
      this.#close();
      return;
    }
    this.#range ??= { seq, at, lastAt: at, count: 0 };
    this.#range.lastAt = at;
    this.#range.count += 1;
  }

  #close(): void {
    if (this.#range === undefined) return;
    const { seq, at, lastAt, count } = this.#range;
    const what = `no checkpoint was kept in a second place in time for ${count} entries until ${new Date(lastAt).toISOString()}`;
    this.#gaps.add({ seq, at, what });
    this.#range = undefined;
  }
}

function withEarliest(kept: readonly KeptCheckpoint[]): { readonly size: number; readonly keptAt: number }[] {
  const found: { readonly size: number; readonly keptAt: number }[] = [];
  let earliest = Number.POSITIVE_INFINITY;
  for (const { size, keptAt } of kept.toReversed()) {
    earliest = Math.min(earliest, keptAt);
    found.push({ size, keptAt: earliest });
  }
  return found.reverse();
}
