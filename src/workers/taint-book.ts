/**
 * Who has met untrusted text, for all processes that serve and beyond a restart: the primary's side of `TaintRegistry`. What is told
 * here is in the store when the others are told of it.
 */
import type { Logger } from 'pino';
import type { TaintNews } from '../session/taint-registry.ts';
import type { TaintStore } from '../store/store.ts';

export class TaintBook {
  readonly #store: TaintStore;
  readonly #log: Logger;
  readonly #now: () => number;
  readonly #known: Map<string, TaintNews>;

  private constructor(store: TaintStore, log: Logger, now: () => number, known: readonly TaintNews[]) {
    this.#store = store;
    this.#log = log;
    this.#now = now;
    this.#known = new Map(known.map((news) => [news.reader, news]));
  }

  /** @throws {SluiceError} store_unavailable */
  static async open(store: TaintStore, log: Logger, now: () => number): Promise<TaintBook> {
    await store.prune(now());
    return new TaintBook(store, log, now, await store.all());
  }

  /** What counts now: for a process that starts. */
  current(): readonly TaintNews[] {
    const now = this.#now();
    for (const [reader, { until }] of this.#known) if (until <= now) this.#known.delete(reader);
    return [...this.#known.values()];
  }

  /** Keeps what a process has told; never throws: those that serve now know it whether or not a later start does. */
  async keep(news: TaintNews): Promise<void> {
    const known = news.taints.length === 0 ? undefined : this.#known.get(news.reader);
    const isCurrent = known !== undefined && known.until > this.#now();
    const taints = [...new Set([...(isCurrent ? known.taints : []), ...news.taints])].sort();
    const kept = { reader: news.reader, taints, until: Math.max(news.until, known?.until ?? 0) };
    // One that has ended is as good as none.
    this.#known.set(news.reader, kept);
    try {
      await this.#store.keep(kept);
    } catch (err) {
      this.#log.error({ err }, 'who has met untrusted text could not be stored: a restart would forget it');
    }
  }
}
