/**
 * A session as it went: everything it did in the ledger's order, with the steps of approvals in their places. Goes on as long as the session
 * lives, if that is wanted; a statement that had not ended comes again when it has.
 */
import { setTimeout as wait } from 'node:timers/promises';
import { all, any, type Filter, fold, type TermField } from './filter/filter.ts';
import type { Hit } from './hits.ts';
import type { SearchCalls } from './search-calls.ts';

export interface ReplayOptions {
  readonly session: string;
  /** What the reader may see of it: everything that concerns approvals of its statements is shown as well. */
  readonly confine: (filter: Filter) => Filter;
  /** Only what comes behind this place. */
  readonly after?: number;
  /** How long to wait for more, in milliseconds; 0 to end with what is there. */
  readonly followMs: number;
  readonly pollMs?: number;
  readonly signal?: AbortSignal;
}

const PAGE = 500;
const POLL_MS = 500;
/** Statements under way that are looked after. */
const MAX_OPEN = 1000;

/** In batches, each in order. Throws what searching throws. */
export async function* replaySession(
  index: SearchCalls,
  options: ReplayOptions,
): AsyncGenerator<readonly Hit[], void, void> {
  const { followMs, pollMs = POLL_MS, signal } = options;
  const replay = new Replay(index, options);
  const deadline = performance.now() + followMs;
  for (;;) {
    const hits = await replay.next();
    if (hits.length > 0) {
      yield hits;
      continue;
    }
    const left = deadline - performance.now();
    if (replay.isOver || left <= 0 || signal?.aborted) return;
    await wait(Math.min(pollMs, left), undefined, signal === undefined ? {} : { signal }).catch(() => {});
    const ended = await replay.ended();
    if (ended.length > 0) yield ended;
  }
}

class Replay {
  readonly #index: SearchCalls;
  readonly #options: ReplayOptions;
  readonly #requests = new Set<string>();
  /** Places of statements that have not ended. */
  readonly #open = new Set<number>();
  #after: number;
  #isClosed = false;

  constructor(index: SearchCalls, options: ReplayOptions) {
    this.#index = index;
    this.#options = options;
    this.#after = options.after ?? -1;
  }

  /** True if nothing can come any more. */
  get isOver(): boolean {
    return this.#isClosed && this.#open.size === 0;
  }

  /** What comes next; empty if nothing is there yet. */
  async next(): Promise<readonly Hit[]> {
    const { hits } = await this.#find(behind(this.#after));
    const taken: Hit[] = [];
    for (const hit of hits) {
      taken.push(hit);
      this.#note(hit);
      // Steps of a request that was not known stand behind: the rest is asked for again, with them.
      if (this.#learn(hit)) break;
    }
    this.#after = taken.at(-1)?.seq ?? this.#after;
    return taken;
  }

  /** Statements that had not ended and have now. */
  async ended(): Promise<readonly Hit[]> {
    if (this.#open.size === 0) return [];
    const [from, to] = [Math.min(...this.#open), Math.max(...this.#open)];
    const { hits } = await this.#find({ op: 'number', field: 'seq', from, to });
    const ended = hits.filter(({ seq, outcome }) => outcome !== undefined && this.#open.has(seq));
    for (const { seq } of ended) this.#open.delete(seq);
    return ended;
  }

  #find(where: Filter) {
    const { session, confine } = this.#options;
    const steps = [...this.#requests].map((request) =>
      all([is('kind', 'approval'), is('approval', request)]),
    );
    const wanted = any([confine(is('session', session)), ...steps]);
    return this.#index.search({ filter: all([wanted, where]), order: 'oldest', limit: PAGE });
  }

  #note({ seq, event, outcome }: Hit): void {
    if (event.kind === 'session-closed') {
      this.#isClosed = true;
      // Nobody is left who could say how its statements ended.
      if (event.statements === undefined) this.#open.clear();
    }
    const isOpen = event.kind === 'statement' && event.decision === 'allow' && outcome === undefined;
    if (isOpen && this.#open.size < MAX_OPEN) this.#open.add(seq);
  }

  #learn({ event }: Hit): boolean {
    const request =
      event.kind === 'approval' ? event.request : event.kind === 'statement' ? event.approval : undefined;
    if (request === undefined || this.#requests.has(request)) return false;
    this.#requests.add(request);
    return true;
  }
}

const is = (field: TermField, value: string): Filter => ({
  op: 'term',
  field,
  value: fold(value),
  pattern: false,
});

const behind = (seq: number): Filter => ({
  op: 'number',
  field: 'seq',
  from: seq + 1,
  to: Number.MAX_SAFE_INTEGER,
});
